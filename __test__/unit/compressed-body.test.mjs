// A body that many clients get is compressed once.
import assert from "node:assert/strict";
import { promisify } from "node:util";
import { gunzipSync, inflateSync } from "node:zlib";
import { load } from "../support/faked-binding.mjs";
import { beyond } from "../support/subject.mjs";

const { compressBody } = load("engine/session/compressed-body");
const compress = promisify(compressBody);
const OPTIONS = {};
const text = (letter) => letter.repeat(5000);

beyond("equal bodies share one compressed body, as text and as bytes", async () => {
  for (const make of [text, (letter) => Buffer.from(text(letter))]) {
    const bodies = await Promise.all([1, 2, 3].map(() => compress(make("a"), "gzip", OPTIONS)));
    bodies.push(await compress(make("a"), "gzip", OPTIONS));
    assert.equal(new Set(bodies).size, 1);
    assert.equal(gunzipSync(bodies[0]).toString(), text("a"));
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
