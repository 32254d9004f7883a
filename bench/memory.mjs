// The resident set of a server before, under, and ten seconds after a load.
//
//   node bench/memory.mjs [--loads attachments,churn] [--rounds 3] [--servers ours,upstream] [--port]
//
// For each load the packages run in alternation, each in a fresh process. Printed are MiB above the
// resident set before the load.
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { answer, ask, startChild } from "./children.mjs";
import { median } from "./measure.mjs";
import { servers } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    loads: { type: "string", default: "attachments,churn" },
    rounds: { type: "string", default: "3" },
    servers: { type: "string", default: "ours,upstream" },
    port: { type: "boolean", default: false },
  },
});
const MEBIBYTE = 2 ** 20;
/** The time in ms after which memory has to be back. */
const AFTER = 10_000;

async function round(name, load) {
  const form = values.port ? "port" : "attached";
  const server = startChild("memory/server.js", [servers[name].env.PKG, form], ["--expose-gc"]);
  const { port } = await answer(server);
  const clients = startChild("memory/load.js", [port]);
  try {
    await delay(500);
    const before = await ask(server, "rss");
    server.send("news");
    await ask(clients, { run: load });
    const under = await ask(server, "rss");
    await ask(clients, { leave: true });
    server.send("silence");
    await delay(AFTER);
    const after = await ask(server, "rss");
    if (after.clients > 0) throw new Error(`${after.clients} clients are still there`);
    const above = ({ rss }) => Math.round((rss - before.rss) / MEBIBYTE);
    return { name, load, under: above(under), after: above(after) };
  } finally {
    clients.kill();
    server.kill();
  }
}

for (const load of values.loads.split(",")) {
  const rounds = new Map(values.servers.split(",").map((name) => [name, []]));
  for (let i = 0; i < Number(values.rounds); i++) {
    for (const [name, results] of rounds) results.push(await round(name, load));
  }
  for (const [name, results] of rounds) {
    const [under, after] = ["under", "after"].map((key) => median(results.map((r) => r[key])));
    const all = results.map((r) => r.after).join(", ");
    console.log(`${load} ${name}: ${under} MiB under load, ${after} MiB 10 s after it (${all})`);
  }
}
