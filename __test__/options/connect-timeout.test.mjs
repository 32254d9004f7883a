// connectTimeout: how long a connection may go without joining a namespace.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { once, until } from "../support/wait.mjs";
import { ALL, eachServer, eachSession } from "./support.mjs";

/** Resolves when the server has closed the session: a poll has to be pending for that. */
async function closed(io, session, transport) {
  const closing = once(io.engine.clients[session.sid], "close");
  if (transport === "polling") assert.equal((await session.get()).text, "1");
  else assert.equal((await session.closed).code, 1005);
  assert.equal((await closing)[0], "forced close");
}

eachSession(
  "connectTimeout closes who joins nothing, and spares who did",
  async (_t, start, open, transport) => {
    const { io, port } = await start({ connectTimeout: 100 });
    const member = await open(port);
    await member.join();
    const idler = await open(port);
    await closed(io, idler, transport);
    assert.deepEqual(Object.keys(io.engine.clients), [member.sid]);
    io.emit("hi");
    assert.equal(await member.next(), '42["hi"]');
  },
  ALL,
);

eachSession("time in a middleware counts", async (_t, start, open, transport) => {
  const { io, port } = await start({ connectTimeout: 200 });
  // keeps everybody waiting
  io.use(() => {});
  const session = await open(port);
  await session.send("40");
  await closed(io, session, transport);
  assert.equal(io.sockets.sockets.size, 0);
});

eachSession("who was refused is closed in time as well", async (_t, start, open, transport) => {
  const { io, port } = await start({ connectTimeout: 200 });
  io.use((_socket, next) => next(new Error("no")));
  const session = await open(port);
  await session.send("40");
  assert.equal(await session.next(), '44{"message":"no"}');
  await closed(io, session, transport);
});

eachSession("who has left its namespace may stay", async (_t, start, open) => {
  const { io, port } = await start({ connectTimeout: 60 });
  const session = await open(port);
  await session.join();
  await session.send("41");
  await until(() => io.sockets.sockets.size === 0);
  await sleep(120);
  assert.equal(io.engine.clients[session.sid]?.readyState, "open");
});

eachServer("connectTimeout: 0 is the default", async (_t, start) => {
  const { io } = await start({ connectTimeout: 0 });
  assert.equal(io.connectTimeout(), 45_000);
});

eachSession("connectTimeout() is read for each connection", async (_t, start, open, transport) => {
  const { io, port } = await start();
  const patient = await open(port);
  assert.ok(io.engine.clients[patient.sid]);
  io.connectTimeout(30);
  const hasty = await open(port);
  await closed(io, hasty, transport);
  assert.deepEqual(Object.keys(io.engine.clients), [patient.sid]);
});
