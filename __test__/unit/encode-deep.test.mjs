// The text of values that are deeper than the stack.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const { stringifyDeep } = createRequire(import.meta.url)("../../dist/encode-deep.js");

const VALUES = [
  [],
  {},
  [[], [[]], {}],
  ["a", 'q"\\\u2028\ud800', 1, -0, Number.POSITIVE_INFINITY, Number.NaN, null, true],
  [undefined, () => {}, Symbol("s")],
  { a: undefined, b: () => {}, c: Symbol("s"), d: 1 },
  { a: { b: [1, { c: "d" }], "": [] }, 2: 1, 1: 2 },
  [Object(5), Object("x"), Object(true)],
  JSON.parse('{"__proto__":{"x":1},"constructor":[]}'),
  Object.create({ inherited: 1 }),
  [new Map([[1, 2]]), new Error("e")],
  [Array(3)],
];

test("gives the text of JSON.stringify", () => {
  for (const value of VALUES) assert.equal(stringifyDeep(value), JSON.stringify(value));
});

test("gives the text of a value that is deeper than the stack", () => {
  const depth = 300_000;
  const array = "[".repeat(depth) + "]".repeat(depth);
  assert.equal(stringifyDeep(JSON.parse(array)), array);
  const object = `${'{"k":[0,'.repeat(depth)}1${"]}".repeat(depth)}`;
  assert.equal(stringifyDeep(JSON.parse(object)), object);
});

test("writes a value twice that stands in two places", () => {
  const twice = [1];
  assert.equal(stringifyDeep([twice, { twice }]), '[[1],{"twice":[1]}]');
});

test("gives nothing for circular values, binary data and toJSON()", () => {
  const circular = { a: [] };
  circular.a.push(circular);
  for (const value of [circular, [Buffer.from("x")], [new ArrayBuffer(1)], [new Date()]]) {
    assert.equal(stringifyDeep(value), undefined);
  }
});

test("throws for a BigInt", () => {
  assert.throws(() => stringifyDeep([1n]), TypeError);
});
