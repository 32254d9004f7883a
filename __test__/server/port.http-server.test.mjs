// `io.httpServer` of a server on a port of its own: everything an http.Server lets be seen and set.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { client, join } from "../support/clients.mjs";
import { answering, exercise, statuses } from "../support/exercise.mjs";
import { servePort } from "../support/forms.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { ask, HANDSHAKE, upgrade } from "../support/requests/text.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { exchange, opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

/** A raw connection, and the answers it gets: `await next(text)` is the head and body of one. */
async function keptAlive(t, port) {
  const tcp = await Tcp.open(t, port);
  return {
    tcp,
    async next(text) {
      tcp.write(text);
      const head = await tcp.head();
      const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]);
      const chunked = /^transfer-encoding: chunked\r$/im.test(head);
      const size = () => (chunked ? tcp.received.indexOf("0\r\n\r\n") + 5 : length);
      await until(() => tcp.received.length >= size() && size() > 4, "a body");
      const body = tcp.received.subarray(0, size()).toString();
      tcp.received = tcp.received.subarray(size());
      return { status: statuses(head)[0], head, body };
    },
  };
}

const get = (url, headers) => ask(`GET ${url}`, headers);

test("the server of a port has the listeners of an attached one", async (t) => {
  const { httpServer } = await servePort(t);
  const counts = ["request", "upgrade", "close", "listening"].map((event) => [
    event,
    httpServer.listenerCount(event),
  ]);
  assert.deepEqual(counts.slice(0, 3), [
    ["request", 1],
    ["upgrade", 1],
    ["close", 1],
  ]);
  assert.ok(counts[3][1] >= 1);
  assert.deepEqual(
    ["connect", "checkContinue", "clientError", "error"].map((e) => httpServer.listenerCount(e)),
    [0, 0, 0, 0],
  );
  assert.equal(typeof httpServer.listeners("request")[0], "function");
});

test("a request listener of one's own sees every request, ours too", async (t) => {
  const { httpServer, port } = await servePort(t);
  const seen = [];
  httpServer.on("request", (req, res) => {
    seen.push([req.url.split("?")[0], req.method, res instanceof http.ServerResponse]);
  });
  const session = await Polling.open(t, port);
  await session.send("40");
  await session.next();
  await request(port, "/socket.io/socket.io.js", { headers: { "if-none-match": '"4.8.4"' } });
  await request(port, "/elsewhere");
  assert.deepEqual(seen, [
    ["/socket.io/", "GET", true],
    ["/socket.io/", "POST", true],
    ["/socket.io/", "GET", true],
    ["/socket.io/socket.io.js", "GET", true],
    ["/elsewhere", "GET", true],
  ]);
});

test("a request listener added while a connection is open sees what follows on it", async (t) => {
  const { httpServer, port } = await servePort(t);
  const { next } = await keptAlive(t, port);
  assert.equal((await next(get(HANDSHAKE))).status, 200);
  const seen = [];
  httpServer.on("request", (req) => seen.push(req.url));
  assert.equal((await next(get(HANDSHAKE))).status, 200);
  assert.equal((await next(get("/elsewhere"))).status, 404);
  assert.deepEqual(seen, [HANDSHAKE, "/elsewhere"]);
});

test("request listeners may be wrapped: others' requests never reach ours", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  answering(io);
  const before = httpServer.listeners("request");
  httpServer.removeAllListeners("request");
  httpServer.on("request", (req, res) => {
    if (req.url.startsWith("/app")) res.end(`app ${req.url}`);
    else for (const listener of before) listener.call(httpServer, req, res);
  });
  const { next } = await keptAlive(t, port);
  assert.equal((await next(get("/app/1"))).body, "app /app/1");
  assert.equal((await next(get(HANDSHAKE))).status, 200);
  assert.equal((await next(get("/app/2"))).body, "app /app/2");
  assert.equal((await next(get("/elsewhere"))).status, 404);
  await exercise(io, client(t, port, { transports: ["polling"] }), "polling");
});

test("without its request listener nothing of ours is served but WebSockets", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.removeAllListeners("request");
  httpServer.on("request", (req, res) => res.end(`mine ${req.url}`));
  assert.equal((await request(port, HANDSHAKE)).text, `mine ${HANDSHAKE}`);
  assert.equal((await request(port, "/socket.io/socket.io.js")).text.slice(0, 5), "mine ");
  await Ws.open(t, port);
});

test("without its upgrade listener nothing is upgraded", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.removeAllListeners("upgrade");
  const answer = await exchange(t, port, opening(undefined, { Connection: "Upgrade, close" }));
  assert.deepEqual(statuses(answer), [400]);
  assert.match(answer, /\{"code":3,"message":"Bad request"\}/);
  await Polling.open(t, port);
});

test("an upgrade listener of one's own sees every upgrade and serves other paths", async (t) => {
  const { io, httpServer, port } = await servePort(t, { destroyUpgrade: false });
  answering(io);
  const seen = [];
  httpServer.on("upgrade", (req, socket, head) => {
    seen.push([req.url.split("?")[0], socket instanceof net.Socket, head.toString()]);
    if (req.url === "/mine") socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n");
  });
  const answer = await exchange(t, port, `${upgrade({}, { url: "/mine" })}head`);
  assert.deepEqual(statuses(answer), [418]);
  await exercise(io, client(t, port), "websocket");
  assert.deepEqual(seen, [
    ["/mine", true, "head"],
    ["/socket.io/", true, ""],
  ]);
});

test("requests of one connection share a socket, which tells its ends", async (t) => {
  const { httpServer, port } = await servePort(t);
  const sockets = new Set();
  const accepted = [];
  httpServer.on("connection", (socket) => accepted.push(socket));
  httpServer.on("request", (req) => sockets.add(req.socket));
  const { tcp, next } = await keptAlive(t, port);
  await next(get(HANDSHAKE));
  await next(get("/elsewhere"));
  await next(get(HANDSHAKE));
  assert.equal(sockets.size, 1);
  const [socket] = sockets;
  assert.deepEqual(accepted, [socket]);
  assert.ok(socket instanceof net.Socket);
  assert.equal(socket.remotePort, tcp.socket.localPort);
  assert.equal(socket.localPort, port);
  assert.equal(socket.server, httpServer);
});

test("every connection is a connection event, and is counted while it lasts", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  const count = () => new Promise((resolve) => httpServer.getConnections((_e, n) => resolve(n)));
  let events = 0;
  httpServer.on("connection", () => events++);
  const one = await keptAlive(t, port);
  await one.next(get(HANDSHAKE));
  const ws = await Ws.open(t, port);
  const two = await keptAlive(t, port);
  await two.next(get("/elsewhere"));
  assert.equal(events, 3);
  assert.equal(await count(), 3);
  ws.ws.close();
  one.tcp.socket.end();
  two.tcp.socket.end();
  await until(async () => (await count()) === 0, "no connection is left");
  assert.equal(io.engine.clientsCount, 1);
});

test("a clientError listener answers what is no HTTP", async (t) => {
  const { httpServer, port } = await servePort(t);
  const errors = [];
  httpServer.on("clientError", (error, socket) => {
    errors.push([error.code, socket instanceof net.Socket]);
    socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n");
  });
  assert.deepEqual(statuses(await exchange(t, port, "nonsense\r\n\r\n")), [418]);
  const { tcp, next } = await keptAlive(t, port);
  assert.equal((await next(get(HANDSHAKE))).status, 200);
  tcp.write("nonsense\r\n\r\n");
  assert.deepEqual(statuses(await tcp.rest()), [418]);
  assert.deepEqual(errors, Array(2).fill(["HPE_INVALID_METHOD", true]));
});

test("a checkContinue listener gets the requests that wait, ours too", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.on("checkContinue", (req, res) => {
    res.writeHead(418, { Connection: "close" });
    res.end(req.url);
  });
  const text = ask(`POST ${HANDSHAKE}`, { Expect: "100-continue", "Content-Length": "2" });
  const answer = await exchange(t, port, text);
  assert.deepEqual(statuses(answer), [418]);
});

test("a checkExpectation listener gets the requests that expect", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.on("checkExpectation", (_req, res) =>
    res.writeHead(418, { Connection: "close" }).end(),
  );
  const answer = await exchange(t, port, get(HANDSHAKE, { Expect: "wonders" }));
  assert.deepEqual(statuses(answer), [418]);
});

test("a connect listener gets the tunnels", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.on("connect", (req, socket) => socket.end(`HTTP/1.1 200 ${req.url}\r\n\r\n`));
  assert.deepEqual(statuses(await exchange(t, port, ask("CONNECT a.example:443"))), [200]);
});

test("keepAliveTimeout is told and kept", async (t) => {
  const { httpServer, port } = await servePort(t);
  for (const seconds of [1, 61]) {
    httpServer.keepAliveTimeout = seconds * 1000;
    const { tcp, next } = await keptAlive(t, port);
    for (const url of [HANDSHAKE, "/elsewhere", "/socket.io/"]) {
      const { head } = await next(get(url));
      assert.match(head, /^Connection: keep-alive\r$/m);
      assert.match(head, new RegExp(`^Keep-Alive: timeout=${seconds}\r$`, "m"));
    }
    if (seconds === 1) assert.equal(await tcp.rest(), "");
  }
});

test("keepAliveTimeout 0 says nothing of a time", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.keepAliveTimeout = 0;
  const { next } = await keptAlive(t, port);
  for (const url of [HANDSHAKE, "/elsewhere"]) {
    const { head } = await next(get(url));
    assert.match(head, /^Connection: keep-alive\r$/m);
    assert.doesNotMatch(head, /^Keep-Alive:/m);
  }
});

test("maxRequestsPerSocket ends a connection with its last request", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.maxRequestsPerSocket = 2;
  httpServer.keepAliveTimeout = 100; // Node waits for so long even after the last
  const { tcp, next } = await keptAlive(t, port);
  assert.match((await next(get(HANDSHAKE))).head, /^Keep-Alive: timeout=0, max=2\r$/m);
  assert.match((await next(get(HANDSHAKE))).head, /^Connection: close\r$/m);
  assert.equal(await tcp.rest(), "");
});

test("maxHeadersCount does to a request of the engine as Node does to any other", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  const plain = http.createServer((req, res) => {
    seen.plain.push(Object.keys(req.headers));
    res.end();
  });
  defer(t, () => closeHttp(plain));
  const plainPort = await listen(plain);
  const seen = { engine: [], plain: [] };
  io.engine.on("connection", ({ request: req }) => seen.engine.push(Object.keys(req.headers)));
  for (const server of [httpServer, plain]) server.maxHeadersCount = 3;
  const headers = Object.fromEntries(Array.from("abcdef", (name) => [`x-${name}`, "1"]));
  const text = get(HANDSHAKE, { ...headers, Connection: "close" });
  const [ours, others] = [await exchange(t, port, text), await exchange(t, plainPort, text)];
  assert.deepEqual(statuses(ours), statuses(others));
  assert.deepEqual(seen.engine, seen.plain);
  // headers above it are left out, or, since security releases of Node 22 and later, refused
  if (seen.plain.length > 0) assert.deepEqual(seen.engine, [["host", "x-a", "x-b"]]);
  else assert.deepEqual(statuses(ours), [431]);
});

test("setTimeout gives up connections on which nothing happens", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.setTimeout(800);
  httpServer.keepAliveTimeout = 800;
  const timeouts = [];
  const silent = await Tcp.open(t, port);
  assert.equal(await silent.rest(), "");
  httpServer.on("timeout", (socket) => {
    timeouts.push(socket instanceof net.Socket);
    socket.destroy();
  });
  const { tcp, next } = await keptAlive(t, port);
  assert.equal((await next(get(HANDSHAKE))).status, 200);
  await tcp.rest();
  assert.deepEqual(timeouts, [true]);
});

test("maxConnections drops what is above it", async (t) => {
  const { httpServer, port } = await servePort(t);
  httpServer.maxConnections = 1;
  const drops = [];
  httpServer.on("drop", (data) => drops.push(data.remotePort));
  const { tcp, next } = await keptAlive(t, port);
  assert.equal((await next(get(HANDSHAKE))).status, 200);
  const dropped = await Tcp.open(t, port);
  const { localPort } = dropped.socket;
  assert.equal(await dropped.rest(), "");
  assert.deepEqual(drops, [localPort]);
  tcp.socket.destroy();
});

test("closeIdleConnections ends connections between requests, not polls", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  const idle = await keptAlive(t, port);
  await idle.next(get(HANDSHAKE));
  const ws = await Ws.open(t, port);
  const session = await Polling.open(t, port);
  const conn = io.engine.clients[session.sid];
  const poll = await session.hold(conn);
  httpServer.closeIdleConnections();
  assert.equal(await idle.tcp.rest(), "");
  conn.send("still here");
  assert.equal((await poll.answer).text, "4still here");
  await ws.send("40");
  assert.match(await ws.next(), /^40\{/);
});

test("closeAllConnections ends polls too, and leaves WebSockets alone", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  const ws = await Ws.open(t, port);
  const session = await Polling.open(t, port);
  const conn = io.engine.clients[session.sid];
  const poll = await session.hold(conn);
  const closed = once(conn, "close");
  httpServer.closeAllConnections();
  await assert.rejects(poll.answer, { code: "ECONNRESET" });
  assert.equal((await closed)[0], "transport error");
  await ws.send("40");
  assert.match(await ws.next(), /^40\{/);
});

test("close() ends idle connections; its callback and event come when all are gone", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  const idle = await keptAlive(t, port);
  await idle.next(get(HANDSHAKE));
  const { client: one } = await join(t, io, port);
  const seen = [];
  httpServer.on("close", () => seen.push("event"));
  httpServer.close((error) => seen.push(["callback", error]));
  assert.equal(await idle.tcp.rest(), "");
  assert.deepEqual(seen, []);
  one.disconnect();
  await until(() => seen.length === 2, "the server is closed");
  assert.deepEqual(seen, ["event", ["callback", undefined]]);
  const again = await new Promise((resolve) => httpServer.close(resolve));
  assert.equal(again.code, "ERR_SERVER_NOT_RUNNING");
});

test("listening twice is refused", async (t) => {
  const { httpServer } = await servePort(t);
  assert.throws(() => httpServer.listen(0), { code: "ERR_SERVER_ALREADY_LISTEN" });
});

test("a connection that the application hands in is served", async (t) => {
  const { io, httpServer, port } = await servePort(t);
  answering(io);
  const relay = net.createServer({ pauseOnConnect: false }, (socket) => {
    httpServer.emit("connection", socket);
  });
  await once(relay.listen(0, "127.0.0.1"), "listening");
  t.after(() => relay.close());
  assert.notEqual(relay.address().port, port);
  for (const transports of [["polling"], ["websocket"]]) {
    const one = client(t, relay.address().port, { transports });
    await exercise(io, one, transports[0]);
  }
});
