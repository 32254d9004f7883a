// The memory of compression for a crowd of clients is given back after it has left.
import assert from "node:assert/strict";
import { spawnChild } from "../support/child.mjs";
import { Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";

const CLIENTS = 400;

beyond("the memory of compressed connections is given back to the system", async (t) => {
  const child = spawnChild(t, "compressed.mjs");
  const { port } = await child.message("listening");
  const report = () => {
    child.send("report");
    return child.message("report");
  };
  const { rss: before } = await report();
  const crowd = [];
  for (let i = 0; i < CLIENTS; i++) {
    const session = await Ws.open(t, port, { perMessageDeflate: true });
    await session.join();
    crowd.push(session);
  }
  const { rss: most, clients } = await report();
  assert.equal(clients, CLIENTS);
  for (const { ws } of crowd) ws.terminate();
  await until(async () => {
    const { rss, clients: left } = await report();
    return left === 0 && rss - before < (most - before) / 2;
  }, "the memory is given back");
});
