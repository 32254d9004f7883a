// Tests of applications, which jest runs for real.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runTool } from "../support/run-tool.mjs";
import { tool } from "../support/tools.mjs";

const ROOT = fileURLToPath(new URL("fixtures/jest/", import.meta.url));

const jest = await tool("jest");

const run = (t, file) =>
  runTool(t, jest.program, ["--rootDir", ROOT, "--detectOpenHandles", "--json", file]);

jest.test("jest reports no open handle after io.close(), and ends", async (t) => {
  const { status, stdout, stderr } = await run(t, "handles.test.js");
  assert.equal(status, 0, stderr);
  const { numPassedTests, openHandles } = JSON.parse(stdout);
  assert.equal(numPassedTests, 6);
  assert.deepEqual(openHandles, []);
  assert.doesNotMatch(stderr, /open handle/);
});

jest.beyond("a client connects under the fake timers of jest", async (t) => {
  const { status, stdout, stderr } = await run(t, "fake-timers.test.js");
  assert.equal(status, 0, stderr);
  const { numPassedTests, openHandles } = JSON.parse(stdout);
  assert.equal(numPassedTests, 8);
  assert.deepEqual(openHandles, []);
});
