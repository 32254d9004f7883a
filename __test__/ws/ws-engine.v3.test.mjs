// Protocol 3 over a WebSocket engine of the application's choice (wsEngine: the package `ws`).
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, client as currentClient } from "../support/clients.mjs";
import { oldJoin, Polling3 } from "../support/eio3.mjs";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";
import { WsServer } from "../support/ws-engines.mjs";

const BYTES = Buffer.from([1, 2, 3, 4]);
const SERVER = { allowEIO3: true, wsEngine: WsServer };
const TYPED = Buffer.from([4, ...BYTES]);

const WAYS = {
  websocket: { transports: ["websocket"] },
  "websocket, base64": { transports: ["websocket"], forceBase64: true },
  default: {},
  "default, base64": { forceBase64: true },
};

/** One test per way of socket.io-client 2; it is on its WebSocket. */
function eachWay(title, fn) {
  for (const [name, options] of Object.entries(WAYS)) {
    test(`${title} [${name}]`, async (t) => {
      const { io, port } = await serve(t, SERVER);
      const { socket, client } = await oldJoin(t, io, port, options);
      await settled(client, "websocket");
      await until(() => socket.conn.transport.name === "websocket", "the upgrade");
      assert.equal(typeof socket.conn.transport.socket.terminate, "function");
      await fn({ t, io, port, socket, client });
    });
  }
}

eachWay("socket.io-client 2: events and binary, both ways", async ({ socket, client }) => {
  const values = ["é€😀", { deep: [BYTES, null] }, BYTES];
  const heard = once(socket, "up");
  client.emit("up", ...values);
  assert.deepEqual(await heard, values);
  const told = once(client, "down");
  socket.emit("down", ...values);
  assert.deepEqual(await told, values);
  socket.once("ask", (value, ack) => ack(value, BYTES));
  const answered = new Promise((resolve) => client.emit("ask", BYTES, (...all) => resolve(all)));
  assert.deepEqual(await answered, [BYTES, BYTES]);
  client.once("ask", (value, ack) => ack({ value }));
  assert.deepEqual(await socket.emitWithAck("ask", BYTES), { value: BYTES });
});

eachWay("a broadcast of binary to clients of both revisions", async ({ t, io, port, client }) => {
  const current = await connected(currentClient(t, port, { transports: ["websocket"] }));
  const told = [client, current].map((one) => once(one, "all"));
  io.emit("all", BYTES, "text");
  for (const heard of told) assert.deepEqual(await heard, [BYTES, "text"]);
});

/** A session without a Socket.IO layer on it; `messages` logs what the engine decodes. */
async function rawConn(t, { server, query = "", eio = 3 } = {}) {
  const { io, port } = await serve(t, { ...SERVER, ...server });
  const connecting = once(io.engine, "connection");
  const session = await Ws.open(t, port, { eio, query });
  const [conn] = await connecting;
  // the main namespace is joined unasked
  if (eio === 3) assert.equal(await session.next(), "40");
  return { conn, session, messages: listening(conn) };
}

/** The messages of a session from now on. */
function listening(conn) {
  conn.removeAllListeners("data");
  const messages = [];
  conn.on("data", (data) => messages.push(data));
  return messages;
}

// revision, query → the frame of a binary message
for (const [eio, query, sent] of [
  [3, "", TYPED],
  [3, "&b64=", TYPED],
  [3, "&b64=1", "b4AQIDBA=="],
  [4, "", BYTES],
  [4, "&b64=1", "bAQIDBA=="],
]) {
  test(`binary messages to a client of protocol ${eio} with "${query}"`, async (t) => {
    const { session, conn } = await rawConn(t, { eio, query });
    conn.send("a€");
    conn.send(BYTES);
    conn.send(new Uint8Array(BYTES).subarray(1, 3));
    conn.send("😀");
    assert.equal(await session.next(), "4a€");
    assert.deepEqual(await session.next(), sent);
    assert.equal((await session.next()).length, sent.length - (typeof sent === "string" ? 4 : 2));
    assert.equal(await session.next(), "4😀");
  });
}

test("binary messages from a client of protocol 3, in either form", async (t) => {
  const { session, messages } = await rawConn(t);
  await session.send("4a", TYPED, "b4AQIDBA==", Buffer.from([4]), "4z");
  await until(() => messages.length === 5, "all messages");
  assert.deepEqual(messages, ["a", BYTES, BYTES, Buffer.alloc(0), "z"]);
});

test("pings of a client of protocol 3, as text or binary", async (t) => {
  const { session } = await rawConn(t);
  await session.send("2", Buffer.from([2]));
  assert.equal(await session.next(), "3");
  assert.equal(await session.next(), "3");
});

test("the initial packet may be binary", async (t) => {
  const { port } = await serve(t, { ...SERVER, initialPacket: Buffer.from([7]) });
  const typed = await Ws.open(t, port, { eio: 3 });
  assert.deepEqual(await typed.next(), Buffer.from([4, 7]));
  assert.equal(await typed.next(), "40");
  const text = await Ws.open(t, port, { eio: 3, query: "&b64=1" });
  assert.equal(await text.next(), "b4Bw==");
  const plain = await Ws.open(t, port);
  assert.deepEqual(await plain.next(), Buffer.from([7]));
});

// query of the handshake, query of the upgrade → the frame of a binary message
for (const [first, query, sent] of [
  ["", "", TYPED],
  ["", "&b64=1", "b4AQIDBA=="],
  ["&b64=1", "", TYPED],
  ["&b64=1", "&b64=1", "b4AQIDBA=="],
]) {
  test(`an upgrade with "${query}" of a session opened with "${first}"`, async (t) => {
    const { io, port } = await serve(t, SERVER);
    const connecting = once(io.engine, "connection");
    const polling = await Polling3.open(port, { query: first });
    const [conn] = await connecting;
    assert.equal(await polling.next(), "40");
    const messages = listening(conn);
    const { answer } = await polling.hold(conn);
    const ws = await Ws.open(t, port, { eio: 3, query: `&sid=${polling.sid}${query}` });
    await ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    assert.equal((await answer).status, 200);
    // both wait: the session moves with them
    conn.send("buffered");
    conn.send(BYTES);
    const upgraded = once(conn, "upgrade");
    await ws.send("5", TYPED);
    await upgraded;
    assert.equal(await ws.next(), "4buffered");
    assert.deepEqual(await ws.next(), sent);
    conn.send(BYTES);
    assert.deepEqual(await ws.next(), sent);
    await until(() => messages.length === 1, "the message");
    assert.deepEqual(messages, [BYTES]);
  });
}
