// Engines that the application drives: requests handed over by hand, bind() and onconnection().
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { Server as ForeignEngine } from "engine.io";
import { client, connected, eachWay, join, WAYS } from "../support/clients.mjs";
import { eachTransport, request } from "../support/raw.mjs";
import { listen, serve, serveHttp } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once, until, within } from "../support/wait.mjs";

/** The engine class of the package under test. */
const Engine = new Server(http.createServer()).engine.constructor;

const ENGINES = { own: Engine, "engine.io's": ForeignEngine };

/** An HTTP server that hands every request to an engine, which is attached to nothing. */
async function driven(t, engine) {
  const httpServer = http.createServer((req, res) => engine.handleRequest(req, res));
  httpServer.on("upgrade", (req, socket, head) => engine.handleUpgrade(req, socket, head));
  const port = await listen(httpServer);
  defer(t, async () => {
    engine.close();
    httpServer.closeAllConnections();
    await within(new Promise((resolve) => httpServer.close(resolve)), "the HTTP server to close");
  });
  return port;
}

/** One test for each engine class and way of connecting. */
function eachEngine(title, fn) {
  for (const [name, Class] of Object.entries(ENGINES)) {
    eachWay(`${title}, ${name} engine`, (t, way) => fn(t, Class, way));
  }
}

eachEngine("handleRequest and handleUpgrade called by the application", async (t, Class, way) => {
  const engine = new Class();
  const io = new Server();
  assert.equal(io.bind(engine), io);
  assert.equal(io.engine, engine);
  assert.equal(io.httpServer, undefined);
  const port = await driven(t, engine);
  const { socket, client: one } = await join(t, io, port, way);
  assert.equal(engine.clientsCount, 1);
  assert.equal(socket.conn, engine.clients[socket.conn.id]);
  assert.equal(socket.conn.server, engine);
  const bytes = Buffer.from([1, 2, 3]);
  socket.on("echo", (...args) => args.pop()(...args));
  assert.deepEqual(await one.emitWithAck("echo", { bytes }), { bytes });
  one.on("ask", (value, done) => done(value));
  assert.deepEqual(await socket.emitWithAck("ask", bytes), bytes);
  assert.equal(socket.handshake.address, socket.conn.remoteAddress);
  const gone = once(socket, "disconnect");
  one.disconnect();
  assert.equal((await gone)[0], "client namespace disconnect");
  await until(() => engine.clientsCount === 0);
});

eachEngine("the path is the application's business", async (t, Class, way) => {
  const engine = new Class();
  const io = new Server().bind(engine);
  const port = await driven(t, engine);
  await join(t, io, port, { ...way, path: "/anything/at/all" });
});

eachEngine(
  "disconnect() by the server ends the session of a foreign engine",
  async (t, Class, way) => {
    const engine = new Class();
    const io = new Server().bind(engine);
    const port = await driven(t, engine);
    const { socket, client: one } = await join(t, io, port, way);
    const gone = once(one, "disconnect");
    const last = once(one, "last");
    socket.emit("last");
    socket.disconnect(true);
    await last;
    assert.equal((await gone)[0], "io server disconnect");
    await until(() => engine.clientsCount === 0);
  },
);

eachEngine("io.close() closes the bound engine", async (t, Class, way) => {
  const engine = new Class();
  const io = new Server().bind(engine);
  const port = await driven(t, engine);
  const { client: one } = await join(t, io, port, way);
  const gone = once(one, "disconnect");
  let called = false;
  await io.close(() => {
    called = true;
  });
  assert.ok(called);
  await gone;
  await until(() => engine.clientsCount === 0);
});

test("own and foreign engines side by side: rooms, broadcasts, acknowledgements", async (t) => {
  const { io, port } = await serve(t);
  const own = io.engine;
  const foreign = new ForeignEngine();
  io.bind(foreign);
  const foreignPort = await driven(t, foreign);
  // close() ends the engine that was bound last
  defer(t, () => own.close());
  const all = [];
  for (const at of [port, foreignPort]) {
    for (const way of Object.values(WAYS)) all.push(await join(t, io, at, way));
  }
  assert.equal(own.clientsCount, 3);
  assert.equal(foreign.clientsCount, 3);
  const got = all.map(({ client: one }) => {
    const values = [];
    one.on("n", (n) => values.push(Buffer.isBuffer(n) ? n[0] : n));
    one.on("ask", (done) => done(one.id));
    return values;
  });
  for (const { socket } of all.slice(1, 5)) socket.join("room");
  for (let n = 0; n < 12; n++) {
    const value = n % 2 ? Buffer.from([n]) : n;
    if (n % 3 === 0) io.to("room").emit("n", value);
    else io.emit("n", value);
  }
  const numbers = Array.from({ length: 12 }, (_, n) => n);
  for (const [i, values] of got.entries()) {
    const member = i >= 1 && i <= 4;
    const expected = numbers.filter((n) => member || n % 3 !== 0);
    await until(() => values.length === expected.length);
    assert.deepEqual(values, expected);
  }
  const answers = await io.timeout(20_000).emitWithAck("ask");
  assert.deepEqual(answers.sort(), all.map(({ client: one }) => one.id).sort());
});

test("io.engine.attach() serves a second HTTP server", async (t) => {
  const { io, port } = await serve(t);
  const second = await serveHttp(t);
  io.engine.attach(second, { path: "/second" });
  const { port: secondPort } = second.address();
  await join(t, io, port);
  for (const way of Object.values(WAYS)) await join(t, io, secondPort, { ...way, path: "/second" });
  assert.equal(io.engine.clientsCount, 4);
  const elsewhere = await request(secondPort, "/socket.io/?EIO=4&transport=polling");
  assert.equal(elsewhere.status, 404);
});

eachTransport("an engine alone, without Socket.IO", async (t, open) => {
  const engine = new Engine({ pingInterval: 1000 });
  const port = await driven(t, engine);
  const connecting = once(engine, "connection");
  const session = await open(port);
  assert.equal(session.handshake.pingInterval, 1000);
  const [conn] = await connecting;
  const got = [];
  conn.on("message", (data) => got.push(data));
  await session.send("4hello", Buffer.from([1]));
  await until(() => got.length === 2);
  assert.deepEqual(got, ["hello", Buffer.from([1])]);
  conn.send("back");
  assert.equal(await session.next(), "4back");
});

for (const attached of [false, true]) {
  const how = attached ? "an overridden handleRequest()" : "the application's own server";
  eachTransport(`properties that ${how} puts on a request stay`, async (t, open) => {
    const engine = new Engine();
    for (const method of ["handleRequest", "handleUpgrade"]) {
      const original = engine[method];
      engine[method] = (req, ...rest) => {
        req.user = { name: "ann" };
        original.call(engine, req, ...rest);
      };
    }
    let port;
    if (attached) {
      const httpServer = await serveHttp(t);
      engine.attach(httpServer, { path: "/socket.io" });
      defer(t, () => engine.close());
      port = httpServer.address().port;
    } else {
      port = await driven(t, engine);
    }
    const connecting = once(engine, "connection");
    await open(port);
    assert.deepEqual((await connecting)[0].request.user, { name: "ann" });
  });
}

test("a query that the application has parsed is used", async (t) => {
  const engine = new Engine();
  const handle = engine.handleRequest;
  engine.handleRequest = (req, res) => {
    req._query = { EIO: "4", transport: "polling", extra: "1" };
    handle.call(engine, req, res);
  };
  const port = await driven(t, engine);
  const connecting = once(engine, "connection");
  assert.equal((await request(port, "/")).status, 200);
  assert.equal((await connecting)[0].request._query.extra, "1");
});

// --- onconnection() with an engine socket made by hand -------------------------------------------

/** An engine socket in memory, with the members that Socket.IO needs: `written` holds what was sent. */
class MemorySocket extends EventEmitter {
  id = "memory";
  protocol = 4;
  readyState = "open";
  remoteAddress = "10.0.0.1";
  transport = { name: "memory", writable: true };
  request = { headers: { "x-by": "hand" }, url: "/memory?a=1", _query: { a: "1" }, connection: {} };
  written = [];

  write(data, options) {
    this.written.push(data);
    this.emit("written", data, options);
    return this;
  }

  send(...args) {
    return this.write(...args);
  }

  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.emit("close", "forced close");
  }
}

/** Keeps the process alive while a test waits for what happens in memory. */
function stay(t) {
  const timer = setInterval(() => {}, 1000);
  defer(t, () => clearInterval(timer));
}

/** A server and a socket of it whose connection is in memory. */
async function inMemory(t) {
  stay(t);
  const io = new Server();
  const conn = new MemorySocket();
  const accepted = once(io, "connection");
  assert.equal(io.onconnection(conn), io);
  conn.emit("data", '0{"token":"t"}');
  const [socket] = await accepted;
  return { io, conn, socket };
}

test("onconnection: handshake, events, acknowledgements, binary", async (t) => {
  const { io, conn, socket } = await inMemory(t);
  assert.match(conn.written[0], /^0\{"sid":"/);
  assert.equal(socket.conn, conn);
  assert.equal(socket.handshake.address, "10.0.0.1");
  assert.deepEqual(socket.handshake.auth, { token: "t" });
  assert.deepEqual(socket.handshake.query, { a: "1" });
  socket.on("ask", (value, done) => done(value));
  conn.emit("data", '51-7["ask",{"_placeholder":true,"num":0}]');
  conn.emit("data", Buffer.from([9]));
  await until(() => conn.written.length === 3);
  assert.equal(conn.written[1], '61-7[{"_placeholder":true,"num":0}]');
  assert.deepEqual(conn.written[2], Buffer.from([9]));
  io.emit("all", 1);
  socket.join("room");
  io.to("room").emit("some", 2);
  await until(() => conn.written.length === 5);
  assert.deepEqual(conn.written.slice(3), ['2["all",1]', '2["some",2]']);
  socket.disconnect(true);
  assert.equal(conn.readyState, "closed");
});

test("onconnection: volatile follows transport.writable", async (t) => {
  const { conn, socket } = await inMemory(t);
  conn.transport.writable = false;
  socket.volatile.emit("lost");
  conn.transport.writable = true;
  socket.volatile.emit("kept");
  await until(() => conn.written.length === 2);
  assert.equal(conn.written[1], '2["kept"]');
});

test("onconnection: the connection's end is the sockets' end", async (t) => {
  const { io, conn, socket } = await inMemory(t);
  const gone = once(socket, "disconnect");
  conn.readyState = "closed";
  conn.emit("close", "transport close", "why");
  assert.deepEqual(await gone, ["transport close", "why"]);
  assert.equal(io.sockets.sockets.size, 0);
  for (const event of ["data", "error", "close"]) assert.equal(conn.listenerCount(event), 0);
});

test("onconnection: data that is no packet ends the connection", async (t) => {
  const { conn, socket } = await inMemory(t);
  const errors = [];
  socket.on("error", (error) => errors.push(error));
  conn.emit("data", "nonsense");
  await until(() => conn.readyState === "closed");
  assert.equal(errors.length, 1);
});

test("an emitter of engine sockets is an engine", async (t) => {
  stay(t);
  const io = new Server();
  const engine = new EventEmitter();
  let closed = 0;
  engine.close = () => closed++;
  io.bind(engine);
  const conn = new MemorySocket();
  const accepted = once(io, "connection");
  engine.emit("connection", conn);
  conn.emit("data", "0");
  await accepted;
  await io.close();
  assert.equal(closed, 1);
});

test("connect again after the engine was bound twice", async (t) => {
  const io = new Server();
  const engines = [new Engine(), new Engine()];
  for (const engine of engines) io.bind(engine);
  assert.equal(io.engine, engines[1]);
  for (const engine of engines) await connected(client(t, await driven(t, engine)));
  assert.deepEqual(
    engines.map(({ clientsCount }) => clientsCount),
    [1, 1],
  );
});
