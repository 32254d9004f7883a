// The imports between the folders of the crate and of lib, and the order that ARCHITECTURE.md states.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** The places of the crate, those that know most first. Places of one row know nothing of each other. */
export const CRATE_ORDER = [
  ["bridge"],
  ["net/listener"],
  ["net/runtime"],
  ["net/thread"],
  ["net/session"],
  ["net/websocket", "net/send_batch"],
  ["net/events"],
  ["net/handle"],
  ["net"],
  ["eio", "sio", "ws"],
  ["counters"],
  ["config", "error", "number", "shared", "sums", "sync"],
];

/** The rooms of lib, the one that knows all others first. */
export const LIB_ORDER = [
  ["lib/inspect"],
  ["lib"],
  ["lib/engine"],
  ["lib/engine/port"],
  ["lib/engine/requests"],
  ["lib/engine/session"],
  ["lib/engine/options"],
  ["lib/engine/native"],
  ["lib/engine (shared)"],
];

/** Files of lib/engine that count for another place than their folder. */
const PLACES = {
  // Every room may use these: they use nothing but each other.
  emitter: "lib/engine (shared)",
  depth: "lib/engine (shared)",
  errors: "lib/engine (shared)",
  "limit-behind": "lib/engine (shared)",
  "native-options": "lib/engine (shared)",
  "node-internals": "lib/engine (shared)",
  "own-listeners": "lib/engine (shared)",
  "refuse-upgrade": "lib/engine (shared)",
  replaced: "lib/engine (shared)",
  scheduling: "lib/engine (shared)",
  validate: "lib/engine (shared)",
  // The options that sessions and requests read; their text is made native here.
  options: "lib/engine/options",
  // The codec of the session's transports, which is public as `parser`.
  parser: "lib/engine/session",
};

/** The files below a folder of a checkout, relative to it, sorted; none if the folder is missing. */
export function filesBelow(root, folder, ending) {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(ending) && !name.includes("node_modules"))
    .map((name) => `${folder}/${name}`)
    .sort();
}

/** Files of the crate that only tests use. */
const TESTS = /[/_]tests?[/_.]/;

/** A file without its unit tests. */
const withoutTests = (text) => text.split(/^#\[cfg\(test\)\]\n(?:#.*\n)*(?:pub.*)?mod /m)[0];

/** The place of a path of the crate, as ["net", "thread", …]. */
function cratePlace([first, second]) {
  const inside = `${first}/${second}`;
  return CRATE_ORDER.flat().includes(inside) ? inside : first;
}

/** The paths that a file of the crate uses, each as its segments from the root of the crate. */
function pathsUsed(module, text) {
  const used = [];
  const code = text.replace(/^\s*\/\/.*$/gm, "");
  for (const [, root, ups, rest] of code.matchAll(
    /\b(crate|super)((?:::super)*)::((?:\w+::)*(?:\{[^}]*\}|\w+))/g,
  )) {
    const up = root === "crate" ? module.length : 1 + ups.length / "::super".length;
    const base = module.slice(0, Math.max(0, module.length - up));
    const list = /^(.*)\{([^}]*)\}$/s.exec(rest);
    const names = list ? list[2].split(",").map((name) => list[1] + name.trim()) : [rest];
    for (const name of names.filter(Boolean)) used.push([...base, ...name.split("::")]);
  }
  return used;
}

/** The modules of a file of the crate, as its path from the root of the crate. */
const moduleOf = (file) =>
  file
    .replace(/^src\//, "")
    .replace(/(\/mod)?\.rs$/, "")
    .split("/");

/** The files of the crate without tests, each with the paths that it uses. */
function crateFiles(root) {
  return filesBelow(root, "src", ".rs")
    .filter((file) => !TESTS.test(file) && file !== "src/lib.rs")
    .map((file) => {
      const text = withoutTests(readFileSync(path.join(root, file), "utf8"));
      return { file, used: pathsUsed(moduleOf(file), text) };
    });
}

/** The import arrows between places of the crate: `{ file, from, to }` for each that a file has. */
export function crateArrows(root) {
  return crateFiles(root).flatMap(({ file, used }) => {
    const from = cratePlace(moduleOf(file));
    const targets = new Set(used.map(cratePlace).filter((to) => to !== from));
    return [...targets].filter((to) => existsPlace(root, to)).map((to) => ({ file, from, to }));
  });
}

/** The files that each file of the crate uses. */
export function crateImports(root) {
  const files = new Map(crateFiles(root).map((one) => [moduleOf(one.file).join("/"), one]));
  const fileOf = (used) => {
    for (let length = used.length; length > 0; length--) {
      const found = files.get(used.slice(0, length).join("/"));
      if (found) return found.file;
    }
    return undefined;
  };
  return new Map(
    [...files.values()].map(({ file, used }) => [
      file,
      new Set(used.map(fileOf).filter((one) => one && one !== file)),
    ]),
  );
}

const existsPlace = (root, place) =>
  [`src/${place}`, `src/${place}.rs`].some((name) => existsSync(path.join(root, name)));

/** The import arrows between rooms of lib at run time: `{ file, from, to }` for each import. */
export function libArrows(root) {
  const room = (file) => {
    const name = path.posix.basename(file, ".ts");
    const folder = path.posix.dirname(file);
    // The generated constants, which use nothing.
    if (`${folder}/${name}` === "lib/engine/native/contract") return "lib/engine (shared)";
    return (folder === "lib/engine" && PLACES[name]) || folder;
  };
  const arrows = [];
  for (const file of filesBelow(root, "lib", ".ts")) {
    for (const target of importsOf(readFileSync(path.join(root, file), "utf8"))) {
      const from = room(file);
      const to = room(path.posix.join(path.posix.dirname(file), target));
      if (from !== to) arrows.push({ file, from, to });
    }
  }
  return arrows;
}

/** The files that each file of lib imports at run time. */
export function libImports(root) {
  const files = filesBelow(root, "lib", ".ts");
  const resolve = (file, target) => {
    const name = path.posix.join(path.posix.dirname(file), target);
    return files.find((one) => one === `${name}.ts` || one === `${name}/index.ts`);
  };
  const imports = (file) =>
    importsOf(readFileSync(path.join(root, file), "utf8")).map((target) => resolve(file, target));
  return new Map(files.map((file) => [file, new Set(imports(file).filter(Boolean))]));
}

/** The files of the largest import cycle: each reaches each other one. Empty if there is no cycle. */
export function largestCycle(imports) {
  const reachable = (start) => {
    const seen = new Set();
    const rest = [...(imports.get(start) ?? [])];
    for (let file = rest.pop(); file; file = rest.pop()) {
      if (!seen.has(file)) {
        seen.add(file);
        rest.push(...(imports.get(file) ?? []));
      }
    }
    return seen;
  };
  const reached = new Map([...imports.keys()].map((file) => [file, reachable(file)]));
  const cycles = [...reached.keys()].map((file) =>
    [...reached.get(file)].filter((other) => reached.get(other)?.has(file)),
  );
  return cycles.sort((a, b) => b.length - a.length)[0] ?? [];
}

/** The relative files that a TypeScript file imports at run time. */
function importsOf(text) {
  const imports = /^(import|export) (?!type\b)[^;"]*?from "(\.[^"]+)"/gm;
  return [...text.matchAll(imports)]
    .filter(([statement]) => !/^import \{\s*(type [^,}]+,?\s*)+\}/.test(statement))
    .map(([, , target]) => target);
}

/** The arrows that run against an order, as sentences. */
export function againstOrder(arrows, order) {
  const rank = (place) => order.findIndex((row) => row.includes(place));
  return arrows
    .filter(({ from, to }) => rank(from) < 0 || rank(to) < 0 || rank(to) <= rank(from))
    .map(({ file, from, to }) => `${file} (${from}) uses ${to}`);
}

/** The number of different arrows between two places. */
export const countArrows = (arrows) =>
  new Set(arrows.map(({ from, to }) => `${from} > ${to}`)).size;
