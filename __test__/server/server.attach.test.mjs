// Living on somebody's HTTP server: listeners, several servers, paths, re-listening, getters/setters.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { client, connected, eachWay, join } from "../support/clients.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { closeHttp, listen, serve, serveHttp } from "../support/server.mjs";
import { differs, Server } from "../support/subject.mjs";
import { bare, exchange, opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

test("requests for other paths reach the listeners that were there before", async (t) => {
  const httpServer = http.createServer((req, res) => res.end(`app ${req.url}`));
  defer(t, () => closeHttp(httpServer));
  const io = new Server(httpServer);
  const port = await listen(httpServer);
  assert.equal((await request(port, "/hello?x=1")).text, "app /hello?x=1");
  assert.equal((await request(port, "/socket.ioo")).text, "app /socket.ioo");
  await connected(client(t, port));
  assert.equal(httpServer.listenerCount("request"), 1);
  io.disconnectSockets(true);
});

test("a request listener added later is called for every request", async (t) => {
  const { httpServer, port } = await serve(t);
  const seen = [];
  httpServer.on("request", (req) => seen.push(req.url.split("&")[0]));
  await Polling.open(t, port);
  await request(port, "/other");
  assert.deepEqual(seen, ["/socket.io/?EIO=4", "/other"]);
});

test("several servers share one HTTP server by path", async (t) => {
  const httpServer = await serveHttp(t);
  const { port } = httpServer.address();
  const names = ["one", "two", "three"];
  for (const name of names) {
    const io = new Server(httpServer, { path: `/${name}` });
    defer(t, () => io.engine.close());
    io.on("connection", (socket) => socket.emit("hello", name));
  }
  assert.equal(httpServer.listenerCount("request"), 1);
  assert.equal(httpServer.listenerCount("upgrade"), 3);
  for (const path of names) {
    for (const transports of [["polling"], ["websocket"]]) {
      const one = client(t, port, { path: `/${path}`, transports });
      const hello = await new Promise((resolve) => one.once("hello", resolve));
      assert.equal(hello, path);
    }
  }
  assert.equal((await request(port, "/four/")).status, 404);
});

test("a second attach moves io.engine, and both HTTP servers deliver", async (t) => {
  const first = await serveHttp(t);
  const second = await serveHttp(t);
  const io = new Server(first);
  const { engine } = io;
  io.attach(second);
  defer(t, () => engine.close());
  assert.notEqual(io.engine, engine);
  assert.equal(io.httpServer, second);
  await join(t, io, first.address().port);
  await join(t, io, second.address().port);
  assert.equal(io.sockets.sockets.size, 2);
  await io.close();
  assert.equal(second.listening, false);
  assert.equal(first.listening, true);
});

eachWay("an HTTP server can be closed and listen again", async (t, way) => {
  const { io, httpServer, port } = await serve(t);
  const before = await join(t, io, port, way);
  const gone = once(before.socket, "disconnect");
  before.client.disconnect();
  await gone;
  await closeHttp(httpServer);
  await join(t, io, await listen(httpServer), way);
});

test("closing the HTTP server closes the sessions that hold no connection", async (t) => {
  const { io, httpServer, port } = await serve(t);
  await Polling.open(t, port);
  assert.equal(io.engine.clientsCount, 1);
  await closeHttp(httpServer);
  assert.equal(io.engine.clientsCount, 0);
});

test("without websocket in transports nothing listens for upgrades", async (t) => {
  const { httpServer, port } = await serve(t, { transports: ["polling"] });
  assert.equal(httpServer.listenerCount("upgrade"), 0);
  const answer = await exchange(
    t,
    port,
    opening("EIO=4&transport=websocket", { Connection: "close, Upgrade" }),
  );
  assert.match(answer, /^HTTP\/1.1 400 /);
  assert.match(answer, /\{"code":0,"message":"Transport unknown"\}/);
});

test("an upgrade on another path is ended without an answer", async (t) => {
  const { port } = await serve(t, { destroyUpgradeTimeout: 50 });
  const tcp = await Tcp.open(t, port);
  tcp.write(opening().replace("/socket.io/", "/other/"));
  assert.equal(await tcp.rest(), "");
});

test("destroyUpgrade: false leaves upgrades on other paths alone", async (t) => {
  const { httpServer, port } = await serve(t, { destroyUpgrade: false, destroyUpgradeTimeout: 10 });
  httpServer.on("upgrade", (req, socket) => {
    if (!req.url.startsWith("/other/")) return;
    setTimeout(() => socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n"), 100);
  });
  const answer = await exchange(t, port, opening().replace("/socket.io/", "/other/"));
  assert.match(answer, /^HTTP\/1.1 418 /);
});

// prefix matching on the raw URL: [path option, requested, ours?]
const MATCHES = [
  [{}, "/socket.io/?EIO=4&transport=polling", true],
  [{}, "/socket.io/foo/bar?EIO=4&transport=polling", true],
  [{}, "/socket.io?EIO=4&transport=polling", false],
  [{}, "/%73ocket.io/?EIO=4&transport=polling", false],
  [{ path: "/x/" }, "/x/?EIO=4&transport=polling", true],
  [{ path: "/x" }, "/socket.io/?EIO=4&transport=polling", false],
  [{ path: "foo" }, "/foo/?EIO=4&transport=polling", false],
  [{ path: "/" }, "/?EIO=4&transport=polling", true],
  [{ path: "/" }, "/any/where?EIO=4&transport=polling", true],
  [{ addTrailingSlash: false }, "/socket.io?EIO=4&transport=polling", true],
  [{ addTrailingSlash: false }, "/socket.io/?EIO=4&transport=polling", true],
  [{ addTrailingSlash: false }, "/socket.iox?EIO=4&transport=polling", true],
];
for (const [options, url, ours] of MATCHES) {
  test(`${JSON.stringify(options)}: ${url} is ${ours ? "ours" : "not ours"}`, async (t) => {
    const { port } = await serve(t, options);
    const { status, text } = await request(port, url);
    assert.equal(status, ours ? 200 : 404);
    if (ours) assert.match(text, /^0\{"sid":"/);
  });
}

test("an absolute-form request target is not ours", async (t) => {
  const { port } = await serve(t);
  const target = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  const text = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  assert.match(bare(await exchange(t, port, text)), /^HTTP\/1.1 404 /);
});

test("a websocket is served on any path below the prefix", async (t) => {
  const { port } = await serve(t, { path: "/x/" });
  await Ws.open(t, port, { path: "/x/foo" });
});

test("path() gets, and sets without one trailing slash", () => {
  const io = new Server();
  assert.equal(io.path("/x/"), io);
  assert.equal(io.path(), "/x");
  assert.equal(io.path("/x///").path(), "/x//");
  const message = differs("v.replace is not a function", "path(): path must be a string, got 5");
  assert.throws(() => io.path(5), { name: "TypeError", message });
});

test("serveClient() keeps the raw value", () => {
  const io = new Server();
  assert.equal(io.serveClient(0), io);
  assert.equal(io.serveClient(), 0);
  assert.equal(io.serveClient(false).serveClient(), false);
});

test("connectTimeout() gets and sets", () => {
  const io = new Server();
  assert.equal(io.connectTimeout(10), io);
  assert.equal(io.connectTimeout(), 10);
  assert.equal(io.connectTimeout(undefined), 10);
});

test("adapter() re-creates the adapter of every namespace", () => {
  const io = new Server();
  const other = io.of("/other");
  const Old = io.adapter();
  assert.equal(io.sockets.adapter.constructor, Old);
  class Mine extends Old {}
  assert.equal(io.adapter(Mine), io);
  assert.equal(io.adapter(), Mine);
  for (const nsp of [io.sockets, other, io.of("/later")]) {
    assert.ok(nsp.adapter instanceof Mine, nsp.name);
  }
});

test("connectTimeout closes a connection that joins no namespace", async (t) => {
  const { io, port } = await serve(t, { connectTimeout: 50 });
  const ws = await Ws.open(t, port);
  assert.deepEqual(await ws.closed, { code: 1005, reason: "" });
  await until(() => io.engine.clientsCount === 0);
});

test("bind() takes an engine that the application drives", async (t) => {
  const served = await serve(t);
  const io = new Server();
  assert.equal(io.bind(served.io.engine), io);
  assert.equal(io.engine, served.io.engine);
  assert.equal(io.httpServer, undefined);
  assert.equal(io.eio, undefined);
});
