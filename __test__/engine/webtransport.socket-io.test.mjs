// Socket.IO over WebTransport: raw packets, and socket.io-client with a WebTransport class of ours.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client, connected } from "../support/clients.mjs";
import { FORMS, startServer } from "../support/forms.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { closeServer, serve } from "../support/server.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { provideWebTransport, Wt } from "../support/webtransport.mjs";

const ALL = { transports: ["polling", "websocket", "webtransport"] };

/** A server with one joined raw client: `{ io, port, socket, wt, id }`. */
async function joined(t, options, settings) {
  const { io, port } = await serve(t, { ...ALL, ...options });
  const connecting = once(io, "connection");
  const wt = await Wt.open(t, io.engine, settings);
  const id = await wt.join("/", { token: "abc" });
  const [socket] = await connecting;
  return { io, port, socket, wt, id };
}

test("the handshake of a socket, without a request", async (t) => {
  const { socket, id } = await joined(t);
  assert.equal(socket.id, id);
  assert.equal(socket.conn.transport.name, "webtransport");
  assert.equal(socket.request, null);
  const { time, issued, ...rest } = socket.handshake;
  assert.equal(`${new Date(issued)}`, time);
  assert.deepEqual(rest, {
    headers: {},
    address: undefined,
    xdomain: false,
    secure: true,
    url: undefined,
    query: {},
    auth: { token: "abc" },
  });
});

test("events, binary and acknowledgements, both ways", async (t) => {
  const { socket, wt } = await joined(t);
  socket.on("echo", (...args) => args.pop()(...args));
  await wt.send('421["echo",{"a":1}]');
  assert.equal(await wt.next(), '431[{"a":1}]');
  await wt.send('451-2["echo",{"_placeholder":true,"num":0}]', Buffer.from([1, 2]));
  assert.equal(await wt.next(), '461-2[{"_placeholder":true,"num":0}]');
  assert.deepEqual(await wt.next(), Buffer.from([1, 2]));
  const answer = socket.emitWithAck("ask", Buffer.from([3]));
  assert.equal(await wt.next(), '451-0["ask",{"_placeholder":true,"num":0}]');
  assert.deepEqual(await wt.next(), Buffer.from([3]));
  await wt.send('430["yes"]');
  assert.equal(await answer, "yes");
});

test("a broadcast reaches every transport", async (t) => {
  const { io, port, wt } = await joined(t);
  const others = [await Ws.open(t, port), await Polling.open(t, port)];
  for (const one of others) await one.join();
  const all = [wt, ...others];
  io.emit("all", 1);
  io.to([...io.sockets.sockets.keys()]).emit("bytes", Buffer.from([1]));
  for (const one of all) {
    assert.equal(await one.next(), '42["all",1]');
    assert.equal(await one.next(), '451-["bytes",{"_placeholder":true,"num":0}]');
    assert.deepEqual(await one.next(), Buffer.from([1]));
  }
});

test("volatile events are dropped while the client does not read", async (t) => {
  const { io, socket, wt } = await joined(t);
  await until(() => socket.conn.transport.writable);
  for (let i = 0; i < 3; i++) socket.emit("kept", "x".repeat(100_000));
  await new Promise(setImmediate);
  assert.equal(socket.conn.transport.writable, false);
  socket.volatile.emit("dropped");
  io.volatile.emit("dropped");
  for (let i = 0; i < 3; i++) assert.match(await wt.next(), /^42\["kept"/);
  await until(() => socket.conn.transport.writable);
  socket.volatile.emit("sent");
  assert.equal(await wt.next(), '42["sent"]');
});

for (const [title, act, reason] of [
  ["the client leaves the namespace", ({ wt }) => wt.send("41"), "client namespace disconnect"],
  ["the client closes", ({ wt }) => wt.transport.close(), "transport close"],
  ["a bad packet", ({ wt }) => wt.send("4nonsense"), "forced close"],
  ["a packet that cannot be read", ({ wt }) => wt.write([0]), "parse error"],
  ["the server closes", ({ io }) => io.close(), "server shutting down"],
  ["the server leaves", ({ socket }) => socket.disconnect(), "server namespace disconnect"],
]) {
  test(`a socket over WebTransport ends: ${title}`, async (t) => {
    const all = await joined(t);
    const leaving = once(all.socket, "disconnect");
    await act(all);
    assert.equal((await leaving)[0], reason);
    assert.equal(all.io.sockets.sockets.size, 0);
  });
}

test("the server disconnects a client: it is told, and its session closed", async (t) => {
  const { socket, wt } = await joined(t, {}, { held: 16 });
  const leaving = once(socket, "disconnect");
  socket.disconnect(true);
  assert.equal((await leaving)[0], "server namespace disconnect");
  await wt.closed;
});

for (const [title, options, use] of [
  ["a middleware", {}, true],
  ["the option cors", { cors: { origin: "*" } }, false],
]) {
  test(`${title} refuses WebTransport: there is no request to show`, async (t) => {
    const { io } = await serve(t, { ...ALL, ...options });
    if (use) io.engine.use((_req, _res, next) => next());
    io.engine.on("connection", () => assert.fail("a session"));
    io.engine.on("connection_error", () => assert.fail("reported"));
    const wt = await Wt.connect(t, io.engine);
    await wt.taken;
    await wt.closed;
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("another parser works over WebTransport", async (t) => {
  const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");
  const { io } = await serve(t, { ...ALL, parser });
  provideWebTransport(t, { 1: io.engine });
  io.on("connection", (socket) => socket.on("echo", (value, done) => done(value)));
  const one = await connected(client(t, 1, { transports: ["webtransport"], parser }));
  const value = { a: [1, "ü", Buffer.from([1, 2])] };
  assert.deepEqual(await one.emitWithAck("echo", value), value);
});

for (const form of FORMS) {
  /** A server in the form, whose HTTP/3 server would be on the same port. */
  const start = async (t) => {
    const io = await startServer(form, ALL);
    defer(t, () => closeServer(io));
    const { port } = io.httpServer.address();
    provideWebTransport(t, { [port]: io.engine });
    io.on("connection", (socket) => socket.on("echo", (value, done) => done(value)));
    return { io, port };
  };
  const value = { text: "x".repeat(100_000), bytes: Buffer.alloc(100_000, 7) };

  test(`socket.io-client [${form}]`, async (t) => {
    const { io, port } = await start(t);
    const connecting = once(io, "connection");
    const one = await connected(client(t, port, { transports: ["webtransport"] }));
    const [socket] = await connecting;
    assert.equal(one.io.engine.transport.name, "webtransport");
    assert.deepEqual(await one.emitWithAck("echo", value), value);
    const received = once(one, "news");
    io.emit("news", value);
    assert.deepEqual(await received, [value]);
    const leaving = once(socket, "disconnect");
    one.disconnect();
    assert.match((await leaving)[0], /^client namespace disconnect$|^transport close$/);
    await until(() => io.engine.clientsCount === 0);
  });

  test(`socket.io-client moves from polling [${form}]`, async (t) => {
    const { io, port } = await start(t);
    const connecting = once(io, "connection");
    const one = client(t, port, { transports: ["polling", "webtransport"] });
    const [socket] = await connecting;
    const echoes = [];
    for (let i = 0; i < 20; i++) echoes.push(one.emitWithAck("echo", i));
    await until(() => socket.conn.upgraded);
    await until(() => one.io.engine.transport.name === "webtransport");
    assert.deepEqual(
      await Promise.all(echoes),
      Array.from({ length: 20 }, (_, i) => i),
    );
    assert.equal(socket.conn.transport.name, "webtransport");
    assert.match(socket.handshake.url, /transport=polling/);
    assert.deepEqual(await one.emitWithAck("echo", value), value);
  });

  test(`a WebSocket takes over where WebTransport has failed [${form}]`, async (t) => {
    const { io, port } = await start(t);
    const polling = await Polling.open(t, port);
    await polling.join();
    await until(() => io.sockets.sockets.size === 1);
    const [socket] = io.sockets.sockets.values();
    const wt = await Wt.offer(t, io.engine, polling.sid);
    await wt.send("2probe");
    await wt.next();
    wt.transport.close();
    await until(() => !socket.conn.upgrading);
    const ws = await Ws.open(t, port, { query: `&sid=${polling.sid}` });
    await ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    socket.emit("buffered", Buffer.from([1]));
    await ws.send("5");
    await until(() => socket.conn.upgraded);
    socket.emit("after");
    io.emit("all");
    assert.equal(await ws.next(), '451-["buffered",{"_placeholder":true,"num":0}]');
    assert.deepEqual(await ws.next(), Buffer.from([1]));
    assert.equal(await ws.next(), '42["after"]');
    assert.equal(await ws.next(), '42["all"]');
    assert.equal(socket.conn.transport.name, "websocket");
  });
}
