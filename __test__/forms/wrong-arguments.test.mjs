// Arguments that are no server, port or options: the errors of upstream, and never a crash.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, test } from "node:test";
import { client } from "../support/clients.mjs";
import { closeServer } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { answering, exercise, HANDLER_ERROR, servePort } from "./support.mjs";

const NOT_A_PORT = { name: "RangeError", message: /^options\.port should be >= 0 and < 65536/ };
const type = (message) => ({ name: "TypeError", message });
const NO_LISTENERS = type("server.listeners is not a function");
const NO_NUMBER = type("Cannot convert a Symbol value to a number");
const bare = () => http.createServer();
const sealed = (value, key = "cleanupEmptyChildNamespaces") =>
  type(`Cannot create property '${key}' on ${typeof value} '${value}'`);
const FROZEN = type(/^Cannot add property \w+, object is not extensible$/);

const REFUSED = {
  "new Server(Infinity)": [() => new Server(Number.POSITIVE_INFINITY), NOT_A_PORT],
  "new Server(65536)": [() => new Server(65_536), NOT_A_PORT],
  'new Server("-1")': [() => new Server("-1"), NOT_A_PORT],
  'new Server("1.5")': [() => new Server("1.5"), NOT_A_PORT],
  'new Server("70000")': [() => new Server("70000"), NOT_A_PORT],
  'new Server("localhost:3000")': [() => new Server("localhost:3000"), NO_LISTENERS],
  "new Server(symbol)": [() => new Server(Symbol("x")), NO_NUMBER],
  "new Server(class)": [() => new Server(class {}), { name: "Error", message: HANDLER_ERROR }],
  "new Server(async handler)": [
    () => new Server(async () => {}),
    { name: "Error", message: HANDLER_ERROR },
  ],
  "new Server(handler with listen)": [
    () => new Server(Object.assign(() => {}, { listen() {} })),
    { name: "Error", message: HANDLER_ERROR },
  ],
  "new Server({ listen: true })": [() => new Server({ listen: true }), NO_LISTENERS],
  "new Server(httpServer, null)": [
    () => new Server(bare(), null),
    type("Cannot read properties of null (reading 'path')"),
  ],
  "new Server(null, null)": [
    () => new Server(null, null),
    type("Cannot read properties of null (reading 'path')"),
  ],
  'new Server(undefined, "x")': [() => new Server(undefined, "x"), sealed("x")],
  "new Server(undefined, 5)": [() => new Server(undefined, 5), sealed(5)],
  "new Server(undefined, true)": [() => new Server(undefined, true), sealed(true)],
  "new Server(frozen options)": [() => new Server(Object.freeze({})), FROZEN],
  "new Server({ path: 5 })": [() => new Server({ path: 5 }), type("v.replace is not a function")],
  "new Server(0, { path: 5 })": [
    () => new Server(0, { path: 5 }),
    type("v.replace is not a function"),
  ],
  "new Server({ parser: {} })": [
    () => new Server({ parser: {} }),
    type(/Encoder is not a constructor$/),
  ],
  "new Server({ adapter: {} })": [
    () => new Server({ adapter: {} }),
    type("this.server.adapter(...) is not a constructor"),
  ],
  "new Server(httpServer, { transports: {} })": [
    () => new Server(bare(), { transports: {} }),
    type("this.opts.transports.indexOf is not a function"),
  ],
  "new Server(httpServer, { transports: null })": [
    () => new Server(bare(), { transports: null }),
    type("Cannot read properties of null (reading 'indexOf')"),
  ],
  "new Server(httpServer, { transports: undefined })": [
    () => new Server(bare(), { transports: undefined }),
    type("Cannot read properties of undefined (reading 'indexOf')"),
  ],
  "attach(undefined, options)": [
    () => new Server().attach(undefined, {}),
    type("Cannot read properties of undefined (reading 'listeners')"),
  ],
  "listen()": [
    () => new Server().listen(),
    type("Cannot read properties of undefined (reading 'listeners')"),
  ],
  "attach(NaN)": [() => new Server().attach(Number.NaN), NOT_A_PORT],
  "attach(-1)": [() => new Server().attach(-1), NOT_A_PORT],
  'attach("65536")': [() => new Server().attach("65536"), NOT_A_PORT],
  "attach([0, 1])": [() => new Server().attach([0, 1]), NO_LISTENERS],
  "attach([{}])": [() => new Server().attach([{}]), NO_LISTENERS],
  "attach({ listen() {} })": [() => new Server().attach({ listen() {} }), NO_LISTENERS],
  "attach(symbol)": [() => new Server().attach(Symbol("x")), NO_NUMBER],
  "attach(object without prototype)": [
    () => new Server().attach(Object.create(null)),
    type("Cannot convert object to primitive value"),
  ],
  "listen(httpServer, null)": [
    () => new Server().listen(bare(), null),
    type("Cannot convert undefined or null to object"),
  ],
  'attach(httpServer, "x")': [() => new Server().attach(bare(), "x"), sealed("x", "path")],
  "attach(httpServer, 5)": [() => new Server().attach(bare(), 5), sealed(5, "path")],
  "attach(httpServer, true)": [() => new Server().attach(bare(), true), sealed(true, "path")],
  "attach(httpServer, frozen options)": [
    () => new Server().attach(bare(), Object.freeze({})),
    FROZEN,
  ],
  "attach(httpServer, { path: 5 })": [
    () => new Server().attach(bare(), { path: 5 }),
    type(/replace is not a function$/),
  ],
  "bind()": [() => new Server().bind(), type("Cannot read properties of undefined (reading 'on')")],
  "bind({})": [() => new Server().bind({}), type("this.engine.on is not a function")],
  "onconnection()": [() => new Server().onconnection(), { name: "TypeError" }],
  "adapter(undefined)": [
    () => new Server().adapter(undefined),
    type("this.server.adapter(...) is not a constructor"),
  ],
};

// a wrong first argument may have left a port open that was not asked for
const uncaught = [];
process.on("uncaughtException", (error) => uncaught.push(error));
after(() => assert.deepEqual(uncaught, []));

for (const [title, [act, error]] of Object.entries(REFUSED)) {
  test(`${title} is refused`, () => {
    assert.throws(act, error);
  });
}

test("after all of that a server is made and serves", async (t) => {
  const { io, port } = await servePort(t);
  answering(io);
  await exercise(io, client(t, port), "websocket");
});

const UNATTACHED = {
  "a date": new Date(0),
  "a regular expression": /x/,
  "a map": new Map([["path", "/map"]]),
  "an empty list": [],
  "a list": [3000],
  "an error": new Error("x"),
  "an instance with a falsy listen": Object.assign(new (class Mine {})(), { listen: 0 }),
};
for (const [title, value] of Object.entries(UNATTACHED)) {
  test(`${title} is taken for the options`, () => {
    const io = new Server(value);
    assert.deepEqual([io.httpServer, io.engine, io.path()], [undefined, undefined, "/socket.io"]);
    assert.equal(io._opts, value);
  });
}

test("a function is taken for options in the second place", () => {
  const opts = Object.assign(() => {}, { path: "/mine" });
  assert.equal(new Server(undefined, opts).path(), "/mine");
});

const PORTS = { '"0x0"': "0x0", '" "': " ", "0n": 0n, "new Number(0)": Object(0) };
for (const [title, value] of Object.entries(PORTS)) {
  test(`attach(${title}) is a port`, async (t) => {
    const io = new Server().attach(value);
    defer(t, () => closeServer(io));
    if (!io.httpServer.listening) await once(io.httpServer, "listening");
    assert.ok(io.httpServer.address().port > 0);
  });
}

for (const value of [false, []]) {
  test(`attach(${JSON.stringify(value)}) is a free port, other than in the constructor`, async (t) => {
    assert.equal(new Server(value).httpServer, undefined);
    const io = new Server().attach(value);
    defer(t, () => closeServer(io));
    assert.ok(io.httpServer.address().port > 0);
  });
}

for (const make of [() => new Server(true), () => new Server().attach(true)]) {
  test(`true is port 1: ${String(make).slice(6)}`, async (t) => {
    const { httpServer } = make();
    defer(t, () => httpServer.close());
    const refused = once(httpServer, "error").then(([error]) => error);
    const listening = once(httpServer, "listening").then(() => httpServer.address());
    const outcome = await Promise.race([refused, listening]);
    for (const other of [refused, listening]) other.catch(() => {});
    assert.equal(outcome.port, 1);
  });
}

test("anything that emits and has listeners is taken for a server", () => {
  for (const server of [new EventEmitter(), net.createServer()]) {
    const io = new Server().attach(server);
    assert.equal(io.httpServer, server);
    assert.equal(server.listenerCount("request"), 1);
    assert.equal(server.listenerCount("upgrade"), 1);
  }
});

const UNKNOWN = {
  log: true,
  origins: "*:*",
  "heartbeat interval": 5,
  maxPayload: 1,
  forceJSONP: true,
  anything: Symbol("x"),
};
test("options nobody knows are kept and mean nothing", async (t) => {
  const { io, port } = await servePort(t, { ...UNKNOWN });
  answering(io);
  await exercise(io, client(t, port), "websocket");
  for (const [key, value] of Object.entries(UNKNOWN)) assert.equal(io.engine.opts[key], value);
});
