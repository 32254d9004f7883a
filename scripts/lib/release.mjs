// The packages of a release: this one without an addon, and one with the addon for each system.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { at, root } from "./files.mjs";
import { Complaint } from "./say.mjs";

const shell = process.platform === "win32";
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const write = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** The systems on which the tests have been run; the addons for all others are built only. */
export const TESTED = ["linux-x64-gnu"];

/** The system of a target, as it stands in the names of packages: "linux-x64-gnu". */
export function systemOf(target) {
  const [, cpu, kind, abi] = /^(\w+?)-(?:unknown|apple|pc)-(\w+?)(?:-(\w+))?$/.exec(target);
  const arch = { x86_64: "x64", aarch64: "arm64" }[cpu];
  const platform = { linux: "linux", darwin: "darwin", windows: "win32" }[kind];
  return [platform, arch, abi].filter(Boolean).join("-");
}

/** The systems for which this package has an addon: `napi.targets` of package.json. */
export const SYSTEMS = read(at("package.json")).napi.targets.map(systemOf);

/** Runs npm, and gives what it prints. */
function npm(cwd, ...args) {
  return execFileSync("npm", args, { cwd, encoding: "utf8", shell, stdio: ["ignore", "pipe", 2] });
}

/** Runs the CLI of napi-rs quietly; a complaint with its output if it fails. */
function napi(cwd, ...args) {
  const program = at("node_modules/@napi-rs/cli/dist/cli.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd,
    encoding: "utf8",
  });
  if (status !== 0) throw new Complaint(`napi ${args[0]} failed (${status}).`, stdout + stderr);
}

/** The result of `npm pack --json` for one package: `{ filename, size, unpackedSize, files }`. */
function packOne(folder, destination, ...options) {
  const words = ["pack", "--json", "--ignore-scripts", "--pack-destination", destination];
  const told = JSON.parse(npm(folder, ...words, ...options));
  return Object.values(told)[0];
}

/** The addon files of a folder, or of the folders in it, by their system. */
function addonsIn(folder) {
  const found = {};
  const inner = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());
  for (const place of [...inner.map((one) => path.join(folder, one.name)), folder]) {
    for (const name of readdirSync(place)) {
      const system = /^socket\.io-native\.([\w-]+)\.node$/.exec(name)?.[1];
      if (system) found[system] = path.join(place, name);
    }
  }
  return found;
}

/** Copies what npm would publish of this checkout, without addons, and gives its manifest. */
function stageRoot(stage) {
  const { files } = packOne(root, stage, "--dry-run");
  const names = files.map((file) => file.path).filter((name) => !name.endsWith(".node"));
  for (const name of names) {
    mkdirSync(path.dirname(path.join(stage, name)), { recursive: true });
    copyFileSync(at(name), path.join(stage, name));
  }
  for (const name of ["binding.js", "dist/index.js", "client-dist/socket.io.js"]) {
    if (!names.includes(name)) throw new Complaint(`${name} is missing.`, "Build: npm run setup");
  }
  const manifest = read(path.join(stage, "package.json"));
  // Scripts and development packages are of no use to those who install it.
  delete manifest.scripts;
  delete manifest.devDependencies;
  manifest.files = manifest.files.filter((one) => one !== "*.node");
  return manifest;
}

/** Completes the package for one system, as the CLI has made it. */
function finishAddon(folder, system, name) {
  copyFileSync(at("LICENSE"), path.join(folder, "LICENSE"));
  const file = path.join(folder, "package.json");
  const manifest = read(file);
  manifest.description = `The native addon of ${name} for ${system}`;
  // Yarn's Plug'n'Play loads no addon from an archive.
  manifest.preferUnplugged = true;
  delete manifest.keywords;
  write(file, manifest);
  const state = TESTED.includes(system) ? "tested" : "built, not yet tested";
  const text = `# ${manifest.name}\n\n${manifest.description}: ${state}. \`${name}\` installs it where it is needed.\n`;
  writeFileSync(path.join(folder, "README.md"), text);
}

/**
 * Packs a release.
 *
 * @param {string} out the folder for the tarballs, which is emptied
 * @param {string} addons the folder below which the addon files lie
 * @param {{ all?: boolean }} options `all`: a missing addon is an error; otherwise its package is left out
 * @returns one `{ name, system, file, size, unpackedSize, files }` for each package, this one last;
 *   `system` is `undefined` for this one, sizes are in bytes
 */
export function packRelease(out, addons, { all = false } = {}) {
  const found = addonsIn(addons);
  const missing = SYSTEMS.filter((system) => !found[system]);
  if (missing.length === SYSTEMS.length || (all && missing.length > 0)) {
    throw new Complaint(`There is no addon for ${missing.join(", ")} below ${addons}.`);
  }
  const stage = path.join(out, "stage");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  const manifest = stageRoot(stage);
  const { targets } = manifest.napi;
  const systems = SYSTEMS.filter((system) => found[system]);
  // The CLI wants an addon for each target that it reads; the packages left out are named below.
  const staged = {
    ...manifest,
    napi: { ...manifest.napi, targets: targets.filter((one) => found[systemOf(one)]) },
  };
  write(path.join(stage, "package.json"), staged);
  const flat = path.join(stage, "artifacts");
  mkdirSync(flat);
  for (const system of systems)
    copyFileSync(found[system], path.join(flat, path.basename(found[system])));
  napi(stage, "create-npm-dirs");
  napi(stage, "artifacts", "--output-dir", "artifacts");
  for (const system of systems) finishAddon(path.join(stage, "npm", system), system, manifest.name);
  napi(stage, "pre-publish", "--tag-style", "npm", "--no-gh-release", "--skip-optional-publish");
  const named = SYSTEMS.map((system) => [`${manifest.name}-${system}`, manifest.version]);
  manifest.optionalDependencies = Object.fromEntries(named);
  delete manifest.napi;
  write(path.join(stage, "package.json"), manifest);
  const pack = (folder, system) => {
    const { name, filename, size, unpackedSize, files } = packOne(folder, out);
    const paths = files.map((file) => file.path).sort();
    return { name, system, file: path.join(out, filename), size, unpackedSize, files: paths };
  };
  const packed = systems.map((system) => pack(path.join(stage, "npm", system), system));
  packed.push(pack(stage, undefined));
  rmSync(stage, { recursive: true });
  return packed;
}

/** Kilobytes of 1,000 bytes, as npm tells them. */
export const kilobytes = (bytes) => Math.round(bytes / 1000);
