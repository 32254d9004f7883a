// Mixed traffic of many clients with exact accounts of every message, for minutes or hours.
//
//   node bench/soak.mjs [--minutes 30] [--clients 2000] [--loads 2] [--rest 10]
//
// One process has two servers, on a port and attached; the clients are in `--loads` processes. Each
// side numbers what it sends and checks what it gets: nothing is lost, nothing comes twice or out of
// order, and what a broken connection got is the beginning of what was sent. The resident set (after a
// garbage collection) and the descriptors of the server stay where they are. The last sample is taken
// `--rest` seconds after the last client has gone; packets are kept for recovery for two minutes. Ends
// with 1 on any fault.
// ORACLE=upstream runs upstream. Needs /proc.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { answer, ask, startChild } from "./children.mjs";
import { median } from "./measure.mjs";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    clients: { type: "string", default: "2000" },
    loads: { type: "string", default: "2" },
    rest: { type: "string", default: "10" },
  },
});
const [minutes, count, loads, rest] = [
  values.minutes,
  values.clients,
  values.loads,
  values.rest,
].map(Number);
const MIB = 2 ** 20;
/**
 * By so much may the last third stand above the first: a share, and MiB or descriptors. In three minutes
 * the packets that are kept for recovery, for two minutes, are still becoming more.
 */
const SLACK = { rss: [0.1, 48], descriptors: [0.1, 20] };
/** Samples of the whole run, and of the time after it. */
const SAMPLES = 60;
/** Time in ms for the server to be without clients at the end: a ping timeout and more. */
const PATIENCE = 240_000;

const faults = [];
const linksOf = ({ pid }) =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/:\[\d+\]$/, "");
    } catch {
      return "closed";
    }
  });
const mib = (bytes) => `${(bytes / MIB).toFixed(0)} MiB`;

function checkLimit(pid) {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const files = Number(limits.match(/Max open files +(\d+)/)[1]);
  if (files > count * 2 + 200) return;
  throw new Error(`${files} descriptors are too few for ${count} clients: raise ulimit -n`);
}

const server = startChild("soak/server.mjs", [], ["--expose-gc"]);
const { ports } = await answer(server);
checkLimit(server.pid);
const sample = async () => ({
  time: performance.now(),
  descriptors: linksOf(server).length,
  ...(await ask(server, "sample")),
});
// Node opens some descriptors with the first one.
await sample();
const base = await sample();
const baseLinks = linksOf(server);

const share = Math.ceil(count / loads);
const crowds = Array.from({ length: loads }, (_, i) =>
  startChild("soak/load.mjs", [...ports, i * share, Math.min(share, count - i * share)]),
);
await Promise.all(crowds.map(answer));
const full = await sample();
console.log(
  `${count} clients are there after ${((full.time - base.time) / 1000).toFixed(0)} s: ` +
    `${mib(full.rss)}, ${full.descriptors} descriptors`,
);

const samples = [];
const end = performance.now() + minutes * 60_000;
while (performance.now() < end) {
  await pause(Math.min((minutes * 60_000) / SAMPLES, Math.max(end - performance.now(), 0)));
  const one = await sample();
  samples.push(one);
  if (samples.length % 10 !== 0) continue;
  const { rss, heapUsed, descriptors, up, down, faults: bad } = one;
  const at = ((one.time - full.time) / 60_000).toFixed(1);
  console.log(
    `${at} min: ${mib(rss)} (heap ${mib(heapUsed)}), ${descriptors} descriptors, ` +
      `${up} events in, ${down} answers, ${bad} faults`,
  );
}

const reports = await Promise.all(crowds.map((crowd) => ask(crowd, "leave")));
const last = samples.at(-1);
for (const crowd of crowds) crowd.disconnect();
let after = await sample();
const patience = performance.now() + PATIENCE;
const isBack = ({ left, descriptors }) =>
  Object.values(left).every((n) => n === 0) && descriptors <= base.descriptors;
while (!isBack(after) && performance.now() < patience) {
  await pause(500);
  after = await sample();
}
await pause(rest * 1000);
after = await sample();
if (!isBack(after)) {
  const left = JSON.stringify(after.left);
  faults.push(
    `after the end: ${left}, ${after.descriptors} descriptors, ${base.descriptors} before`,
  );
  faults.push(`descriptors: ${tally(linksOf(server))}; before: ${tally(baseLinks)}`);
}
const served = await ask(server, "report");
server.disconnect();
check();
print();
process.exit(faults.length > 0 ? 1 : 0);

/** Texts with their numbers. */
function tally(texts) {
  const numbers = {};
  for (const text of texts) numbers[text] = (numbers[text] ?? 0) + 1;
  return JSON.stringify(numbers);
}

function check() {
  faults.push(...served.faults);
  for (const report of reports) faults.push(...report.faults);
  const hidden = [served, ...reports].reduce((sum, { totals }) => sum + totals.faults, 0);
  if (hidden > 0) faults.push(`${hidden} faults of messages in all`);
  for (const key of Object.keys(SLACK)) {
    const [first, third] = thirds(key);
    const [part, absolute] = SLACK[key];
    const more = key === "rss" ? absolute * MIB : absolute;
    if (third > first * (1 + part) + more) faults.push(`${key} grow from ${first} to ${third}`);
  }
}

/** The medians of the first and of the last third, without the first quarter of all samples. */
function thirds(key) {
  const warm = samples.slice(Math.ceil(samples.length / 4)).map((one) => one[key]);
  const third = Math.floor(warm.length / 3);
  return [median(warm.slice(0, third)), median(warm.slice(-third))];
}

function print() {
  const numbers = {};
  for (const report of reports) {
    for (const [kind, n] of Object.entries(report.numbers))
      numbers[kind] = (numbers[kind] ?? 0) + n;
  }
  const sum = (key) => reports.reduce((total, { totals }) => total + totals[key], 0);
  const seconds = (last.time - full.time) / 1000;
  const percent = (cpu) => `${((100 * cpu) / seconds).toFixed(0)} %`;
  const peak = Math.max(...samples.map(({ rss }) => rss));
  const [rss, descriptors] = [thirds("rss"), thirds("descriptors")];
  const rows = {
    clients: Object.entries(numbers)
      .map(([kind, n]) => `${kind} ${n}`)
      .join("; "),
    "connections to namespaces": `${served.totals.connections}, ${served.totals.recovered} of them recovered`,
    "ends by reason": JSON.stringify(served.reasons),
    "events to the server": `${sum("sent")} sent, ${served.totals.up} arrived`,
    "events to clients": `${sum("received")} received; ${served.totals.broadcasts} broadcasts`,
    acknowledgements: `${sum("acks")}`,
    "accounts compared": `${sum("closed")}`,
    "resident set": `${mib(base.rss)} before, ${mib(rss[0])} first third, ${mib(rss[1])} last third, ${mib(peak)} peak, ${mib(after.rss)} after`,
    descriptors: `${base.descriptors} before, ${descriptors[0]} first third, ${descriptors[1]} last third, ${after.descriptors} after`,
    "CPU of the server": percent(last.cpu - full.cpu),
    "CPU of the clients": percent(reports.reduce((total, { cpu }) => total + cpu, 0)),
    faults: `${faults.length}`,
  };
  console.log(`\n${minutes} minutes, ${count} clients`);
  for (const [name, text] of Object.entries(rows)) console.log(`  ${name.padEnd(26)} ${text}`);
  for (const text of faults) console.log(`FAULT ${text}`);
}
