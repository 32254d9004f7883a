// Every row has a test.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ROWS } from "./rows.mjs";

test("each row of the list is tested once, and each test of a row is listed", () => {
  const folder = new URL(".", import.meta.url);
  const tested = readdirSync(folder)
    .filter((file) => file.endsWith(".test.mjs"))
    .flatMap((file) => {
      const source = readFileSync(new URL(file, folder), "utf8");
      return [...source.matchAll(/^\s*row\(\s*"([^"]+)",/gm)].map(([, name]) => name);
    });
  assert.deepEqual(tested.sort(), Object.keys(ROWS).sort());
});
