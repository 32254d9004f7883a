// A process with clients of bench/soak.mjs: `load.mjs PORT PORT FIRST COUNT`.
import { setTimeout as pause } from "node:timers/promises";
import { fault, faults, totals } from "./account.mjs";
import { KINDS } from "./kinds.mjs";
import { ROOMS } from "./traffic.mjs";

const [port, attached, first, count] = process.argv.slice(2).map(Number);
/** Time in ms that a client may take to leave, with what it does before that. */
const LEAVE_MS = 120_000;
/** Clients that open at the same time. */
const AT_ONCE = 20;

/** The kind of client number `index`: every hundred clients are a mix by the shares. */
const MIX = Object.entries(KINDS).flatMap(([name, [share]]) => Array(share).fill(name));
// 37 and 100 have no common factor: neighbours differ
const kindOf = (index) => MIX[(index * 37) % 100];

const clients = [];
const numbers = {};

async function arrive() {
  const rest = Array.from({ length: count }, (_, i) => first + i);
  const worker = async () => {
    for (let index = rest.shift(); index !== undefined; index = rest.shift()) {
      const kind = kindOf(index);
      numbers[kind] = (numbers[kind] ?? 0) + 1;
      const [, run] = KINDS[kind];
      const port2 = Math.floor(index / 100 + index) % 2 === 0 ? port : attached;
      const place = { port: port2, index, name: `${kind} ${index}`, room: index % ROOMS };
      clients.push({ name: place.name, ...(await run(place)) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function leave() {
  const rest = [...clients];
  const worker = async () => {
    for (let one = rest.pop(); one; one = rest.pop()) {
      const { name } = one;
      const late = setTimeout(() => fault(`${name} cannot leave`), LEAVE_MS);
      const over = pause(LEAVE_MS + 1000, undefined, { ref: false });
      await Promise.race([one.leave(), over]);
      clearTimeout(late);
    }
  };
  // those who come and go want some seconds for it
  await Promise.all(Array.from({ length: 200 }, worker));
  // The last words of clients that poll are on their way.
  await pause(3000);
}

process.on("message", async (message) => {
  if (message === "leave") await leave();
  const { user, system } = process.cpuUsage();
  process.send({ totals, faults, numbers, cpu: (user + system) / 1e6 });
});
process.on("disconnect", () => process.exit());
await arrive();
process.send({ arrived: clients.length });
