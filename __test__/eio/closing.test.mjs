// The server closes, seen from the client: websocket, polling with and without a pending poll.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, RS, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { WsServer } from "../support/ws-engines.mjs";

const GONE = '{"code":1,"message":"Session ID unknown"}';

async function joined(t, kind, options) {
  const { io, port } = await serve(t, options);
  const connecting = once(io, "connection");
  const session = await kind.open(t, port);
  await session.join();
  const [socket] = await connecting;
  return { io, port, session, socket, conn: socket.conn };
}

// Actions of the server: [action, messages before the empty close frame (null: it stays open),
// answer to the pending poll and to those after it, answers when no poll is pending]
const TABLE = {
  "socket.disconnect()": [
    ({ socket }) => socket.disconnect(),
    { websocket: ["41"], open: true, pending: ["41"], idle: ["41"] },
  ],
  "socket.disconnect(true)": [
    ({ socket }) => socket.disconnect(true),
    { websocket: ["41"], pending: ["41", `6${RS}1`, GONE], idle: ["41", `6${RS}1`, GONE] },
  ],
  "conn.close()": [
    ({ conn }) => conn.close(),
    { websocket: [], pending: ["1", GONE], idle: [`6${RS}1`, GONE] },
  ],
  "conn.close() with buffered packets": [
    ({ socket, conn }) => {
      socket.emit("a");
      socket.emit("b");
      conn.close();
    },
    {
      websocket: ['42["a"]', '42["b"]'],
      pending: ['42["a"]', '42["b"]', `6${RS}1`, GONE],
      idle: [`42["a"]${RS}42["b"]`, `6${RS}1`, GONE],
    },
  ],
  "conn.close(true)": [
    ({ conn }) => conn.close(true),
    { websocket: [], pending: ["1", GONE], idle: [GONE] },
  ],
  "io.engine.close()": [
    ({ io }) => io.engine.close(),
    { websocket: [], pending: ["1", GONE], idle: [GONE] },
  ],
  "a second CONNECT from the client": [
    ({ session }) => session.send("40"),
    { websocket: [], pending: ["1", GONE], idle: [`6${RS}1`, GONE] },
  ],
  "an undecodable packet": [
    ({ session }) => session.send("4abc"),
    { websocket: [], pending: ["1", GONE], idle: [`6${RS}1`, GONE] },
  ],
  "an event for a namespace not joined": [
    ({ session }) => session.send('42/other,["e"]'),
    { websocket: [], pending: ["1", GONE], idle: [`6${RS}1`, GONE] },
  ],
};

for (const [title, [act, expected]] of Object.entries(TABLE)) {
  test(`${title} [websocket]`, async (t) => {
    const all = await joined(t, Ws);
    await until(() => all.conn.transport.writable);
    await act(all);
    for (const message of expected.websocket) assert.equal(await all.session.next(), message);
    if (expected.open) {
      await all.session.join();
      return;
    }
    assert.equal(await all.session.next(), null);
    assert.deepEqual(await all.session.closed, { code: 1005, reason: "" });
    assert.equal(all.io.engine.clientsCount, 0);
  });

  test(`${title} [polling, a poll is pending]`, async (t) => {
    const all = await joined(t, Polling);
    const { answer } = await all.session.hold(all.conn);
    await act(all);
    const [first, ...rest] = expected.pending;
    assert.equal((await answer).text, first);
    for (const text of rest) assert.equal((await all.session.get()).text, text);
  });

  test(`${title} [polling, no poll is pending]`, async (t) => {
    const all = await joined(t, Polling);
    await act(all);
    for (const text of expected.idle) assert.equal((await all.session.get()).text, text);
  });
}

test("connectTimeout closes the connection [websocket]", async (t) => {
  const { port } = await serve(t, { connectTimeout: 50 });
  const session = await Ws.open(t, port);
  assert.deepEqual(await session.closed, { code: 1005, reason: "" });
});

test("connectTimeout [polling, a poll is pending]", async (t) => {
  const { port } = await serve(t, { connectTimeout: 800 });
  const session = await Polling.open(t, port);
  assert.equal((await session.get()).text, "1");
  assert.equal((await session.get()).text, GONE);
});

test("connectTimeout [polling, no poll is pending]", async (t) => {
  const { io, port } = await serve(t, { connectTimeout: 50 });
  const connecting = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await connecting;
  await until(() => conn.readyState === "closing");
  assert.equal((await session.get()).text, `6${RS}1`);
  assert.equal((await session.get()).text, GONE);
});

test("a closing polling session ends with the heartbeat if nobody polls", async (t) => {
  const { io, conn } = await joined(t, Polling, { pingInterval: 300, pingTimeout: 500 });
  conn.close();
  assert.equal(conn.readyState, "closing");
  await until(() => io.engine.clientsCount === 0);
});

test("a client's close packet on polling", async (t) => {
  const { session, conn } = await joined(t, Polling);
  const { answer } = await session.hold(conn);
  assert.equal((await session.post("1")).text, "ok");
  assert.equal((await answer).text, "6");
  assert.equal((await session.get()).text, GONE);
});

for (const form of FORMS) {
  for (const [way, options, eio] of [
    ["protocol 4", {}, 4],
    ["protocol 3", { allowEIO3: true }, 3],
    ["wsEngine", { wsEngine: WsServer }, 4],
  ]) {
    beyond(
      `a client's close packet over a WebSocket ends the session (${form}, ${way})`,
      async (t) => {
        const { io, port } = await SERVE[form](t, options);
        const heard = [];
        io.on("connection", (socket) => {
          socket.on("last", (value) => heard.push(value));
          socket.on("disconnect", (reason) => heard.push(reason));
        });
        const session = await Ws.open(t, port, { eio });
        if (eio === 3) assert.equal(await session.next(), "40");
        else await session.join();
        // what comes in front of it is heard, and nothing behind it
        await session.send('42["last","words"]', "1", '42["last","no"]');
        await session.closed;
        await until(() => heard.length === 2, "the end is heard");
        assert.deepEqual(heard, ["words", "transport close"]);
        assert.equal(io.engine.clientsCount, 0);
      },
    );
  }
}

beyond(
  "a close packet of a client whose packets are watched is shown, and ends the session",
  async (t) => {
    const { io, port } = await serve(t);
    const seen = [];
    io.engine.on("connection", (conn) => {
      conn.on("packet", ({ type }) => seen.push(type));
      conn.on("close", (reason) => seen.push(reason));
    });
    const session = await Ws.open(t, port);
    await session.join();
    await session.send("1");
    await session.closed;
    await until(() => seen.includes("transport close"), "the end is heard");
    assert.deepEqual(seen, ["message", "close", "transport close"]);
  },
);

test("the server ends the TCP connection after the closing handshake", async (t) => {
  const { session, conn } = await joined(t, Ws);
  const ended = once(session.ws._socket, "end");
  conn.close();
  await ended;
});

test("a pending poll is answered when the session closes while a heartbeat is due", async (t) => {
  const { session, conn } = await joined(t, Polling, { pingInterval: 50 });
  const { answer } = await session.hold(conn);
  // The event loop stands still past the time of the ping.
  const end = Date.now() + 200;
  while (Date.now() < end);
  conn.close(true);
  assert.equal((await answer).status, 200);
});
