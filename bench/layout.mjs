// Tables in Markdown that also read as plain text.

/** A number with a fixed count of digits; an empty cell if there is no number. */
export const cell = (v, digits) => (typeof v === "number" ? v.toFixed(digits) : "");

/**
 * Pads the cells of a table.
 * @param rows the head and the rows, each a list of texts
 * @param isFigure tells by a column's index and the count of columns if it is aligned to the right
 * @returns the lines of the table
 */
export function layout(rows, isFigure) {
  const count = rows[0].length;
  const widths = rows[0].map((_, i) => Math.max(2, ...rows.map((r) => r[i].length)));
  const pad = (text, i) => (isFigure(i, count) ? text.padStart(widths[i]) : text.padEnd(widths[i]));
  const line = (r) => `| ${r.map(pad).join(" | ")} |`;
  const rule = widths.map((w, i) => (isFigure(i, count) ? `${"-".repeat(w - 1)}:` : "-".repeat(w)));
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)];
}
