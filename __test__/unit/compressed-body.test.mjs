// A body that many clients get is compressed once.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { gunzipSync, inflateSync } from "node:zlib";
import { beyond } from "../support/subject.mjs";

const require = createRequire(import.meta.url);
const MODULE = "../../dist/engine/session/compressed-body.js";

/** Ends the time for which bodies are kept. */
let forget = () => {};

/** The module, with a clock that {@link forget} moves. */
function loadWithoutClock() {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (callback) => {
    forget = callback;
    return { unref() {} };
  };
  try {
    delete require.cache[require.resolve(MODULE)];
    return require(MODULE);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

const { compressBody } = loadWithoutClock();
const compress = promisify(compressBody);
const OPTIONS = {};
const text = (letter) => letter.repeat(5000);

beyond("equal bodies share one compressed body, as text and as bytes", async () => {
  for (const make of [text, (letter) => Buffer.from(text(letter))]) {
    const bodies = await Promise.all([1, 2, 3].map(() => compress(make("a"), "gzip", OPTIONS)));
    bodies.push(await compress(make("a"), "gzip", OPTIONS));
    assert.equal(new Set(bodies).size, 1);
    assert.equal(gunzipSync(bodies[0]).toString(), text("a"));
    forget();
    assert.notEqual(await compress(make("a"), "gzip", OPTIONS), bodies[0]);
    forget();
  }
});

beyond("another body, encoding or object of options has a body of its own", async () => {
  const [first, ...others] = await Promise.all([
    compress(text("a"), "gzip", OPTIONS),
    compress(text("b"), "gzip", OPTIONS),
    compress(text("a"), "deflate", OPTIONS),
    compress(text("a"), "gzip", { level: 1 }),
  ]);
  assert.ok(others.every((one) => one !== first));
  assert.equal(gunzipSync(others[0]).toString(), text("b"));
  assert.equal(inflateSync(others[1]).toString(), text("a"));
});

beyond("options that zlib refuses throw", () => {
  assert.throws(() => compressBody(text("a"), "gzip", { level: 99 }, () => {}), RangeError);
});
