// The documents are right about files and options.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Adapter } from "socket.io-adapter";
import ts from "typescript";
import { WebSocketServer } from "ws";
import { NODES } from "../scripts/lib/nodes.mjs";
import { beyond, Server } from "./support/subject.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");

/** Rows of the tables of options by section of docs/options.md: `{ name, unit, fallback, example }`. */
function tables() {
  const sections = {};
  let section;
  for (const line of read("docs/options.md").split("\n")) {
    if (line.startsWith("## ")) section = line.slice(3);
    const [, option, type, unit, fallback, effect, example] = cells(line);
    if (!section?.endsWith(" level") || !option?.startsWith("`")) continue;
    sections[section] ??= [];
    sections[section].push({
      name: option.slice(1, -1),
      described: type !== "" && effect !== "",
      unit,
      fallback: quoted(fallback),
      example: quoted(example),
    });
  }
  return sections;
}

const cells = (line) => line.split("|").map((cell) => cell.trim());
const quoted = (cell) => cell?.match(/^`(.*)`$/)?.[1];

/** Rows of the table of CONTRIBUTING.md: `{ name, level, tests, ways }`. */
function tested() {
  const [, text] = read("CONTRIBUTING.md").split("### Options and their tests\n");
  const rows = text.split("\n## ")[0].match(/^\| `.*$/gm);
  return rows.map((row) => {
    const [, option, level, tests, ...ways] = cells(row);
    const files = tests.match(/[\w./-]+\.test\.mjs/g) ?? [];
    return { name: option.slice(1, -1), level, tests: files, ways: ways.slice(0, -1) };
  });
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

test("CONTRIBUTING.md names the tests of each option, and they are there", () => {
  const expected = Object.entries(tables()).flatMap(([section, rows]) =>
    rows.map(({ name }) => `${section.replace(" level", "")} ${name}`),
  );
  const rows = tested();
  assert.deepEqual(rows.map(({ level, name }) => `${level} ${name}`).sort(), expected.sort());
  for (const { name, tests, ways } of rows) {
    assert.ok(tests.length > 0, `${name} has no test`);
    assert.match(ways.join(""), /^[●–]{4}$/, name);
    for (const file of tests) {
      assert.ok(existsSync(path.join(ROOT, "__test__", file)), file);
    }
  }
});

test("docs/options.md: a number has a unit or counts something, and each example names its option", () => {
  for (const { name, described, unit, example } of Object.values(tables()).flat()) {
    assert.ok(described, `${name} has no type or effect`);
    assert.match(unit, /^(ms|bytes|)$/, name);
    if (/Ms$|Timeout$|Interval$/.test(name)) assert.equal(unit, "ms", name);
    if (/Bytes|BufferSize/.test(name)) assert.equal(unit, "bytes", name);
    assert.ok(example?.startsWith(`${name}: `), `${name}: ${example}`);
  }
});

/** The names that the examples of docs/options.md import from packages. */
const AT_HAND = {
  createAdapter: () => Adapter,
  pub: undefined,
  sub: undefined,
  msgpackParser: createRequire(import.meta.url)("socket.io-msgpack-parser"),
  WebSocketServer,
};

for (const [section, rows] of Object.entries(tables())) {
  beyond(`docs/options.md, ${section}: a server takes each example without a warning`, async () => {
    const warnings = [];
    const onwarning = (warning) => warnings.push(warning.message);
    process.on("warning", onwarning);
    for (const { example } of rows) {
      const parameters = Object.keys(AT_HAND);
      const make = new Function(...parameters, `return ({ ${example} })`);
      const options = make(...Object.values(AT_HAND));
      const io = new Server(http.createServer(), {
        ...(section === "Native level" ? { native: options } : options),
      });
      io.engine.close();
    }
    await new Promise(setImmediate);
    process.off("warning", onwarning);
    assert.deepEqual(warnings, []);
  });
}

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
