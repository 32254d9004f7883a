// The time that others wait while clients send small events as fast as they can.
//
//   node bench/fairness.mjs [--flooders 1,10,100] [--work 0,5,20] [--rounds 1] [--seconds 5] [--port]
//                           [--servers upstream,ours]
//
// For each package in alternation: a server process, whose listener works for so many microseconds
// per event, a load process with the flooders, and this process, which is another client and
// newcomers, one after the other. Printed are the median and the worst time in ms in which the other
// client's events are acknowledged, and the same for a newcomer to connect.
import { once } from "node:events";
import { parseArgs } from "node:util";
import { io as connect } from "socket.io-client";
import { answer, ask, startChild } from "./children.mjs";
import { servers } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    flooders: { type: "string", default: "1,10,100" },
    work: { type: "string", default: "0,5,20" },
    rounds: { type: "string", default: "1" },
    seconds: { type: "string", default: "5" },
    servers: { type: "string", default: "upstream,ours" },
    port: { type: "boolean", default: false },
  },
});

const list = (text) => text.split(",").map(Number);

const client = (port) =>
  connect(`http://127.0.0.1:${port}`, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    timeout: 120_000,
  });

/**
 * Calls `act` again and again for that long; resolves with the time of each call in ms, the last one
 * infinite if it failed: the client was lost, or waited too long.
 */
async function timesOf(act, ms) {
  const times = [];
  const end = performance.now() + ms;
  while (times.length === 0 || performance.now() < end) {
    const before = performance.now();
    try {
      await act();
    } catch {
      times.push(Number.POSITIVE_INFINITY);
      break;
    }
    times.push(performance.now() - before);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return times;
}

async function round(name, flooders, work) {
  const form = values.port ? "port" : "attached";
  const server = startChild("fairness/server.js", [servers[name].env.PKG, form, work]);
  const { port } = await answer(server);
  const other = client(port);
  await once(other, "connect");
  const load = startChild("fairness/load.mjs", [port, flooders]);
  await answer(load);
  const ms = Number(values.seconds) * 1000;
  try {
    const answers = await timesOf(() => other.timeout(120_000).emitWithAck("ask"), ms);
    const newcomers = await timesOf(async () => {
      const newcomer = client(port);
      const refused = new Promise((_, reject) => newcomer.once("connect_error", reject));
      try {
        await Promise.race([once(newcomer, "connect"), refused]);
      } finally {
        newcomer.disconnect();
      }
    }, ms);
    const { events } = await ask(server, "count");
    return { answers, newcomers, events };
  } finally {
    other.disconnect();
    load.kill("SIGKILL");
    server.kill("SIGKILL");
  }
}

function row(times) {
  const sorted = times.toSorted((a, b) => a - b);
  return [sorted[sorted.length >> 1], sorted.at(-1)]
    .map((ms) => ms.toFixed(1).padStart(9))
    .join("");
}

console.log(
  "flooders  work µs  package      answer: median    worst   newcomer: median    worst   events",
);
for (const flooders of list(values.flooders)) {
  for (const work of list(values.work)) {
    const all = new Map();
    for (let n = 0; n < Number(values.rounds); n++) {
      for (const name of values.servers.split(",")) {
        const sum = all.get(name) ?? { answers: [], newcomers: [], events: 0 };
        const one = await round(name, flooders, work);
        sum.answers.push(...one.answers);
        sum.newcomers.push(...one.newcomers);
        sum.events += one.events;
        all.set(name, sum);
      }
    }
    for (const [name, { answers, newcomers, events }] of all) {
      const head = `${String(flooders).padStart(8)}${String(work).padStart(9)}  ${name.padEnd(14)}`;
      console.log(
        `${head}${row(answers).padStart(25)}${row(newcomers).padStart(27)}${`${events}`.padStart(10)}`,
      );
    }
  }
}
process.exit(0);
