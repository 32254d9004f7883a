// Several servers on one HTTP server, and one server on several.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { client, eachWay, join } from "../support/clients.mjs";
import { answering, exercise, statuses } from "../support/exercise.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { ask, upgrade } from "../support/requests/text.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { exchange } from "../support/tcp.mjs";
import { defer, once } from "../support/wait.mjs";

const PATHS = ["/one", "/two", "/one/below", "/socket.io"];

/** An HTTP server with a listener of its own before the servers on `paths`, and one after. */
async function serveSeveral(t, paths = PATHS, options = {}) {
  const httpServer = http.createServer((req, res) => res.end(`app ${req.url}`));
  defer(t, () => closeHttp(httpServer));
  const servers = {};
  // the longest first: a prefix takes what is below it, too
  for (const path of [...paths].sort((a, b) => a.length - b.length)) {
    servers[path] = new Server(httpServer, { path, ...options[path] });
    answering(servers[path]);
  }
  defer(t, () => {
    for (const io of Object.values(servers)) io.engine.close();
  });
  return { httpServer, servers, port: await listen(httpServer) };
}

eachWay("each server has its clients, the application its requests", async (t, options, way) => {
  const { servers, port } = await serveSeveral(t, ["/one", "/two", "/socket.io"]);
  for (const [path, io] of Object.entries(servers)) {
    await exercise(io, client(t, port, { ...options, path }), way);
    for (const other of Object.values(servers)) {
      if (other !== io) assert.equal(other.sockets.sockets.size, 0);
    }
  }
  assert.equal((await request(port, "/three/")).text, "app /three/");
});

test("the server attached last is asked first", async (t) => {
  const { servers, port } = await serveSeveral(t);
  await Polling.open(t, port, { path: "/one/below/" });
  assert.equal(servers["/one/below"].engine.clientsCount, 1);
  assert.equal(servers["/one"].engine.clientsCount, 0);
});

test("sessions are no business of another server", async (t) => {
  const { port } = await serveSeveral(t, ["/one", "/two"]);
  const { sid } = await Polling.open(t, port, { path: "/one/" });
  const elsewhere = await request(port, `/two/?EIO=4&transport=polling&sid=${sid}`);
  assert.deepEqual(
    [elsewhere.status, elsewhere.text],
    [400, '{"code":1,"message":"Session ID unknown"}'],
  );
});

test("one request listener in all, and of the others one each", async (t) => {
  const { httpServer } = await serveSeveral(t);
  const counts = (server) =>
    ["request", "upgrade", "close", "error", "clientError"].map((e) => server.listenerCount(e));
  assert.deepEqual(counts(httpServer), [1, 4, 4, 0, 0]);
  const alone = http.createServer();
  assert.deepEqual(counts(alone), [0, 0, 0, 0, 0]);
  new Server(alone);
  assert.deepEqual(counts(alone), [1, 1, 1, 0, 0]);
  const polling = http.createServer();
  new Server(polling, { transports: ["polling"], serveClient: false });
  assert.deepEqual(counts(polling), [1, 0, 1, 0, 0]);
});

test("listeners added between servers are chained, in order and as methods of the server", async (t) => {
  const httpServer = http.createServer();
  defer(t, () => closeHttp(httpServer));
  const seen = [];
  const listener = (name) =>
    function (_req, res) {
      seen.push([name, this === httpServer]);
      if (name === "third") res.end("answered");
    };
  httpServer.on("request", listener("first"));
  const servers = [new Server(httpServer, { path: "/one" })];
  httpServer.on("request", listener("second"));
  servers.push(new Server(httpServer, { path: "/two" }));
  httpServer.on("request", listener("third"));
  defer(t, () => {
    for (const io of servers) io.engine.close();
  });
  const port = await listen(httpServer);
  assert.equal((await request(port, "/x")).text, "answered");
  assert.deepEqual(seen, [
    ["first", true],
    ["second", true],
    ["third", true],
  ]);
});

test("client files are each server's own decision", async (t) => {
  const { port } = await serveSeveral(t, ["/one", "/two"], { "/two": { serveClient: false } });
  assert.equal((await request(port, "/one/socket.io.min.js")).status, 200);
  assert.equal((await request(port, "/two/socket.io.min.js")).status, 400);
  assert.match((await request(port, "/three/socket.io.min.js")).text, /^app /);
});

test("upgrades nobody serves are ended, whichever server is asked", async (t) => {
  const timeout = { destroyUpgradeTimeout: 50 };
  const { port } = await serveSeveral(t, ["/one", "/two"], { "/one": timeout, "/two": timeout });
  const url = (path) => `${path}/?EIO=4&transport=websocket`;
  assert.deepEqual(statuses(await exchange(t, port, upgrade({}, { url: url("/three") }))), []);
  for (const path of ["/one/", "/two/"]) {
    const ws = await Ws.open(t, port, { path });
    // past the time after which what is nobody's is ended
    await exchange(t, port, upgrade({}, { url: url("/three") }));
    await ws.send("40");
    assert.match(await ws.next(), /^40\{/);
  }
});

test("ours and others' on one connection", async (t) => {
  const { port } = await serveSeveral(t, ["/one", "/two"]);
  const urls = ["/one/?EIO=4&transport=polling", "/x", "/two/?EIO=4&transport=polling", "/one/"];
  const last = ask("GET /two/", { Connection: "close" });
  const answers = await exchange(t, port, urls.map((url) => ask(`GET ${url}`)).join("") + last);
  assert.deepEqual(statuses(answers), [200, 200, 200, 400, 400]);
});

test("closing one server closes the HTTP server under all", async (t) => {
  const { httpServer, servers, port } = await serveSeveral(t, ["/one", "/two"]);
  const mine = await join(t, servers["/one"], port, { path: "/one" });
  const other = await join(t, servers["/two"], port, { path: "/two" });
  const left = once(mine.client, "disconnect");
  let told = false;
  const closing = servers["/one"].close(() => {
    told = true;
  });
  assert.match((await left)[0], /^transport (close|error)$/);
  assert.equal(httpServer.listening, false);
  // it waits for the other's client, which is not told
  assert.equal(await other.client.emitWithAck("echo", 1), 1);
  assert.equal(told, false);
  other.client.disconnect();
  await closing;
  assert.equal(told, true);
});

test("closing one engine leaves the others be", async (t) => {
  const { servers, port } = await serveSeveral(t, ["/one", "/two"]);
  const mine = await join(t, servers["/one"], port, { path: "/one" });
  const other = await join(t, servers["/two"], port, { path: "/two" });
  const left = once(mine.client, "disconnect");
  servers["/one"].engine.close();
  await left;
  assert.equal(await other.client.emitWithAck("echo", 1), 1);
  await exercise(servers["/two"], client(t, port, { path: "/two" }), "websocket");
});

test("attached twice to one HTTP server: the last engine serves what the first would", async (t) => {
  const httpServer = http.createServer();
  defer(t, () => closeHttp(httpServer));
  const io = new Server(httpServer);
  const { engine } = io;
  io.attach(httpServer);
  defer(t, () => engine.close());
  defer(t, () => io.engine.close());
  assert.notEqual(io.engine, engine);
  assert.equal(httpServer.listenerCount("request"), 1);
  const port = await listen(httpServer);
  answering(io);
  await exercise(io, client(t, port, { transports: ["polling"] }), "polling");
  const { sid } = await Polling.open(t, port);
  assert.deepEqual([sid in engine.clients, sid in io.engine.clients], [false, true]);
});

eachWay("attached to a second HTTP server with another path", async (t, options, way) => {
  const servers = [http.createServer(), http.createServer()];
  const [first, second] = servers;
  const io = new Server(first);
  const { engine } = io;
  io.attach(second, { path: "/second" });
  answering(io);
  for (const one of servers) defer(t, () => closeHttp(one));
  defer(t, () => engine.close());
  defer(t, () => io.engine.close());
  const ports = [await listen(first), await listen(second)];
  await exercise(io, client(t, ports[0], options), way);
  await exercise(io, client(t, ports[1], { ...options, path: "/second" }), way);
});
