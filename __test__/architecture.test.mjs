// The code stands where ARCHITECTURE.md says, and imports point in the direction that it states.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { filesOf } from "../scripts/lib/files.mjs";
import { beyond } from "./support/subject.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");

beyond("every file and folder that ARCHITECTURE.md names exists", () => {
  const named = [...read("ARCHITECTURE.md").matchAll(/`((?:src|lib|scripts|__test__)\/[^`*]*)`/g)];
  assert.ok(named.length > 40);
  const missing = named
    .map(([, name]) => name)
    .filter((name) => !existsSync(path.join(ROOT, name)));
  assert.deepEqual(missing, []);
});

/** The layers of the crate, and what each may use. */
const MAY_USE = {
  number: [],
  ws: ["config"],
  sio: ["number"],
  eio: ["config", "error", "number"],
  net: ["config", "error", "number", "ws", "sio", "eio"],
  bridge: ["config", "error", "number", "ws", "sio", "eio", "net"],
};

/** The source of a file without its unit tests. */
const withoutTests = (text) => text.split(/#\[cfg\(test\)\]\n/)[0];

beyond("the layers of the crate use those below them only", () => {
  const wrong = [];
  for (const file of filesOf("src").filter((one) => !one.includes("tests"))) {
    const layer = file.split("/")[1].replace(".rs", "");
    const allowed = MAY_USE[layer];
    if (allowed === undefined) continue;
    for (const [, used] of withoutTests(read(file)).matchAll(/\bcrate::(\w+)/g)) {
      if (used !== layer && !allowed.includes(used)) wrong.push(`${file} uses ${used}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** The rooms of lib, from the one that knows all others to the one that knows none. */
const ROOMS = [
  "lib",
  "lib/engine",
  "lib/engine/port",
  "lib/engine/requests",
  "lib/engine/session",
  "lib/engine/native",
];

/** Files of a room that every room may use: they know none. */
const SHARED = new Set(
  [
    ...["emitter", "errors", "node-internals", "options", "own-listeners", "parser"],
    ...["refuse-upgrade", "replaced"],
  ].map((name) => `lib/engine/${name}`),
);

beyond("the rooms of lib import at run time from those behind them only", () => {
  const imports = /^(import|export) (?!type\b)[^;"]*?from "(\.[^"]+)"/gm;
  const wrong = [];
  for (const file of filesOf("lib")) {
    const room = path.dirname(file);
    for (const [statement, , target] of read(file).matchAll(imports)) {
      if (/^import \{\s*(type [^,}]+,?\s*)+\}/.test(statement)) continue;
      const used = path.posix.join(room, target);
      const theirs = path.dirname(used);
      if (theirs === room || SHARED.has(used)) continue;
      if (!ROOMS.includes(theirs) || ROOMS.indexOf(theirs) < ROOMS.indexOf(room)) {
        wrong.push(`${file} imports ${target}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

beyond("one file of lib loads the addon", () => {
  const loads = filesOf("lib").filter((file) => /require\("[./]*binding\.js"\)/.test(read(file)));
  assert.deepEqual(loads, ["lib/engine/native/binding.ts"]);
});
