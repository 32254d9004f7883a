// Values that socket.io takes and cannot serve with: this is why they are refused here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { isOracle } from "../support/subject.mjs";
import { REFUSED } from "./values.mjs";

for (const [index, { upstream, option, got }] of REFUSED.entries()) {
  if (upstream !== "crashes") continue;
  const skip = !isOracle && "the constructor refuses it";
  test(`options.${option}: ${got} is an exception of the process`, { skip }, async (t) => {
    const child = spawnChild(t, "crash.mjs", [index], "options");
    const outcome = await Promise.race([child.message("crashed"), child.message("served")]);
    assert.equal(outcome.type, "crashed");
  });
}
