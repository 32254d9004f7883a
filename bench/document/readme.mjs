// The figures of README.md.

import { layout } from "../layout.mjs";
import { scenarios } from "../scenarios.mjs";
import { connections, digits, pair, ratios } from "./tables.mjs";

/** The five figures that matter: a title, the scenario, and how a cell is read from a summary. */
const FIVE = [
  ["acknowledged event, µs", "ack32"],
  ["light load: 10,000 echoes a second over 1,000 connections, µs per echo", "paced10k"],
  ["20 broadcasts in a row to 1,000 clients, µs per delivery", "bcast20"],
  ["a connection opened over WebSocket, µs", "idle_ws"],
];

/** One table, and the line that says where its figures are from. */
export function brief(run) {
  if (!run) return "Not measured yet.";
  const { rows, about } = run;
  const body = FIVE.filter(([, name]) => rows[name]).map(([title, name]) => {
    const { attached, port, upstream } = rows[name];
    return [title, pair(attached), pair(port), pair(upstream), ratios(attached), ratios(port)];
  });
  const idle = rows.idle_ws;
  if (idle) {
    const kib = (s) => digits(s?.rss_kib);
    const less = (s) => digits(idle.upstream.rss_kib / s?.rss_kib);
    const { attached, port, upstream } = idle;
    const cells = [kib(attached), kib(port), kib(upstream), less(attached), less(port)];
    const count = connections(scenarios.idle_ws, about);
    body.push([`memory per idle connection at ${count}, KiB (RSS)`, ...cells]);
  }
  const head = [
    "",
    "attached",
    "port",
    "socket.io + ws",
    "attached, times less",
    "port, times less",
  ];
  const short =
    about.rounds < 3 || about.small
      ? "**A short run: it shows the form of the table, not the figures.** "
      : "";
  return [
    `${short}CPU time of the server process per operation, as total / JavaScript thread; medians of ` +
      `${about.rounds} ${about.rounds === 1 ? "round" : "rounds"}, all servers in alternation in one ` +
      `run (Node ${about.node.slice(1)}, ${about.cores} cores, ${about.cpu.trim()}, ${about.date}).`,
    layout([head, ...body], (i) => i > 0).join("\n"),
  ].join("\n\n");
}
