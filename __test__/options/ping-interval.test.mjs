// pingInterval: the delay before each ping. What a ping is: eio/heartbeat.test.mjs.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { once, until } from "../support/wait.mjs";
import { ALL, eachServer, eachSession } from "./support.mjs";

eachSession(
  "pingInterval is told, and kept",
  async (_t, start, open) => {
    const { port } = await start({ pingInterval: 40 });
    const session = await open(port);
    assert.equal(session.handshake.pingInterval, 40);
    for (let turn = 0; turn < 3; turn++) {
      assert.equal(await session.next(), "2");
      await session.send("3");
    }
  },
  ALL,
);

eachSession("each engine pings at its own interval", async (_t, start, open) => {
  const quick = await start({ pingInterval: 30 });
  const slow = await start({ pingInterval: 24 * 3600 * 1000 });
  const patient = await open(slow.port);
  const session = await open(quick.port);
  assert.equal(patient.handshake.pingInterval, 86_400_000);
  const heartbeats = [];
  slow.io.engine.clients[patient.sid].on("packetCreate", ({ type }) => heartbeats.push(type));
  assert.equal(await session.next(), "2");
  assert.deepEqual(heartbeats, []);
});

eachServer(
  "a real client outlives many intervals across its upgrade",
  async (t, start) => {
    const { io, port } = await start({ pingInterval: 30, pingTimeout: 20_000 });
    const connecting = once(io, "connection");
    const one = client(t, port, { transports: ["polling", "websocket"] });
    const [[socket]] = await Promise.all([connecting, connected(one)]);
    let beats = 0;
    socket.conn.on("heartbeat", () => beats++);
    await until(() => beats >= 5 && socket.conn.transport.name === "websocket");
    assert.equal(one.connected, true);
  },
  ALL,
);
