// The types under test: what is inferred, and what is refused. Each *.test-d.ts is checked by tsd,
// against the declarations of the subject.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import tsdModule from "tsd";
import { engineName, name } from "../support/subject.mjs";

const { default: tsd } = tsdModule;
const require = createRequire(import.meta.url);
const folderOf = (name) => path.dirname(require.resolve(`${name}/package.json`));

/** Checked to be refused: a check that lets it pass proves nothing. */
const WRONG = "wrong.test-d.ts";
const FILES = fs.readdirSync(new URL(".", import.meta.url)).filter((f) => f.endsWith(".test-d.ts"));

/** Complaints: `[file, text]`. */
let complaints;

before(async () => {
  const folder = fs.mkdtempSync(path.join(tmpdir(), "types-"));
  try {
    complaints = await check(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

async function check(folder) {
  const modules = path.join(folder, "node_modules");
  const link = (name, target) => {
    fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    fs.symlinkSync(target, path.join(modules, name), "dir");
  };
  link("socket.io-under-test", folderOf(name));
  link("engine.io", path.join(path.dirname(require.resolve("engine.io")), ".."));
  link("socket.io-native", folderOf("socket.io-native"));
  link("tsd", path.join(path.dirname(require.resolve("tsd")), ".."));
  link("@types/node", folderOf("@types/node"));
  const write = (file, text) => fs.writeFileSync(path.join(folder, file), text);
  write("index.d.ts", 'export * from "socket.io-under-test";\n');
  write("engine.d.ts", `export * from "${engineName}";\n`);
  const compilerOptions = {
    strict: true,
    module: "node16",
    moduleResolution: "node16",
    types: ["node"],
  };
  const tests = { directory: ".", compilerOptions };
  write(
    "package.json",
    JSON.stringify({ name: "types", version: "1.0.0", types: "index.d.ts", tsd: tests }),
  );
  for (const file of FILES) {
    fs.copyFileSync(new URL(file, import.meta.url), path.join(folder, file));
  }
  const found = await tsd({ cwd: folder, typingsFile: "index.d.ts", testFiles: FILES });
  return found.map(({ fileName, line, message }) => [
    path.basename(fileName),
    `line ${line}: ${message}`,
  ]);
}

const told = (file) => complaints.filter(([of]) => of === file).map(([, text]) => text);

for (const file of FILES.filter((file) => file !== WRONG)) {
  test(`types: ${file}`, () => assert.deepEqual(told(file), []));
}

test("types: nothing else is complained of", () => {
  const others = complaints.filter(([file]) => !FILES.includes(file));
  assert.deepEqual(others, []);
});

test(`types: ${WRONG} is refused`, () => {
  const lines = told(WRONG).map((text) => Number(text.match(/line (\d+)/)[1]));
  const source = fs.readFileSync(new URL(WRONG, import.meta.url), "utf8").split("\n");
  const wrong = source.flatMap((line, i) => (line.startsWith("expect") ? [i + 1] : []));
  assert.deepEqual(
    lines.sort((a, b) => a - b),
    wrong,
  );
});
