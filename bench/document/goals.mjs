// The goals in docs/performance.md: met, missed, and where the time of the missed ones goes.

import { verdicts } from "../goals.mjs";
import { layout } from "../layout.mjs";
import { scenarios } from "../scenarios.mjs";
import { FORMS, servers } from "../servers.mjs";
import { digits, heading } from "./tables.mjs";

/** Every verdict of a run: `{name, form, row, label, bound, value, met}`. */
function all({ rows }) {
  return Object.entries(rows).flatMap(([name, row]) =>
    FORMS.flatMap((form) =>
      verdicts(scenarios[name], form, row).map((verdict) => ({ name, form, row, ...verdict })),
    ),
  );
}

/** How many of a scenario's goals a form meets, with the figures of each. */
const told = (list) =>
  list
    .map(({ label, bound, value, met }) => {
      const text = `${label} ${digits(value)} (${bound})`;
      return met ? text : `**${text}**`;
    })
    .join(", ");

/** One table: a row per scenario, both forms; missed goals are in bold type. */
export function goals(run) {
  const list = all(run);
  const met = list.filter((goal) => goal.met).length;
  const names = [...new Set(list.map(({ name }) => name))];
  const body = names.map((name) => [
    scenarios[name].title,
    ...FORMS.map((form) => told(list.filter((g) => g.name === name && g.form === form)) || "–"),
  ]);
  const table = layout([["scenario", ...FORMS.map((f) => servers[f].title)], ...body], () => false);
  return [`### ${heading(run)}: ${met} of ${list.length} goals met`, table.join("\n")].join("\n\n");
}

/** A thread's time as `name 12.3 (45 % kernel)`. */
function thread({ name, user_us, sys_us }) {
  const total = user_us + sys_us;
  return `${name} ${digits(total)} (${Math.round((100 * sys_us) / total)} %)`;
}

/** The threads of the rows that miss a goal, with the kernel's part of each. */
export function missed(run) {
  const list = all(run).filter((goal) => !goal.met);
  const keys = [...new Set(list.map(({ name, form }) => `${name} ${form}`))];
  if (keys.length === 0) return `### ${heading(run)}\n\nNo goal is missed.`;
  const share = (s) => (s.sys_us > 0 ? `${Math.round((100 * s.sys_us) / s.cpu_us)} %` : "–");
  const body = keys.map((key) => {
    const [name, form] = key.split(" ");
    const { [form]: ours, upstream } = run.rows[name];
    const threads = (ours.threads ?? []).map(thread).join(", ");
    const labels = list.filter((g) => g.name === name && g.form === form).map((g) => g.label);
    const title = `${scenarios[name].title}, ${form}`;
    return [title, labels.join(", "), share(ours), upstream ? share(upstream) : "–", threads];
  });
  const head = ["row", "missed", "kernel", "upstream's", "µs per thread (kernel's share)"];
  return [`### ${heading(run)}`, layout([head, ...body], () => false).join("\n")].join("\n\n");
}
