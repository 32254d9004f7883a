// Connections of an engine without a Socket.IO server: any message, and who is told of it.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { SESSIONS } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, deferred, once, until } from "../support/wait.mjs";
import { eachEngine, meet, PATH, Polling, serveEngine, Ws } from "./support.mjs";

eachEngine("a connection has upstream's members", async ({ client, conn, eio, transport }) => {
  assert.equal(conn.id, client.sid);
  assert.equal(conn.protocol, 4);
  assert.equal(conn.readyState, "open");
  assert.equal(conn.server, eio);
  assert.equal(conn.transport.name, transport);
  assert.equal(conn.upgraded, false);
  assert.equal(eio.clients[client.sid], conn);
  assert.match(conn.remoteAddress, /127\.0\.0\.1$/);
  assert.equal(conn.request._query.transport, transport);
});

// Some are packets of Socket.IO, some begin like one, some are nothing like it.
const TEXTS = [
  "",
  "hello",
  "2",
  '2["event"]',
  '51-["a",{"_placeholder":true,"num":0}]',
  "{",
  "€\u2028\u{1f600}",
  "x".repeat(100_000),
];

eachEngine("messages are taken as they are, whatever they mean", async ({ client, conn }) => {
  for (const text of TEXTS) {
    const received = once(conn, "message");
    await client.send(`4${text}`);
    const [data] = await received;
    // an empty one has no content
    assert.equal(data ?? "", text);
  }
  const received = once(conn, "message");
  await client.send(Buffer.from([0, 1, 255]));
  assert.deepEqual(await received, [Buffer.from([0, 1, 255])]);
});

eachEngine("messages are sent as they are", async ({ client, conn }) => {
  for (const text of TEXTS) {
    conn.send(text);
    assert.equal(await client.next(), `4${text}`);
  }
  for (const bytes of [Buffer.from([1, 2]), Uint8Array.of(1, 2), Uint8Array.of(1, 2).buffer]) {
    conn.send(bytes);
    assert.deepEqual(await client.next(), Buffer.from([1, 2]));
  }
  for (const [value, text] of [
    [5, "45"],
    [null, "4"],
    [undefined, "4"],
    [true, "4true"],
    [{}, "4[object Object]"],
  ]) {
    conn.send(value);
    assert.equal(await client.next(), text);
  }
});

eachEngine("send and write: they return the connection, and call back", async (session) => {
  const { client, conn, transport } = session;
  const done = [];
  const all = deferred("the callbacks");
  const callback = (name) => (given) => {
    done.push(name);
    assert.equal(given, conn.transport);
    assert.equal(given.name, transport);
    if (done.length === 3) all.resolve();
  };
  assert.equal(conn.send("a", callback("a")), conn);
  assert.equal(conn.write("b", { compress: false }, callback("b")), conn);
  assert.equal(conn.send(Buffer.from("c"), {}, callback("c")), conn);
  assert.deepEqual(done, []);
  assert.deepEqual(
    [await client.next(), await client.next(), await client.next()],
    ["4a", "4b", Buffer.from("c")],
  );
  await all.promise;
  assert.deepEqual(done, ["a", "b", "c"]);
});

eachEngine("emits packet, data and message for each message received", async ({ client, conn }) => {
  const seen = [];
  conn.on("packet", (packet) => seen.push(["packet", packet]));
  conn.on("data", (data) => seen.push(["data", data]));
  conn.on("message", (data) => seen.push(["message", data]));
  const received = once(conn, "message");
  await client.send("4hello");
  await received;
  assert.deepEqual(seen, [
    ["packet", { type: "message", data: "hello" }],
    ["data", "hello"],
    ["message", "hello"],
  ]);
});

eachEngine("emits packetCreate, flush and drain for each message sent", async (session) => {
  const { client, conn, eio } = session;
  const seen = [];
  conn.on("packetCreate", ({ type, data }) => seen.push(["packetCreate", type, data]));
  conn.on("flush", (packets) => seen.push(["flush", packets.map(({ data }) => data)]));
  conn.on("drain", () => seen.push(["drain"]));
  eio.on("flush", (one, packets) => {
    assert.equal(one, conn);
    seen.push(["server flush", packets.map(({ data }) => data)]);
  });
  const drained = once(eio, "drain");
  conn.send("hello");
  assert.equal(await client.next(), "4hello");
  assert.deepEqual(await drained, [conn]);
  assert.deepEqual(seen, [
    ["packetCreate", "message", "hello"],
    ["flush", ["hello"]],
    ["server flush", ["hello"]],
    ["drain"],
  ]);
});

eachEngine("a message sent in the connection listener, and its echo", async (session, t) => {
  const { eio, port, transport } = session;
  eio.on("connection", (conn) => {
    conn.send("first");
    conn.on("message", (text) => conn.send(`echo ${text}`));
  });
  const client = await SESSIONS[transport].open(t, port, { path: PATH });
  assert.equal(await client.next(), "4first");
  await client.send("4nothing of Socket.IO");
  assert.equal(await client.next(), "4echo nothing of Socket.IO");
});

eachEngine("listeners added later still get what comes later", async ({ client, conn }) => {
  const first = once(conn, "packet");
  await client.send("4not for Socket.IO");
  await first;
  const received = once(conn, "data");
  await client.send("4again");
  assert.deepEqual(await received, ["again"]);
});

test("the heartbeat is shown", async (t) => {
  const { eio, port } = await serveEngine(t, { pingInterval: 50 });
  const { client, conn } = await meet(t, eio, port, Ws);
  const beat = once(conn, "heartbeat");
  const packet = once(conn, "packet");
  assert.equal(await client.next(), "2");
  await client.send("3");
  assert.deepEqual(await packet, [{ type: "pong" }]);
  await beat;
});

test("an upgrade: what it tells, and messages on either side of it", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, Polling);
  const seen = [];
  conn.on("upgrading", (transport) => seen.push(["upgrading", transport.name]));
  conn.on("upgrade", (transport) => {
    assert.equal(transport, conn.transport);
    seen.push(["upgrade", transport.name]);
  });
  conn.on("message", (text) => seen.push(["message", text]));
  await client.send("4before");
  const ws = await Ws.open(t, port, { path: PATH, query: `&sid=${client.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  const upgraded = once(conn, "upgrade");
  await ws.send("5");
  await upgraded;
  assert.equal(conn.upgraded, true);
  conn.send("after");
  assert.equal(await ws.next(), "4after");
  const received = once(conn, "message");
  await ws.send("4over there");
  await received;
  assert.deepEqual(seen, [
    ["message", "before"],
    ["upgrading", "websocket"],
    ["upgrade", "websocket"],
    ["message", "over there"],
  ]);
});

eachEngine(
  "close() by the server ends the connection of the client",
  async ({ client, conn, eio, transport }) => {
    const closing = once(conn, "close");
    const poll = transport === "polling" ? await client.hold(conn) : null;
    conn.send("last");
    if (poll) assert.equal((await poll.answer).text, "4last");
    const end = poll ? await client.hold(conn) : null;
    conn.close();
    assert.equal((await closing)[0], "forced close");
    assert.equal(conn.readyState, "closed");
    assert.equal(eio.clientsCount, 0);
    if (end) {
      assert.equal((await end.answer).text, "1");
    } else {
      assert.equal(await client.next(), "4last");
      await client.closed;
    }
    assert.equal(conn.send("too late"), conn);
  },
);

test("a connection ends with its WebSocket", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, Ws);
  const closing = once(conn, "close");
  client.ws.close();
  assert.equal((await closing)[0], "transport close");
  await until(() => eio.clientsCount === 0);
});

beyond("a message behind the request of a WebSocket, before its answer", async (t) => {
  const { eio, port } = await serveEngine(t);
  eio.on("connection", (conn) => conn.on("message", (text) => conn.send(`echo ${text}`)));
  const text = "4not of Socket.IO";
  const frame = Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0, ...Buffer.from(text)]);
  const head = [
    `GET ${PATH}?EIO=4&transport=websocket HTTP/1.1`,
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "\r\n",
  ].join("\r\n");
  // Which of two threads is first has to make no difference.
  for (let round = 0; round < 20; round++) {
    const socket = net.connect(port, "127.0.0.1");
    defer(t, () => socket.destroy());
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.write(Buffer.concat([Buffer.from(head), frame]));
    await until(() => received.includes("4echo not of Socket.IO"), "the echo");
  }
});
