// Every entry from Node into native code catches panics, as src/bridge/faults.rs says.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../src/bridge/", import.meta.url);
const sources = readdirSync(folder)
  .filter((name) => name.endsWith(".rs"))
  .map((name) => [name, readFileSync(new URL(name, folder), "utf8")]);

/** All matches of a pattern in the bridge, as `[file, match]`. */
const all = (pattern) =>
  sources.flatMap(([name, text]) => [...text.matchAll(pattern)].map((match) => [name, match]));

/** The body of the block that begins at an index. */
function block(text, from) {
  let depth = 0;
  for (let at = text.indexOf("{", from); at < text.length; at++) {
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return text.slice(from, at + 1);
  }
  throw new Error("the block has no end");
}

test("functions of napi-rs have the attribute catch_unwind", () => {
  const functions = all(
    /#\[napi(\([^\]]*\))?\]\s*(?:#\[allow[^\]]*\]\s*|\/\/\/[^\n]*\s*)*pub fn (\w+)/g,
  );
  assert.ok(functions.length > 40);
  for (const [file, [, options, name]] of functions) {
    assert.match(options ?? "", /catch_unwind/, `${file}: ${name}`);
  }
});

test("callbacks in raw Node-API begin with a guard", () => {
  const callbacks = all(/unsafe extern "C" fn (\w+)\(/g);
  assert.ok(callbacks.length > 12);
  for (const [file, match] of callbacks) {
    assert.match(
      block(match.input, match.index),
      /\bcall::<\d>\(|faults::guard\(/,
      `${file}: ${match[1]}`,
    );
  }
});

test("cleanup hooks and destructors of objects of JavaScript have a guard", () => {
  const places = [...all(/add_env_cleanup_hook\(/g), ...all(/impl Drop for NativeListener/g)];
  assert.equal(places.length, 2);
  for (const [file, match] of places) {
    assert.match(block(match.input, match.index), /faults::guard\(/, `${file}: ${match.index}`);
  }
});
