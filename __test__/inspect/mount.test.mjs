// The page `socket.io-native/inspect` on HTTP servers: what it takes, and what stays native.
import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import express from "express";
import fastify from "fastify";
import Koa from "koa";
import { client, connected } from "../support/clients.mjs";
import { closeServer, listen, serve, serveHttp } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { ACTION, inspect, requestsTo, served } from "./support.mjs";

/** A server with a port of its own. */
async function portOf(t) {
  const io = new Server(0);
  defer(t, () => closeServer(io));
  await once(io.httpServer, "listening");
  return { io, port: io.httpServer.address().port };
}

const native = (io) => {
  const { polling, websocket } = io.engine.metrics().sessions;
  return [polling.native, polling.javascript, websocket.native, websocket.javascript];
};

for (const [name, start] of Object.entries({
  "new Server(port)": portOf,
  "an attached server": serve,
})) {
  beyond(`requests beside the page stay native on ${name}`, async (t) => {
    const { io, port } = await start(t);
    const page = inspect(io, { path: "/inspect" });
    const get = requestsTo(port);
    const join = () =>
      Promise.all([
        connected(client(t, port, { transports: ["polling"], upgrade: false })),
        connected(client(t, port)),
      ]);
    await join();
    assert.equal((await get("data")).status, 200);
    await join();
    assert.deepEqual(native(io), [2, 0, 2, 0]);
    page.close();
    assert.equal((await get("data")).status, 404);
    await join();
    assert.deepEqual(native(io), [3, 0, 3, 0]);
  });
}

beyond("the entry is there for import and require, under its name", async () => {
  const module = await import("socket.io-native/inspect");
  assert.deepEqual(Object.keys(module), ["inspect"]);
  assert.equal(module.inspect, inspect);
});

beyond("the page takes its own path and those below it, and no other", async (t) => {
  const { get } = await served(t);
  const bare = await get("/inspect?x");
  assert.deepEqual([bare.status, bare.headers.location], [302, "./inspect/"]);
  for (const [path, type] of [
    ["", "text/html; charset=utf-8"],
    ["?x", "text/html; charset=utf-8"],
    ["style.css", "text/css; charset=utf-8"],
    ["page.mjs", "text/javascript; charset=utf-8"],
    ["charts.mjs?v=1", "text/javascript; charset=utf-8"],
    ["data", "application/json; charset=utf-8"],
  ]) {
    const { status, headers, text } = await get(path);
    assert.equal(status, 200, path);
    assert.equal(headers["content-type"], type, path);
    assert.equal(Number(headers["content-length"]), Buffer.byteLength(text));
  }
  // Of the application, which answers 404 without a body.
  for (const path of ["/inspector", "/Inspect/", "/", "/x/inspect/", "//inspect/"]) {
    const { status, text, headers } = await get(path);
    assert.deepEqual([status, text], [404, ""], path);
    assert.equal(headers["content-security-policy"], undefined);
  }
  for (const path of [
    "index.html",
    "../package.json",
    "x/",
    "x/data",
    "/inspect//data",
    "%2e%2e/x",
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal((await get("page.mjs", { method: "HEAD" })).text, "");
  const refused = await get("data", { method: "POST", headers: ACTION });
  assert.deepEqual([refused.status, refused.headers.allow], [405, "GET, HEAD"]);
});

beyond("the files of the page are small, and ask nothing of other hosts", async (t) => {
  const { get } = await served(t);
  let size = 0;
  for (const path of ["", "style.css", "page.mjs", "charts.mjs"]) {
    const { text } = await get(path);
    size += Buffer.byteLength(text);
    const urls = text.match(/\b(?:https?:)?\/\/[a-z][\w.-]+\.[a-z]{2,}[^"\s]*/g) ?? [];
    assert.deepEqual(
      urls.filter((url) => url !== "http://www.w3.org/2000/svg"),
      [],
    );
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
    assert.doesNotMatch(text, / on\w+="| style="/);
  }
  assert.ok(size < 40_000, `${size} bytes`);
});

beyond("a listener that sees all requests goes on seeing them", async (t) => {
  const { io, httpServer, port } = await serve(t);
  const seen = [];
  httpServer.on("request", (req) => seen.push(req.url.split("?")[0]));
  const page = inspect(io, { path: "/inspect" });
  await connected(client(t, port, { transports: ["polling"], upgrade: false }));
  assert.ok(seen.includes("/socket.io/"));
  assert.equal((await requestsTo(port)("data")).status, 200);
  assert.ok(!seen.includes("/inspect/data"));
  page.close();
});

beyond("the listeners of a server are there again after close()", async (t) => {
  const { io, httpServer } = await serve(t);
  const before = httpServer.listeners("request");
  const page = inspect(io, { path: "/inspect" });
  assert.notDeepEqual(httpServer.listeners("request"), before);
  page.close();
  page.close();
  assert.deepEqual(httpServer.listeners("request"), before);
});

beyond("two pages serve two paths, each behind its own check", async (t) => {
  const { io, port } = await serve(t);
  inspect(io, { path: "/one" });
  inspect(io, { path: "/two/", authorize: () => false });
  const get = requestsTo(port);
  assert.equal((await get("/one/data")).status, 200);
  assert.equal((await get("/two/data")).status, 403);
  assert.equal((await get("/two")).status, 403);
});

beyond("wrong arguments are refused with a sentence", async (t) => {
  const { io } = await serve(t);
  for (const path of ["inspect", "", "/", "//", "/a?b", "/a#b", "/a b"]) {
    assert.throws(() => inspect(io, { path }), { name: "RangeError", code: "ERR_INVALID_OPTION" });
  }
  for (const path of ["/socket.io", "/socket.io/inspect"]) {
    assert.throws(() => inspect(io, { path }), /beside "\/socket\.io"/);
  }
  for (const path of [7, null, {}]) {
    assert.throws(() => inspect(io, { path }), { name: "TypeError", code: "ERR_INVALID_OPTION" });
  }
  assert.throws(() => inspect(io, { authorize: true }), /authorize must be a function, got true/);
  assert.throws(() => inspect(io, null), /options must be an object/);
  assert.throws(() => inspect({}), /io must be a server of socket\.io-native, got an object/);
  assert.throws(
    () => inspect(new Server(), { path: "/inspect" }),
    /Attach the Socket\.IO server first/,
  );
});

beyond("a server that closes waits for no page", async (t) => {
  const { io, port } = await portOf(t);
  inspect(io, { path: "/inspect" });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ask = () =>
    new Promise((resolve, reject) => {
      const req = http.get({ port, agent, path: "/inspect/data" }, (res) => {
        res.resume().on("end", () => resolve(res.headers.connection));
      });
      req.on("error", reject);
    });
  assert.equal(await ask(), "keep-alive");
  await io.close();
});

beyond("Express serves it behind its own middlewares", async (t) => {
  const app = express();
  const httpServer = http.createServer(app);
  const io = new Server(httpServer);
  defer(t, () => closeServer(io));
  const page = inspect(io, { authorize: (req) => req.user === "ada" });
  const signIn = (req, _res, next) => {
    req.user = req.headers["x-user"];
    next();
  };
  app.use("/admin/data", signIn, page.handler);
  app.get("/", (_req, res) => res.send("shop"));
  const get = requestsTo(await listen(httpServer), "/admin/data/");
  const headers = { "x-user": "ada" };
  assert.equal((await get("data")).status, 403);
  assert.equal((await get("data", { headers })).json().sessions, 0);
  assert.match((await get("", { headers })).text, /^<!doctype html>/);
  const bare = await get("/admin/data", { headers });
  assert.deepEqual([bare.status, bare.headers.location], [302, "./data/"]);
  assert.equal((await get("x/data", { headers })).status, 404);
  assert.equal((await get("/")).text, "shop");
});

beyond("Fastify serves it", async (t) => {
  const app = fastify();
  const io = new Server(app.server);
  defer(t, () => closeServer(io));
  const page = inspect(io, { authorize: (req) => req.headers["x-user"] === "ada" });
  const serve = (request, reply) => {
    reply.hijack();
    return page.handler(request.raw, reply.raw);
  };
  app.all("/inspect", serve);
  app.all("/inspect/*", serve);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const get = requestsTo(app.server.address().port);
  const headers = { "x-user": "ada" };
  assert.equal((await get("data")).status, 403);
  assert.equal((await get("data", { headers })).json().sessions, 0);
  const bare = await get("/inspect", { headers });
  assert.deepEqual([bare.status, bare.headers.location], [302, "./inspect/"]);
  const gone = await get("disconnect?id=x", {
    method: "POST",
    headers: { ...headers, ...ACTION, "sec-fetch-site": "same-origin" },
  });
  assert.deepEqual([gone.status, gone.json()], [404, { error: "not connected" }]);
});

beyond("Koa serves it", async (t) => {
  const app = new Koa();
  const io = new Server();
  const page = inspect(io, { authorize: () => true });
  app.use(async (context, next) => {
    if (!context.path.startsWith("/inspect")) return next();
    context.respond = false;
    await page.handler(context.req, context.res);
  });
  const httpServer = http.createServer(app.callback());
  io.attach(httpServer);
  defer(t, () => closeServer(io));
  const get = requestsTo(await listen(httpServer));
  assert.equal((await get("data")).json().sessions, 0);
  assert.equal((await get("/inspect")).headers.location, "./inspect/");
  assert.equal((await get("page.mjs")).headers["content-type"], "text/javascript; charset=utf-8");
  assert.equal((await get("x.png")).status, 404);
});

beyond("an HTTP/2 server serves it", async (t) => {
  const httpServer = http2.createServer();
  const io = new Server(httpServer);
  defer(t, () => io.close());
  inspect(io, { path: "/inspect" });
  const session = http2.connect(`http://127.0.0.1:${await listen(httpServer)}`);
  const stream = session.request({ ":path": "/inspect/data" });
  const [headers] = await once(stream, "response");
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  session.destroy();
  assert.equal(headers[":status"], 200);
  assert.equal(JSON.parse(text).sessions, 0);
});

beyond("a server with the engine of engine.io shows what it has", async (t) => {
  const { Server: Foreign } = await import("engine.io");
  const httpServer = await serveHttp(t);
  const io = new Server();
  const foreign = new Foreign();
  foreign.attach(httpServer, { path: "/socket.io/" });
  io.bind(foreign);
  defer(t, () => io.close());
  const page = inspect(io);
  const { port } = httpServer.address();
  const one = await connected(client(t, port));
  const answer = async (path) => {
    const res = { headersSent: false, on() {}, setHeader() {} };
    const ended = new Promise((resolve) => {
      res.end = resolve;
    });
    const headers = { host: "localhost" };
    const socket = { remoteAddress: "127.0.0.1" };
    page.handler({ url: `/inspect/${path}`, method: "GET", headers, socket }, res);
    return JSON.parse(await ended);
  };
  const data = await answer("data");
  assert.equal(data.engine, null);
  assert.equal(data.sessions, 1);
  assert.equal(data.counted.sockets, 1);
  assert.equal((await answer("connections")).rows[0].transport, "websocket");
  const detail = await answer(`connection?nsp=/&id=${one.id}`);
  assert.equal(detail.bytes, null);
  assert.equal(detail.heartbeat.interval, 25_000);
});
