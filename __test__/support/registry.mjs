// An npm registry on a port of this machine, with packed packages and with what is installed in this
// checkout: package managers install from it without the network.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A day of the past: package managers may refuse what was published just now. */
const PUBLISHED = "2026-01-01T00:00:00.000Z";

/** The manifest in a tarball. */
async function manifestIn(tarball) {
  const { stdout } = await run("tar", ["-xzOf", tarball, "package/package.json"]);
  return JSON.parse(stdout);
}

/** Packs each version of a package that is installed; gives `{ tarball, manifest }` by version. */
async function packInstalled(name, folder) {
  const { packages } = JSON.parse(
    readFileSync(path.join(ROOT, "node_modules/.package-lock.json"), "utf8"),
  );
  const packed = new Map();
  for (const [place, { version, link }] of Object.entries(packages)) {
    const from = path.join(ROOT, place);
    if (place.split("node_modules/").at(-1) !== name || link || !existsSync(from)) continue;
    const manifest = JSON.parse(readFileSync(path.join(from, "package.json"), "utf8"));
    // An alias installs another package under this name.
    if (manifest.name !== name || packed.has(version)) continue;
    const tarball = path.join(folder, `${name.replace("/", "-")}-${version}.tgz`);
    // The folder of a tarball may have any name.
    const [parent, base] = [path.dirname(from), path.basename(from)];
    const words = [`--exclude=${base}/node_modules`, "-C", parent, base];
    await run("tar", ["-czf", tarball, ...words]);
    packed.set(version, { tarball, manifest });
  }
  return packed;
}

/**
 * Starts a registry with `tarballs`; other packages are packed from node_modules when they are asked
 * for. Resolves with `{ url, close }`.
 */
export async function startRegistry(folder, tarballs) {
  mkdirSync(folder, { recursive: true });
  const packages = new Map();
  for (const tarball of tarballs) {
    const manifest = await manifestIn(tarball);
    const only = new Map([[manifest.version, { tarball, manifest }]]);
    packages.set(manifest.name, Promise.resolve(only));
  }
  const tarballsOf = (name) => {
    if (!packages.has(name)) packages.set(name, packInstalled(name, folder));
    return packages.get(name);
  };
  let url;

  /** Gives the manifest of a package with the address and the sums of its tarball. */
  function describe({ tarball, manifest }) {
    const { name, version } = manifest;
    const bytes = readFileSync(tarball);
    const sum = (algorithm, form) => createHash(algorithm).update(bytes).digest(form);
    const dist = {
      tarball: `${url}/${name}/-/${path.posix.basename(name)}-${version}.tgz`,
      shasum: sum("sha1", "hex"),
      integrity: `sha512-${sum("sha512", "base64")}`,
    };
    return { ...manifest, dist };
  }

  /** Gives what a package manager is told about a package. */
  function document(name, all) {
    const manifests = [...all.values()].map(describe);
    const versions = Object.fromEntries(manifests.map((one) => [one.version, one]));
    const numeric = (a, b) => a.localeCompare(b, "en", { numeric: true });
    const times = Object.keys(versions).map((version) => [version, PUBLISHED]);
    return {
      name,
      "dist-tags": { latest: Object.keys(versions).sort(numeric).at(-1) },
      versions,
      time: { created: PUBLISHED, modified: PUBLISHED, ...Object.fromEntries(times) },
    };
  }

  async function answer(req, res) {
    const { pathname } = new URL(req.url, url);
    const [name, file] = decodeURIComponent(pathname).slice(1).split("/-/");
    const all = await tarballsOf(name);
    const version = file?.slice(path.posix.basename(name).length + 1, -".tgz".length);
    if (all.size === 0 || (file && !all.has(version))) {
      res.writeHead(404, { "content-type": "application/json" }).end('{"error":"not found"}');
    } else if (file === undefined) {
      res.setHeader("content-type", "application/json");
      res.end(JSON.stringify(document(name, all)));
    } else {
      res.setHeader("content-type", "application/octet-stream");
      res.end(readFileSync(all.get(version).tarball));
    }
  }
  const server = createServer((req, res) => {
    answer(req, res).catch((error) => res.writeHead(500).end(String(error)));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, close };
}

/** The version of a package that is installed in this checkout. */
export const installedVersion = (name) =>
  JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8")).version;
