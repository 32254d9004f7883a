// Options given in several places become one: order, identity, inheritance, unknown keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polling, request } from "../support/raw.mjs";
import { closeServer, serveHttp } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { eachServer, POLLING } from "./support.mjs";

/** Attaches a server in each of the ways, to what is listened on; resolves with the port. */
const PLACES = {
  attached: (t) => serveHttp(t),
  port: () => 0,
};
async function portOf(t, io) {
  defer(t, () => closeServer(io));
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  return io.httpServer.address().port;
}

for (const [form, place] of Object.entries(PLACES)) {
  for (const method of ["attach", "listen"]) {
    test(`${method}: the constructor's options win over its own, which it completes [${form}]`, async (t) => {
      const io = new Server({ pingInterval: 111, cookie: { name: "first" }, path: "/x/" });
      const options = { pingInterval: 222, pingTimeout: 333, cookie: { name: "second" } };
      assert.equal(io[method](await place(t), options), io);
      const port = await portOf(t, io);
      const { handshake, opening, sid } = await Polling.open(t, port, { path: "/x/" });
      assert.equal(handshake.pingInterval, 111);
      assert.equal(handshake.pingTimeout, 333);
      assert.match(opening.headers["set-cookie"][0], new RegExp(`^first=${sid};`));
      assert.deepEqual(options, {
        pingInterval: 111,
        pingTimeout: 333,
        cookie: { name: "first" },
        path: "/x/",
        cleanupEmptyChildNamespaces: false,
      });
    });
  }

  test(`attach options alone [${form}]`, async (t) => {
    const io = new Server();
    io.attach(await place(t), { pingInterval: 222, path: "/y", addTrailingSlash: false });
    const port = await portOf(t, io);
    const { handshake } = await Polling.open(t, port, { path: "/y" });
    assert.equal(handshake.pingInterval, 222);
    // the Socket.IO level has not been told
    assert.equal(io.path(), "/socket.io");
    assert.equal((await request(port, "/socket.io/socket.io.js")).status, 200);
  });

  test(`an undefined option of the constructor hides the one of attach [${form}]`, async (t) => {
    const io = new Server({ maxHttpBufferSize: undefined, cookie: undefined });
    io.attach(await place(t), { cookie: { name: "attach" } });
    const port = await portOf(t, io);
    assert.equal((await request(port, POLLING)).headers["set-cookie"], undefined);
  });
}

eachServer("the object is kept by reference", async (t, start) => {
  const options = { pingInterval: 111, connectTimeout: 222 };
  const { io, port } = await start(options);
  assert.equal(io._opts, options);
  // read once, when attaching: later changes are for the next attach
  options.pingInterval = 444;
  options.connectTimeout = 555;
  assert.equal((await Polling.open(t, port)).handshake.pingInterval, 111);
  assert.equal(io.connectTimeout(), 222);
  assert.equal(io.engine.opts.pingInterval, 111);
});

test("a second attach reads the object again", async (t) => {
  const options = { pingInterval: 111 };
  const io = new Server(options);
  io.attach(await serveHttp(t));
  const { engine } = io;
  defer(t, () => engine.close());
  options.pingInterval = 444;
  io.attach(0);
  assert.equal((await Polling.open(t, await portOf(t, io))).handshake.pingInterval, 444);
});

eachServer("two servers may share one object", async (t, start) => {
  const options = { pingInterval: 111 };
  const [one, two] = [await start(options), await start(options)];
  for (const { port } of [one, two]) {
    assert.equal((await Polling.open(t, port)).handshake.pingInterval, 111);
  }
  assert.equal(one.io._opts, two.io._opts);
  assert.notEqual(one.io.engine.opts, two.io.engine.opts);
});

for (const make of [Object.freeze, Object.seal, Object.preventExtensions]) {
  const options = () => make({ pingInterval: 111 });
  test(`${make.name}: an object that takes no defaults is a TypeError`, () => {
    assert.throws(() => new Server(options()), { name: "TypeError", message: /not extensible/ });
  });

  test(`${make.name}: neither do the options of attach`, async (t) => {
    const io = new Server();
    const httpServer = await serveHttp(t);
    assert.throws(() => io.attach(httpServer, options()), {
      name: "TypeError",
      message: /not extensible/,
    });
  });
}

test("a frozen value of an option is left as it is", () => {
  const recovery = Object.freeze({ maxDisconnectionDuration: 5 });
  const transports = Object.freeze(["polling"]);
  const cookie = Object.freeze({ name: "c" });
  const options = { connectionStateRecovery: recovery, transports, cookie };
  const io = new Server(options);
  io.attach(0);
  assert.equal(io.engine.opts.transports, transports);
  assert.deepEqual(cookie, { name: "c" });
  assert.deepEqual(recovery, { maxDisconnectionDuration: 5 });
  return io.close();
});

test("Socket.IO options may be inherited, engine options have to be own", async (t) => {
  class Settings {
    get connectTimeout() {
      return 77;
    }
  }
  Settings.prototype.pingInterval = 88;
  Settings.prototype.path = "/inherited";
  const options = new Settings();
  const io = new Server(0, options);
  assert.equal(io.connectTimeout(), 77);
  assert.equal(io.path(), "/inherited");
  const port = await portOf(t, io);
  const { handshake } = await Polling.open(t, port, { path: "/inherited/" });
  assert.equal(handshake.pingInterval, 25_000);
});

test("an object without prototype is options for the second argument", async (t) => {
  const options = Object.assign(Object.create(null), { pingInterval: 111 });
  const io = new Server(0, options);
  assert.equal((await Polling.open(t, await portOf(t, io))).handshake.pingInterval, 111);
});

test("a getter is called, and asked no more once attached", async (t) => {
  let asked = 0;
  const options = {
    get pingInterval() {
      asked++;
      return 111;
    },
  };
  const io = new Server(0, options);
  const port = await portOf(t, io);
  const before = asked;
  assert.ok(before > 0);
  for (let turn = 0; turn < 3; turn++) {
    assert.equal((await Polling.open(t, port)).handshake.pingInterval, 111);
  }
  assert.equal(asked, before);
});

eachServer("unknown keys are kept, and mean nothing", async (t, start) => {
  const more = { origins: "*:*", maxPayload: 5, forceJSONP: true, log: false, nonsense: Symbol() };
  const { io, port } = await start({ ...more, [Symbol("key")]: 1 });
  for (const [key, value] of Object.entries(more)) assert.equal(io.engine.opts[key], value, key);
  const { handshake } = await Polling.open(t, port);
  assert.equal(handshake.maxPayload, 1_000_000);
});

test("__proto__ as an own key changes no prototype", () => {
  const options = JSON.parse('{"__proto__":{"pingInterval":5,"polluted":true}}');
  const io = new Server(0, options);
  assert.equal({}.polluted, undefined);
  assert.notEqual(io.engine.opts.pingInterval, 5);
  return io.close();
});

// Upstream reads these as if they had been given.
const POLLUTION = {
  path: "/polluted",
  serveClient: false,
  connectTimeout: 1,
  adapter: class {},
  parser: {},
  cors: { origin: "https://evil.example" },
  cookie: true,
  connectionStateRecovery: {},
  initialPacket: "polluted",
  allowRequest: (_req, done) => done(null, false),
  transports: [],
  maxHttpBufferSize: 1,
  pingInterval: 1,
  httpCompression: { threshold: 0 },
};
for (const [key, value] of Object.entries(POLLUTION)) {
  beyond(`Object.prototype.${key} is no option`, async (t) => {
    Object.prototype[key] = value;
    let io;
    try {
      io = new Server(0, {});
    } finally {
      delete Object.prototype[key];
    }
    const port = await portOf(t, io);
    Object.prototype[key] = value;
    let answer;
    try {
      answer = await request(port, POLLING);
    } finally {
      delete Object.prototype[key];
    }
    const { status, headers, text } = answer;
    assert.equal(status, 200);
    assert.equal(headers["access-control-allow-origin"], undefined);
    assert.equal(headers["set-cookie"], undefined);
    const { sid, ...handshake } = JSON.parse(text.slice(1));
    assert.match(sid, /^[\w-]{20}$/);
    assert.deepEqual(handshake, {
      upgrades: ["websocket"],
      pingInterval: 25_000,
      pingTimeout: 20_000,
      maxPayload: 1_000_000,
    });
    assert.equal((await request(port, "/socket.io/socket.io.js")).status, 200);
  });
}
