// The code of the pages: what is marked is followed in an empty folder, all else can be parsed.
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";
import { blocks, pages, readPage } from "../support/documents.mjs";
import { follow, sections } from "../support/follow.mjs";
import { postgresBeyond } from "../support/postgres.mjs";
import { redisBeyond } from "../support/redis.mjs";
import { beyond } from "../support/subject.mjs";

/** Messages of the parser about a block. */
function complaints({ language, code, line }) {
  if (language === "json") {
    try {
      JSON.parse(code);
      return [];
    } catch (error) {
      return [`line ${line}: ${error.message}`];
    }
  }
  if (!["js", "ts"].includes(language)) return [];
  const { diagnostics } = ts.transpileModule(code, {
    reportDiagnostics: true,
    fileName: `block.${language}`,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      allowJs: true,
    },
  });
  return diagnostics.map(
    ({ messageText }) => `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
  );
}

for (const page of pages()) {
  const all = blocks(readPage(page));
  if (all.length === 0) continue;
  test(`${page}: each block of code can be parsed, and those for users name their language`, () => {
    assert.deepEqual(
      all
        .filter(({ language }) => language === "" && /^(README|docs\/)/.test(page))
        .map(({ line }) => `line ${line}: no language`),
      [],
    );
    assert.deepEqual(all.flatMap(complaints), []);
  });
}

const FOLLOWED = pages().filter((page) =>
  blocks(readPage(page)).some(({ mark }) => mark === "run"),
);

test("pages are followed: README.md, getting-started and migration among them", () => {
  for (const page of ["README.md", "docs/getting-started.md", "docs/migration.md"]) {
    assert.ok(FOLLOWED.includes(page), page);
  }
});

/** Sections that want a server of another maker, by its port in the page. */
const PARTS = { 6379: redisBeyond, 5432: postgresBeyond };

const portsOf = ({ blocks }) =>
  Object.keys(PARTS).filter((port) => blocks.some(({ code }) => code.includes(port)));

for (const page of FOLLOWED) {
  beyond(`${page}: its commands do what it says, in an empty folder`, async (t) => {
    await follow(t, page, { wanted: (section) => portsOf(section).length === 0 });
  });
  for (const section of sections(page)) {
    for (const port of portsOf(section)) {
      PARTS[port](`${page}, ${section.title}: its commands do what it says`, async (t, free) => {
        const wanted = ({ title }) => title === section.title;
        await follow(t, page, { ports: { [port]: free }, wanted });
      });
    }
  }
}

test("a block that cannot be parsed is found", () => {
  const block = { language: "js", code: "const a = ;\n", line: 1 };
  assert.match(complaints(block)[0], /Expression expected/);
  assert.equal(complaints({ language: "json", code: "{", line: 1 }).length, 1);
});
