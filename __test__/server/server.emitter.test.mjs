// The Server as the face of its main namespace: of, use, emitter methods, broadcasts, return values.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, join, pair } from "../support/clients.mjs";
import { serve } from "../support/server.mjs";
import { Namespace, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

test("a server starts with / alone", () => {
  const io = new Server();
  assert.ok(io.sockets instanceof Namespace);
  assert.equal(io.sockets.name, "/");
  assert.equal(io.sockets.server, io);
  assert.deepEqual([...io._nsps.keys()], ["/"]);
  assert.equal(io.of("/"), io.sockets);
});

// of(argument) → name of the namespace
const NAMES = [
  ["", "/"],
  ["/", "/"],
  ["chat", "/chat"],
  ["/chat", "/chat"],
  ["/chat/", "/chat/"],
  ["/a?b=c", "/a?b=c"],
  [5, "/5"],
  [undefined, "/undefined"],
];
for (const [given, name] of NAMES) {
  test(`of(${JSON.stringify(given)}) is ${name}`, () => {
    const io = new Server();
    const nsp = io.of(given);
    assert.equal(nsp.name, name);
    assert.equal(io.of(given), nsp);
    assert.equal(io._nsps.get(name), nsp);
  });
}

test("of(name, handler) adds a connect listener", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  const nsp = io.of("/chat", (socket) => seen.push(socket.id));
  assert.equal(nsp.listenerCount("connect"), 1);
  const { socket } = await join(t, io, port, { nsp: "/chat" });
  assert.deepEqual(seen, [socket.id]);
});

for (const flags of ["g", "y"]) {
  test(`a stateful regular expression (${flags}) is refused`, () => {
    assert.throws(() => new Server().of(new RegExp("/x", flags)), {
      message: "stateful regular expressions are not supported",
    });
  });
}

test("new_namespace: once per namespace, registered, before its handler", () => {
  const io = new Server();
  const seen = [];
  io.on("new_namespace", (nsp) => {
    seen.push([nsp.name, io._nsps.get(nsp.name) === nsp, nsp.listenerCount("connect")]);
  });
  io.of("/a", () => {});
  io.of("/a");
  io.of("/b");
  io.of("/");
  assert.deepEqual(seen, [
    ["/a", true, 0],
    ["/b", true, 0],
  ]);
});

test("io.on and its kin return the main namespace and live there", () => {
  const io = new Server();
  const fn = () => {};
  for (const method of [
    "on",
    "once",
    "addListener",
    "prependListener",
    "prependOnceListener",
    "off",
    "removeListener",
  ]) {
    assert.equal(io[method]("connection", fn), io.sockets, method);
  }
  io.removeAllListeners();
  io.on("connection", fn);
  assert.deepEqual(io.listeners("connection"), [fn]);
  assert.deepEqual(io.sockets.rawListeners("connection"), [fn]);
  assert.equal(io.listenerCount("connection"), 1);
  assert.deepEqual(io.eventNames(), ["connection"]);
  assert.equal(io.setMaxListeners(3), io.sockets);
  assert.equal(io.getMaxListeners(), 3);
  assert.equal(io.removeAllListeners("connection"), io.sockets);
  assert.equal(io.listenerCount("connection"), 0);
});

test("connect fires before connection, both with the socket", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.on("connection", (socket) => seen.push(["connection", socket]));
  io.on("connect", (socket) => seen.push(["connect", socket]));
  const { socket } = await join(t, io, port);
  assert.deepEqual(seen, [
    ["connect", socket],
    ["connection", socket],
  ]);
});

test("use() returns the server and guards /", async (t) => {
  const { io, port } = await serve(t);
  assert.equal(
    io.use((_socket, next) => next(new Error("no"))),
    io,
  );
  const [error] = await once(client(t, port), "connect_error");
  assert.equal(error.message, "no");
});

test("emit returns true, send and write return the server; there is no emitWithAck", () => {
  const io = new Server();
  assert.equal(io.emit("x"), true);
  assert.equal(io.send("x"), io);
  assert.equal(io.write("x"), io);
  assert.equal(io.emitWithAck, undefined);
  assert.equal(io.sockets.emitWithAck, undefined);
  assert.equal(typeof io.timeout(1).emitWithAck, "function");
});

test("emit, send and write reach every client of / and nobody else", async (t) => {
  const { io, port, client: a } = await pair(t);
  const { client: b } = await join(t, io, port);
  const { client: other } = await join(t, io, port, { nsp: "/other" });
  const seen = { a: [], b: [], other: [] };
  for (const [name, one] of Object.entries({ a, b, other })) {
    one.onAny((...args) => seen[name].push(args));
  }
  io.emit("event", 1, { two: "2" });
  io.send("sent", 1);
  io.write("written");
  io.of("/other").emit("end");
  const expected = [
    ["event", 1, { two: "2" }],
    ["message", "sent", 1],
    ["message", "written"],
  ];
  await until(() => seen.a.length === 3 && seen.b.length === 3 && seen.other.length === 1);
  assert.deepEqual(seen, { a: expected, b: expected, other: [["end"]] });
});

test('io.emit("connection") is a broadcast, not a local event', async (t) => {
  const { io, client: one } = await pair(t);
  let fired = false;
  io.on("connection", () => {
    fired = true;
  });
  const received = once(one, "connection");
  io.emit("connection", 5);
  assert.deepEqual(await received, [5]);
  assert.equal(fired, false);
});

test("to, in and except select rooms", async (t) => {
  const { io, port, ...a } = await pair(t);
  const b = await join(t, io, port);
  const c = await join(t, io, port);
  a.socket.join("red");
  b.socket.join(["red", "blue"]);
  const seen = [];
  for (const [name, { client: one }] of Object.entries({ a, b, c })) {
    one.on("e", (what) => seen.push(`${name} ${what}`));
  }
  io.to("red").emit("e", 1);
  io.in("blue").emit("e", 2);
  io.except("blue").emit("e", 3);
  io.to("red").except("blue").emit("e", 4);
  io.to(["red", "blue"]).emit("e", 5);
  io.emit("e", "end");
  await until(() => seen.filter((line) => line.endsWith("end")).length === 3);
  const of = (name) => seen.filter((line) => line.startsWith(name)).map((line) => line.slice(2));
  assert.deepEqual(of("a"), ["1", "3", "4", "5", "end"]);
  assert.deepEqual(of("b"), ["1", "2", "5", "end"]);
  assert.deepEqual(of("c"), ["3", "end"]);
});

test("fetchSockets gives the same Socket instances, allSockets their ids", async (t) => {
  const { io, socket } = await pair(t);
  assert.deepEqual(await io.fetchSockets(), [socket]);
  assert.deepEqual(await io.allSockets(), new Set([socket.id]));
});

test("socketsJoin, socketsLeave and disconnectSockets return nothing and act on /", async (t) => {
  const { io, socket } = await pair(t);
  assert.equal(io.socketsJoin("a"), undefined);
  assert.equal(io.socketsJoin(["b", "c"]), undefined);
  assert.deepEqual(socket.rooms, new Set([socket.id, "a", "b", "c"]));
  assert.equal(io.socketsLeave("b"), undefined);
  assert.deepEqual(socket.rooms, new Set([socket.id, "a", "c"]));
  assert.equal(io.disconnectSockets(), undefined);
  assert.equal(socket.connected, false);
});

// who refuses which names: [method, names refused, names allowed]
const RESERVED = [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
];
const EMITTERS = [
  ["emit", RESERVED, ["connection", "error", "new_namespace"]],
  ["serverSideEmit", ["connect", "connection", "new_namespace"], []],
];
for (const [method, refused, allowed] of EMITTERS) {
  test(`${method} refuses reserved names`, () => {
    const io = new Server();
    for (const target of [io, io.sockets]) {
      for (const name of refused) {
        const message = `"${name}" is a reserved event name`;
        assert.throws(() => target[method](name), { message });
      }
      for (const name of allowed) assert.equal(target[method](name), true);
    }
  });
}

test("serverSideEmit warns on the in-memory adapter", (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  assert.equal(new Server().serverSideEmit("disconnect"), true);
  assert.deepEqual(warn.mock.calls[0].arguments, [
    "this adapter does not support the serverSideEmit() functionality",
  ]);
});

test("io.sockets can be replaced by another namespace", async (t) => {
  const { io, port } = await serve(t);
  io.sockets = io.of("/app");
  const accepted = once(io, "connection");
  client(t, port, { nsp: "/app" });
  const [socket] = await accepted;
  assert.equal(socket.nsp.name, "/app");
});
