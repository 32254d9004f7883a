// Versions of the TypeScript compiler, each installed from npm into a cache of its own, and projects
// that are compiled by them as a user's are: the packages lie in a node_modules of their own.
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const windows = process.platform === "win32";

const CACHE = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"),
  "socket.io-native",
  "compilers",
);

/**
 * The compilers by their version: with the types of Node that compile with them, as npm takes it, and the
 * resolutions to try. Each is tried where an application is likely to have it, not everywhere.
 */
export const COMPILERS = {
  "5.0": { node: "~20.14.0", resolutions: ["node16", "node10"] },
  5.2: { node: "~20.14.0", resolutions: ["bundler"] },
  5.4: { node: "20", resolutions: ["nodenext"] },
  5.7: { node: "22", resolutions: ["node16"] },
  5.9: { node: "26", resolutions: ["bundler"] },
  6: { node: "26", resolutions: ["nodenext", "node10"] },
  7: { node: "26", resolutions: ["node16", "nodenext", "bundler"] },
};

/** The options of each resolution. */
const RESOLUTIONS = {
  node16: { module: "node16", moduleResolution: "node16" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
  node10: { module: "commonjs", moduleResolution: "node10" },
};

/** The folder of a compiler and its types of Node; installed if it is not there. */
async function install(version) {
  const home = path.join(CACHE, version);
  const wanted = { typescript: `~${version}`, "@types/node": COMPILERS[version].node };
  if (/^\d+$/.test(version)) wanted.typescript = `^${version}`;
  const file = path.join(home, "package.json");
  const manifest = JSON.stringify({ private: true, dependencies: wanted });
  const modules = path.join(home, "node_modules");
  const isThere = existsSync(path.join(modules, "typescript/package.json"));
  if (isThere && readFileSync(file, "utf8") === manifest) return modules;
  mkdirSync(home, { recursive: true });
  writeFileSync(file, manifest);
  const options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  await run("npm", ["install", "--prefix", home, ...options], { shell: windows, cwd: home });
  return modules;
}

/** Copies what a compiler reads of a package. */
function copyTypes(from, to) {
  const filter = (file) => {
    const inside = path.relative(from, file).split(path.sep);
    if (inside.some((one) => ["node_modules", "target", ".git", "__test__"].includes(one)))
      return false;
    return statSync(file).isDirectory() || /\.d\.[cm]?ts$|[/\\]package\.json$/.test(file);
  };
  cpSync(from, to, { recursive: true, dereference: true, filter });
}

/** The folder of an installed package, seen from another one. */
function folderOf(name, from = ROOT) {
  let folder = from;
  while (!existsSync(path.join(folder, "node_modules", name, "package.json"))) {
    const above = path.dirname(folder);
    if (above === folder) throw new Error(`${name} is not installed`);
    folder = above;
  }
  return path.join(folder, "node_modules", name);
}

const manifestOf = (folder) => JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));

/** Lays a package and all that it depends on into a folder of modules. */
function lay(name, from, modules, nodeTypes) {
  const target = path.join(modules, name);
  if (existsSync(target)) return;
  const own = name === "socket.io-native";
  const types = name === "@types/node" || name === "undici-types";
  const folder = own ? ROOT : types ? path.join(nodeTypes, name) : folderOf(name, from);
  mkdirSync(target, { recursive: true });
  if (own) {
    for (const one of manifestOf(ROOT).files) {
      if (existsSync(path.join(ROOT, one))) copyTypes(path.join(ROOT, one), path.join(target, one));
    }
    cpSync(path.join(ROOT, "package.json"), path.join(target, "package.json"));
  } else {
    copyTypes(folder, target);
  }
  for (const other of Object.keys(manifestOf(folder).dependencies ?? {})) {
    lay(other, folder, modules, nodeTypes);
  }
}

/**
 * Compiles files of `__test__/tools/types/` that import a package, strictly, and without
 * `skipLibCheck`: as ES modules and as CommonJS ones where the resolution tells them apart.
 *
 * @param {string} version - of the compiler, a key of {@link COMPILERS}
 * @param {string} resolution - "node16", "nodenext", "bundler" or "node10"
 * @param {string} packageName - the package, with what it depends on
 * @param {string[]} files
 * @returns {Promise<{ version: string, complaints: string }>} the exact version, and what it complains of
 */
export async function compileWith(version, resolution, packageName, files) {
  const installed = await install(version);
  const folder = mkdtempSync(path.join(os.tmpdir(), "compiler-"));
  try {
    const modules = path.join(folder, "node_modules");
    lay("@types/node", ROOT, modules, installed);
    lay(packageName, ROOT, modules, installed);
    const kinds =
      resolution.startsWith("node1") && resolution !== "node16" ? ["ts"] : ["mts", "cts"];
    if (resolution === "bundler") kinds.splice(0, 2, "ts");
    const names = files.flatMap((file) => kinds.map((kind) => file.replace(/ts$/, kind)));
    for (const file of files) {
      const text = readFileSync(new URL(`../tools/types/${file}`, import.meta.url), "utf8");
      for (const kind of kinds) {
        const name = file.replace(/ts$/, kind);
        writeFileSync(path.join(folder, name), text.replaceAll("socket.io-native", packageName));
      }
    }
    writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "commonjs" }));
    const compilerOptions = {
      ...{ target: "es2022", lib: ["es2022"], types: ["node"], rootDir: "." },
      ...{ strict: true, skipLibCheck: false, noEmit: true, esModuleInterop: true },
      ...RESOLUTIONS[resolution],
    };
    if (version === "6" && resolution === "node10") compilerOptions.ignoreDeprecations = "6.0";
    writeFileSync(
      path.join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: names }),
    );
    const tsc = path.join(installed, "typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", folder], { cwd: folder }).catch(
      (error) => error,
    );
    return { version: manifestOf(path.join(installed, "typescript")).version, complaints: stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
