// Odd values that work: what an application gets away with on socket.io, it gets away with here.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import http from "node:http";
import { test } from "node:test";
import zlib from "node:zlib";
import { Adapter } from "socket.io-adapter";
import * as parser from "socket.io-parser";
import { Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { WsServer } from "../support/ws-engines.mjs";
import { eachServer } from "./support.mjs";

class Settings {
  constructor(fields) {
    Object.assign(this, fields);
  }
}
class List extends Array {}
const frozen = Object.freeze;
const inherits = (fields) => Object.create(fields);
const symbol = Symbol("s");
function adapterFactory(nsp) {
  return new Adapter(nsp);
}
const bound = adapterFactory.bind(null);
const proxied = new Proxy(Adapter, {});

/** Whatever has the method that is called. */
const indexed = { indexOf: (name) => ["polling", "websocket"].indexOf(name) };
const replaceable = { replace: () => "/socket.io" };

/** Values by option, with which polling and WebSockets are served as ever. */
const WORKS = {
  path: [new String("/socket.io/"), replaceable, 0, null],
  serveClient: [0, "no", null, symbol],
  adapter: [adapterFactory, bound, proxied, null, 0],
  parser: [parser, frozen({ ...parser }), new Settings(parser), inherits(parser), ""],
  connectTimeout: ["45000", [45000], null, new Number(45000)],
  connectionStateRecovery: [
    true,
    1,
    "yes",
    frozen({}),
    new Settings({ maxDisconnectionDuration: "5000" }),
    { maxDisconnectionDuration: Number.NaN, skipMiddlewares: "no" },
    { maxDisconnectionDuration: null },
  ],
  cleanupEmptyChildNamespaces: ["no", {}, symbol],
  pingInterval: ["25000", [25000], new Number(25000), undefined, null],
  pingTimeout: ["20000", [20000], undefined, Number.NaN],
  upgradeTimeout: ["10000", undefined, null, {}],
  maxBufferedChunks: ["10", [10], undefined, Number.NaN, Number.POSITIVE_INFINITY, {}],
  httpRequestBodyTimeout: ["20000", [20000], new Number(20000)],
  maxHttpBufferSize: ["1000000", [1e6], undefined, Number.NaN, Number.POSITIVE_INFINITY, {}],
  allowRequest: [null, 0, (_req, done) => done(null, "yes"), async (_req, done) => done(0, 1)],
  transports: [
    "polling,websocket",
    new String("websocket polling"),
    frozen(["polling", "websocket"]),
    ["websocket", "polling", null, 5],
    indexed,
    List.of("polling", "websocket"),
  ],
  allowUpgrades: ["yes", 1, {}],
  perMessageDeflate: [
    "yes",
    5,
    symbol,
    frozen({ threshold: "10" }),
    new Settings({ threshold: 10 }),
    { threshold: symbol },
    { threshold: null, zlibDeflateOptions: 5, concurrencyLimit: "x" },
    { clientMaxWindowBits: "x", serverMaxWindowBits: null },
  ],
  httpCompression: [
    "yes",
    5,
    symbol,
    frozen({ threshold: "10" }),
    { threshold: 5n },
    { threshold: null, level: Number.NaN },
    new Settings({ threshold: 10, level: undefined }),
    { threshold: 10, level: 1.5, dictionary: undefined, info: 0 },
    { flush: zlib.constants.Z_SYNC_FLUSH },
  ],
  wsEngine: [WsServer],
  cookie: [
    "io",
    5,
    frozen({ name: "io" }),
    { name: 5, path: false, maxAge: "60", sameSite: "STRICT" },
    { maxAge: null, domain: "", expires: 0, priority: null, sameSite: 0, encode: null },
    new Settings({ name: "io", priority: "HIGH", secure: "yes" }),
  ],
  cors: [
    "*",
    5,
    symbol,
    frozen({ origin: "*" }),
    new Settings({ origin: new String("http://a") }),
    { origin: [/x/, "y", [true]], methods: null, credentials: "true", maxAge: {} },
    { origin: 5, allowedHeaders: 5, exposedHeaders: {} },
  ],
  allowEIO3: ["no", 1, null],
  destroyUpgrade: ["no", null],
  destroyUpgradeTimeout: ["1000", null, "", [1000]],
  addTrailingSlash: [null, 0, "no"],
};

/** Both transports are served, in both directions, with compression where the client takes it. */
async function works(t, port) {
  const polling = await Polling.open(t, port, { headers: { origin: "http://x" } });
  const ws = await Ws.open(t, port, { perMessageDeflate: true, headers: { origin: "http://x" } });
  const text = "x".repeat(2000);
  for (const session of [polling, ws]) {
    const next = async () => {
      const packet = await session.next();
      return packet === "2" ? next() : packet;
    };
    await session.send("40");
    assert.match(await next(), /^40\{"sid":/);
    await session.send(`420["echo","${text}"]`);
    if (session === polling) {
      const { status } = await polling.get({ headers: { "accept-encoding": "gzip" } });
      assert.equal(status, 200);
    } else {
      assert.match(await next(), /^430\["x+"/);
    }
  }
}

for (const [option, values] of Object.entries(WORKS)) {
  for (const [index, value] of values.entries()) {
    eachServer(`${option}: odd value ${index} works`, async (t, start) => {
      const { io, port } = await start({ [option]: value });
      io.on("connection", (socket) => socket.on("echo", (one, done) => done(one)));
      await works(t, port);
    });
  }
}

for (const initialPacket of [5, true, 5n, ["a"], /x/, Buffer.from("a"), new ArrayBuffer(2)]) {
  eachServer(`initialPacket: ${String(initialPacket)} comes first`, async (t, start) => {
    const { port } = await start({ initialPacket });
    const ws = await Ws.open(t, port);
    const first = await ws.next();
    const isBinary = Buffer.isBuffer(initialPacket) || initialPacket instanceof ArrayBuffer;
    assert.equal(Buffer.isBuffer(first), isBinary);
    if (!isBinary) assert.equal(first, `4${initialPacket}`);
  });
}

const OBJECTS = {
  "an instance of a class": () => new Settings({ pingInterval: 9000 }),
  "an object without prototype in the second place": () =>
    Object.assign(Object.create(null), { pingInterval: 9000 }),
  "a function with properties": () => Object.assign(() => {}, { pingInterval: 9000 }),
  "a proxy": () => new Proxy({ pingInterval: 9000 }, {}),
};
for (const [title, options] of Object.entries(OBJECTS)) {
  test(`${title} is taken for options, by the constructor and by attach`, () => {
    for (const attach of [
      () => new Server(http.createServer(), options()),
      () => new Server().attach(http.createServer(), options()),
    ]) {
      const io = attach();
      assert.equal(io.engine.opts.pingInterval, 9000);
      io.engine.close();
    }
  });
}

test("options of the Socket.IO level may be inherited", () => {
  const io = new Server(inherits({ path: "/mine", connectTimeout: 5, serveClient: false }));
  assert.deepEqual([io.path(), io._connectTimeout, io.serveClient()], ["/mine", 5, false]);
});

const SERVERS = {
  "an emitter that can listen": () => Object.assign(new EventEmitter(), { listen() {} }),
  "an instance of a subclass": () => new (class extends http.Server {})(),
  "a proxy of a server": () => new Proxy(http.createServer(), {}),
};
for (const [title, make] of Object.entries(SERVERS)) {
  test(`${title} is taken for a server`, () => {
    const io = new Server(make());
    assert.equal(io.httpServer.listenerCount("request"), 1);
    io.engine.close();
  });
}

test("names of namespaces are what they become as text", () => {
  const io = new Server();
  const names = [5, null, undefined, true, 5n, ["a"], new String("b")];
  assert.deepEqual(
    names.map((name) => io.of(name).name),
    ["/5", "/null", "/undefined", "/true", "/5", "/a", "/b"],
  );
});

for (const room of [undefined, null, 5, symbol, {}, []]) {
  test(`a room can be anything: ${String(room)}`, () => {
    const io = new Server();
    for (const method of ["to", "in", "except"]) assert.equal(io[method](room).emit("a"), true);
    io.socketsJoin(room);
    io.socketsLeave(room);
  });
}

test("a timeout that no acknowledgement needs can be anything", () => {
  const io = new Server();
  for (const ms of [undefined, symbol, 5n, {}]) assert.equal(io.timeout(ms).emit("a"), true);
});

test("a field that throws is told to those that need it", async (t) => {
  const { port } = await serve(t, {
    cors: {
      get maxAge() {
        throw new Error("not today");
      },
    },
  });
  const { status } = await request(port, "/socket.io/?EIO=4&transport=polling");
  assert.equal(status, 400);
});

test("a preflight is answered, whatever else the options of cors hold", async (t) => {
  const { port } = await serve(t, { cors: { origin: "*", maxAge: {}, exposedHeaders: 5 } });
  const path = "/socket.io/?EIO=4&transport=polling";
  assert.equal((await request(port, path, { method: "OPTIONS" })).status, 204);
});
