// Dependencies: each has its reason in docs/dependencies.md, and crates keep the rules of deny.toml.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkCrates, faultsOf, isAllowed, rulesOf } from "../scripts/lib/crates.mjs";
import { NODES } from "../scripts/lib/nodes.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");
const packed = JSON.parse(read("package.json"));

/** The rows of a section of docs/dependencies.md: `[name, reason]`. */
function rows(section) {
  const [, text] = read("docs/dependencies.md").split(`## ${section}\n`);
  return [...text.split("\n## ")[0].matchAll(/^\| `([^`]+)` *\| (.*?) *\|$/gm)].map(
    ([, name, reason]) => [name, reason],
  );
}

/** The direct dependencies of Cargo.toml. */
function crates() {
  const names = [];
  let lists = false;
  for (const line of read("Cargo.toml").split("\n")) {
    if (line.startsWith("[")) lists = /dependencies\]$/.test(line);
    else if (lists && /^[\w-]+ = /.test(line)) names.push(line.split(" ")[0]);
  }
  return [...new Set(names)];
}

for (const [section, names] of [
  ["npm, installed with the package", Object.keys(packed.dependencies)],
  ["npm, for development", Object.keys(packed.devDependencies)],
  ["npm, for the site", Object.keys(JSON.parse(read("site/package.json")).devDependencies)],
  ["Crates", crates()],
]) {
  test(`docs/dependencies.md gives the reason of each dependency: ${section}`, () => {
    const listed = rows(section);
    assert.deepEqual(listed.map(([name]) => name).sort(), names.sort());
    for (const [name, reason] of listed) assert.ok(reason.length > 5, name);
  });
}

test("@types/node goes up to the newest Node that is tested", () => {
  const newest = Math.max(...Object.keys(NODES).map(Number));
  assert.equal(packed.dependencies["@types/node"], `>=20 <${newest + 1}`);
});

test("a licence is allowed when the user can choose among allowed ones", () => {
  const licences = new Set(["MIT", "Zlib"]);
  for (const [expression, expected] of [
    ["MIT", true],
    ["GPL-3.0", false],
    ["GPL-3.0 OR MIT", true],
    ["Apache-2.0/MIT", true],
    ["MIT AND GPL-3.0", false],
    ["(MIT OR Apache-2.0) AND Zlib", true],
    ["(GPL-3.0 OR Apache-2.0) AND Zlib", false],
    ["Apache-2.0 WITH LLVM-exception", false],
    ["Apache-2.0 WITH LLVM-exception OR MIT", true],
  ]) {
    assert.equal(isAllowed(expression, licences), expected, expression);
  }
});

test("the check finds licences, second versions and foreign sources", () => {
  const rules = rulesOf('allow = ["MIT"]\nskip = [\n  { crate = "b@2", reason = "" },\n]');
  const one = (name, version, license = "MIT", source = null) => ({
    name,
    version,
    license,
    source,
  });
  const packages = [
    one("a", "1", "GPL-3.0"),
    one("b", "1"),
    one("b", "2"),
    one("c", "1"),
    one("c", "2"),
    one("d", "1", "MIT", "git+https://example.com/d"),
    one("e", "1", null),
  ];
  assert.deepEqual(faultsOf(packages, rules), [
    "a 1 has the licence GPL-3.0",
    "d 1 is of git+https://example.com/d",
    "e 1 has the licence null",
    "c has versions 1, 2",
  ]);
});

test("the crates keep the rules of deny.toml", () => {
  assert.deepEqual(checkCrates(ROOT), []);
});
