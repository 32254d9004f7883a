// The options of an engine reach the native side when they are set, and not when they are read.
import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import { load, takeAsked } from "../support/faked-binding.mjs";
import { beyond } from "../support/subject.mjs";

const { Server } = load("engine/server");

beforeEach(() => takeAsked());

const limits = (...values) => ["set", ...values];
const DEFAULTS = limits(25_000, 20_000, 10_000, 1_000_000);

beyond("a new engine tells its options once", () => {
  new Server({ pingInterval: 1000 });
  assert.deepEqual(takeAsked(), [
    ["setBuffering", 67_108_864, 10_000],
    limits(1000, 20_000, 10_000, 1_000_000),
  ]);
});

beyond("reading options writes none", () => {
  const engine = new Server();
  takeAsked();
  engine._settings();
  engine._mayServe();
  assert.equal(engine.opts.pingInterval, 25_000);
  assert.deepEqual(Object.keys({ ...engine.opts }).includes("native"), true);
  assert.deepEqual(takeAsked(), []);
});

for (const [name, change, told] of [
  ["set", (opts) => Object.assign(opts, { pingTimeout: 5 }), limits(25_000, 5, 10_000, 1_000_000)],
  [
    "set as a text",
    (opts) => Object.assign(opts, { pingTimeout: "5" }),
    limits(25_000, 5, 10_000, 1_000_000),
  ],
  [
    "out of range",
    (opts) => Object.assign(opts, { upgradeTimeout: -1 }),
    limits(25_000, 20_000, 1, 1_000_000),
  ],
  [
    "unlimited",
    (opts) => Object.assign(opts, { maxHttpBufferSize: Infinity }),
    limits(25_000, 20_000, 10_000, 0),
  ],
  ["deleted", (opts) => delete opts.pingInterval, limits(1, 20_000, 10_000, 1_000_000)],
  [
    "defined",
    (opts) => Object.defineProperty(opts, "pingInterval", { value: 7 }),
    limits(7, 20_000, 10_000, 1_000_000),
  ],
  [
    "of native",
    (opts) => Object.assign(opts, { native: { keepReadersMs: 3 } }),
    ["setBuffering", 67_108_864, 3],
  ],
]) {
  beyond(`an option that is ${name} is told at once`, () => {
    const engine = new Server();
    takeAsked();
    change(engine.opts);
    assert.deepEqual(takeAsked(), [told]);
  });
}

beyond("options that are replaced are told, and watched from then on", () => {
  const engine = new Server();
  takeAsked();
  engine.opts = { ...engine.opts, pingInterval: 9 };
  assert.deepEqual(takeAsked().at(-1), limits(9, 20_000, 10_000, 1_000_000));
  engine.opts.pingInterval = 25_000;
  assert.deepEqual(takeAsked(), [DEFAULTS]);
});

beyond("an option that sessions are not held to is not told", () => {
  const engine = new Server();
  takeAsked();
  engine.opts.cookie = true;
  assert.deepEqual(takeAsked(), []);
});

beyond("a value of native that cannot be used is refused where it is set", () => {
  const engine = new Server();
  takeAsked();
  assert.throws(() => {
    engine.opts.native = { maxBufferedBytes: -1 };
  }, /^RangeError: options\.native\.maxBufferedBytes must be/);
  assert.equal(engine.opts.native, undefined);
  assert.throws(() => {
    engine.opts = { ...engine.opts, native: "fast" };
  }, /^TypeError: options\.native must be/);
  assert.equal(engine.opts.native, undefined);
  assert.deepEqual(takeAsked(), []);
});

beyond("a value that can become no number leaves living sessions what they have", () => {
  const engine = new Server();
  takeAsked();
  engine.opts.pingInterval = Symbol("often");
  assert.deepEqual(takeAsked(), []);
  assert.throws(() => engine._settings(), TypeError);
});
