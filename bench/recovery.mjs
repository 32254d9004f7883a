// The longest stall of the main thread while many clients recover their sessions at once.
//
//   node bench/recovery.mjs [--clients 10000] [--missed 10] [--rounds 3] [--port]
//
// For each package in alternation: a server process, and a load process whose clients connect, are
// cut off, miss broadcasts, and all come back at once. Printed is the longest time for which the
// server's event loop did not turn while they did. Exit code 1 if anybody lost a packet.
import { parseArgs } from "node:util";
import { answer, ask, startChild } from "./children.mjs";
import { servers } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "10000" },
    missed: { type: "string", default: "10" },
    rounds: { type: "string", default: "3" },
    servers: { type: "string", default: "ours,upstream" },
    port: { type: "boolean", default: false },
  },
});
const clients = Number(values.clients);
const missed = Number(values.missed);

async function round(name) {
  const form = values.port ? "port" : "attached";
  const server = startChild("recovery/server.js", [servers[name].env.PKG, form]);
  const { port } = await answer(server);
  const load = startChild("recovery/load.mjs", [port, clients, missed]);
  try {
    await answer(load); // all are connected and have received something
    await ask(load, "leave");
    await ask(server, { gone: 0 });
    await ask(server, { emit: missed });
    const before = await ask(server, { watch: clients });
    const { recovered, complete, seconds } = await ask(load, "return");
    const after = await ask(server, { stop: true });
    return { name, recovered, complete, seconds, ...before, ...after };
  } finally {
    load.kill();
    server.kill();
  }
}

console.log(`${clients} clients, each missing ${2 * missed} packets`);
let failed = false;
for (let i = 0; i < Number(values.rounds); i++) {
  for (const name of values.servers.split(",")) {
    const { recovered, complete, stall, busy, seconds } = await round(name);
    failed ||= name === "ours" && complete !== clients;
    console.log(
      `${name.padEnd(9)} longest stall ${stall.toFixed(1).padStart(7)} ms`,
      `  main thread ${busy.toFixed(2)} s   all back in ${seconds.toFixed(2)} s`,
      `  recovered ${recovered}, complete ${complete}`,
    );
  }
}
process.exitCode = failed ? 1 : 0;
