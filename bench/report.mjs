// Turns results into the printed table and says which goals a run met.

import { verdicts } from "./goals.mjs";
import { cell, layout } from "./layout.mjs";
import { NOISE, summaries } from "./measure.mjs";

const COLUMNS = [
  ["CPU µs/op", "cpu_us", 2],
  ["times", "cpu_times", 2],
  ["main µs/op", "main_us", 2],
  ["times", "main_times", 1],
  ["kernel", "sys_us", 2],
  ["RSS KiB/conn", "rss_kib", 1],
  ["emit ms", "emit_ms", 2],
  ["worst emit", "emit_max_ms", 2],
  ["stall ms", "stall_ms", 1],
  ["ops/s", "ops_s", 0],
  ["p50 ms", "p50_ms", 2],
  ["p99 ms", "p99_ms", 2],
  ["load", "load", 2],
  ["other", "other", 2],
];

function told({ label, bound, value, met }) {
  if (value === null) return `${label} ${bound}: NOT MEASURED`;
  return `${label} ${bound}: ${met ? "met" : "MISSED"}`;
}

/**
 * @param results what `alternate` returns
 * @param scenarios all scenarios by name
 * @param mode the form that `ours` has: "attach" or "port"
 * @returns the table's text, how many goals were met of how many, and whether every run was good
 */
export function report(results, scenarios, mode) {
  const form = mode === "port" ? "port" : "attached";
  const rows = [["scenario", "server", ...COLUMNS.map(([name]) => name), "goals"]];
  const failures = [];
  const outcome = { met: 0, goals: 0, ok: true, noisy: false };
  for (const [scenario, row] of Object.entries(summaries(results))) {
    for (const [name, s] of Object.entries(row)) {
      const goals = verdicts(scenarios[scenario], name === "ours" ? form : name, row);
      outcome.goals += goals.length;
      outcome.met += goals.filter((goal) => goal.met).length;
      if (s.error) {
        outcome.ok = false;
        const runs = results[scenario][name].length;
        failures.push(`${scenario}, ${name}, ${s.failed} of ${runs}: ${s.error}`);
      }
      if (s.other > NOISE) outcome.noisy = true;
      const figures = COLUMNS.map(([, key, digits]) => cell(s[key], digits));
      if (s.error) figures[0] = "FAILED";
      rows.push([scenario, name, ...figures, goals.map(told).join(", ")]);
    }
  }
  const lines = layout(rows, (i, count) => i > 1 && i < count - 1);
  if (failures.length) lines.push("", "Failed runs:", ...failures.map((f) => `  ${f}`));
  return { text: lines.join("\n"), ...outcome };
}
