// Links of the pages: each leads to a file of the repository and to a heading of it.
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { anchors, links, pages, ROOT, readPage } from "../support/documents.mjs";

/** The fault of a link of a page, or undefined. */
function fault(page, target) {
  const [file, anchor] = target.split("#");
  const linked = file === "" ? page : path.posix.join(path.posix.dirname(page), file);
  const full = path.join(ROOT, linked);
  if (!existsSync(full)) return `${page}: there is no ${linked}`;
  if (anchor === undefined) return undefined;
  if (!statSync(full).isFile() || !linked.endsWith(".md"))
    return `${page}: ${target} has no headings`;
  if (!anchors(readPage(linked)).includes(anchor))
    return `${page}: ${linked} has no heading #${anchor}`;
  return undefined;
}

for (const page of pages()) {
  test(`${page}: its links lead to files and headings`, () => {
    const faults = links(readPage(page)).map((target) => fault(page, target));
    assert.deepEqual(faults.filter(Boolean), []);
  });
}

test("every page of docs/ is reached from README.md", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached) {
    if (!page.endsWith(".md") || !existsSync(path.join(ROOT, page))) continue;
    for (const target of links(readPage(page))) {
      const [file] = target.split("#");
      if (file !== "") reached.add(path.posix.join(path.posix.dirname(page), file));
    }
  }
  const missing = pages().filter((page) => page.startsWith("docs/") && !reached.has(page));
  assert.deepEqual(missing, []);
});

test("a link to a missing file or heading is found", () => {
  assert.match(fault("README.md", "docs/nowhere.md"), /there is no docs\/nowhere\.md/);
  assert.match(fault("README.md", "docs/options.md#nowhere"), /no heading #nowhere/);
  assert.match(fault("docs/options.md", "#nowhere"), /no heading/);
  assert.equal(fault("docs/options.md", "limits.md#of-one-client"), undefined);
});
