// Writes docs/performance.md, docs/performance.svg and the figures of README.md from the figures
// that are kept in bench/figures/performance.json.
//
//   node bench/document.mjs [--take FILE ...]
//
// --take puts the runs of bench/main.mjs (one for each Node) and of bench/growth.mjs into that file
// first: medians instead of single runs, in place of an earlier run of the same kind and Node.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { FIGURES, readFigures, render, take, write } from "./document/figures.mjs";
import { root } from "./servers.mjs";

const { values } = parseArgs({
  options: { take: { type: "string", multiple: true, default: [] } },
  allowPositionals: false,
});

if (values.take.length > 0) {
  const figures = readFigures();
  for (const file of values.take) take(figures, JSON.parse(readFileSync(file, "utf8")));
  mkdirSync(path.dirname(FIGURES), { recursive: true });
  writeFileSync(FIGURES, `${write(figures)}\n`);
}
for (const [file, text] of Object.entries(render(readFigures()))) {
  writeFileSync(path.join(root, file), text);
  console.log(file);
}
