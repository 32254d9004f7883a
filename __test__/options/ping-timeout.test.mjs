// pingTimeout: how long a pong may take.
import assert from "node:assert/strict";
import { once } from "../support/wait.mjs";
import { ALL, eachSession, sessionEnd } from "./support.mjs";

eachSession(
  "pingTimeout is told, and ends a session without pong",
  async (_t, start, open, transport) => {
    const { io, port } = await start({ pingInterval: 20, pingTimeout: 40 });
    const closing = sessionEnd(io);
    const session = await open(port);
    assert.equal(session.handshake.pingTimeout, 40);
    // a poll that waits for the ping; nothing answers it
    if (transport === "polling") await session.get();
    assert.equal((await closing)[0], "ping timeout");
    assert.equal(io.engine.clientsCount, 0);
  },
  ALL,
);

eachSession("the reason reaches the socket", async (_t, start, open, transport) => {
  const { io, port } = await start({ pingInterval: 20, pingTimeout: 800 });
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [socket] = await connecting;
  const leaving = once(socket, "disconnect");
  if (transport === "polling") session.get();
  assert.equal((await leaving)[0], "ping timeout");
});

eachSession("a long pingTimeout waits", async (_t, start, open) => {
  const { io, port } = await start({ pingInterval: 20, pingTimeout: 3_000_000 });
  const session = await open(port);
  const hasty = await start({ pingInterval: 20, pingTimeout: 30 });
  const closing = sessionEnd(hasty.io);
  await open(hasty.port);
  await closing;
  assert.equal(io.engine.clients[session.sid].readyState, "open");
});

eachSession("pingTimeout may be changed while running", async (_t, start, open) => {
  const { io, port } = await start({ pingInterval: 20 });
  io.engine.opts.pingTimeout = 30;
  const closing = sessionEnd(io);
  const session = await open(port);
  assert.equal(session.handshake.pingTimeout, 30);
  assert.equal((await closing)[0], "ping timeout");
});
