// The server's pings and what keeps a session alive.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, eachWay } from "../support/clients.mjs";
import { eachTransport, Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

const FAST = { pingInterval: 60, pingTimeout: 2000 };

/** A raw session; `closed` resolves with the arguments of "close". `watch(conn)` is called at once. */
async function rawConn(t, open, options, watch = () => {}) {
  const { io, port } = await serve(t, options);
  const connecting = new Promise((resolve) => {
    io.engine.once("connection", (conn) => {
      watch(conn);
      conn.removeAllListeners("data");
      resolve({ conn, closed: once(conn, "close") });
    });
  });
  const session = await open(port);
  return { io, port, session, ...(await connecting) };
}

eachTransport("the server pings after each pong", async (t, open) => {
  const { session, conn } = await rawConn(t, open, FAST);
  let beats = 0;
  conn.on("heartbeat", () => beats++);
  for (let n = 0; n < 3; n++) {
    assert.equal(await session.next(), "2");
    await session.send(n === 1 ? "3 with data" : "3");
  }
  await until(() => beats === 3);
  assert.equal(conn.readyState, "open");
});

eachTransport("the server sends no second ping without a pong", async (t, open) => {
  let pings = 0;
  const watch = (conn) =>
    conn.on("packetCreate", ({ type }) => {
      if (type === "ping") pings++;
    });
  const { closed } = await rawConn(t, open, { pingInterval: 50, pingTimeout: 400 }, watch);
  assert.equal((await closed)[0], "ping timeout");
  assert.equal(pings, 1);
});

eachTransport("an unsolicited pong counts as a heartbeat", async (t, open) => {
  const { session, conn } = await rawConn(t, open);
  const beat = once(conn, "heartbeat");
  await session.send("3");
  await beat;
  assert.equal(conn.readyState, "open");
});

eachTransport("no pong: ping timeout, and what the client gets", async (t, open) => {
  const { io, session, closed } = await rawConn(t, open, { pingInterval: 60, pingTimeout: 800 });
  assert.equal(await session.next(), "2");
  // the answer to a pending poll is the close packet
  const poll = session instanceof Polling ? session.get() : undefined;
  const [reason, description] = await closed;
  assert.equal(reason, "ping timeout");
  assert.equal(description, undefined);
  assert.equal(io.engine.clientsCount, 0);
  if (poll) {
    assert.equal((await poll).text, "1");
    assert.equal((await session.get()).text, '{"code":1,"message":"Session ID unknown"}');
  } else assert.deepEqual(await session.closed, { code: 1005, reason: "" });
});

test("a polling client that never polls times out", async (t) => {
  const { closed } = await rawConn(t, (port) => Polling.open(t, port), {
    pingInterval: 50,
    pingTimeout: 50,
  });
  assert.equal((await closed)[0], "ping timeout");
});

test("another packet restarts the running timeout once, not for ever", async (t) => {
  const { session, closed } = await rawConn(t, (port) => Ws.open(t, port), {
    pingInterval: 50,
    pingTimeout: 400,
  });
  assert.equal(await session.next(), "2");
  const chatter = setInterval(() => session.send("4still here"), 20);
  t.after(() => clearInterval(chatter));
  assert.equal((await closed)[0], "ping timeout");
});

test("an upgrade does not stop the heartbeat", async (t) => {
  const { port, session, conn } = await rawConn(t, (port) => Polling.open(t, port), FAST);
  const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
  const upgraded = once(conn, "upgrade");
  await ws.send("2probe");
  await ws.send("5");
  await upgraded;
  const got = [];
  for (;;) {
    got.push(await ws.next());
    if (got.at(-1) === "2") break;
  }
  const beat = once(conn, "heartbeat");
  await ws.send("3");
  await beat;
});

eachWay("a real client stays connected over many pings", async (t, way) => {
  const { io, port } = await serve(t, { pingInterval: 50, pingTimeout: 5000 });
  const one = client(t, port, way);
  let pings = 0;
  let left;
  one.on("disconnect", (reason) => {
    left = reason;
  });
  await connected(one);
  one.io.on("ping", () => pings++);
  await until(() => pings >= 5 || left);
  assert.equal(left, undefined);
  assert.equal(io.engine.clientsCount, 1);
});
