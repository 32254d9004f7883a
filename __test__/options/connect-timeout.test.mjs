// connectTimeout: how long a connection may go without joining a namespace.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { once, until } from "../support/wait.mjs";
import { ALL, eachServer, eachSession, sessionEnd } from "./support.mjs";

/** Long enough for a client that wants to join, on any machine. */
const PATIENCE = 800;

/** Resolves when the server has closed the session; its client polls before. */
async function closed(closing, session, transport) {
  if (transport === "polling") assert.equal((await session.get()).text, "1");
  else assert.equal((await session.closed).code, 1005);
  assert.equal((await closing)[0], "forced close");
}

eachSession(
  "connectTimeout closes who joins nothing, and spares who did",
  async (_t, start, open, transport) => {
    const { io, port } = await start({ connectTimeout: PATIENCE });
    const member = await open(port);
    await member.join();
    const closing = sessionEnd(io);
    const idler = await open(port);
    await closed(closing, idler, transport);
    assert.deepEqual(Object.keys(io.engine.clients), [member.sid]);
    io.emit("hi");
    assert.equal(await member.next(), '42["hi"]');
  },
  ALL,
);

eachSession("time in a middleware counts", async (_t, start, open, transport) => {
  const { io, port } = await start({ connectTimeout: PATIENCE });
  // keeps everybody waiting
  io.use(() => {});
  const closing = sessionEnd(io);
  const session = await open(port);
  await session.send("40");
  await closed(closing, session, transport);
  assert.equal(io.sockets.sockets.size, 0);
});

eachSession("closes a client that a middleware has refused", async (_t, start, open, transport) => {
  const { io, port } = await start({ connectTimeout: PATIENCE });
  io.use((_socket, next) => next(new Error("no")));
  const closing = sessionEnd(io);
  const session = await open(port);
  await session.send("40");
  assert.equal(await session.next(), '44{"message":"no"}');
  await closed(closing, session, transport);
});

eachSession("keeps a client that has joined and left a namespace", async (_t, start, open) => {
  const { io, port } = await start({ connectTimeout: PATIENCE });
  const session = await open(port);
  await session.join();
  await session.send("41");
  await until(() => io.sockets.sockets.size === 0);
  await sleep(PATIENCE + 100);
  assert.equal(io.engine.clients[session.sid]?.readyState, "open");
});

eachServer("connectTimeout: 0 is the default", async (_t, start) => {
  const { io } = await start({ connectTimeout: 0 });
  assert.equal(io.connectTimeout(), 45_000);
});

eachSession("connectTimeout() is read for each connection", async (_t, start, open, transport) => {
  const { io, port } = await start();
  const connecting = once(io.engine, "connection");
  const patient = await open(port);
  await connecting;
  assert.ok(io.engine.clients[patient.sid]);
  io.connectTimeout(PATIENCE);
  const closing = sessionEnd(io);
  const hasty = await open(port);
  await closed(closing, hasty, transport);
  assert.deepEqual(Object.keys(io.engine.clients), [patient.sid]);
});
