// Arguments that are no server, port or options: the errors of upstream, each with a sentence of its
// own, and never a crash.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, test } from "node:test";
import { client } from "../support/clients.mjs";
import { answering, exercise, HANDLER_ERROR } from "../support/exercise.mjs";
import { servePort } from "../support/forms.mjs";
import { closeServer } from "../support/server.mjs";
import { differs, Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

const NOT_A_PORT = { name: "RangeError", message: /^options\.port should be >= 0 and < 65536/ };
const type = (message) => ({ name: "TypeError", message });
const told = (upstream, own) => type(differs(upstream, own));
const noServer = (shown, upstream = "server.listeners is not a function") =>
  told(upstream, `attach(): server must be an HTTP server or a port, got ${shown}`);
const noOptions = (call, shown, upstream) =>
  told(upstream, `${call}: options must be an object, got ${shown}`);
const NO_NUMBER = "Cannot convert a Symbol value to a number";
const bare = () => http.createServer();
const sealed = (value, key = "cleanupEmptyChildNamespaces") =>
  noOptions(
    key === "path" ? "attach()" : "new Server()",
    JSON.stringify(value),
    `Cannot create property '${key}' on ${typeof value} '${value}'`,
  );
const frozen = (call) =>
  told(
    /^Cannot add property \w+, object is not extensible$/,
    `${call}: options must be extensible, got an object that is not extensible`,
  );
const NO_PATH = told(
  /replace is not a function$/,
  'options.path must be a string that begins with "/", got 5',
);
const TRANSPORTS =
  'options.transports must be an array of "polling", "websocket" or "webtransport"';

const REFUSED = {
  "new Server(Infinity)": [() => new Server(Number.POSITIVE_INFINITY), NOT_A_PORT],
  "new Server(65536)": [() => new Server(65_536), NOT_A_PORT],
  'new Server("-1")': [() => new Server("-1"), NOT_A_PORT],
  'new Server("1.5")': [() => new Server("1.5"), NOT_A_PORT],
  'new Server("70000")': [() => new Server("70000"), NOT_A_PORT],
  'new Server("localhost:3000")': [
    () => new Server("localhost:3000"),
    noServer('"localhost:3000"'),
  ],
  "new Server(symbol)": [() => new Server(Symbol("x")), noServer("Symbol(x)", NO_NUMBER)],
  "new Server(class)": [() => new Server(class {}), { name: "Error", message: HANDLER_ERROR }],
  "new Server(async handler)": [
    () => new Server(async () => {}),
    { name: "Error", message: HANDLER_ERROR },
  ],
  "new Server(handler with listen)": [
    () => new Server(Object.assign(() => {}, { listen() {} })),
    { name: "Error", message: HANDLER_ERROR },
  ],
  "new Server({ listen: true })": [() => new Server({ listen: true }), noServer("an object")],
  "new Server(httpServer, null)": [
    () => new Server(bare(), null),
    noOptions("new Server()", "null", "Cannot read properties of null (reading 'path')"),
  ],
  "new Server(null, null)": [
    () => new Server(null, null),
    noOptions("new Server()", "null", "Cannot read properties of null (reading 'path')"),
  ],
  'new Server(undefined, "x")': [() => new Server(undefined, "x"), sealed("x")],
  "new Server(undefined, 5)": [() => new Server(undefined, 5), sealed(5)],
  "new Server(undefined, true)": [() => new Server(undefined, true), sealed(true)],
  "new Server(frozen options)": [() => new Server(Object.freeze({})), frozen("new Server()")],
  "new Server({ path: 5 })": [() => new Server({ path: 5 }), NO_PATH],
  "new Server(0, { path: 5 })": [() => new Server(0, { path: 5 }), NO_PATH],
  "new Server({ parser: {} })": [
    () => new Server({ parser: {} }),
    told(
      /Encoder is not a constructor$/,
      "options.parser must be an object with the constructors Encoder and Decoder, got an object",
    ),
  ],
  "new Server({ adapter: {} })": [
    () => new Server({ adapter: {} }),
    told(
      "this.server.adapter(...) is not a constructor",
      "options.adapter must be a class, or a function that can be called with new, got an object",
    ),
  ],
  "new Server(httpServer, { transports: {} })": [
    () => new Server(bare(), { transports: {} }),
    told("this.opts.transports.indexOf is not a function", `${TRANSPORTS}, got an object`),
  ],
  "new Server(httpServer, { transports: null })": [
    () => new Server(bare(), { transports: null }),
    told("Cannot read properties of null (reading 'indexOf')", `${TRANSPORTS}, got null`),
  ],
  "new Server(httpServer, { transports: undefined })": [
    () => new Server(bare(), { transports: undefined }),
    told("Cannot read properties of undefined (reading 'indexOf')", `${TRANSPORTS}, got undefined`),
  ],
  "attach(undefined, options)": [
    () => new Server().attach(undefined, {}),
    noServer("undefined", "Cannot read properties of undefined (reading 'listeners')"),
  ],
  "listen()": [
    () => new Server().listen(),
    noServer("undefined", "Cannot read properties of undefined (reading 'listeners')"),
  ],
  "attach(NaN)": [() => new Server().attach(Number.NaN), NOT_A_PORT],
  "attach(-1)": [() => new Server().attach(-1), NOT_A_PORT],
  'attach("65536")': [() => new Server().attach("65536"), NOT_A_PORT],
  "attach([0, 1])": [() => new Server().attach([0, 1]), noServer("an array")],
  "attach([{}])": [() => new Server().attach([{}]), noServer("an array")],
  "attach({ listen() {} })": [() => new Server().attach({ listen() {} }), noServer("an object")],
  "attach(symbol)": [() => new Server().attach(Symbol("x")), noServer("Symbol(x)", NO_NUMBER)],
  "attach(object without prototype)": [
    () => new Server().attach(Object.create(null)),
    noServer("an object", "Cannot convert object to primitive value"),
  ],
  "listen(httpServer, null)": [
    () => new Server().listen(bare(), null),
    noOptions("attach()", "null", "Cannot convert undefined or null to object"),
  ],
  'attach(httpServer, "x")': [() => new Server().attach(bare(), "x"), sealed("x", "path")],
  "attach(httpServer, 5)": [() => new Server().attach(bare(), 5), sealed(5, "path")],
  "attach(httpServer, true)": [() => new Server().attach(bare(), true), sealed(true, "path")],
  "attach(httpServer, frozen options)": [
    () => new Server().attach(bare(), Object.freeze({})),
    frozen("attach()"),
  ],
  "attach(httpServer, { path: 5 })": [() => new Server().attach(bare(), { path: 5 }), NO_PATH],
  "bind()": [
    () => new Server().bind(),
    told(
      "Cannot read properties of undefined (reading 'on')",
      "bind(): engine must be an engine, which emits connections, got undefined",
    ),
  ],
  "bind({})": [
    () => new Server().bind({}),
    told(
      "this.engine.on is not a function",
      "bind(): engine must be an engine, which emits connections, got an object",
    ),
  ],
  "onconnection()": [() => new Server().onconnection(), { name: "TypeError" }],
  "adapter(undefined)": [
    () => new Server().adapter(undefined),
    told(
      "this.server.adapter(...) is not a constructor",
      "adapter(): adapter must be a class, or a function that can be called with new, got undefined",
    ),
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
