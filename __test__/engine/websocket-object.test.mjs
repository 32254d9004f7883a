// The WebSocket object of a transport, `conn.transport.socket`: pings, messages and ends as with `ws`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client as connect, connected, pair, WAYS } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";
import { meet, serveEngine } from "./support.mjs";

/** A session over a WebSocket of a server of this form: `{ client, conn, socket }`. */
async function scene(t, form, { options, ...settings } = {}) {
  const { io, port } = await SERVE[form](t, options);
  const connecting = once(io.engine, "connection");
  const client = await Ws.open(t, port, settings);
  const [conn] = await connecting;
  return { io, port, client, conn, socket: conn.transport.socket };
}

for (const form of FORMS) {
  test(`ping() is answered by a pong with the same data (${form})`, async (t) => {
    const { client, socket } = await scene(t, form);
    const pinged = once(client.ws, "ping");
    const answered = once(socket, "pong");
    const error = await new Promise((resolve) => socket.ping("soup", false, resolve));
    assert.equal(error ?? null, null);
    assert.deepEqual(await pinged, [Buffer.from("soup")]);
    assert.deepEqual(await answered, [Buffer.from("soup")]);
  });

  test(`ping() without data keeps its place among messages (${form})`, async (t) => {
    const { client, socket } = await scene(t, form);
    const log = [];
    client.ws.on("message", (data) => log.push(String(data)));
    client.ws.on("ping", (data) => log.push(`ping ${data.length}`));
    client.ws.on("pong", (data) => log.push(`pong ${data}`));
    socket.send("4first");
    socket.ping();
    socket.send("4second");
    socket.pong("p");
    socket.send("4third");
    await until(() => log.length === 5, "all of them");
    assert.deepEqual(log, ["4first", "ping 0", "4second", "pong p", "4third"]);
  });

  test(`a ping of the client is told, and answered (${form})`, async (t) => {
    const { client, socket } = await scene(t, form);
    const told = once(socket, "ping");
    const answered = once(client.ws, "pong");
    client.ws.ping("tea");
    assert.deepEqual(await told, [Buffer.from("tea")]);
    assert.deepEqual(await answered, [Buffer.from("tea")]);
  });

  test(`message tells of what the client sends, as it came (${form})`, async (t) => {
    const { client, socket } = await scene(t, form);
    const log = [];
    socket.on("message", (data, isBinary) => log.push([data, isBinary]));
    await client.join();
    const parts = [
      '42["hello"]',
      '451-["bytes",{"_placeholder":true,"num":0}]',
      Buffer.from([1, 2]),
    ];
    for (const part of parts) await client.send(part);
    await until(() => log.length === 4, "all of them");
    assert.deepEqual(log, [
      [Buffer.from("40"), false],
      [Buffer.from(parts[0]), false],
      [Buffer.from(parts[1]), false],
      [parts[2], true],
    ]);
  });

  test(`close tells of the client's code and reason (${form})`, async (t) => {
    const { client, socket } = await scene(t, form);
    const closed = once(socket, "close");
    client.ws.close(4001, "out of soup");
    assert.deepEqual(await closed, [4001, Buffer.from("out of soup")]);
    assert.equal(socket.readyState, socket.CLOSED);
  });

  test(`close tells of a client that is cut off (${form})`, async (t) => {
    const { client, socket } = await scene(t, form);
    const closed = once(socket, "close");
    client.ws.terminate();
    assert.deepEqual(await closed, [1006, Buffer.alloc(0)]);
  });

  test(`close() gives the client a code and a reason (${form})`, async (t) => {
    const { client, conn, socket } = await scene(t, form);
    const closed = once(conn, "close");
    const told = once(socket, "close");
    socket.close(4002, "kitchen closed");
    assert.deepEqual(await client.closed, { code: 4002, reason: "kitchen closed" });
    assert.equal((await closed)[0], "transport close");
    assert.deepEqual(await told, [4002, Buffer.from("kitchen closed")]);
  });

  for (const perMessageDeflate of [true, false]) {
    test(`extensions says what was agreed on (${form}, ${perMessageDeflate})`, async (t) => {
      const { socket } = await scene(t, form, {
        options: { perMessageDeflate },
        perMessageDeflate: true,
      });
      assert.equal(socket.extensions, perMessageDeflate ? "permessage-deflate" : "");
    });
  }
}

test("the WebSocket object knows the states, and its type of binary data", async (t) => {
  const { socket } = await scene(t, "attached");
  const { CONNECTING, OPEN, CLOSING, CLOSED } = socket;
  assert.deepEqual([CONNECTING, OPEN, CLOSING, CLOSED], [0, 1, 2, 3]);
  assert.equal(socket.readyState, socket.OPEN);
  assert.equal(socket.binaryType, "nodebuffer");
  assert.equal(socket.isPaused, false);
});

test("ping(), pong() and send() report a WebSocket that is closed", async (t) => {
  const { client, socket } = await scene(t, "attached");
  const closed = once(socket, "close");
  client.ws.close();
  await closed;
  const message = "WebSocket is not open: readyState 3 (CLOSED)";
  for (const method of ["ping", "pong", "send"]) {
    const error = await new Promise((resolve) => socket[method]("x", {}, resolve));
    assert.equal(error?.message, message, method);
  }
  socket.ping();
  socket.pong();
});

test("ping() refuses more than 125 bytes, and close() a code that is not its own", async (t) => {
  const { client, socket } = await scene(t, "attached");
  assert.throws(() => socket.ping("x".repeat(126)), RangeError);
  assert.throws(() => socket.close(1006), TypeError);
  socket.send("4still there");
  assert.equal(await client.next(), "4still there");
});

test("error tells of a client that breaks the protocol", async (t) => {
  const { client, socket } = await scene(t, "attached");
  const failed = once(socket, "error");
  client.ws._socket.write(Buffer.from([0xf1, 0x80, 0, 0, 0, 0]));
  assert.ok((await failed)[0] instanceof Error);
});

test("listeners of the WebSocket object hear of an upgraded session", async (t) => {
  const { socket, client } = await pair(t, WAYS.default);
  await until(() => socket.conn.transport.name === "websocket", "the upgrade");
  const answered = once(socket.conn.transport.socket, "pong");
  const heard = once(socket.conn.transport.socket, "message");
  socket.conn.transport.socket.ping("x");
  assert.deepEqual(await answered, [Buffer.from("x")]);
  client.emit("hello");
  assert.deepEqual(await heard, [Buffer.from('42["hello"]'), false]);
});

test("a listener of message leaves the session as it was", async (t) => {
  const { io, port } = await SERVE.attached(t);
  io.on("connection", (socket) => {
    socket.conn.transport.socket.on("message", () => {});
    socket.on("echo", (...args) => args.pop()(...args));
  });
  const one = await connected(connect(t, port));
  const bytes = Buffer.from([1, 2, 3]);
  assert.deepEqual(await one.emitWithAck("echo", { bytes }), { bytes });
});

test("message shows bytes of protocol 3 with their type", async (t) => {
  const { eio, port } = await serveEngine(t, { allowEIO3: true });
  const { client, conn } = await meet(t, eio, port, Ws, { eio: 3 });
  const heard = once(conn.transport.socket, "message");
  client.ws.send(Buffer.from([4, 1, 2]));
  assert.deepEqual(await heard, [Buffer.from([4, 1, 2]), true]);
});
