// A process ends by itself when its servers are closed, and threads end without harm to others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { arena, echoes, realClient } from "../support/arena.mjs";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { until } from "../support/wait.mjs";

const SERVING = [
  "port",
  "attached",
  "attached before listening",
  "io.listen",
  "a callback",
  "two closes",
  "engine and HTTP server",
  "a fresh start on the same port",
];
const IDLE = [
  "closed at once",
  "never attached",
  "attached, never listening",
  "attached, never listening, closed",
  "with namespaces, never attached",
];

for (const way of SERVING) {
  test(`a process ends after its server: ${way}, nobody connected`, async (t) => {
    const child = spawnChild(t, "lifetime.mjs", [way]);
    await child.message("listening");
    child.send("end");
    assert.equal(await child.exit(), 0);
  });

  test(`a process ends after its server: ${way}, clients on every transport`, async (t) => {
    const child = spawnChild(t, "lifetime.mjs", [way]);
    const { port } = await child.message("listening");
    const ways = [["websocket"], ["polling"], ["polling", "websocket"]];
    const clients = await Promise.all(ways.map((transports) => realClient(port, { transports })));
    await Promise.all(clients.map(echoes));
    child.send("end");
    const { clients: sessions, sockets } = await child.message("closed");
    assert.deepEqual([sessions, sockets], [0, 0]);
    await until(() => clients.every((one) => !one.connected), "the clients have been told");
    assert.equal(await child.exit(), 0);
  });
}

for (const way of IDLE) {
  test(`a process ends without having served: ${way}`, async (t) => {
    assert.equal(await spawnChild(t, "lifetime.mjs", [way]).exit(), 0);
  });
}

for (const form of FORMS) {
  for (const how of ["close", "exit", "terminate"]) {
    test(`servers in two worker threads that end by ${how} (${form})`, async (t) => {
      const child = spawnChild(t, "workers.mjs", [form, how]);
      await child.message("done");
      assert.equal(await child.exit(), 0);
    });
  }

  test(`httpServer.close() waits for WebSocket clients (${form})`, async (t) => {
    const a = await arena(t, { form }); // its bystander is one of them
    const client = await a.client();
    let closed = false;
    a.io.httpServer.close(() => {
      closed = true;
    });
    await pause(300);
    await echoes(client);
    assert.equal(closed, false);
    await assert.rejects(realClient(a.port), "a new client finds nobody listening");
    client.disconnect();
    await pause(100);
    assert.equal(closed, false, "one client is left");
    a.io.disconnectSockets(true);
    await until(() => closed, "httpServer.close() calls back");
    assert.equal(a.io.engine.clientsCount, 0);
  });
}
