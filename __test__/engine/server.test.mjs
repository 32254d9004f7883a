// Engines: attach, listen, requests handed over by hand, several on one HTTP server, options, end.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { request } from "../support/raw.mjs";
import { closeHttp, listen, serveHttp } from "../support/server.mjs";
import { engine, Server } from "../support/subject.mjs";
import { defer, deferred, once } from "../support/wait.mjs";
import { closeAfter, meet, PATH, Polling, serveEngine, Ws } from "./support.mjs";

const HANDSHAKE = "?EIO=4&transport=polling";

for (const [form, call] of [
  ["port, options, callback", (callback) => engine.listen(0, { pingInterval: 1234 }, callback)],
  ["port, callback", (callback) => engine.listen(0, callback)],
]) {
  test(`listen(${form})`, async (t) => {
    const listening = deferred("the callback");
    const eio = call(listening.resolve);
    closeAfter(t, eio);
    assert.ok(eio instanceof engine.Server);
    assert.ok(eio.httpServer instanceof http.Server);
    await listening.promise;
    const { port } = eio.httpServer.address();
    const { client } = await meet(t, eio, port, Polling);
    assert.equal(client.handshake.pingInterval, form.includes("options") ? 1234 : 25_000);
    for (const path of ["/", "/engine.io", "/socket.io/"]) {
      const { status, text } = await request(port, path + HANDSHAKE);
      assert.deepEqual([status, text], [501, "Not Implemented"], path);
    }
  });
}

test("listen(port) without a callback; close() leaves the HTTP server alone", async (t) => {
  const eio = engine.listen(0);
  closeAfter(t, eio);
  await once(eio.httpServer, "listening");
  assert.equal(eio.close(), eio);
  assert.ok(eio.httpServer.listening);
});

test("attach(): the engine does not own the HTTP server", async (t) => {
  const { eio, httpServer, port } = await serveEngine(t);
  assert.equal(eio.httpServer, undefined);
  const { status } = await request(port, `${PATH}${HANDSHAKE}`);
  assert.equal(status, 200);
  assert.equal((await request(port, "/")).status, 404);
  assert.ok(httpServer.listening);
});

test("attach() without a server, or with something else", () => {
  assert.throws(() => engine.attach(), TypeError);
  assert.throws(() => engine.attach(3), TypeError);
});

test("new Server(options).attach(httpServer, { path })", async (t) => {
  const httpServer = await serveHttp(t);
  const { port } = httpServer.address();
  const eio = new engine.Server({ pingTimeout: 4321, transports: ["polling"] });
  eio.attach(httpServer, { path: "/mine" });
  defer(t, () => eio.close());
  const { client } = await meet(t, eio, port, Polling, { path: "/mine/" });
  assert.equal(client.handshake.pingTimeout, 4321);
  assert.deepEqual(client.handshake.upgrades, []);
  assert.equal((await request(port, `${PATH}${HANDSHAKE}`)).status, 404);
});

test("requests and upgrades handed over by hand", async (t) => {
  const eio = new engine.Server();
  const httpServer = http.createServer((req, res) => eio.handleRequest(req, res));
  httpServer.on("upgrade", (req, socket, head) => eio.handleUpgrade(req, socket, head));
  closeAfter(t, eio, httpServer);
  const port = await listen(httpServer);
  for (const kind of [Polling, Ws]) {
    const { client, conn } = await meet(t, eio, port, kind, { path: "/anything" });
    const received = once(conn, "message");
    await client.send("4hello");
    assert.deepEqual(await received, ["hello"]);
    assert.equal(conn.request.url.split("?")[0], "/anything");
  }
});

test("several engines on one HTTP server, and a Socket.IO server beside them", async (t) => {
  const httpServer = await serveHttp(t);
  const { port } = httpServer.address();
  const engines = ["/one", "/two"].map((path) =>
    engine.attach(httpServer, { path, cookie: path === "/two" }),
  );
  const io = new Server(httpServer);
  defer(t, () => {
    for (const eio of engines) eio.close();
    io.engine.close();
  });
  for (const kind of [Polling, Ws]) {
    for (const [index, path] of ["/one/", "/two/"].entries()) {
      const { client, conn } = await meet(t, engines[index], port, kind, { path });
      conn.send(path);
      assert.equal(await client.next(), `4${path}`);
    }
    const session = await kind.open(t, port);
    assert.match(await session.join(), /./);
  }
  assert.deepEqual(
    engines.map((eio) => eio.clientsCount),
    [2, 2],
  );
  assert.equal((await request(port, "/three/")).status, 404);
});

test("a session of one engine is unknown to the other", async (t) => {
  const httpServer = await serveHttp(t);
  const { port } = httpServer.address();
  const [one, two] = ["/one", "/two"].map((path) => engine.attach(httpServer, { path }));
  defer(t, () => {
    one.close();
    two.close();
  });
  const { client } = await meet(t, one, port, Polling, { path: "/one/" });
  const { status, text } = await request(port, `/two/${HANDSHAKE}&sid=${client.sid}`);
  assert.deepEqual([status, text], [400, '{"code":1,"message":"Session ID unknown"}']);
});

test("options: defaults and what was given", () => {
  const { opts } = new engine.Server({ maxHttpBufferSize: 7, unknown: "key" });
  const expected = {
    pingTimeout: 20_000,
    pingInterval: 25_000,
    upgradeTimeout: 10_000,
    maxHttpBufferSize: 7,
    transports: ["polling", "websocket"],
    allowUpgrades: true,
    unknown: "key",
  };
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(opts[key], value, key);
});

test("options: initialPacket, cookie, generateId, allowRequest", async (t) => {
  const { eio, port } = await serveEngine(t, {
    initialPacket: "welcome",
    cookie: { name: "sid", path: "/x" },
    allowRequest: (req, callback) => callback("not you", !req.url.includes("bad")),
  });
  eio.generateId = async () => "my-id";
  const { client } = await meet(t, eio, port, Polling);
  assert.equal(client.sid, "my-id");
  assert.equal(await client.next(), "4welcome");
  const [cookie] = client.opening.headers["set-cookie"];
  assert.equal(cookie, "sid=my-id; Path=/x; HttpOnly; SameSite=Lax");
  const { status, text } = await request(port, `${PATH}${HANDSHAKE}&bad=1`);
  assert.deepEqual([status, text], [403, '{"code":4,"message":"not you"}']);
});

test("middlewares and the engine's events", async (t) => {
  const { eio, port } = await serveEngine(t);
  const seen = [];
  eio.use((req, _res, next) => {
    seen.push(req._query.transport);
    next();
  });
  for (const event of ["initial_headers", "headers", "flush", "drain", "connection_error"]) {
    eio.on(event, () => seen.push(event));
  }
  eio.on("connection", () => seen.push("connection"));
  await Polling.open(t, port, { path: PATH });
  assert.deepEqual(seen.splice(0), [
    "polling",
    "flush",
    "initial_headers",
    "headers",
    "drain",
    "connection",
  ]);
  await request(port, `${PATH}?EIO=4&transport=pigeon`);
  assert.deepEqual(seen, ["pigeon", "connection_error"]);
});

test("close(): every session ends, and WebSockets are refused", async (t) => {
  const { eio, port } = await serveEngine(t);
  const sessions = [await meet(t, eio, port, Polling), await meet(t, eio, port, Ws)];
  const closing = sessions.map(({ conn }) => once(conn, "close"));
  assert.equal(eio.clientsCount, 2);
  eio.close();
  for (const [reason] of await Promise.all(closing)) assert.equal(reason, "forced close");
  assert.equal(eio.clientsCount, 0);
  assert.deepEqual(eio.clients, {});
  await assert.rejects(Ws.open(t, port, { path: PATH }), /503/);
});

test("the end of the HTTP server is the engine's", async (t) => {
  const { eio, httpServer, port } = await serveEngine(t);
  const { conn } = await meet(t, eio, port, Polling);
  const closing = once(conn, "close");
  await closeHttp(httpServer);
  assert.equal((await closing)[0], "forced close");
});

test("a Socket.IO server may be bound to an engine", async (t) => {
  const { eio, port } = await serveEngine(t);
  const io = new Server();
  io.bind(eio);
  for (const kind of [Polling, Ws]) {
    const connecting = once(io, "connection");
    const session = await kind.open(t, port, { path: PATH });
    await session.join();
    const [socket] = await connecting;
    const received = once(socket, "hi");
    await session.send('42["hi",1]');
    assert.deepEqual(await received, [1]);
  }
});
