// The arguments of `new Server(...)`, the callable export, `attach` and `listen`.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { client, connected } from "../support/clients.mjs";
import { freePort } from "../support/free-port.mjs";
import { request } from "../support/raw.mjs";
import { closeServer, serveHttp } from "../support/server.mjs";
import {
  io as callable,
  differs,
  isOracle,
  Namespace,
  Server,
  Socket,
} from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

const HANDLER_ERROR =
  "You are trying to attach socket.io to an express request handler function. " +
  "Please pass a http.Server instance.";

/** Keeps a server that listens on a port of its own for the length of the test. */
async function listening(t, io) {
  defer(t, () => closeServer(io));
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  return io.httpServer.address().port;
}

test("the package is a two-argument function with three classes", () => {
  assert.equal(typeof callable, "function");
  assert.equal(callable.length, 2);
  assert.deepEqual(Object.keys(callable).sort(), ["Namespace", "Server", "Socket"]);
  assert.equal(callable.Server, Server);
});

test("the ES module exports the same classes, without a default", async () => {
  const module = await import(isOracle ? "socket.io" : "../../index.mjs");
  assert.equal(module.Server, Server);
  assert.equal(module.Namespace, Namespace);
  assert.equal(module.Socket, Socket);
  assert.equal(module.default, undefined);
});

test("the callable export builds a Server", async (t) => {
  const httpServer = await serveHttp(t);
  const io = callable(httpServer, { pingInterval: 1234 });
  defer(t, () => closeServer(io));
  assert.ok(io instanceof Server);
  assert.equal(io.httpServer, httpServer);
  assert.equal(io.engine.opts.pingInterval, 1234);
});

test("the class cannot be called without new", () => {
  assert.throws(() => Server(), {
    name: "TypeError",
    message: "Class constructor Server cannot be invoked without 'new'",
  });
});

for (const nothing of [undefined, null, "", false, []]) {
  test(`${JSON.stringify(nothing)} leaves the server unattached, options come second`, () => {
    const opts = { path: "/foo" };
    const io = new Server(nothing, opts);
    assert.equal(io.httpServer, undefined);
    assert.equal(io.engine, undefined);
    if (Array.isArray(nothing)) return; // an array is an options object of its own
    assert.equal(io.path(), "/foo");
    assert.equal(io._opts, opts);
  });
}

test("no argument at all leaves the server unattached", () => {
  const io = new Server();
  assert.equal(io.httpServer, undefined);
  assert.equal(io.engine, undefined);
  assert.equal(io.path(), "/socket.io");
  assert.equal(io.serveClient(), true);
  assert.equal(io.connectTimeout(), 45_000);
});

test("an object without listen is the options; the second argument is ignored", () => {
  const opts = { path: "/first", serveClient: false, connectTimeout: 77 };
  const io = new Server(opts, { path: "/second" });
  assert.equal(io.path(), "/first");
  assert.equal(io.serveClient(), false);
  assert.equal(io.connectTimeout(), 77);
  assert.equal(io.engine, undefined);
});

test("the options object is kept by reference and completed", () => {
  const opts = { connectionStateRecovery: { maxDisconnectionDuration: 5 } };
  const io = new Server(opts);
  assert.equal(io._opts, opts);
  assert.equal(io.opts, opts);
  assert.equal(opts.cleanupEmptyChildNamespaces, false);
  assert.deepEqual(opts.connectionStateRecovery, {
    maxDisconnectionDuration: 5,
    skipMiddlewares: true,
  });
});

test("falsy options fall back to their defaults", () => {
  const io = new Server({ path: "", connectTimeout: 0, serveClient: null });
  assert.equal(io.path(), "/socket.io");
  assert.equal(io.connectTimeout(), 45_000);
  assert.equal(io.serveClient(), true);
});

for (const port of [0, "0"]) {
  test(`the port ${JSON.stringify(port)} makes a listening HTTP server that answers 404`, async (t) => {
    const io = new Server(port);
    const number = await listening(t, io);
    assert.ok(io.httpServer instanceof http.Server);
    const { status, text } = await request(number, "/elsewhere");
    assert.equal(status, 404);
    assert.equal(text, "");
    await connected(client(t, number));
  });
}

for (const numeric of [(port) => port, String]) {
  test(`a given port is used, as a ${numeric.name || "number"}`, async (t) => {
    const port = await freePort();
    const io = new Server(numeric(port));
    assert.equal(await listening(t, io), port);
    await connected(client(t, port));
  });
}

test("a port in use is an error event of the HTTP server", async (t) => {
  const { port } = (await serveHttp(t)).address();
  const io = new Server();
  const taken = http.createServer();
  io.attach(taken);
  taken.listen(port, "127.0.0.1");
  const [error] = await once(taken, "error");
  assert.equal(error.code, "EADDRINUSE");
});

for (const port of [Number.NaN, -1, 70_000, 1.5]) {
  test(`the port ${port} is refused by listen`, () => {
    assert.throws(() => new Server(port), {
      name: "RangeError",
      message: /options\.port should be/,
    });
  });
}

const NO_LISTENERS = "server.listeners is not a function";
const noServer = (shown, upstream = NO_LISTENERS) =>
  differs(upstream, `attach(): server must be an HTTP server or a port, got ${shown}`);
const REFUSED = [
  ["a word", () => new Server("abc"), "TypeError", noServer('"abc"')],
  ["an object with listen", () => new Server({ listen() {} }), "TypeError", noServer("an object")],
  [
    "an object without prototype",
    () => new Server(Object.create(null)),
    "TypeError",
    noServer("an object", "Cannot convert object to primitive value"),
  ],
  ["a request handler", () => new Server(() => {}), "Error", HANDLER_ERROR],
  [
    "null options",
    () => new Server(0, null),
    "TypeError",
    differs(
      "Cannot read properties of null (reading 'path')",
      "new Server(): options must be an object, got null",
    ),
  ],
  [
    "attach()",
    () => new Server().attach(),
    "TypeError",
    noServer("undefined", "Cannot read properties of undefined (reading 'listeners')"),
  ],
  [
    "attach(null)",
    () => new Server().attach(null),
    "TypeError",
    noServer("null", "Cannot read properties of null (reading 'listeners')"),
  ],
  ["attach({})", () => new Server().attach({}), "TypeError", noServer("an object")],
  ['attach("123abc")', () => new Server().attach("123abc"), "TypeError", noServer('"123abc"')],
  ["attach(handler)", () => new Server().attach(() => {}), "Error", HANDLER_ERROR],
];
for (const [title, act, name, message] of REFUSED) {
  test(`${title} is refused with the documented error`, () => {
    assert.throws(act, { name, message });
  });
}

test("attach options cannot be null", async (t) => {
  const httpServer = await serveHttp(t);
  assert.throws(() => new Server().attach(httpServer, null), {
    name: "TypeError",
    message: differs(
      "Cannot convert undefined or null to object",
      "attach(): options must be an object, got null",
    ),
  });
});

for (const method of ["attach", "listen"]) {
  test(`${method}(httpServer) returns the server and binds the engine`, async (t) => {
    const httpServer = await serveHttp(t);
    const io = new Server();
    defer(t, () => closeServer(io));
    assert.equal(io[method](httpServer), io);
    assert.equal(io.httpServer, httpServer);
    assert.equal(io.eio, io.engine);
    await connected(client(t, httpServer.address().port));
  });

  for (const port of [0, "", "0", [0]]) {
    test(`${method}(${JSON.stringify(port)}) listens on a free port`, async (t) => {
      const io = new Server();
      assert.equal(io[method](port), io);
      await connected(client(t, await listening(t, io)));
    });
  }
}

test("constructor options win over attach options, whose object is mutated", async (t) => {
  const httpServer = await serveHttp(t);
  const io = new Server({ pingInterval: 111 });
  defer(t, () => closeServer(io));
  const given = { pingInterval: 222, pingTimeout: 333 };
  io.attach(httpServer, given);
  assert.equal(io.engine.opts.pingInterval, 111);
  assert.equal(io.engine.opts.pingTimeout, 333);
  assert.equal(given.pingInterval, 111);
  assert.equal(given.path, "/socket.io");
});

test("the adapter of / is built and initialised in the constructor", () => {
  const seen = [];
  class Spy {
    constructor(nsp) {
      seen.push(["new", nsp.name, nsp.server.sockets, nsp.adapter]);
    }
    init() {
      seen.push(["init"]);
    }
  }
  const io = new Server({ adapter: Spy });
  assert.deepEqual(seen, [["new", "/", undefined, undefined], ["init"]]);
  assert.ok(io.sockets.adapter instanceof Spy);
});

test("an arrow function is no adapter", () => {
  assert.throws(() => new Server({ adapter: () => ({}) }), {
    name: "TypeError",
    message: differs(
      /is not a constructor$/,
      /^options\.adapter must be a class, .* got a function$/,
    ),
  });
});
