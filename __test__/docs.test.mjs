// The documents are right about files and options.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { NODES } from "../scripts/lib/nodes.mjs";
import { Server } from "./support/subject.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");

/** Rows of the option tables by section: `{ name, fallback, tests }`. */
function tables() {
  const sections = {};
  let section;
  for (const line of read("docs/options.md").split("\n")) {
    if (line.startsWith("## ")) section = line.slice(3);
    const [, option, , fallback, , tests, ...ways] = line.split("|").map((cell) => cell.trim());
    if (!section?.endsWith(" level") || !option?.startsWith("`")) continue;
    sections[section] ??= [];
    sections[section].push({
      name: option.slice(1, -1),
      fallback: fallback.match(/^`(.*)`$/)?.[1],
      tests: tests.match(/[\w./-]+\.test\.mjs/g) ?? [],
      ways: ways.slice(0, -1),
    });
  }
  return sections;
}

/** Keys of an interface of a TypeScript file, without those it inherits. */
function keysOf(file, name) {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest);
  const found = source.statements.find(
    (one) => ts.isInterfaceDeclaration(one) && one.name.text === name,
  );
  return found.members.map((member) => member.name.text).sort();
}

const TYPES = {
  "Socket.IO level": ["lib/server-options.ts", "ServerOptions"],
  "Attach level": ["lib/engine/options.ts", "AttachOptions"],
  "Engine level": ["lib/engine/options.ts", "ServerOptions"],
  "Native level": ["lib/engine/native-options.ts", "NativeServerOptions"],
};
for (const [section, [file, name]] of Object.entries(TYPES)) {
  test(`docs/options.md, ${section}: the options of ${name} in ${file}`, () => {
    const names = tables()[section].map((row) => row.name);
    // the path is listed once, as the Socket.IO level has it
    const keys = keysOf(file, name).filter((key) => name !== "AttachOptions" || key !== "path");
    assert.deepEqual(names.sort(), keys);
  });
}

test("docs/options.md: the tests that it names are there", () => {
  for (const { name, tests, ways } of Object.values(tables()).flat()) {
    assert.ok(tests.length > 0, `${name} has no test`);
    assert.match(ways.join(""), /^[●–]{4}$/, name);
    for (const file of tests) {
      assert.ok(existsSync(path.join(ROOT, "__test__", file)), file);
    }
  }
});

test("docs/options.md: the defaults of the engine", () => {
  const { opts } = new Server(http.createServer()).engine;
  for (const { name, fallback } of tables()["Engine level"]) {
    if (fallback === undefined) continue;
    assert.deepEqual(opts[name] ?? false, new Function(`return (${fallback})`)(), name);
  }
});

test("README.md: the versions of Node that are tested", () => {
  const [, listed] = /^Node ([\d, and]+) are tested/m.exec(read("README.md"));
  assert.deepEqual(listed.match(/\d+/g), Object.keys(NODES));
  const [lowest] = Object.keys(NODES);
  assert.equal(JSON.parse(read("package.json")).engines.node, `>=${lowest}`);
});
