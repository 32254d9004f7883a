// wsEngine: WebSockets served by an engine of the application's choice, the package `ws` first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, join, pair } from "../support/clients.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { closeServer, listen, serve, serveHttp } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { defer, HANG, once, until } from "../support/wait.mjs";
import { Overriding, WsServer } from "../support/ws-engines.mjs";

const ENGINES = { ws: WsServer, "a subclass of ws": Overriding };
const WAYS = { websocket: ["websocket"], upgrade: ["polling", "websocket"] };

/** One test per engine and way of getting to a WebSocket. */
function eachEngine(title, fn) {
  for (const [engine, wsEngine] of Object.entries(ENGINES)) {
    for (const [way, transports] of Object.entries(WAYS)) {
      test(`${title} [${engine}, ${way}]`, (t) => fn(t, wsEngine, transports));
    }
  }
}

/** A server on `wsEngine` and a client that is on its WebSocket. */
async function settledPair(t, wsEngine, transports, options = {}) {
  const made = await pair(t, { server: { wsEngine, ...options }, transports });
  await until(() => made.socket.conn.transport.name === "websocket", "the upgrade");
  await until(() => made.client.io.engine.transport.name === "websocket");
  return made;
}

eachEngine("events, acknowledgements and binary, both ways", async (t, wsEngine, transports) => {
  const { socket, client: one } = await settledPair(t, wsEngine, transports);
  socket.on("echo", (...args) => args.pop()(...args));
  const bytes = Buffer.from([0, 1, 254, 255]);
  const answer = await new Promise((resolve) => {
    one.emit("echo", "text €", { deep: [bytes] }, null, (...args) => resolve(args));
  });
  assert.deepEqual(answer, ["text €", { deep: [bytes] }, null]);
  one.on("ask", (value, done) => done({ value, bytes }));
  assert.deepEqual(await socket.emitWithAck("ask", bytes), { value: bytes, bytes });
  const large = "x".repeat(300_000);
  assert.equal(await one.emitWithAck("echo", large), large);
});

eachEngine("transport.socket is the engine's WebSocket", async (t, wsEngine, transports) => {
  const { io, socket } = await settledPair(t, wsEngine, transports);
  const { ws } = io.engine;
  assert.ok(ws instanceof wsEngine);
  const carrier = socket.conn.transport.socket;
  assert.equal(typeof carrier.terminate, "function");
  assert.equal(carrier.readyState, 1);
  assert.equal(carrier._socket.remoteAddress, "127.0.0.1");
  if (wsEngine !== Overriding) return;
  assert.equal(carrier.marked, true);
  assert.equal(ws.requests.length, 1);
  assert.equal(ws.completed, 1);
});

eachEngine("the client closes: transport close", async (t, wsEngine, transports) => {
  const { io, socket, client: one } = await settledPair(t, wsEngine, transports);
  const gone = once(socket, "disconnect");
  one.io.engine.close();
  assert.equal((await gone)[0], "transport close");
  assert.equal(io.engine.clientsCount, 0);
});

eachEngine("the server closes: an empty close frame", async (t, wsEngine, transports) => {
  const { io, socket, client: one } = await settledPair(t, wsEngine, transports);
  const closed = once(socket.conn, "close");
  const told = once(one, "last");
  const gone = once(one, "disconnect");
  socket.emit("last");
  socket.disconnect(true);
  await told;
  assert.equal((await closed)[0], "forced close");
  assert.equal((await gone)[0], "io server disconnect");
  assert.equal(io.engine.clientsCount, 0);
});

test("an ended TCP connection: transport close", async (t) => {
  const { socket, client: one } = await settledPair(t, WsServer, WAYS.websocket);
  const gone = once(socket, "disconnect");
  one.io.engine.transport.ws.terminate?.();
  socket.conn.transport.socket.terminate();
  assert.equal((await gone)[0], "transport close");
});

for (const [title, raw, code, reason] of [
  ["a message above maxHttpBufferSize", "4".repeat(1001), 1009, "transport error"],
  ["no packet", "x", 1005, "parse error"],
  ["a ping", "2", 1005, "transport error"],
]) {
  test(`${title}: the client sees ${code}`, async (t) => {
    const { io, port } = await serve(t, { wsEngine: WsServer, maxHttpBufferSize: 1000 });
    const connecting = once(io.engine, "connection");
    const session = await Ws.open(t, port);
    const [conn] = await connecting;
    const closed = once(conn, "close");
    await session.send(raw);
    const [why, description] = await closed;
    assert.equal(why, reason);
    if (code === 1009) assert.match(description.message, /Max payload size exceeded/);
    assert.equal((await session.closed).code, code);
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("no pong: ping timeout", async (t) => {
  const options = { wsEngine: WsServer, pingInterval: 50, pingTimeout: 500 };
  const { io, port } = await serve(t, options);
  const connecting = once(io.engine, "connection");
  const session = await Ws.open(t, port);
  const [conn] = await connecting;
  const closed = once(conn, "close");
  assert.equal(await session.next(), "2");
  assert.equal((await closed)[0], "ping timeout");
  assert.equal((await session.closed).code, 1005);
});

test("pongs keep the session alive", async (t) => {
  const options = { wsEngine: WsServer, pingInterval: 20, pingTimeout: 5000 };
  const { port } = await serve(t, options);
  const session = await Ws.open(t, port);
  for (let beat = 0; beat < 5; beat++) {
    assert.equal(await session.next(), "2");
    await session.send("3");
  }
});

test("permessage-deflate is the engine's to negotiate", async (t) => {
  const { io, port } = await serve(t, { wsEngine: WsServer, perMessageDeflate: true });
  const session = await Ws.open(t, port, { perMessageDeflate: true });
  assert.match(session.response.headers["sec-websocket-extensions"], /^permessage-deflate/);
  const joined = once(io, "connection");
  await session.join();
  const [socket] = await joined;
  const text = "again and ".repeat(1000);
  socket.emit("long", text);
  assert.equal(await session.next(), `42["long","${text}"]`);
  const before = session.ws._socket.bytesRead;
  assert.ok(before < text.length, `${before} bytes were read`);
});

test("without perMessageDeflate none is negotiated", async (t) => {
  const { port } = await serve(t, { wsEngine: WsServer });
  const session = await Ws.open(t, port, { perMessageDeflate: true });
  assert.equal(session.response.headers["sec-websocket-extensions"], undefined);
});

test("middlewares and header events add to the engine's 101", async (t) => {
  const { io, port } = await serve(t, { wsEngine: WsServer });
  const seen = [];
  io.engine.use((_req, res, next) => {
    res.setHeader("x-middleware", "m");
    next();
  });
  for (const event of ["initial_headers", "headers"]) {
    io.engine.on(event, (headers, req) => {
      seen.push([event, req._query.transport, Boolean(req._query.sid)]);
      headers[`x-${event.replace("_", "-")}`] = "yes";
    });
  }
  const { response } = await Ws.open(t, port, { protocols: ["one", "two"] });
  assert.equal(response.headers["x-middleware"], "m");
  assert.equal(response.headers["x-initial-headers"], "yes");
  assert.equal(response.headers["x-headers"], "yes");
  assert.equal(response.headers["sec-websocket-protocol"], "one");
  const { sid } = await Polling.open(t, port);
  seen.length = 0;
  const probing = await Ws.open(t, port, { query: `&sid=${sid}` });
  assert.equal(probing.response.headers["x-headers"], "yes");
  assert.deepEqual(seen, [["headers", "websocket", true]]);
});

test("the initial packet follows the open packet", async (t) => {
  const { port } = await serve(t, { wsEngine: WsServer, initialPacket: "hello" });
  const session = await Ws.open(t, port);
  assert.equal(await session.next(), "4hello");
});

/** A session on polling, and a WebSocket whose probe was answered. */
async function probed(t) {
  const { io, port } = await serve(t, { wsEngine: WsServer });
  const connecting = once(io.engine, "connection");
  const polling = await Polling.open(t, port);
  const [conn] = await connecting;
  const ws = await Ws.open(t, port, { query: `&sid=${polling.sid}` });
  const upgrading = once(conn, "upgrading");
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  await upgrading;
  return { conn, polling, ws };
}

test("an upgrade probed by hand: what waited goes first", async (t) => {
  const { conn, polling, ws } = await probed(t);
  for (const text of ["a", "b"]) conn.send(text);
  conn.send(Buffer.from([7]));
  conn.on("upgrade", () => conn.send("from the listener"));
  await ws.send("5");
  assert.equal(await ws.next(), "4a");
  assert.equal(await ws.next(), "4b");
  assert.deepEqual(await ws.next(), Buffer.from([7]));
  assert.equal(await ws.next(), "4from the listener");
  assert.equal(conn.transport.name, "websocket");
  assert.equal((await polling.get()).status, 400);
});

test("an upgrade that the client gives up leaves the session on polling", async (t) => {
  const { conn, polling, ws } = await probed(t);
  ws.ws.close();
  await until(() => !conn.upgrading);
  await polling.join();
  assert.equal(conn.transport.name, "polling");
});

test("a probe that takes too long is closed", async (t) => {
  const { port } = await serve(t, { wsEngine: WsServer, upgradeTimeout: 50 });
  const polling = await Polling.open(t, port);
  const ws = await Ws.open(t, port, { query: `&sid=${polling.sid}` });
  await ws.closed;
  await polling.join();
});

test("a second WebSocket for a session is closed", async (t) => {
  const { port } = await serve(t, { wsEngine: WsServer });
  const polling = await Polling.open(t, port);
  const first = await Ws.open(t, port, { query: `&sid=${polling.sid}` });
  const second = await Ws.open(t, port, { query: `&sid=${polling.sid}` });
  assert.equal((await second.closed).code, 1005);
  await first.send("2probe");
  assert.equal(await first.next(), "3probe");
});

test("refusals come before the engine is asked", async (t) => {
  const { io, port } = await serve(t, { wsEngine: Overriding });
  const failing = once(io.engine, "connection_error");
  const answer = await exchange(t, port, opening("EIO=4&transport=websocket&sid=unknown"));
  assert.match(String(answer), /^HTTP\/1.1 400 Bad Request/);
  assert.equal((await failing)[0].code, 1);
  assert.equal(io.engine.ws.requests.length, 0);
});

test("a handshake that ws refuses opens no session", async (t) => {
  const { io, port } = await serve(t, { wsEngine: WsServer });
  const headers = { "Sec-WebSocket-Version": "7" };
  const answer = await exchange(t, port, opening("EIO=4&transport=websocket", headers));
  assert.match(String(answer), /^HTTP\/1.1 4/);
  assert.equal(io.engine.clientsCount, 0);
});

test("io.close() closes every WebSocket and the engine", async (t) => {
  const httpServer = await serveHttp(t);
  const io = new Server(httpServer, { wsEngine: WsServer });
  defer(t, () => closeServer(io));
  const { port } = httpServer.address();
  const clients = [];
  for (let n = 0; n < 5; n++) clients.push((await join(t, io, port)).client);
  const gone = clients.map((one) => once(one, "disconnect"));
  await io.close();
  for (const reason of await Promise.all(gone))
    assert.match(reason[0], /^(transport close|io server disconnect)$/);
  assert.equal(io.engine.clientsCount, 0);
});

test("an HTTP server that listens again is served again", async (t) => {
  const httpServer = await serveHttp(t);
  const io = new Server(httpServer, { wsEngine: WsServer });
  defer(t, () => closeServer(io));
  await closeServer(io);
  const port = await listen(httpServer);
  await connected(client(t, port));
});

test("rooms and broadcasts reach polling, and every way to a WebSocket, in order", async (t) => {
  const { io, port } = await serve(t, { wsEngine: WsServer });
  const all = [];
  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    for (let n = 0; n < 3; n++) all.push(await join(t, io, port, { transports }));
  }
  const got = all.map(({ client: one }) => {
    const values = [];
    one.on("n", (value) => values.push(value));
    return values;
  });
  all.forEach(({ socket }, i) => {
    if (i % 2 === 0) socket.join("even");
  });
  for (let n = 0; n < 20; n++) {
    if (n % 4 === 3) io.to("even").emit("n", n);
    else if (n % 4 === 2) all[0].socket.broadcast.emit("n", n);
    else io.emit("n", n % 4 === 1 ? Buffer.from([n]) : n);
  }
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  for (let i = 0; i < all.length; i++) {
    const expected = numbers.filter(
      (n) => (n % 4 !== 3 || i % 2 === 0) && (n % 4 !== 2 || i !== 0),
    );
    await until(() => got[i].length >= expected.length);
    assert.deepEqual(
      got[i].map((value) => (Buffer.isBuffer(value) ? value[0] : value)),
      expected,
    );
  }
  all.forEach(({ client: one }, i) => {
    one.on("ask", (done) => done(i));
  });
  const answers = await io.timeout(20_000).to("even").emitWithAck("ask");
  assert.deepEqual(answers.sort(), [0, 2, 4, 6, 8]);
});

test("a hundred clients exchange ordered messages without loss", async (t) => {
  // A busy machine may need long for a hundred upgrades.
  const patient = { upgradeTimeout: HANG, pingTimeout: HANG };
  const { io, port } = await serve(t, { wsEngine: WsServer, ...patient });
  io.on("connection", (socket) => {
    let next = 0;
    socket.on("n", (n, pad) => socket.emit("n", n, n === next++ && pad.length === n * 40));
  });
  const clients = Array.from({ length: 100 }, (_, i) => {
    return client(t, port, { transports: i % 5 === 0 ? WAYS.upgrade : WAYS.websocket });
  });
  await Promise.all(clients.map(connected));
  const total = 50;
  const done = clients.map(async (one) => {
    const got = [];
    one.on("n", (n, right) => got.push(right ? n : -1));
    for (let n = 0; n < total; n++) {
      one.emit("n", n, n % 2 ? "x".repeat(n * 40) : Buffer.alloc(n * 40));
      if (n % 10 === 9) await new Promise(setImmediate);
    }
    await until(() => got.length === total);
    return got;
  });
  const numbers = Array.from({ length: total }, (_, n) => n);
  for (const got of await Promise.all(done)) assert.deepEqual(got, numbers);
});
