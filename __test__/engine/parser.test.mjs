// engine.parser: packets, payloads and streams of Engine.IO 4, by the package engine.io-parser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { engine } from "../support/subject.mjs";

const { parser } = engine;
const theirs = createRequire(import.meta.url)("engine.io-parser");

test("engine.parser has the functions of engine.io-parser", () => {
  const names = Object.keys(theirs).filter((name) => !name.startsWith("_"));
  assert.ok(names.length >= 7);
  for (const name of names) assert.equal(parser[name], theirs[name], name);
  assert.equal(parser.protocol, 4);
});

test("a payload is encoded and decoded", () => {
  const packets = [
    { type: "message", data: "a" },
    { type: "message", data: Buffer.from([1, 2]) },
    { type: "ping" },
  ];
  const payloads = [];
  parser.encodePayload(packets, (payload) => payloads.push(payload));
  assert.deepEqual(payloads, ["4a\x1ebAQI=\x1e2"]);
  assert.deepEqual(parser.decodePayload(payloads[0]), packets);
});
