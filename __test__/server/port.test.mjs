// A server on a port of its own: `new Server(port)`, `io.listen(port)`, and its clients.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { client, connected, eachWay, join } from "../support/clients.mjs";
import { answering, exercise } from "../support/exercise.mjs";
import { listening, servePort } from "../support/forms.mjs";
import { freePort } from "../support/free-port.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { closeServer, listen, serveHttp } from "../support/server.mjs";
import { io as callable, Server } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

// without an address servers listen on `::` where there is IPv6
const probe = http.createServer().listen(0);
const hasIPv6 = probe.address().family === "IPv6";
probe.close();

const MADE = {
  "new Server(0)": () => new Server(0),
  'new Server("0")': () => new Server("0"),
  "the callable export": () => callable(0, { pingInterval: 20_000 }),
  "listen(0)": () => new Server().listen(0),
  'attach("0")': () => new Server().attach("0"),
  "listen(0) on a server with options": () => new Server({ pingInterval: 20_000 }).listen(0),
};
for (const [title, make] of Object.entries(MADE)) {
  eachWay(`clients of ${title}`, async (t, options, way) => {
    const { io, port } = await listening(t, make());
    answering(io);
    await exercise(io, client(t, port, options), way);
  });
}

test("the port is known at once, and told later", async (t) => {
  const io = new Server(0);
  defer(t, () => closeServer(io));
  const { httpServer } = io;
  assert.ok(httpServer instanceof http.Server);
  assert.equal(httpServer.listening, true);
  const address = httpServer.address();
  assert.deepEqual(Object.keys(address).sort(), ["address", "family", "port"]);
  assert.ok(address.port > 0);
  let told = 0;
  httpServer.on("listening", () => told++);
  assert.equal(told, 0);
  await once(httpServer, "listening");
  assert.equal(told, 1);
  assert.deepEqual(httpServer.address(), address);
});

test("every address of the machine is listened to", async (t) => {
  const { httpServer, port } = await servePort(t);
  const { address, family } = httpServer.address();
  assert.deepEqual([address, family], hasIPv6 ? ["::", "IPv6"] : ["0.0.0.0", "IPv4"]);
  const hosts = hasIPv6 ? ["127.0.0.1", "[::1]"] : ["127.0.0.1"];
  for (const host of hosts) {
    const answer = await fetch(`http://${host}:${port}/socket.io/?EIO=4&transport=polling`);
    assert.equal(answer.status, 200);
    await answer.text();
  }
});

eachWay("the handshake tells where the client is", async (t, options, way) => {
  const { io, port } = await servePort(t);
  const { socket } = await join(t, io, port, {
    ...options,
    query: { a: "1" },
    extraHeaders: { x: "y" },
  });
  const address = hasIPv6 ? "::ffff:127.0.0.1" : "127.0.0.1";
  const { handshake, request: req, conn } = socket;
  assert.equal(handshake.address, address);
  assert.equal(conn.remoteAddress, address);
  assert.equal(handshake.secure, false);
  assert.equal(handshake.xdomain, false);
  assert.equal(handshake.query.a, "1");
  assert.equal(handshake.headers.x, "y");
  assert.equal(handshake.headers.host, `127.0.0.1:${port}`);
  assert.ok(handshake.url.startsWith("/socket.io/?a=1&EIO=4&transport="));
  assert.ok(req instanceof http.IncomingMessage);
  assert.equal(req.method, "GET");
  assert.equal(req.httpVersion, "1.1");
  assert.equal(req.url, handshake.url);
  assert.equal(req.headers, handshake.headers);
  assert.equal(req.socket.remoteAddress, address);
  assert.equal(req.connection, req.socket);
  if (way !== "websocket") return; // the connection of a polling client's handshake may be gone
  assert.equal(req.socket.localPort, port);
  assert.ok(req.socket.remotePort > 0);
});

test("a port that is taken is an error event, and the server may listen elsewhere", async (t) => {
  const other = await servePort(t);
  const io = new Server(other.port);
  answering(io);
  const [error] = await once(io.httpServer, "error");
  const { code, syscall, port } = error;
  assert.deepEqual([code, syscall, port], ["EADDRINUSE", "listen", other.port]);
  assert.equal(error.address, other.httpServer.address().address);
  assert.equal(io.httpServer.listening, false);
  assert.equal(io.httpServer.address(), null);
  io.httpServer.listen(0);
  const { port: free } = await listening(t, io);
  await exercise(io, client(t, free), "websocket");
});

test("a port that is taken ends a process that does not listen for the error", async (t) => {
  const { port } = await servePort(t);
  const child = spawnChild(t, "port.mjs", ["taken", String(port)], "server");
  const { code } = await child.message("uncaught");
  assert.equal(code, "EADDRINUSE");
  assert.equal(await child.exit(), 0);
});

for (const way of ["unref", "unref with clients gone", "close"]) {
  test(`a process ends with its port: ${way}`, async (t) => {
    const child = spawnChild(t, "port.mjs", [way], "server");
    const { port } = await child.message("listening");
    for (const transports of [["polling"], ["websocket"]]) {
      const one = await connected(client(t, port, { transports }));
      one.disconnect();
    }
    child.send("end");
    assert.equal(await child.exit(), 0);
  });
}

test("workers of a cluster share a port", async (t) => {
  const child = spawnChild(t, "cluster.mjs", [], "server");
  const { port } = await child.message("listening");
  const ids = new Set();
  for (let i = 0; i < 8; i++) {
    const one = client(t, port);
    const worker = await new Promise((resolve) => one.on("worker", resolve));
    ids.add(worker);
    one.disconnect();
  }
  assert.deepEqual([...ids].sort(), [1, 2]);
  child.send("end");
  assert.equal(await child.exit(), 0);
});

eachWay("io.close() tells the clients, frees the port and calls back", async (t, options) => {
  const { io, httpServer, port } = await listening(t, new Server(await freePort()));
  const { client: one, socket } = await join(t, io, port, options);
  const left = once(one, "disconnect");
  const gone = once(socket, "disconnect");
  let closed = 0;
  httpServer.on("close", () => closed++);
  const called = new Promise((resolve) => io.close((...args) => resolve(args)));
  assert.equal((await gone)[0], "server shutting down");
  assert.match((await left)[0], /^transport (close|error)$/);
  assert.deepEqual(await called, [undefined]);
  assert.deepEqual([httpServer.listening, httpServer.address(), closed], [false, null, 1]);
  assert.equal(io.engine.clientsCount, 0);
  await assert.rejects(request(port, "/"), { code: "ECONNREFUSED" });
  const again = http.createServer();
  again.listen(port);
  await once(again, "listening");
  again.close();
});

eachWay("a closed server listens again", async (t, options, way) => {
  const { io, httpServer, port } = await servePort(t);
  answering(io);
  await exercise(io, client(t, port, options), way);
  await io.close();
  httpServer.listen(0);
  const { port: next } = await listening(t, io);
  await exercise(io, client(t, next, options), way);
});

test("io.httpServer.close() alone waits for a WebSocket, and refuses newcomers", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  answering(io);
  const { client: one } = await join(t, io, port);
  let closed = false;
  httpServer.close(() => {
    closed = true;
  });
  assert.equal(httpServer.listening, false);
  await assert.rejects(request(port, "/"), { code: "ECONNREFUSED" });
  assert.equal(await one.emitWithAck("echo", 1), 1);
  assert.equal(one.connected, true);
  assert.equal(closed, false);
  one.disconnect();
  await until(() => closed, "the HTTP server is closed");
});

test("two ports of one server both deliver; the last one is closed with it", async (t) => {
  const io = new Server(0);
  const first = io.httpServer;
  defer(t, () => new Promise((resolve) => first.close(resolve)));
  const { engine } = io;
  defer(t, () => engine.close());
  io.listen(0);
  const second = io.httpServer;
  assert.notEqual(first, second);
  await join(t, io, first.address().port);
  await join(t, io, second.address().port);
  assert.equal(io.sockets.sockets.size, 2);
  await io.close();
  assert.deepEqual([first.listening, second.listening], [true, false]);
});

test("another server may share the HTTP server of a port", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  const other = new Server(httpServer, { path: "/other" });
  defer(t, () => other.engine.close());
  for (const [server, path] of [
    [io, "/socket.io"],
    [other, "/other"],
  ]) {
    answering(server);
    for (const transports of [["polling"], ["websocket"]]) {
      await exercise(server, client(t, port, { path, transports }), transports[0]);
    }
  }
  assert.equal((await request(port, "/third/")).status, 404);
});

test("a port that an application's server had is taken over", async (t) => {
  const port = await freePort();
  const before = await serveHttp(t, port);
  await new Promise((resolve) => before.close(resolve));
  const { io } = await listening(t, new Server(port));
  answering(io);
  await exercise(io, client(t, port), "websocket");
  await io.close();
  assert.equal(await listen(before, port), port);
});

test("engine middlewares and header events see the requests of a port", async (t) => {
  const { io, port } = await servePort(t);
  const seen = [];
  io.engine.use((req, res, next) => {
    seen.push(["middleware", req.url.split("?")[0], req.socket.localPort]);
    res.setHeader("x-middleware", "1");
    next();
  });
  io.engine.on("initial_headers", (headers) => {
    headers["x-initial"] = "2";
  });
  io.engine.on("headers", (headers) => {
    headers["x-every"] = "3";
  });
  const { opening } = await Polling.open(t, port);
  const pick = ({ headers }) =>
    ["x-middleware", "x-initial", "x-every"].map((name) => headers[name]);
  assert.deepEqual(pick(opening), ["1", "2", "3"]);
  const ws = await Ws.open(t, port);
  assert.deepEqual(pick(ws.response), ["1", "2", "3"]);
  assert.deepEqual(seen, Array(2).fill(["middleware", "/socket.io/", port]));
});

test("middlewares added once clients are there see what follows", async (t) => {
  const { io, port } = await servePort(t);
  const session = await Polling.open(t, port);
  let calls = 0;
  io.engine.use((_req, _res, next) => {
    calls++;
    next();
  });
  await session.send("40");
  await session.next();
  assert.equal(calls, 2);
});

test("connection_error tells about refused requests of a port", async (t) => {
  const { io, port } = await servePort(t);
  const errors = [];
  io.engine.on("connection_error", ({ req, code, message, context }) =>
    errors.push([req.url, code, message, context]),
  );
  await request(port, "/socket.io/?EIO=4&transport=polling&sid=nobody");
  await assert.rejects(Ws.open(t, port, { query: "&sid=nobody" }));
  assert.deepEqual(
    errors.map((line) => line.slice(1)),
    Array(2).fill([1, "Session ID unknown", { sid: "nobody" }]),
  );
});

test("a client that leaves in the middle of a request harms nobody", async (t) => {
  const { io, port } = await servePort(t);
  answering(io);
  for (const text of [
    "",
    "GET /socket.io/?EIO=4",
    "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1",
  ]) {
    const tcp = await Tcp.open(t, port);
    if (text) tcp.write(text);
    await request(port, "/");
    tcp.socket.resetAndDestroy();
  }
  await exercise(io, client(t, port), "websocket");
});
