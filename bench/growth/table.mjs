// The table of one part of the report about growth.

import { cell, layout } from "../layout.mjs";
import { servers } from "../servers.mjs";

/**
 * @param part one of `parts`
 * @param rows its summaries, by step and server
 * @returns the lines of a Markdown table: a row per step, columns per server and figure
 */
export function table(part, rows) {
  const names = [...new Set(Object.values(rows).flatMap(Object.keys))];
  const columns = names.flatMap((name) => part.figures.map(([head, of]) => ({ name, head, of })));
  const heads = columns.map(({ name, head }) => `${servers[name].title}, ${head}`);
  const body = Object.entries(rows).map(([at, row]) => [
    Number(at).toLocaleString("en-US"),
    ...columns.map(({ name, of }) => {
      const s = row[name];
      if (!s) return "";
      return s.error ? "failed" : cell(of(s, Number(at)), part.digits);
    }),
  ]);
  return layout([[part.unit, ...heads], ...body], () => true);
}
