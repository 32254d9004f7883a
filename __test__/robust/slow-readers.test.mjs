// Much waits for clients: those that read are kept, those that do not are closed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { ENTRANCES } from "../platforms/entrances.mjs";
import { client, connected } from "../support/clients.mjs";
import { FORMS, startServer } from "../support/forms.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { closeServer, serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, once, unlessStalled, until, within } from "../support/wait.mjs";
import { WsServer } from "../support/ws-engines.mjs";

const MEGABYTE = "x".repeat(1_000_000);
/** Characters of the packet that a megabyte travels in. */
const LARGE_PACKET = `42["large","${MEGABYTE}"]`.length;
const GIVEN_UP = "too many bytes are waiting for the client";

/** Resolves once the client has heard that many events, or has lost its connection. */
function hears(client, count) {
  let heard = 0;
  return new Promise((resolve) => {
    client.on("large", () => ++heard === count && resolve(heard));
    client.on("disconnect", () => resolve(heard));
  });
}

for (const [entrance, { test, serve, client }] of Object.entries(ENTRANCES)) {
  test(`120 megabytes in one turn reach a client that reads, ${entrance}`, async (t) => {
    const served = await serve(t);
    const accepted = once(served.io, "connection");
    const reader = client(t, served, { transports: ["websocket"] });
    const heard = hears(reader, 120);
    const [socket] = await accepted;
    for (let i = 0; i < 120; i++) socket.emit("large", MEGABYTE);
    assert.equal(await within(heard, "all messages", 60_000), 120);
  });
}

/** A server in a form, with what it tells of the ends of its sockets. */
async function start(t, form, options) {
  const io = await startServer(form, options);
  defer(t, () => closeServer(io));
  const ends = new Map();
  io.on("connection", (socket) => {
    socket.on("disconnect", (reason, description) => {
      ends.set(socket.id, `${reason}: ${description?.message}`);
    });
  });
  return { io, port: io.httpServer.address().port, ends };
}

/** A WebSocket session that has stopped to read. */
async function silent(t, port) {
  const session = await Ws.open(t, port);
  const sid = await session.join();
  session.ws.pause();
  return { session, sid };
}

for (const form of FORMS) {
  const tests = (title, native, fn) =>
    beyond(`${title} (${form})`, async (t) => fn(await start(t, form, { native }), t));

  tests(
    "closes only the clients that take nothing of a broadcast that waits",
    { maxBufferedBytes: 1_000_000, keepReadersMs: 2000 },
    async ({ io, port, ends }, t) => {
      const readers = [1, 2, 3].map(() => client(t, port));
      await Promise.all(readers.map(connected));
      const heard = readers.map((reader) => hears(reader, 30));
      const stalled = [await silent(t, port), await silent(t, port)];
      for (let i = 0; i < 30; i++) io.emit("large", MEGABYTE);
      assert.deepEqual(await Promise.all(heard), [30, 30, 30]);
      await until(() => ends.size === 2, "the others are closed");
      for (const { sid } of stalled) {
        assert.equal(ends.get(sid), `transport error: ${GIVEN_UP}`);
      }
      assert.equal(io.engine.clientsCount, 3);
    },
  );

  tests(
    "closes a client that takes nothing of one large message",
    { maxBufferedBytes: 1_000_000, keepReadersMs: 100 },
    async ({ io, port, ends }, t) => {
      const { sid } = await silent(t, port);
      io.emit("large", MEGABYTE.repeat(30));
      await until(() => ends.size === 1, "it is closed");
      assert.equal(ends.get(sid), `transport error: ${GIVEN_UP}`);
    },
  );

  tests(
    "one message larger than may wait reaches a client that reads",
    { maxBufferedBytes: 1_000_000, keepReadersMs: 5000 },
    async ({ io, port }, t) => {
      const reader = client(t, port);
      await connected(reader);
      const heard = once(reader, "large");
      io.emit("large", MEGABYTE.repeat(30));
      assert.equal((await heard)[0].length, 30_000_000);
    },
  );

  tests(
    "keeps a client that takes nothing of less than may wait",
    { maxBufferedBytes: 100_000_000, keepReadersMs: 50 },
    async ({ io, port, ends }, t) => {
      const { session } = await silent(t, port);
      for (let i = 0; i < 30; i++) io.emit("large", MEGABYTE);
      await sleep(500); // ten times what it has
      assert.equal(ends.size, 0);
      session.ws.resume();
      for (let i = 0; i < 30; i++) assert.equal((await session.next()).length, LARGE_PACKET);
    },
  );

  tests(
    "keeps a client that reads slowly and steadily, beyond patience and heartbeat",
    { maxBufferedBytes: 1_000_000, keepReadersMs: 2000 },
    async ({ io, port, ends }, t) => {
      // The kernel holds up to 36 MB, which the client reads in half of the timeout; all of it takes
      // longer than interval and timeout.
      Object.assign(io.engine.opts, { pingInterval: 500, pingTimeout: 3000 });
      const session = await Ws.open(t, port);
      await session.join();
      let pings = 0;
      let heard = 0;
      session.ws.on("message", (data) => {
        // what it has sent waits until it has come to the ping
        if (data.length === 1) return pings++ || session.ws.send("3");
        heard++;
        session.ws.pause();
        setTimeout(() => session.ws.resume(), 40);
      });
      for (let i = 0; i < 120; i++) io.emit("large", MEGABYTE);
      await until(() => heard === 120 || ends.size > 0, "all is read");
      assert.deepEqual([heard, [...ends.values()]], [120, []]);
    },
  );

  tests(
    "gives a client that polls all that waits, and closes one that does not",
    { maxBufferedBytes: 1_000_000, keepReadersMs: 2000 },
    async ({ io, port, ends }, t) => {
      const [reader, other] = [await Polling.open(t, port), await Polling.open(t, port)];
      const sids = [await reader.join(), await other.join()];
      for (let i = 0; i < 20; i++) io.emit("large", MEGABYTE);
      for (let i = 0; i < 20; i++) assert.equal((await reader.next()).length, LARGE_PACKET);
      await until(() => ends.size > 0, "the other one is closed");
      assert.deepEqual([...ends], [[sids[1], `transport error: ${GIVEN_UP}`]]);
    },
  );
}

for (const form of FORMS) {
  beyond(`keeps a client that takes long to read the answer to its poll (${form})`, async (t) => {
    const native = { maxBufferedBytes: 1_000_000, keepReadersMs: 1000 };
    // the client of this process takes nothing while the process stands still
    await unlessStalled(500, async () => {
      const { io, port, ends } = await start(t, form, { native });
      const session = await Polling.open(t, port);
      await session.join();
      io.emit("large", MEGABYTE.repeat(30));
      const answer = await slowly(port, session.path, 2500);
      for (let i = 0; i < 5; i++) io.emit("large", MEGABYTE);
      assert.equal(await answer.end(), LARGE_PACKET + 29 * MEGABYTE.length);
      for (let i = 0; i < 5; i++) assert.equal((await session.next()).length, LARGE_PACKET);
      assert.equal(ends.size, 0);
    });
  });
}

/** A request whose answer is read slowly, for about that many ms; `end()` gives its length. */
async function slowly(port, path, ms) {
  const { request } = await import("node:http");
  const sent = request({ port, host: "127.0.0.1", path });
  sent.end();
  const [response] = await once(sent, "response");
  let length = 0;
  const ended = new Promise((resolve) => response.on("end", resolve));
  const size = Number(response.headers["content-length"]);
  let due = size / (ms / 20);
  response.on("data", (chunk) => {
    length += chunk.length;
    if (length < due) return;
    due = length + size / (ms / 20);
    response.pause();
    setTimeout(() => response.resume(), 20);
  });
  return { end: () => ended.then(() => length) };
}

test("a WebSocket engine of the application's: who reads gets 120 megabytes", async (t) => {
  const { io, port } = await serve(t, { wsEngine: WsServer });
  const accepted = once(io, "connection");
  const reader = client(t, port);
  const heard = hears(reader, 120);
  const [socket] = await accepted;
  for (let i = 0; i < 120; i++) socket.emit("large", MEGABYTE);
  assert.equal(await within(heard, "all messages", 60_000), 120);
});

beyond("a WebSocket engine of the application's: who takes nothing is closed", async (t) => {
  const native = { maxBufferedBytes: 1_000_000, keepReadersMs: 500 };
  const { io, port } = await serve(t, { wsEngine: WsServer, native });
  const accepted = once(io, "connection");
  await silent(t, port);
  const [socket] = await accepted;
  const ended = once(socket, "disconnect");
  for (let i = 0; i < 30; i++) socket.emit("large", MEGABYTE);
  const [reason, description] = await ended;
  assert.equal(`${reason}: ${description.message}`, `transport error: ${GIVEN_UP}`);
});

for (const form of FORMS) {
  test(`a connection tells how much of broadcasts waits (${form})`, async (t) => {
    const { io, port } = await start(t, form);
    const accepted = once(io, "connection");
    const { session } = await silent(t, port);
    const [{ conn }] = await accepted;
    await until(() => conn.transport.writable, "it is writable");
    for (let i = 0; i < 30; i++) io.emit("large", MEGABYTE);
    const { socket } = conn.transport;
    await turn();
    await until(() => socket.bufferedAmount > 0, "something waits");
    // the first one goes by itself, and then the others
    await until(() => conn.writeBuffer.length === 0, "all is handed over");
    const buffered = socket.bufferedAmount;
    assert.ok(buffered > 10_000_000 && buffered < 30_000_500, `${buffered} bytes wait`);
    assert.equal(conn.transport.writable, false);
    for (let i = 0; i < 5; i++) io.emit("large", MEGABYTE);
    await turn();
    assert.equal(conn.writeBuffer.length, 5);
    assert.ok(socket.bufferedAmount <= buffered);
    const drained = once(conn, "drain");
    session.ws.resume();
    await drained;
    for (let i = 0; i < 35; i++) await session.next();
    await until(() => conn.transport.writable, "all is written");
    assert.deepEqual([conn.writeBuffer.length, socket.bufferedAmount], [0, 0]);
  });
}
