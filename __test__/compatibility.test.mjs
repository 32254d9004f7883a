// docs/compatibility.md is up to date, and no public name of upstream's is missing without a reason.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compareInstances, compareModules, explain } from "../scripts/lib/compatibility.mjs";
import { readDeclarations } from "../scripts/lib/declarations.mjs";

const SCRIPT = fileURLToPath(new URL("../scripts/compatibility.mjs", import.meta.url));

test("node scripts/compatibility.mjs --check", async () => {
  const run = promisify(execFile)(process.execPath, [SCRIPT, "--check"]);
  const { stderr, code } = await run.catch((error) => error);
  assert.deepEqual([code ?? 0, stderr], [0, ""]);
});

const fixture = (name) => fileURLToPath(new URL(`support/fixtures/${name}.d.ts`, import.meta.url));

test("the comparison finds what is missing or different", () => {
  const [theirs, ours] = readDeclarations([fixture("theirs"), fixture("ours")]);
  const groups = compareModules("", theirs, ours);
  const found = groups.flatMap(({ differences }) => differences);
  assert.deepEqual(
    found.map(({ at, what }) => `${at}: ${what}`),
    [
      "Kept: 1 type parameters, here 0",
      "Kept.hidden: not public here",
      "Kept.fixed: read-only here",
      "Kept.overloaded: (0) (1), here (0–1)",
      "Kept.generic: <1>(1), here (1)",
      "Kept.gone: missing",
      "Kept.static made: missing",
      "Kept.constructor: (1), here (2)",
      "Events.leave: missing",
      "helper: (1–…), here (1)",
      "Name: 1 type parameters, here 0",
      "absent: missing",
    ],
  );
  const [kept] = groups;
  assert.deepEqual(kept.same, ["same", "both"]);
  assert.deepEqual(kept.more, ["added"]);
});

test("reasons: by name and pattern; those without a difference are told", () => {
  const named = (...names) => new Map(names.map((name) => [name, "value"]));
  const theirs = new Map([["Server", named("a", "_b", "_c", "d")]]);
  const ours = new Map([["Server", named("a", "e")]]);
  const groups = compareInstances(theirs, ours);
  assert.deepEqual(groups[0].same, ["a"]);
  const { unexplained, stale, explained } = explain(groups, [
    ["Server._*", "private"],
    ["Client.x, Client.y", "not there any more"],
  ]);
  assert.deepEqual(unexplained, [{ at: "Server.d", what: "missing" }]);
  assert.deepEqual(stale, ["Client.x", "Client.y"]);
  assert.deepEqual(explained[0], { reason: "private", names: ["Server._*"] });
});
