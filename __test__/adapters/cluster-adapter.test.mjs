// Two workers of Node's cluster with the adapter for it, and this process as their primary.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setupPrimary } from "@socket.io/cluster-adapter";
import { client, connected } from "../support/clients.mjs";
import { once, until } from "../support/wait.mjs";
import { behave } from "./behaviours.mjs";
import { startNode } from "./cluster.mjs";

const kind = "@socket.io/cluster-adapter";
setupPrimary();

const startBoth = (t, when) =>
  Promise.all(["near", "far"].map((name) => startNode(t, name, { kind, when, worker: true })));

test("two workers, each with a port of its own", async (t) => {
  await behave(t, await startBoth(t, "exclusive"), { lingers: true });
});

test("two workers on one port, clients of WebSocket alone", async (t) => {
  const nodes = await startBoth(t, "option");
  const [near, far] = nodes;
  assert.equal(near.port, far.port);
  for (const node of nodes) await node.prepare("/");
  await Promise.all(nodes.map((node) => node.settle("/")));
  const clients = [];
  for (let n = 0; n < 6; n++) clients.push(await connected(client(t, near.port)));
  for (const node of nodes) {
    assert.ok((await node.io.local.fetchSockets()).length > 0, `${node.name} has clients`);
    assert.equal((await node.io.fetchSockets()).length, 6);
    const heard = clients.map((one) => once(one, "all"));
    await node.io.emit("all", node.name);
    for (const each of heard) assert.deepEqual(await each, [node.name]);
  }
  for (const one of clients) one.disconnect();
  await until(async () => (await near.io.fetchSockets()).length === 0, "all have gone");
});
