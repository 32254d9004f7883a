// An application sees how much waits for a client, and holds back meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FORMS, startServer } from "../support/forms.mjs";
import { eachLine } from "../support/lines.mjs";
import { Polling, SESSIONS } from "../support/raw.mjs";
import { closeServer } from "../support/server.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { WsServer } from "../support/ws-engines.mjs";
import { meet, serveEngine } from "./support.mjs";

const MEGABYTE = "x".repeat(1 << 20);
/** More than kernels buffer for one connection. */
const LARGE = MEGABYTE.repeat(16);

const ENGINES = { "the default engine": {}, wsEngine: { wsEngine: WsServer } };

/** One test for each WebSocket engine; `fn` gets a session of both sides. */
function eachEngine(title, fn) {
  for (const [name, options] of Object.entries(ENGINES)) {
    test(`${title} [${name}]`, async (t) => {
      const { eio, port } = await serveEngine(t, options);
      const met = await meet(t, eio, port, SESSIONS.websocket);
      await until(() => met.conn.transport.writable, "the open packet is written");
      await fn(met);
    });
  }
}

const stop = (client) => client.ws._socket.pause();
const goOn = (client) => client.ws._socket.resume();

/** The numbers that an application can read of a connection. */
const seen = ({ transport, writeBuffer }) => ({
  writable: transport.writable,
  waiting: writeBuffer.length,
  buffered: transport.socket.bufferedAmount > 0,
  queued: transport.socket._socket.writableLength > 0,
});

const IDLE = { writable: true, waiting: 0, buffered: false, queued: false };

for (const [title, prepare] of [
  ["nobody listens", () => {}],
  ["somebody listens", (conn) => conn.on("drain", () => {})],
]) {
  eachEngine(
    `the counters show what waits for a client that does not read, ${title}`,
    async ({ client, conn }) => {
      prepare(conn);
      assert.deepEqual(seen(conn), IDLE);
      stop(client);
      conn.send(LARGE);
      assert.deepEqual(seen(conn), { writable: false, waiting: 0, buffered: true, queued: true });
      conn.send("one");
      conn.send("two");
      assert.deepEqual(seen(conn), { writable: false, waiting: 2, buffered: true, queued: true });
      await turn();
      assert.deepEqual(seen(conn), { writable: false, waiting: 2, buffered: true, queued: true });
      conn.send("three");
      await turn();
      assert.deepEqual(seen(conn), { writable: false, waiting: 3, buffered: true, queued: true });
      goOn(client);
      assert.equal((await client.next()).length, LARGE.length + 1);
      for (const text of ["one", "two", "three"]) assert.equal(await client.next(), `4${text}`);
      await until(() => conn.transport.writable, "all is written");
      assert.deepEqual(seen(conn), IDLE);
    },
  );
}

eachEngine("flush and drain come in order, batch by batch", async ({ client, conn }) => {
  const log = [];
  const { transport } = conn;
  const note = (name) => log.push(`${name} ${transport.writable} ${conn.writeBuffer.length}`);
  conn.on("flush", (packets) => log.push(`flush of ${packets.length}`));
  conn.on("drain", () => note("drain"));
  transport.on("drain", () => note("transport drain"));
  transport.on("ready", () => note("transport ready"));
  stop(client);
  conn.send(LARGE, () => note("callback of the large one"));
  conn.send("one", () => note("callback of one"));
  conn.send("two", () => note("callback of two"));
  await turn();
  conn.send("three");
  await turn();
  assert.deepEqual(log, ["flush of 1", "drain false 0"]);
  goOn(client);
  for (let i = 0; i < 4; i++) await client.next();
  await until(() => transport.writable, "all is written");
  assert.deepEqual(log, [
    "flush of 1",
    "drain false 0",
    "callback of the large one false 3",
    "transport drain false 3",
    "flush of 3",
    "drain false 0",
    "transport ready false 0",
    "callback of one false 0",
    "callback of two false 0",
    "transport drain false 0",
    "transport ready true 0",
  ]);
});

const COUNT = 64;

/** Ways to send many messages as fast as the client takes them; each counts what it has sent. */
const PUMPS = {
  "the transport's drain"(conn, state) {
    const pump = () => {
      while (conn.transport.writable && state.sent < COUNT) {
        state.sent++;
        conn.send(MEGABYTE);
      }
      if (state.sent < COUNT) conn.transport.once("drain", () => process.nextTick(pump));
    };
    pump();
  },
  "the transport's ready"(conn, state) {
    const pump = () => {
      if (state.sent++ < COUNT) conn.send(MEGABYTE);
    };
    conn.transport.on("ready", pump);
    pump();
  },
  "callbacks of send"(conn, state) {
    const pump = () => {
      if (state.sent < COUNT) {
        state.sent++;
        conn.send(MEGABYTE, pump);
      }
    };
    pump();
  },
  "callbacks of the WebSocket"(conn, state) {
    const { socket } = conn.transport;
    const pump = () => {
      if (state.sent < COUNT) {
        state.sent++;
        socket.send(`4${MEGABYTE}`, pump);
      }
    };
    pump();
  },
  async "the length of the write buffer"(conn, state) {
    while (state.sent < COUNT) {
      while (conn.writeBuffer.length > 2) await once(conn, "drain");
      state.sent++;
      conn.send(MEGABYTE);
      await turn();
    }
  },
  async bufferedAmount(conn, state) {
    while (state.sent < COUNT) {
      if (conn.transport.socket.bufferedAmount > 1 << 20) {
        await turn();
        continue;
      }
      state.sent++;
      conn.transport.socket.send(`4${MEGABYTE}`);
    }
  },
};
for (const [by, pump] of Object.entries(PUMPS)) {
  eachEngine(`a sender that goes by ${by} waits for its client`, async ({ client, conn }) => {
    stop(client);
    const state = { sent: 0 };
    const done = pump(conn, state);
    await until(() => conn.transport.socket.bufferedAmount > 0, "the client is behind");
    for (let i = 0; i < 50; i++) await turn();
    assert.ok(state.sent < COUNT / 2, `${state.sent} messages were sent`);
    goOn(client);
    for (let i = 0; i < COUNT; i++) assert.equal((await client.next()).length, (1 << 20) + 1);
    await done;
  });
}

test("over polling it is told in order", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  const { transport } = conn;
  const log = [];
  const note = (name) => log.push(`${name} ${transport.writable} ${conn.writeBuffer.length}`);
  conn.on("flush", (packets) => log.push(`flush of ${packets.length}`));
  conn.on("drain", () => note("drain"));
  for (const event of ["drain", "ready"]) transport.on(event, () => note(`transport ${event}`));
  conn.send("one", () => note("callback of one"));
  conn.send("two", () => note("callback of two"));
  assert.deepEqual(log, []);
  assert.equal(await client.next(), "4one");
  assert.deepEqual(log.splice(0), [
    "flush of 2",
    "callback of one false 0",
    "callback of two false 0",
    "transport drain false 0",
    "drain false 0",
    "transport ready false 0",
  ]);
  assert.equal(await client.next(), "4two");
  const { answer } = await client.hold(conn);
  assert.deepEqual(log.splice(0), ["transport ready true 0"]);
  conn.send("three", () => note("callback of three"));
  log.push("sent");
  assert.equal((await answer).text, "4three");
  assert.deepEqual(log, [
    "flush of 1",
    "callback of three false 0",
    "transport drain false 0",
    "drain false 0",
    "sent",
  ]);
});

test("over polling a compressed answer is drained once it is written", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  const log = [];
  conn.on("drain", () => log.push("drain"));
  for (const event of ["drain", "ready"]) {
    conn.transport.on(event, () => log.push(`transport ${event}`));
  }
  conn.send("x".repeat(5000), () => log.push("callback"));
  const { headers } = await client.get({ headers: { "accept-encoding": "gzip" } });
  assert.equal(headers["content-encoding"], "gzip");
  await until(() => log.length === 4, "it is drained");
  assert.deepEqual(log, ["drain", "transport ready", "callback", "transport drain"]);
});

for (const transport of Object.keys(SESSIONS)) {
  test(`a queue that goes by the transport's drain [${transport}]`, async (t) => {
    const { eio, port } = await serveEngine(t);
    const { client, conn } = await meet(t, eio, port, SESSIONS[transport]);
    const queue = Array.from({ length: 20 }, (_, n) => `message ${n}`);
    const next = () => {
      const message = queue.shift();
      if (message !== undefined) conn.send(message);
    };
    conn.transport.on("drain", () => setImmediate(next));
    next();
    for (let n = 0; n < 20; n++) assert.equal(await client.next(), `4message ${n}`);
  });
}

for (const form of FORMS) {
  test(`a poll that came before somebody listened is drained too (${form})`, async (t) => {
    const io = await startServer(form);
    defer(t, () => closeServer(io));
    const accepted = once(io, "connection");
    const client = await Polling.open(t, io.httpServer.address().port);
    await client.join();
    const [{ conn }] = await accepted;
    const { answer } = await client.hold(conn);
    const log = [];
    for (const event of ["drain", "ready"]) {
      conn.transport.on(event, () => log.push(`${event} ${conn.transport.writable}`));
    }
    conn.send("one", () => log.push("callback"));
    assert.deepEqual(log, ["callback", "drain false"]);
    assert.equal((await answer).text, "4one");
    const next = await client.hold(conn);
    assert.deepEqual(log.splice(2), ["ready true"]);
    io.emit("two");
    assert.equal((await next.answer).text, '42["two"]');
    assert.deepEqual(log.splice(2), ["drain false"]);
  });
}

eachLine("events wait in the write buffer until the client reads on", async (t, line) => {
  const { io, port } = await line.serve(t);
  const accepted = once(io, "connection");
  const client = line.client(t, port, { transports: ["websocket"] });
  const [socket] = await accepted;
  await until(() => client.connected, "the client is connected");
  const { conn } = socket;
  await until(() => conn.transport.writable, "all is written");
  const { ws } = client.io.engine.transport;
  ws._socket.pause();
  const heard = once(client, "last");
  socket.emit("large", LARGE);
  await until(() => conn.transport.socket.bufferedAmount > 0, "it waits");
  assert.equal(conn.transport.writable, false);
  socket.emit("one");
  socket.emit("last");
  await turn();
  assert.deepEqual(seen(conn), { writable: false, waiting: 2, buffered: true, queued: true });
  const drained = once(conn, "drain");
  const written = once(conn.transport, "drain");
  ws._socket.resume();
  await Promise.all([drained, written, heard]);
  await until(() => conn.transport.writable, "all is written");
  assert.deepEqual(seen(conn), IDLE);
});
