// Instruction counts: the comparison of `node scripts/checks.mjs counts`, and its baseline.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BASELINE, compare, differences } from "../scripts/lib/counts.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

test("a count fails when it is larger than before by more than the tolerance", () => {
  const before = { same: 20_000, little: 20_000, more: 20_000, less: 20_000, short: 100 };
  const now = { same: 20_000, little: 20_600, more: 20_620, less: 18_000, short: 400 };
  const { rows, worse, better, gone } = compare(before, now);
  assert.deepEqual([worse, better, gone], [["more"], ["less"], []]);
  assert.equal(rows.length, 6);
  assert.match(rows[3], /^more +20000 +20620 +1.031 +WORSE$/);
});

test("a scenario fails when the baseline lacks it, or has it alone", () => {
  const { worse, gone } = compare({ old: 1 }, { fresh: 1 });
  assert.deepEqual([worse, gone], [["fresh"], ["old"]]);
});

test("each tool that differs is named with both versions", () => {
  const before = { rustc: "rustc 1.95.0", valgrind: "valgrind-3.19.0" };
  assert.deepEqual(differences(before, before), []);
  assert.deepEqual(differences(before, { ...before, rustc: "rustc 1.96.0" }), [
    "  rustc: rustc 1.95.0; here: rustc 1.96.0",
  ]);
});

test("the baseline counts all scenarios of the benches", () => {
  const folder = path.join(ROOT, "benches/subjects");
  const files = readdirSync(folder).filter((file) => file !== "mod.rs");
  const names = files.flatMap((file) => {
    const text = readFileSync(path.join(folder, file), "utf8");
    return [...text.matchAll(/^ {8}name: "(.*)",$/gm)].map(([, name]) => name);
  });
  const { counts } = JSON.parse(readFileSync(path.join(ROOT, BASELINE), "utf8"));
  const counted = Object.keys(counts).map((name) => name.split(": ").slice(1).join(": "));
  assert.deepEqual(counted.sort(), names.sort());
});
