// The examples of examples/ with this checkout's package: each is copied into a folder of its own, with
// the packages that its manifest names. Those are kept in a cache, this package is put in anew.
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { at, hash, readJson } from "./files.mjs";
import { Complaint } from "./say.mjs";

const FOLDER = "examples";

/** The chat runs in the checkout, by `npm start`. */
const IN_PLACE = ["chat"];

const NPM = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline", "--install-links"];

// The folders and files that an example leaves when it runs in its own folder.
const LEFT = ["node_modules", "package-lock.json", "bun.lock", "certificate", "dist", "uploads"];

const MONTH_MS = 30 * 24 * 60 * 60 * 1000;

const run = promisify(execFile);

/** A user's cache, which survives a fresh checkout. */
const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"),
  "socket.io-native",
  "examples",
);

/** Told when packages are wanted while npm cannot reach its registry. */
export class Unreachable extends Complaint {}

/** The names of the examples that have packages to install. */
export const examples = readdirSync(at(FOLDER)).filter(
  (name) => !IN_PLACE.includes(name) && existsSync(at(FOLDER, name, "package.json")),
);

/**
 * Installs an example; resolves with the folder in which `npm start` runs it. The caller removes it.
 *
 * @throws Complaint for a name that is none, a package that is not built, or packages that cannot be installed
 * @throws Unreachable without a registry
 */
export async function install(name) {
  if (!examples.includes(name)) {
    throw new Complaint(`There is no example ${name}.`, `There are: ${examples.join(", ")}.`);
  }
  const source = at(FOLDER, name);
  const modules = await packagesOf(name, source);
  // beside the packages, as hard links do not cross file systems
  const folder = mkdtempSync(path.join(cache, `run-${name}-`));
  try {
    const filter = (file) => !LEFT.includes(path.basename(file));
    cpSync(source, folder, { recursive: true, filter });
    linkAll(modules, path.join(folder, "node_modules"));
    for (const one of ["socket.io", "socket.io-native"]) {
      const target = path.join(folder, "node_modules", one);
      if (existsSync(target)) putPackage(target);
    }
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

/**
 * Runs a script of an installed example's manifest, as `npm run` does, after that which comes before it
 * ("prestart"). Resolves with the script's own process: npm does not pass signals on to it.
 *
 * @param {import("node:child_process").SpawnOptions} options those of spawn
 */
export async function launch(folder, script, args = [], options = {}) {
  const { scripts } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  if (!scripts[script]) {
    throw new Complaint(
      `The example has no script ${script}.`,
      `It has: ${Object.keys(scripts).join(", ")}.`,
    );
  }
  const shell = process.platform === "win32";
  const { env = process.env } = options;
  if (scripts[`pre${script}`]) {
    const words = ["run", "--silent", `pre${script}`];
    await run("npm", words, { cwd: folder, env, shell }).catch((error) => {
      throw new Complaint(`${scripts[`pre${script}`]} fails.`, error.stdout + error.stderr);
    });
  }
  const [program, ...words] = scripts[script].split(" ");
  const bin = path.join(folder, "node_modules", ".bin");
  return spawn(program, [...words, ...args], {
    ...options,
    cwd: folder,
    env: { ...env, PATH: `${bin}${path.delimiter}${env.PATH}` },
    shell,
  });
}

/** The `node_modules` of an example's manifest, from the cache. */
async function packagesOf(name, source) {
  const { version, dependencies } = readJson("package.json");
  // only what npm needs to know of this package
  const stub = JSON.stringify({ name: "socket.io-native", version, dependencies });
  const manifest = JSON.stringify(exact(JSON.parse(readFileSync(`${source}/package.json`))));
  const key = hash([], stub, manifest, process.platform, process.arch).slice(0, 16);
  const home = path.join(cache, `${name}-${key}`);
  const modules = path.join(home, "example/node_modules");
  mkdirSync(cache, { recursive: true });
  prune();
  if (existsSync(home)) {
    utimesSync(home, new Date(), new Date());
    return modules;
  }

  // npm itself takes minutes until it gives up
  const ping = run("npm", ["ping", "--fetch-retries=0"], { shell: process.platform === "win32" });
  await ping.catch((error) => {
    throw new Unreachable("npm ping does not reach the registry.", error.stderr);
  });
  // others may install the same at the same time
  const draft = path.join(cache, `draft-${randomUUID()}`);
  for (const [folder, text] of [
    ["stub", stub],
    ["example", manifest],
  ]) {
    mkdirSync(path.join(draft, folder), { recursive: true });
    writeFileSync(path.join(draft, folder, "package.json"), text);
  }
  try {
    const options = { cwd: path.join(draft, "example"), shell: process.platform === "win32" };
    await run("npm", ["install", ...NPM], options).catch((error) => {
      throw new Complaint(
        `The packages of the example ${name} cannot be installed.`,
        error.stderr || error.message,
      );
    });
    renameSync(draft, home);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(home)) throw error;
  }
  return modules;
}

/**
 * A manifest with the versions that its ranges begin with, so that a release of another package changes
 * nothing, and this package as a stub.
 */
function exact(manifest) {
  const pin = ([name, range]) => [
    name,
    /^(npm:)?socket\.io-native@/.test(range) || name === "socket.io-native"
      ? "file:../stub"
      : range.replace(/^\^/, ""),
  ];
  const pinned = { ...manifest };
  for (const kind of ["dependencies", "devDependencies"]) {
    if (manifest[kind]) pinned[kind] = Object.fromEntries(Object.entries(manifest[kind]).map(pin));
  }
  return pinned;
}

/** Puts the files that this package publishes, as they are now, in place of its stub. */
function putPackage(target) {
  const { files } = readJson("package.json");
  const listed = files.map((one) => one.replace(/\/\**$/, "")).filter((one) => !/[*!]/.test(one));
  const addons = readdirSync(at(".")).filter((one) => one.endsWith(".node"));
  const wanted = ["package.json", ...listed, ...addons];
  rmSync(target, { recursive: true });
  for (const one of wanted) {
    if (!existsSync(at(one))) throw new Complaint(`${one} is not built.`, "Run: npm run setup");
    cpSync(at(one), path.join(target, one), { recursive: true });
  }
}

/** Removes from the cache what nobody has used for a month, and what an example that was killed has left. */
function prune() {
  for (const name of readdirSync(cache)) {
    const folder = path.join(cache, name);
    const used = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
    if (used < Date.now() - MONTH_MS) rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies a folder by hard links to its files. */
function linkAll(from, to) {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) linkAll(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
  }
}
