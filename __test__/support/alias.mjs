// Applications that ask for `socket.io` by that name, and companions that do: each runs in a folder
// whose node_modules/socket.io is the package under test, as after
// `npm install socket.io@npm:socket.io-native` with an override for those that pin the original.
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { spawnChild } from "./child.mjs";
import { isOracle } from "./subject.mjs";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = path.join(ROOT, "node_modules");

// Packages that bring the original along, pinned: here they are copied without it.
const PINNING = ["@nestjs"];

/** Packs this package as npm publishes it; resolves with the tarball's path. */
export async function pack(folder) {
  const args = ["pack", "--silent", "--pack-destination", folder];
  const { stdout } = await run("npm", args, { cwd: ROOT });
  return path.join(folder, stdout.trim());
}

let folder;
after(() => {
  if (folder) rmSync(folder, { recursive: true });
});
let installed;

/**
 * Starts `companions/children/<file>` in such a folder. The result is that of spawnChild; the child
 * finds the helpers of the tests where it would find them in the checkout.
 */
export async function application(t, file, args = [], options = {}) {
  installed ??= install();
  const base = pathToFileURL(path.join(await installed, "test/support/alias.mjs"));
  return spawnChild(t, file, args, "companions", { ...options, base });
}

async function install() {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "alias-")));
  const modules = path.join(folder, "node_modules");
  mkdirSync(modules);
  for (const one of readdirSync(MODULES)) {
    if (one === "socket.io" || one.startsWith(".")) continue;
    const [from, to] = [path.join(MODULES, one), path.join(modules, one)];
    if (!PINNING.includes(one)) symlinkSync(realpathSync(from), to, "dir");
    else cpSync(from, to, { recursive: true, filter: (each) => !isNested(each) });
  }
  const target = path.join(modules, "socket.io");
  if (isOracle) {
    cpSync(path.join(MODULES, "socket.io"), target, { recursive: true });
  } else {
    mkdirSync(target);
    await run("tar", ["-xzf", await pack(folder), "-C", target, "--strip-components=1"]);
  }
  for (const part of ["support", "companions/children"]) {
    const from = fileURLToPath(new URL(`../${part}`, import.meta.url));
    cpSync(from, path.join(folder, "test", part), { recursive: true });
  }
  return folder;
}

const isNested = (each) => each.endsWith("/node_modules/socket.io");
