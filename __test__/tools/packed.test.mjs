// The packed package, as publint and "are the types wrong" see it, and the names of its entries.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beyond } from "../support/subject.mjs";

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const npx = (...args) =>
  spawnSync("npx", ["--no-install", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    shell: process.platform === "win32",
  });

let folder;
let tarball;

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "packed-"));
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
  execFileSync("npm", args, { cwd: ROOT, shell: process.platform === "win32" });
  tarball = path.join(folder, readdirSync(folder)[0]);
});
after(() => rmSync(folder, { recursive: true }));

beyond("publint finds nothing in the packed package", () => {
  const { status, stdout, stderr } = npx("publint", tarball, "--strict");
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /All good!/);
});

beyond("are-the-types-wrong finds nothing in the packed package", () => {
  const { status, stdout, stderr } = npx("attw", tarball, "--format", "ascii");
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /No problems found/);
});

test("the ES module has the names of upstream's", async () => {
  const wrapper = path.join(path.dirname(require.resolve("socket.io/package.json")), "wrapper.mjs");
  const theirs = await import(pathToFileURL(wrapper).href);
  const ours = await import(pathToFileURL(path.join(ROOT, "index.mjs")).href);
  assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
});
