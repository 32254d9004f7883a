// The first bytes of a connection to an HTTP server of the application decide who serves it.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { attached, get } from "../support/attached.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { beyond, engine, Server } from "../support/subject.mjs";
import { frame, opening, statusOf, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

/** Reads an answer with its body of the announced length. */
async function answer(tcp) {
  const head = await tcp.head();
  const length = Number(/content-length: (\d+)/i.exec(head)[1]);
  const body = await tcp.until((bytes) => {
    return bytes.length < length ? undefined : tcp.take(length).toString();
  }, "the body");
  return { status: statusOf(head), body };
}

const connections = (httpServer) =>
  new Promise((resolve, reject) => {
    httpServer.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

beyond("answers handshakes, polls and upgrades without Node's parser", async (t) => {
  const { io, port } = await attached(t);
  const polling = await Polling.open(t, port);
  await Ws.open(t, port);
  await until(() => io.engine.clientsCount === 2, "both are heard");
  const { sessions } = io.engine.metrics();
  assert.deepEqual(sessions.polling, { native: 1, javascript: 0 });
  assert.deepEqual(sessions.websocket, { native: 1, javascript: 0 });
  await polling.join();
});

for (const [what, pieces] of Object.entries({
  "in one piece": [get("/a")],
  "byte by byte": [...get("/a")],
  "whose method comes alone": ["GET", get("/a").slice(3)],
  "with a path like the engine's": [get("/socket.io-not/?EIO=4&transport=polling")],
})) {
  test(`the application answers a request ${what}`, async (t) => {
    const { asked, port } = await attached(t);
    const tcp = await Tcp.open(t, port);
    for (const piece of pieces) await tcp.write(piece);
    const { status, body } = await answer(tcp);
    assert.equal(status, 200);
    assert.deepEqual(asked, [body.slice("app ".length)]);
  });
}

for (const [what, pieces] of Object.entries({
  "in one piece": [get(HANDSHAKE)],
  "byte by byte": [...get(HANDSHAKE)],
  "in two": [get(HANDSHAKE).slice(0, 60), get(HANDSHAKE).slice(60)],
})) {
  test(`the engine answers a handshake ${what}`, async (t) => {
    const { io, asked, port } = await attached(t);
    const tcp = await Tcp.open(t, port);
    for (const piece of pieces) await tcp.write(piece);
    const { status, body } = await answer(tcp);
    assert.equal(status, 200);
    assert.match(body, /^0\{"sid":/);
    await until(() => io.engine.clientsCount === 1, "the session is heard");
    assert.deepEqual(asked, []);
  });
}

test("requests of both kinds take turns on one connection", async (t) => {
  for (const order of ["ea", "ae", "eae", "aea", "eeaaee"]) {
    const { asked, port } = await attached(t);
    const tcp = await Tcp.open(t, port);
    for (const kind of order) {
      tcp.write(get(kind === "e" ? HANDSHAKE : "/a"));
      const { body } = await answer(tcp);
      assert.match(body, kind === "e" ? /^0\{"sid":/ : /^app \/a$/);
    }
    assert.equal(asked.length, order.replaceAll("e", "").length);
  }
});

test("requests of both kinds that come in one chunk are answered in their order", async (t) => {
  for (const order of ["ea", "ae", "aea"]) {
    const { port } = await attached(t);
    const tcp = await Tcp.open(t, port);
    tcp.write([...order].map((kind) => get(kind === "e" ? HANDSHAKE : "/a")).join(""));
    for (const kind of order) {
      const { body } = await answer(tcp);
      assert.match(body, kind === "e" ? /^0\{"sid":/ : /^app \/a$/);
    }
  }
});

// Node gives memory that may be longer than what was read.
for (const size of [40_000, 64_000, 65_000, 65_536, 100_000]) {
  test(`a POST of ${size} bytes that begins a connection is heard as it is`, async (t) => {
    const { io, port } = await attached(t);
    const hearing = once(io.engine, "connection");
    const session = await Polling.open(t, port);
    const [conn] = await hearing;
    conn.removeAllListeners("data");
    const messages = [];
    conn.on("data", (data) => messages.push(data));
    const body = `4${"x".repeat(size)}`;
    const tcp = await Tcp.open(t, port);
    tcp.write(
      `POST ${HANDSHAKE}&sid=${session.sid} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    assert.deepEqual(await answer(tcp), { status: 200, body: "ok" });
    await until(() => messages.length === 1, "it is heard");
    assert.equal(messages[0], body.slice(1));
  });
}

beyond("hears a frame in the chunk of the upgrade request", async (t) => {
  const { io, port } = await attached(t);
  const joining = once(io, "connection");
  const tcp = Tcp.connect(t, port);
  await tcp.upgrade({ extra: [frame(1, "40")] });
  await joining;
});

test("a listener of connection gets the socket of every later connection", async (t) => {
  const { io, httpServer, port } = await attached(t);
  await Polling.open(t, port);
  const sockets = [];
  httpServer.on("connection", (socket) => sockets.push(socket));
  const tcp = await Tcp.open(t, port);
  await until(() => sockets.length === 1, "the silent connection is told");
  assert.ok(sockets[0] instanceof net.Socket);
  tcp.write(get(HANDSHAKE));
  assert.match((await answer(tcp)).body, /^0\{"sid":/);
  await until(() => io.engine.clientsCount === 2, "the session is heard");
});

test("a listener of request that comes later gets the engine's requests too", async (t) => {
  const { httpServer, port } = await attached(t);
  const seen = [];
  httpServer.on("request", (req) => seen.push(req.url));
  await Polling.open(t, port);
  assert.equal(seen.length, 1);
});

test("a class of the application for requests is used for the engine's", async (t) => {
  let made = 0;
  class IncomingMessage extends http.IncomingMessage {
    constructor(...args) {
      super(...args);
      made++;
    }
  }
  const { port } = await attached(t, { server: { IncomingMessage } });
  await Polling.open(t, port);
  assert.equal(made, 1);
});

test("getConnections() counts silent, polling and WebSocket connections", async (t) => {
  const { httpServer, port } = await attached(t);
  const silent = await Tcp.open(t, port);
  await until(async () => (await connections(httpServer)) === 1, "one");
  const polling = await Tcp.open(t, port);
  polling.write(get(HANDSHAKE));
  await answer(polling);
  await until(async () => (await connections(httpServer)) === 2, "two");
  const ws = await Tcp.websocket(t, port);
  await until(async () => (await connections(httpServer)) === 3, "three");
  for (const tcp of [silent, polling, ws]) tcp.destroy();
  await until(async () => (await connections(httpServer)) === 0, "none");
});

test("closeAllConnections() ends connections that have sent nothing, or half a request", async (t) => {
  const { httpServer, port } = await attached(t);
  const tcps = [];
  for (const sent of ["", "GET ", get(HANDSHAKE).slice(0, -2)]) {
    const tcp = await Tcp.open(t, port);
    if (sent !== "") await tcp.write(sent);
    tcps.push(tcp);
  }
  await until(async () => (await connections(httpServer)) === 3, "three");
  httpServer.closeAllConnections();
  for (const tcp of tcps) assert.equal(await tcp.rest(), "");
});

test("a connection that has sent nothing is served when it speaks late", async (t) => {
  const { port } = await attached(t);
  for (const [target, expected] of [
    [HANDSHAKE, /^0\{"sid":/],
    ["/a", /^app \/a$/],
  ]) {
    const tcp = await Tcp.open(t, port);
    // Longer than first bytes are waited for.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    tcp.write(get(target));
    assert.match((await answer(tcp)).body, expected);
  }
});

test("headersTimeout ends a connection that has sent nothing", async (t) => {
  const { port } = await attached(t, {
    server: { headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 50 },
  });
  const tcp = await Tcp.open(t, port);
  assert.match(await tcp.rest(), /^HTTP\/1\.1 408 /);
});

test("clientError tells of a connection that is reset before it has sent anything", async (t) => {
  const { httpServer, port } = await attached(t);
  const failing = once(httpServer, "clientError");
  const tcp = await Tcp.open(t, port);
  await until(async () => (await connections(httpServer)) === 1, "one");
  await tcp.reset();
  const [error] = await failing;
  assert.equal(error.code, "ECONNRESET");
});

test("clientError tells of bytes that are no request", async (t) => {
  const { httpServer, port } = await attached(t);
  const failing = once(httpServer, "clientError");
  const tcp = await Tcp.open(t, port);
  tcp.write("\x16\x03\x01 no request\r\n\r\n");
  const [error, socket] = await failing;
  assert.match(error.code, /^HPE_/);
  assert.equal(Buffer.isBuffer(error.rawPacket), true);
  socket.destroy();
});

test("a client that ends its side before a request gets the connection ended", async (t) => {
  const { port } = await attached(t);
  const tcp = await Tcp.open(t, port);
  tcp.socket.end();
  assert.equal(await tcp.rest(), "");
});

test("a client that ends its side behind a request is answered", async (t) => {
  const { port } = await attached(t);
  for (const [target, expected] of [
    [HANDSHAKE, /^0\{"sid":/],
    ["/a", /^app \/a$/],
  ]) {
    const tcp = await Tcp.open(t, port);
    tcp.socket.end(get(target));
    assert.match((await answer(tcp)).body, expected);
  }
});

test("close() of the HTTP server waits for a WebSocket, and ends when that does", async (t) => {
  const { io, httpServer, port } = await attached(t);
  const tcp = await Tcp.websocket(t, port);
  await until(() => io.engine.clientsCount === 1, "the session is heard");
  let isClosed = false;
  const closing = new Promise((resolve) => {
    // Without the listener of the engine, which ends its sessions.
    httpServer.close(() => {
      isClosed = true;
      resolve();
    });
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isClosed, false);
  tcp.destroy();
  await closing;
});

test("a server that listens again serves again", async (t) => {
  const { io, httpServer, port } = await attached(t);
  await Polling.open(t, port);
  io.engine.close();
  await new Promise((resolve) => {
    httpServer.close(resolve);
    httpServer.closeAllConnections();
  });
  const again = await listen(httpServer);
  const tcp = await Tcp.open(t, again);
  tcp.write(get("/a"));
  assert.equal((await answer(tcp)).body, "app /a");
  await Polling.open(t, again);
  const ws = Tcp.connect(t, again);
  ws.write(opening());
  assert.equal(statusOf(await ws.head()), 101);
});

test("an engine that is attached to two servers answers below the path of each", async (t) => {
  const one = new engine.Server();
  defer(t, () => one.close());
  const ports = {};
  for (const path of ["/first", "/second"]) {
    const httpServer = http.createServer((req, res) => res.end(`app ${req.url}`));
    defer(t, () => closeHttp(httpServer));
    one.attach(httpServer, { path });
    ports[path] = await listen(httpServer);
  }
  for (const [server, port] of Object.entries(ports)) {
    for (const path of Object.keys(ports)) {
      const tcp = await Tcp.open(t, port);
      tcp.write(get(HANDSHAKE.replace("/socket.io", path)));
      assert.match((await answer(tcp)).body, path === server ? /^0\{"sid":/ : /^app /);
    }
  }
});

beyond("serves two engines with paths of their own, both without Node's parser", async (t) => {
  const { io, httpServer, port } = await attached(t);
  const other = new Server(httpServer, { path: "/other" });
  defer(t, () => other.engine.close());
  const tcp = await Tcp.open(t, port);
  tcp.write(get(HANDSHAKE.replace("/socket.io", "/other")));
  assert.match((await answer(tcp)).body, /^0\{"sid":/);
  await Polling.open(t, port);
  await until(() => io.engine.clientsCount + other.engine.clientsCount === 2, "both are heard");
  for (const { engine } of [io, other]) {
    assert.deepEqual(engine.metrics().sessions.polling, { native: 1, javascript: 0 });
  }
});
