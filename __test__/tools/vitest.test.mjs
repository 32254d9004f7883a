// Tests of an application, which vitest runs for real.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "../support/run-tool.mjs";
import { tool } from "../support/tools.mjs";
import { defer } from "../support/wait.mjs";

const ROOT = fileURLToPath(new URL("fixtures/vitest/", import.meta.url));

const vitest = await tool("vitest");

vitest.test(
  "clients connect in tests of vitest, also under fake timers, and it ends",
  async (t) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "vitest-"));
    defer(t, () => rmSync(folder, { recursive: true, force: true }));
    const report = path.join(folder, "report.json");
    const args = ["run", "--root", ROOT, "--globals", "--reporter=json", `--outputFile=${report}`];
    const { status, stdout, stderr } = await runTool(t, vitest.program, args);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    const { numPassedTests, success } = JSON.parse(readFileSync(report, "utf8"));
    assert.equal(numPassedTests, 10);
    assert.equal(success, true);
  },
);
