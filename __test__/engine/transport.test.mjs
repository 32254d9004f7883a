// The transport of a connection as applications use it: its events, its end, its WebSocket object.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSIONS } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";
import { eachEngine, meet, serveEngine, Ws } from "./support.mjs";

eachEngine("a transport emits the packets that it receives", async ({ client, conn }) => {
  const received = once(conn.transport, "packet");
  await client.send("4hello");
  assert.deepEqual(await received, [{ type: "message", data: "hello" }]);
});

eachEngine("a transport emits drain, then ready", async ({ client, conn }) => {
  const log = [];
  for (const event of ["drain", "ready"]) conn.transport.on(event, () => log.push(event));
  if (conn.transport.name === "polling") {
    const { answer } = await client.hold(conn);
    conn.send("hello");
    await answer;
    assert.deepEqual(log, ["ready", "drain"]);
  } else {
    await until(() => conn.transport.writable, "the transport is writable");
    log.length = 0;
    conn.send("hello");
    await client.next();
    await until(() => log.length === 2, "both events");
    assert.deepEqual(log, ["drain", "ready"]);
  }
});

test("a transport emits the headers of its answers", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  conn.transport.on("headers", (headers, req) => {
    headers["X-Method"] = req.method;
  });
  const { headers } = await client.post("4hello");
  assert.equal(headers["x-method"], "POST");
});

eachEngine("a transport closes with its connection", async ({ conn }) => {
  const log = [];
  conn.on("close", () => log.push("connection"));
  conn.transport.on("close", () => log.push("transport"));
  const ended = once(conn.transport, "close");
  conn.close(true);
  await ended;
  assert.deepEqual(log, ["connection", "transport"]);
});

eachEngine("closing it ends the connection as if the client had left", async ({ client, conn }) => {
  const { transport } = conn;
  if (transport.name === "polling") await client.hold(conn);
  const ended = once(conn, "close");
  await new Promise((resolve) => transport.close(resolve));
  assert.deepEqual((await ended).slice(0, 1), ["transport close"]);
  assert.equal(conn.readyState, "closed");
});

test("the one left behind by an upgrade is closed", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  const before = conn.transport;
  const log = [];
  before.on("close", () => log.push("close"));
  conn.on("upgrade", () => log.push("upgrade"));
  const { answer } = await client.hold(conn);
  const ws = await Ws.open(t, port, { path: "/engine.io/", query: `&sid=${client.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  const upgraded = once(conn, "upgrade");
  assert.equal((await answer).text, "6");
  await ws.send("5");
  await upgraded;
  assert.deepEqual(log, ["close", "upgrade"]);
  assert.equal(before.readyState, "closed");
});

test("an error names the transport as its cause", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  const failed = once(conn.transport, "error");
  const closed = once(conn, "close");
  await client.hold(conn);
  await client.get();
  const [error] = await failed;
  assert.equal(error.type, "TransportError");
  assert.equal(error.message, "overlap from client");
  assert.deepEqual(await closed, ["transport error", error]);
});

/** A WebSocket session, and the object of its WebSocket. */
async function meetSocket(t) {
  const { eio, port } = await serveEngine(t);
  const met = await meet(t, eio, port, SESSIONS.websocket);
  return { ...met, socket: met.conn.transport.socket };
}

test("a transport shows its WebSocket object", async (t) => {
  const { conn, socket } = await meetSocket(t);
  assert.equal(conn.transport.socket, socket);
  assert.equal(socket.readyState, 1);
  assert.equal(socket.protocol, "");
  assert.equal(socket.bufferedAmount, 0);
  assert.match(socket._socket.remoteAddress, /127\.0\.0\.1$/);
});

test("the WebSocket object of a transport sends", async (t) => {
  const { client, socket } = await meetSocket(t);
  const error = await new Promise((resolve) => socket.send("4text", resolve));
  assert.equal(error ?? null, null);
  await new Promise((resolve) => socket.send(Buffer.from([1]), { binary: true }, resolve));
  assert.equal(await client.next(), "4text");
  assert.deepEqual(await client.next(), Buffer.from([1]));
});

for (const method of ["close", "terminate"]) {
  test(`the WebSocket object of a transport can ${method} the connection`, async (t) => {
    const { client, conn, socket } = await meetSocket(t);
    const [ended, gone] = [once(conn, "close"), once(socket, "close")];
    socket[method]();
    assert.deepEqual(await ended, ["transport close", undefined]);
    await client.closed;
    await gone;
    assert.equal(socket.readyState, 3);
    const error = await new Promise((resolve) => socket.send("4late", resolve));
    assert.match(error.message, /^WebSocket is not open: readyState 3/);
  });
}
