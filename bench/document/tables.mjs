// The tables of docs/performance.md, and the lines that say how they were taken.

import { layout } from "../layout.mjs";
import { NOISE } from "../measure.mjs";
import { scenarios } from "../scenarios.mjs";
import { servers } from "../servers.mjs";

/** A figure with three digits: 0.0312, 1.23, 45.6, 789, 1,234. */
export function digits(value) {
  if (typeof value !== "number") return "–";
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  if (value >= 10) return value.toFixed(1);
  if (value >= 1) return value.toFixed(2);
  return String(Number(value.toPrecision(2)));
}

/** A time as `total / main`, in µs. */
export const pair = (s) => (s && !s.error ? `${digits(s.cpu_us)} / ${digits(s.main_us)}` : "–");

/** How many times less than upstream, as `total / main`. */
export const ratios = (s) =>
  s?.cpu_times ? `${digits(s.cpu_times)} / ${digits(s.main_times)}` : "–";

/** Marks a row that something else on the machine disturbed. */
const mark = (row) => (Object.values(row).some((s) => s.other > NOISE) ? " †" : "");

const left = (i) => i > 0;
const LIMITS = ["uws", "bun", "socketioxide"];

/** The name of a Node, as headings have it. */
export const heading = ({ about }) => `Node ${Number.parseInt(about.node.slice(1), 10)}`;

function times(rows) {
  const head = ["CPU µs per operation", "attached", "port", servers.upstream.title];
  head.push("attached, times less", "port, times less", ...LIMITS.map((n) => servers[n].title));
  const body = Object.entries(rows).flatMap(([name, row]) => {
    if (scenarios[name].memory) return [];
    const own = [pair(row.attached), pair(row.port), pair(row.upstream)];
    own.push(ratios(row.attached), ratios(row.port), ...LIMITS.map((n) => pair(row[n])));
    return [[scenarios[name].title + mark(row), ...own]];
  });
  return layout([head, ...body], left);
}

function latencies(rows) {
  const who = ["attached", "port", "upstream", ...LIMITS];
  const cell = (s) => (s && !s.error ? `${digits(s.p50_ms)} / ${digits(s.p99_ms)}` : "–");
  const head = ["latency in ms, p50 / p99", ...who.map((n) => servers[n].title)];
  const body = Object.entries(rows)
    .filter(([name]) => scenarios[name].latency)
    .map(([name, row]) => [scenarios[name].title + mark(row), ...who.map((n) => cell(row[n]))]);
  return layout([head, ...body], left);
}

/** How many connections a run of a scenario opened. */
export function connections({ args, small }, about) {
  const count = about.small && small ? small : Number(args[args.indexOf("--conns") + 1]);
  return count.toLocaleString("en-US");
}

function memory(rows, about) {
  const who = ["attached", "port", "upstream", ...LIMITS];
  const head = ["resident set per idle connection, KiB", "connections"];
  head.push(...who.map((n) => servers[n].title));
  const body = Object.entries(rows)
    .filter(([, row]) => row.upstream?.rss_kib)
    .map(([name, row]) => {
      const { title } = scenarios[name];
      const count = connections(scenarios[name], about);
      return [title, count, ...who.map((n) => digits(row[n]?.rss_kib))];
    });
  return layout([head, ...body], left);
}

/** The three tables of one Node: times, latencies, memory. */
export function figuresOf(run) {
  const tables = [times, latencies, memory].map((table) => table(run.rows, run.about).join("\n"));
  return [`### ${heading(run)}`, ...tables].join("\n\n");
}

/** A line about a run, which is a short one with less than so many rounds. */
function line({ about }, what, rounds) {
  const length = about.seconds ? `, ${about.seconds} s on the clock` : "";
  const short = about.rounds < rounds || about.small;
  const warning = short ? " **A short run: it shows the form of the table, not the figures.**" : "";
  const absent = Object.entries(about.absent ?? {}).map(([n, why]) => `${n} did not start: ${why}`);
  const left = absent.length ? ` Left out: ${absent.join("; ")}.` : "";
  return (
    `- ${what}, ${about.date}: Node ${about.node.slice(1)}, ${about.system}, ${about.cores} cores ` +
    `(${about.cpu.trim()}), rounds: ${about.rounds}${length}.${left}${warning}`
  );
}

/** Says how the runs were taken: the machine, the versions, the rounds. */
export function taken({ nodes, growth }) {
  const runs = Object.values(nodes);
  const lines = runs.map((run) => line(run, "Scenarios", 3));
  if (growth) lines.push(line(growth, "Growth", 2));
  const versions = Object.values(runs[0]?.about.versions ?? {});
  if (versions.length) lines.push(`- Measured: ${[...new Set(versions)].join(", ")}.`);
  const disturbed = runs.some((run) => Object.values(run.rows).some((row) => mark(row)));
  if (disturbed) lines.push("- † Something else kept the machine busy: such a row proves nothing.");
  return lines.join("\n");
}
