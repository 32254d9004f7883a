// The figures that documents are made from, and the files made from them.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { summaries } from "../measure.mjs";
import { here, root } from "../servers.mjs";
import { chart } from "./chart.mjs";
import { goals, missed } from "./goals.mjs";
import { growth } from "./growth.mjs";
import { brief } from "./readme.mjs";
import { figuresOf, taken } from "./tables.mjs";

/** The file that holds the figures: `{nodes: {major: run}, growth: run}`. */
export const FIGURES = path.join(here, "figures", "performance.json");

/** Reads the figures; there are none before the first `take`. */
export function readFigures() {
  if (!existsSync(FIGURES)) return { nodes: {}, growth: null };
  return JSON.parse(readFileSync(FIGURES, "utf8"));
}

/** Objects this deep stand on one line: the figures of one server in one scenario. */
const DEEP = 5;

/** The figures as the text of their file: a line for each server, so that a new run is readable. */
export function write(value, depth = 0) {
  if (depth >= DEEP || value === null || typeof value !== "object" || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  if (Object.keys(value).length === 0) return "{}";
  const indent = " ".repeat(depth + 1);
  const lines = Object.entries(value).map(
    ([key, one]) => `${indent}${JSON.stringify(key)}: ${write(one, depth + 1)}`,
  );
  return `{\n${lines.join(",\n")}\n${indent.slice(1)}}`;
}

const round = (value) =>
  typeof value === "number" && value !== 0 ? Number(value.toPrecision(4)) : value;

/** A summary with four digits to a figure, without what was not measured and threads of no weight. */
function compact({ threads, ...summary }) {
  const kept = Object.entries(summary).filter(([, v]) => v !== null && v !== undefined);
  const busy = (threads ?? []).filter((t) => t.user_us + t.sys_us > 0.01 * summary.cpu_us);
  return {
    ...Object.fromEntries(kept.map(([k, v]) => [k, round(v)])),
    ...(threads && {
      threads: busy.map((t) => ({ ...t, user_us: round(t.user_us), sys_us: round(t.sys_us) })),
    }),
  };
}

function medians(results) {
  const rows = summaries(results);
  for (const row of Object.values(rows)) {
    for (const name of Object.keys(row)) row[name] = compact(row[name]);
  }
  return rows;
}

/** Puts a run's medians into the figures. @throws if it is no run, or a run of it has failed */
export function take(figures, { kind, about, results }) {
  if (kind === "growth") {
    const parts = Object.entries(results).map(([name, part]) => [name, medians(part)]);
    figures.growth = { about, parts: Object.fromEntries(parts) };
  } else if (kind === "scenarios") {
    const major = Number.parseInt(about.node.slice(1), 10);
    figures.nodes[major] = { about, rows: medians(results) };
  } else {
    throw new Error("that file is no run of bench/main.mjs or bench/growth.mjs");
  }
}

/** Fills the places of a document: `<!-- figures: NAME -->` up to `<!-- end of figures -->`. */
export function fill(text, blocks) {
  const place = /(<!-- figures: (\w+) -->\n)[\s\S]*?(<!-- end of figures -->)/g;
  return text.replace(place, (_, begin, name, end) => {
    if (!Object.hasOwn(blocks, name)) throw new Error(`there are no figures "${name}"`);
    return `${begin}\n${blocks[name].trim()}\n\n${end}`;
  });
}

/**
 * The files that are made from the figures, as they have to be: `{path: text}`. What people wrote
 * around the places of the figures stays.
 */
export function render(figures) {
  const runs = Object.values(figures.nodes);
  const blocks = {
    taken: taken(figures),
    tables: runs.map(figuresOf).join("\n\n"),
    goals: runs.map(goals).join("\n\n"),
    missed: runs.map(missed).join("\n\n"),
    growth: growth(figures.growth),
    brief: brief(runs[0]),
  };
  const document = (file) => fill(readFileSync(path.join(root, file), "utf8"), blocks);
  return {
    "docs/performance.md": document("docs/performance.md"),
    "docs/performance.svg": chart(runs[0]),
    "README.md": document("README.md"),
  };
}
