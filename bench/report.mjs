// Turns results into the printed table and says which goals a run met.

import { NOISE, summary } from "./measure.mjs";

const COLUMNS = [
  ["CPU µs/op", "cpu_us", 2],
  ["×", "cpu_x", 2],
  ["main µs/op", "main_us", 2],
  ["×", "main_x", 2],
  ["RSS KiB/conn", "rss_kib", 1],
  ["emit ms", "emit_ms", 2],
  ["worst emit", "emit_max_ms", 2],
  ["stall ms", "stall_ms", 1],
  ["ops/s", "ops_s", 0],
  ["p50 ms", "p50_ms", 2],
  ["load", "load", 2],
  ["other", "other", 2],
];

const cell = (v, digits) => (typeof v === "number" ? v.toFixed(digits) : "");

function verdict(s, goal) {
  const value = s[goal.figure];
  // Nothing costs nothing: a zero means that the figure was too small for the clock.
  if (!(value > 0)) return `${goal.label}: NOT MEASURED`;
  return `${goal.label}: ${value <= goal.atMost ? "met" : "MISSED"}`;
}

/** Pads a table's cells, so that it reads as plain text and as Markdown. */
function layout(rows) {
  const widths = rows[0].map((_, i) => Math.max(2, ...rows.map((r) => r[i].length)));
  const isFigure = (i) => i > 1 && i < widths.length - 1;
  const pad = (text, i) => (isFigure(i) ? text.padStart(widths[i]) : text.padEnd(widths[i]));
  const line = (r) => `| ${r.map(pad).join(" | ")} |`;
  const rule = widths.map((w, i) => (isFigure(i) ? `${"-".repeat(w - 1)}:` : "-".repeat(w)));
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)];
}

/**
 * @param results what `alternate` returns
 * @param scenarios all scenarios by name
 * @returns the table's text, how many goals were met of how many, and whether every run was good
 */
export function report(results, scenarios) {
  const rows = [["scenario", "server", ...COLUMNS.map(([name]) => name), "goals"]];
  const failures = [];
  const outcome = { met: 0, goals: 0, ok: true, noisy: false };
  for (const [scenario, byServer] of Object.entries(results)) {
    const names = Object.keys(byServer);
    const first = byServer.upstream ? summary(byServer.upstream) : {};
    for (const name of names) {
      const s = summary(byServer[name], first);
      const goals = name === "ours" ? scenarios[scenario].goals : [];
      const verdicts = goals.map((g) => verdict(s, g));
      outcome.goals += goals.length;
      outcome.met += verdicts.filter((v) => v.endsWith(" met")).length;
      if (s.error) {
        outcome.ok = false;
        failures.push(`${scenario}, ${name}, ${s.failed} of ${byServer[name].length}: ${s.error}`);
      }
      if (s.other > NOISE) outcome.noisy = true;
      const figures = COLUMNS.map(([, key, digits]) => cell(s[key], digits));
      if (s.error) figures[0] = "FAILED";
      rows.push([scenario, name, ...figures, verdicts.join(", ")]);
    }
  }
  const lines = layout(rows);
  if (failures.length) lines.push("", "Failed runs:", ...failures.map((f) => `  ${f}`));
  return { text: lines.join("\n"), ...outcome };
}
