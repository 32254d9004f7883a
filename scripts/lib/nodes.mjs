// The versions of Node that the tests run on. Each comes as an npm package with a binary, which is
// kept in a cache of its own.
import { existsSync, mkdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { answer, stream } from "./command.mjs";
import { Complaint } from "./say.mjs";

/**
 * Where transports, entrances and the engine are tested: what a Node may change. Of `robust/`, what is
 * no attack: late threads, listeners, lifetimes, faults, slow readers.
 */
const CONTACT = [
  ...["ws/", "eio/", "engine/", "server/", "platforms/"],
  ...["robust/f", "robust/l", "robust/n", "robust/s"],
];

/**
 * Everything that a server does. Left out: compilers, bundlers and other programs, which are the same on
 * every Node, and long loads.
 */
const SERVING = [
  ...["adapters/", "companions/", "eio/", "engine/", "features/", "options/", "platforms/"],
  ...["robust/", "server/", "sio/", "unit/", "ws/"],
];

/** By major version: words of the test files to run on it; none: all of them. */
export const NODES = { 20: [], 22: CONTACT, 24: CONTACT, 26: SERVING };

/** The major version of the Node that runs this. */
export const current = Number.parseInt(process.versions.node, 10);

/** A user's cache, which survives a fresh checkout. */
const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"),
  "socket.io-native",
  "nodes",
);

/** The folder with the binary of a major version, which is brought up to date first. */
async function folderOf(major) {
  const name = `node-${process.platform}-${process.arch}`;
  const home = path.join(cache, String(major));
  const folder = path.join(home, "node_modules", name, "bin");
  mkdirSync(home, { recursive: true });
  const options = ["--prefix", home, "--no-audit", "--no-fund", "--loglevel=error"];
  const status = await stream("npm", "install", ...options, `${name}@${major}`);
  if (!existsSync(path.join(folder, "node"))) {
    throw new Complaint(`Node ${major} could not be installed from npm as ${name} (${status}).`);
  }
  return folder;
}

/**
 * A major version of Node as `{ program, env, version }`: with `env` as its environment, whatever is
 * started as `node` below it is the same one.
 */
export async function nodeOf(major) {
  const { env } = process;
  if (major === current) return { program: process.execPath, env, version: process.version };
  const folder = await folderOf(major);
  const program = path.join(folder, "node");
  const version = answer(program, "--version");
  if (!version?.startsWith(`v${major}.`)) {
    throw new Complaint(`${program} is not Node ${major}: it says ${version}.`);
  }
  return { program, env: { ...env, PATH: `${folder}${path.delimiter}${env.PATH}` }, version };
}
