// The types inferred for typed events are those of upstream: every generic member, on every way to it.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import { inferredTypes } from "../support/inferred.mjs";
import { name } from "../support/subject.mjs";

const require = createRequire(import.meta.url);
const folderOf = (one) => path.dirname(require.resolve(`${one}/package.json`));

let theirs;
let ours;

before(() => {
  const folder = fs.mkdtempSync(path.join(tmpdir(), "inferred-"));
  try {
    const modules = path.join(folder, "node_modules");
    fs.mkdirSync(path.join(modules, "@types"), { recursive: true });
    for (const one of new Set(["socket.io", name, "@types/node"])) {
      fs.symlinkSync(folderOf(one), path.join(modules, one), "dir");
    }
    theirs = inferredTypes("socket.io", folder);
    ours = inferredTypes(name, folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test("typed events: types are read off upstream's declarations", () => {
  assert.ok(theirs.size > 3000, `${theirs.size} types`);
  const known = {
    'Typed_Server.timeout(5).emit "ackNothing": takes': [
      'ev: "ackNothing", done: (err: Error) => void',
    ],
    'Typed_Server.timeout(5).emitWithAck "ackNothing": gives': ["Promise<undefined>"],
  };
  for (const [of, [text]] of Object.entries(known)) assert.ok(theirs.get(of)?.includes(text), of);
});

test("typed events: every generic member infers what upstream's does", () => {
  const all = [...new Set([...theirs.keys(), ...ours.keys()])];
  const differences = all
    .filter((of) => theirs.get(of) !== ours.get(of))
    .map((of) => ({ of, upstream: theirs.get(of), here: ours.get(of) }));
  assert.deepEqual(differences.slice(0, 20), []);
});
