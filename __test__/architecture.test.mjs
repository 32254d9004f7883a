// The code stands where ARCHITECTURE.md says, and imports point in the direction that it states.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  againstOrder,
  CRATE_ORDER,
  countArrows,
  crateArrows,
  LIB_ORDER,
  libArrows,
} from "../scripts/lib/arrows.mjs";
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

beyond("the places of the crate use those below them only", () => {
  const arrows = crateArrows(ROOT);
  // Fewer would mean that imports are not found any more.
  assert.ok(countArrows(arrows) > 25, `${countArrows(arrows)} arrows`);
  assert.deepEqual(againstOrder(arrows, CRATE_ORDER), []);
});

beyond("ARCHITECTURE.md lists the layers in the order that is checked", () => {
  const text = read("ARCHITECTURE.md");
  const layers = text.slice(text.indexOf("## Layers"), text.indexOf("## Rules"));
  const place = (name) => layers.search(new RegExp(`\\| \`${name}(/|\\.rs)\``));
  const listed = (names) => names.filter((name) => place(name) >= 0);
  const inOrder = (names) => [...names].sort((a, b) => place(a) - place(b));
  // The order of places in one row does not matter: one of each row is enough.
  const crate = listed(CRATE_ORDER.map(([place]) => `src/${place}`));
  const lib = listed(LIB_ORDER.map(([room]) => room));
  assert.ok(crate.length > 6 && lib.length > 3, `${crate.length} and ${lib.length} layers`);
  assert.deepEqual(inOrder(crate), crate);
  assert.deepEqual(inOrder(lib), lib);
});

beyond("the rooms of lib import at run time from those behind them only", () => {
  const arrows = libArrows(ROOT);
  assert.ok(countArrows(arrows) > 12, `${countArrows(arrows)} arrows`);
  assert.deepEqual(againstOrder(arrows, LIB_ORDER), []);
});

beyond("the check of arrows finds one that runs against the order", () => {
  const upwards = [{ file: "src/ws/frame.rs", from: "ws", to: "net/thread" }];
  assert.equal(againstOrder(upwards, CRATE_ORDER).length, 1);
  const sideways = [{ file: "src/eio/session.rs", from: "eio", to: "sio" }];
  assert.equal(againstOrder(sideways, CRATE_ORDER).length, 1);
  const downwards = [{ file: "src/eio/session.rs", from: "eio", to: "config" }];
  assert.deepEqual(againstOrder(downwards, CRATE_ORDER), []);
});

beyond("one file of lib loads the addon", () => {
  const loads = filesOf("lib").filter((file) => /require\("[./]*binding\.js"\)/.test(read(file)));
  assert.deepEqual(loads, ["lib/engine/native/load.ts"]);
});
