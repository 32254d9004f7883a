// The part of docs/performance.md about growth.

import { parts } from "../growth/parts.mjs";
import { table } from "../growth/table.mjs";

/** A table for every part that the run has. */
export function growth(run) {
  if (!run) return "Not measured yet.";
  return Object.entries(run.parts)
    .map(([name, rows]) => `### ${parts[name].title}\n\n${table(parts[name], rows).join("\n")}`)
    .join("\n\n");
}
