// A server on a port of its own answers without the application never more than the
// application has permitted, from the first request on and after every change.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { spawnChild } from "../support/child.mjs";
import { servePort } from "../support/forms.mjs";
import { request } from "../support/raw.mjs";
import { closeServer } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";
const MARK = "x-seen";

/** The heads of the answers to a polling handshake and to a WebSocket's. */
async function handshakes(t, port, headers = {}) {
  const polling = await request(port, POLLING, { headers });
  const tcp = await Tcp.open(t, port);
  tcp.write(opening("EIO=4&transport=websocket", headers));
  return { polling, websocket: await tcp.head() };
}

test("serves no client before the code that opened the port has ended", async (t) => {
  // The client runs beside the server: a request may come in while the server is being set up.
  const child = spawnChild(t, "early.mjs");
  await child.message("ready");
  for (let round = 0; round < 3; round++) {
    const io = new Server(0);
    defer(t, () => closeServer(io));
    child.send("ask", { port: io.httpServer.address().port });
    const until = Date.now() + 200;
    while (Date.now() < until);
    io.engine.use((_req, res) => res.writeHead(401).end());
    const { status } = await child.message("answer");
    assert.equal(status, 401);
    assert.equal(io.engine.clientsCount, 0);
  }
});

/** Asks for a handshake on another thread, and sets the shared number once it is answered. */
const ASKING = `
  const { workerData: { port, path, answered } } = require("node:worker_threads");
  require("node:http").get({ port, path, agent: false }, (res) => {
    Atomics.store(answered, 0, res.statusCode);
    Atomics.notify(answered, 0);
    res.resume();
  });
`;

beyond("a handshake is answered while the event loop is blocked", async (t) => {
  const { io, port } = await servePort(t);
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { port, path: POLLING, answered };
  const worker = new Worker(ASKING, { eval: true, workerData });
  defer(t, () => worker.terminate());
  await once(worker, "online");
  assert.notEqual(Atomics.wait(answered, 0, 0, 60_000), "timed-out");
  assert.equal(answered[0], 200);
  await until(() => io.engine.clientsCount === 1, "JavaScript hears of the session");
});

/** A middleware. */
const marking = (_req, res, next) => {
  res.setHeader(MARK, "1");
  next();
};

/** By name: a change, and whether its mark is on the answers of polling and of WebSockets. */
const CHANGES = {
  "a middleware is used": [({ engine }) => engine.use(marking), [true, true]],
  "the middlewares are replaced": [
    ({ engine }) => {
      engine.middlewares = [marking];
    },
    [true, true],
  ],
  "headers are listened for": [
    ({ engine }) => engine.on("headers", (headers) => Object.assign(headers, { [MARK]: "1" })),
    [true, true],
  ],
  "initial headers are listened for, first": [
    ({ engine }) =>
      engine.prependListener("initial_headers", (headers) =>
        Object.assign(headers, { [MARK]: "1" }),
      ),
    [true, true],
  ],
  "handleRequest is replaced": [
    ({ engine }) => {
      const { handleRequest } = engine;
      engine.handleRequest = function (req, res) {
        res.setHeader(MARK, "1");
        return handleRequest.call(this, req, res);
      };
    },
    [true, false],
  ],
  "emit of the engine is replaced": [
    ({ engine }) => {
      const { emit } = engine;
      engine.emit = function (event, ...args) {
        if (event === "headers") args[0][MARK] = "1";
        return emit.call(this, event, ...args);
      };
    },
    [true, true],
  ],
  "emit of the HTTP server is replaced": [
    ({ httpServer }) => {
      const { emit } = httpServer;
      httpServer.emit = function (event, ...args) {
        if (event === "request") args[1].setHeader(MARK, "1");
        return emit.call(this, event, ...args);
      };
    },
    [true, false],
  ],
  "requests are listened for, first": [
    ({ httpServer }) =>
      httpServer.prependListener("request", (_req, res) => res.setHeader(MARK, "1")),
    [true, false],
  ],
};
for (const [title, [change, [polling, websocket]]] of Object.entries(CHANGES)) {
  for (const cors of [undefined, { origin: "http://a" }]) {
    test(`at once: ${title}${cors ? ", with CORS" : ""}`, async (t) => {
      const { io, port } = await servePort(t, { cors });
      const before = await handshakes(t, port);
      assert.equal(before.polling.headers[MARK], undefined);
      assert.ok(!before.websocket.includes(MARK));
      change(io);
      const after = await handshakes(t, port);
      assert.equal(after.polling.status, 200);
      assert.equal(after.polling.headers[MARK], polling ? "1" : undefined);
      assert.equal(after.websocket.includes(MARK), websocket);
    });
  }
}

const REFUSALS = {
  "allowRequest is set": ({ engine }) => {
    engine.opts.allowRequest = (_req, callback) => callback("no", false);
  },
  "all options are replaced": ({ engine }) => {
    engine.opts = { ...engine.opts, allowRequest: (_req, callback) => callback("no", false) };
  },
  "the transports are replaced": ({ engine }) => {
    engine.opts.transports = [];
  },
};
for (const [title, change] of Object.entries(REFUSALS)) {
  test(`refused at once: ${title}`, async (t) => {
    const { io, port } = await servePort(t);
    change(io);
    const { polling, websocket } = await handshakes(t, port);
    assert.ok(polling.status >= 400);
    assert.match(websocket, /^HTTP\/1\.1 4/);
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("a patched prototype of HTTP servers sees the requests", async (t) => {
  const { emit } = http.Server.prototype;
  defer(t, () => delete http.Server.prototype.emit);
  let seen = 0;
  http.Server.prototype.emit = function (event, ...args) {
    if (event === "request") seen++;
    return emit.call(this, event, ...args);
  };
  const { port } = await servePort(t);
  await handshakes(t, port);
  assert.equal(seen, 1);
});

test("a change inside of an option is seen when an option is set", async (t) => {
  const options = { transports: ["polling", "websocket"] };
  const { io, port } = await servePort(t, options);
  options.transports.splice(0);
  io.engine.opts.pingInterval = 20_000;
  const { polling, websocket } = await handshakes(t, port);
  assert.equal(polling.status, 400);
  assert.match(websocket, /^HTTP\/1\.1 400 /);
});

test("CORS is that of the constructor, whatever becomes of the option", async (t) => {
  const headers = { origin: "http://b" };
  const origin = ({ polling }) => polling.headers["access-control-allow-origin"];
  const { io, port } = await servePort(t, { cors: { origin: "http://a" } });
  for (const cors of [{ origin: "http://b" }, undefined]) {
    io.engine.opts.cors = cors;
    assert.equal(origin(await handshakes(t, port, headers)), "http://a");
  }
  io.engine.middlewares = [];
  assert.equal(origin(await handshakes(t, port, headers)), undefined);
  const other = await servePort(t);
  other.io.engine.opts.cors = { origin: "http://b" };
  assert.equal(origin(await handshakes(t, other.port, headers)), undefined);
});

test("an origin that is no ASCII is written alike for both transports", async (t) => {
  const { port } = await servePort(t, { cors: { origin: "http://\u00e9" } });
  const { polling, websocket } = await handshakes(t, port);
  assert.equal(polling.headers["access-control-allow-origin"], "http://\u00c3\u00a9");
  assert.match(websocket, /Access-Control-Allow-Origin: http:\/\/\u00c3\u00a9\r\n/);
});

test("sessions begin as permitted when it is changed all the time", async (t) => {
  const { io, port } = await servePort(t, { pingInterval: 20_000 });
  let open = 0;
  io.engine.on("connection", () => open++);
  for (let i = 0; i < 200; i++) {
    const asked = request(port, POLLING, { headers: { connection: "close" } }).catch(() => null);
    await new Promise((resolve) => setImmediate(resolve));
    io.engine.opts.pingInterval = 20_001 + i;
    const answer = await asked;
    if (answer === null) continue;
    const { pingInterval } = JSON.parse(answer.text.slice(1));
    assert.ok(pingInterval <= 20_001 + i && pingInterval >= 20_000 + i);
  }
  await until(() => open === io.engine.clientsCount);
  assert.ok(open > 0);
});
