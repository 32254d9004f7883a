// A transport whose `send` was replaced, as measuring and latency-simulating tools do it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "../support/clients.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { eachPair, take } from "./support.mjs";

/** Replaces `send` of a transport, or of a prototype, until the test is over. */
function replace(t, object, send) {
  const original = object.send;
  object.send = function (...args) {
    return send.call(this, original, ...args);
  };
  defer(t, () => {
    object.send = original;
  });
}

const text = ({ type, data }) => `${type}:${data}`;
const wire = (packets) => packets.map((packet) => `message:${packet.slice(1)}`);

/** The methods that are replaced. */
const OBJECTS = {
  "one transport": ({ conn }) => conn.transport,
  "all transports of a kind": ({ conn }) => Object.getPrototypeOf(conn.transport),
};

for (const [title, of] of Object.entries(OBJECTS)) {
  eachPair(`send of ${title} is given all that is sent, in order`, async (t, connect) => {
    const { io, session, socket } = await connect();
    io.emit("before");
    io.to(socket.id).emit("before");
    await take(session, 2);
    const seen = [];
    replace(t, of(socket), function (send, packets, ...rest) {
      assert.deepEqual(rest, []);
      assert.ok(Array.isArray(packets));
      if (this === socket.conn.transport) seen.push(...packets);
      return send.call(this, packets);
    });
    socket.emit("socket", 1);
    socket.compress(false).emit("binary", Buffer.from([1]));
    io.emit("server");
    io.to(socket.id).emit("room");
    io.except("nobody").emit("except");
    socket.conn.send("not of Socket.IO");
    const got = await take(session, 7);
    const [binary] = got.splice(2, 1);
    assert.deepEqual(binary, Buffer.from([1]));
    const [attachment] = seen.splice(2, 1);
    assert.deepEqual(attachment.data, Buffer.from([1]));
    assert.deepEqual(seen.map(text), wire(got));
    for (const [i, { options }] of [...seen, attachment].entries()) {
      assert.equal(options.compress, i !== 1 && i !== seen.length, `packet ${i}`);
    }
  });
}

eachPair("a send that drops, changes and adds", async (t, connect) => {
  const { io, session, socket } = await connect();
  replace(t, socket.conn.transport, function (send, packets) {
    const kept = packets.filter(({ data }) => !data.includes("dropped"));
    for (const packet of kept) packet.data = packet.data.replace("secret", "*");
    send.call(this, [...kept, { type: "message", data: '2["added"]', options: {} }]);
  });
  io.emit("dropped");
  assert.equal(await session.next(), '42["added"]');
  socket.emit("secret");
  assert.deepEqual(await take(session, 2), ['42["*"]', '42["added"]']);
});

eachPair("a send that takes its time", async (t, connect) => {
  const { io, session, socket } = await connect();
  replace(t, socket.conn.transport, function (send, packets) {
    setTimeout(() => send.call(this, packets), 5);
  });
  io.emit("1");
  socket.emit("2");
  assert.deepEqual(await take(session, 2), ['42["1"]', '42["2"]']);
});

eachPair("packets come together, between flush and drain", async (t, connect, transport) => {
  const { session, socket } = await connect();
  const { conn } = socket;
  const seen = [];
  replace(t, conn.transport, function (send, packets) {
    seen.push(["send", ...packets.map(text)]);
    send.call(this, packets);
  });
  conn.on("flush", (packets) => seen.push(["flush", packets.length]));
  conn.on("drain", () => seen.push(["drain"]));
  const called = [];
  for (const name of ["a", "b", "c"]) conn.send(name, () => called.push(name));
  assert.deepEqual(await take(session, 3), ["4a", "4b", "4c"]);
  await until(() => called.length === 3, "the callbacks");
  const [a, b, c] = ["message:a", "message:b", "message:c"];
  const together = [["flush", 3], ["send", a, b, c], ["drain"]];
  const first = [["flush", 1], ["send", a], ["drain"], ["flush", 2], ["send", b, c], ["drain"]];
  assert.deepEqual(seen, transport === "polling" ? together : first);
  assert.deepEqual(conn.writeBuffer, []);
});

test("packets that wait are in the write buffer", async (t) => {
  const { io, port } = await serve(t);
  const opening = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await opening;
  replace(t, conn.transport, (send, packets) => send.call(conn.transport, packets));
  conn.send("a");
  conn.send("b");
  assert.deepEqual(conn.writeBuffer.map(text), ["message:a", "message:b"]);
  assert.deepEqual(await take(session, 2), ["4a", "4b"]);
  assert.deepEqual(conn.writeBuffer, []);
});

test("a poll is answered at once", async (t) => {
  const { io, port } = await serve(t);
  const opening = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await opening;
  const seen = [];
  replace(t, conn.transport, function (send, packets) {
    seen.push(packets.length);
    send.call(this, packets);
  });
  const { answer } = await session.hold(conn);
  for (const name of ["a", "b", "c"]) conn.send(name);
  assert.equal((await answer).text, "4a");
  assert.deepEqual(seen, [1]);
  assert.deepEqual(await take(session, 2), ["4b", "4c"]);
  assert.deepEqual(seen, [1, 2]);
});

for (const kind of [Polling, Ws]) {
  test(`packets sent before close() are handed over [${kind.name}]`, async (t) => {
    const { io, port } = await serve(t);
    const opening = once(io.engine, "connection");
    const session = await kind.open(t, port);
    const [conn] = await opening;
    const seen = [];
    replace(t, conn.transport, function (send, packets) {
      seen.push(...packets.map(text).filter((packet) => packet.startsWith("message")));
      send.call(this, packets);
    });
    for (const name of ["a", "b", "c"]) conn.send(name);
    conn.close();
    assert.deepEqual(await take(session, 3), ["4a", "4b", "4c"]);
    assert.deepEqual(seen, ["message:a", "message:b", "message:c"]);
  });
}

test("the transport of an upgrade has its own send", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.on("connection", ({ conn }) => {
    replace(t, conn.transport, function (send, packets) {
      seen.push(...packets.map(text));
      send.call(this, packets);
    });
  });
  const options = { transports: ["polling", "websocket"] };
  const { socket, client } = await join(t, io, port, options);
  const got = [];
  client.on("e", (n) => got.push(n));
  for (let i = 0; i < 20; i++) socket.emit("e", i);
  await until(() => socket.conn.transport.name === "websocket" && got.length === 20, "the upgrade");
  const before = seen.length;
  for (let i = 20; i < 40; i++) io.emit("e", i);
  await until(() => got.length === 40, "the rest");
  assert.deepEqual(
    got,
    Array.from({ length: 40 }, (_, i) => i),
  );
  assert.equal(seen.length, before);
});

beyond("a client that does not poll is given up, not stored for", async (t) => {
  const { io, port } = await serve(t, { native: { keepReadersMs: 200 } });
  const opening = once(io.engine, "connection");
  await Polling.open(t, port);
  const [conn] = await opening;
  replace(t, conn.transport, (send, packets) => send.call(conn.transport, packets));
  const closing = once(conn, "close");
  const text = "x".repeat(1 << 20);
  for (let i = 0; i < 65; i++) conn.send(text);
  const [reason, error] = await closing;
  assert.equal(reason, "transport error");
  assert.equal(error.message, "too many bytes are waiting for the client");
});

test("a replaced send sees pings", async (t) => {
  const { io, port } = await serve(t, { pingInterval: 30 });
  const opening = once(io.engine, "connection");
  const session = await Ws.open(t, port);
  const [conn] = await opening;
  const seen = [];
  replace(t, conn.transport, function (send, packets) {
    seen.push(...packets);
    send.call(this, packets);
  });
  assert.equal(await session.next(), "2");
  await until(() => seen.length === 1, "the ping");
  assert.deepEqual(seen, [{ type: "ping", options: { compress: true } }]);
});

test("a listener that comes while a poll waits sees it answered", async (t) => {
  const { io, port } = await serve(t);
  const opening = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await opening;
  const { answer } = await session.hold(conn);
  const seen = [];
  for (const event of ["packetCreate", "flush", "drain"]) conn.on(event, () => seen.push(event));
  assert.equal(conn.transport.writable, true);
  conn.send("a");
  assert.deepEqual(seen, ["packetCreate", "flush", "drain"]);
  assert.deepEqual(conn.writeBuffer, []);
  assert.equal((await answer).text, "4a");
});
