// Dynamic namespaces: RegExp and function parents, their children, clean-up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, eachWay, join } from "../support/clients.mjs";
import { serve } from "../support/server.mjs";
import { Namespace, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

/** Joins `nsp` and resolves with what the client got: its id, or the error message. */
function attempt(t, port, nsp, options) {
  const one = client(t, port, { nsp, ...options });
  return connected(one).then(
    () => "connected",
    (error) => error.message,
  );
}

test("every call makes another parent, none is listed", () => {
  const io = new Server();
  const a = io.of(/^\/a/);
  const b = io.of(/^\/a/);
  assert.notEqual(a, b);
  assert.match(a.name, /^\/_\d+$/);
  assert.ok(a instanceof Namespace);
  assert.deepEqual([...io._nsps.keys()], ["/"]);
});

eachWay("a RegExp parent accepts matching names only", async (t, way) => {
  const { io, port } = await serve(t);
  const parent = io.of(/^\/dynamic-\d+$/);
  const seen = [];
  parent.on("connection", (socket) => seen.push(socket.nsp.name));
  assert.equal(await attempt(t, port, "/dynamic-101", way), "connected");
  assert.equal(await attempt(t, port, "/dynamic-x", way), "Invalid namespace");
  assert.deepEqual(seen, ["/dynamic-101"]);
  const child = io._nsps.get("/dynamic-101");
  assert.equal(child.constructor, Namespace);
  assert.equal(child.sockets.size, 1);
});

test("a function parent gets name and auth and decides asynchronously", async (t) => {
  const { io, port } = await serve(t);
  const asked = [];
  io.of((name, auth, next) => {
    asked.push([name, auth]);
    setImmediate(next, null, name === "/yes");
  });
  assert.equal(await attempt(t, port, "/yes", { auth: { token: 1 } }), "connected");
  assert.equal(await attempt(t, port, "/no"), "Invalid namespace");
  assert.deepEqual(asked, [
    ["/yes", { token: 1 }],
    ["/no", {}],
  ]);
});

test("parents are asked in the order of registration; errors move on", async (t) => {
  const { io, port } = await serve(t);
  const asked = [];
  const answers = [
    ["error", (next) => next(new Error("no"), true)],
    ["refusal", (next) => next(null, false)],
    ["consent", (next) => next(null, true)],
    ["never asked", (next) => next(null, true)],
  ];
  for (const [name, answer] of answers) {
    const parent = io.of((_name, _auth, next) => {
      asked.push(name);
      answer(next);
    });
    parent.on("connection", () => asked.push(`connected by ${name}`));
  }
  assert.equal(await attempt(t, port, "/x"), "connected");
  assert.deepEqual(asked, ["error", "refusal", "consent", "connected by consent"]);
});

test("a concrete namespace is preferred to a parent", async (t) => {
  const { io, port } = await serve(t);
  const own = io.of("/own");
  let asked = false;
  io.of((_name, _auth, next) => {
    asked = true;
    next(null, true);
  });
  await join(t, io, port, { nsp: "/own" });
  assert.equal(own.sockets.size, 1);
  assert.equal(asked, false);
});

test("a namespace that appears while a parent decides is used", async (t) => {
  const { io, port } = await serve(t);
  let created;
  io.of((name, _auth, next) => {
    created = io.of(name);
    next(null, true);
  });
  assert.equal(await attempt(t, port, "/late"), "connected");
  assert.equal(io._nsps.get("/late"), created);
  assert.equal(created.sockets.size, 1);
});

test("a child inherits middlewares and listeners of that moment", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  const parent = io.of(/^\/room-/);
  parent.use((_socket, next) => {
    seen.push("middleware");
    next();
  });
  parent.on("connect", (socket) => seen.push(`connect ${socket.nsp.name}`));
  parent.on("connection", (socket) => seen.push(`connection ${socket.nsp.name}`));
  assert.equal(await attempt(t, port, "/room-1"), "connected");
  parent.on("connection", () => seen.push("late listener"));
  assert.equal(await attempt(t, port, "/room-1"), "connected");
  assert.equal(await attempt(t, port, "/room-2"), "connected");
  assert.deepEqual(seen, [
    ...["middleware", "connect /room-1", "connection /room-1"],
    ...["middleware", "connect /room-1", "connection /room-1"],
    ...["middleware", "connect /room-2", "connection /room-2", "late listener"],
  ]);
});

test("new_namespace announces the child before its first connection", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.on("new_namespace", (nsp) => seen.push(`new ${nsp.name} ${io._nsps.has(nsp.name)}`));
  io.of(/^\/d/).on("connection", (socket) => seen.push(`connection ${socket.nsp.name}`));
  await attempt(t, port, "/d1");
  assert.deepEqual(seen, ["new /d1 true", "connection /d1"]);
});

test("of() with a matching name creates the child through a RegExp parent", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  const parent = io.of(/^\/d/);
  parent.use((_socket, next) => next());
  parent.on("connection", () => seen.push("parent"));
  const child = io.of("/d1", () => seen.push("dropped"));
  assert.equal(child._fns.length, 1);
  assert.equal(child.listenerCount("connect"), 0);
  child.on("connection", () => seen.push("child"));
  assert.equal(await attempt(t, port, "/d1"), "connected");
  assert.deepEqual(seen, ["parent", "child"]);
});

test("of() does not ask function parents", () => {
  const io = new Server();
  let asked = false;
  io.of((_name, _auth, next) => {
    asked = true;
    next(null, true);
  }).use(() => {});
  assert.equal(io.of("/x")._fns.length, 0);
  assert.equal(asked, false);
});

test("a parent broadcasts to all its children", async (t) => {
  const { io, port } = await serve(t);
  const parent = io.of(/^\/d/);
  parent.on("connection", (socket) => socket.join(socket.nsp.name === "/d1" ? "odd" : "even"));
  const seen = [];
  for (const nsp of ["/d1", "/d2"]) {
    const one = client(t, port, { nsp });
    one.onAny((...args) => seen.push([nsp, ...args]));
    await connected(one);
  }
  assert.equal(parent.emit("all", 1), true);
  parent.to("odd").emit("some");
  parent.except("odd").emit("rest");
  parent.emit("end");
  await until(() => seen.filter(([, event]) => event === "end").length === 2);
  const of = (nsp) => seen.filter(([name]) => name === nsp).map(([, ...args]) => args);
  assert.deepEqual(of("/d1"), [["all", 1], ["some"], ["end"]]);
  assert.deepEqual(of("/d2"), [["all", 1], ["rest"], ["end"]]);
});

test("fetchSockets() throws on a parent namespace; other methods select nobody", async () => {
  const parent = new Server().of(/^\/d/);
  assert.throws(() => parent.fetchSockets(), {
    message: "fetchSockets() is not supported on parent namespaces",
  });
  assert.deepEqual(await parent.allSockets(), new Set());
  assert.equal(parent.socketsJoin("a"), undefined);
  assert.equal(parent.socketsLeave("a"), undefined);
  assert.equal(parent.disconnectSockets(), undefined);
  const answer = await new Promise((resolve) => {
    parent.to("r").emit("e", (...args) => resolve(args));
  });
  assert.deepEqual(answer, [null, []]);
});

test("without the option an empty child stays", async (t) => {
  const { io, port } = await serve(t);
  io.of(/^\/d/);
  const one = client(t, port, { nsp: "/d1" });
  await connected(one);
  const [socket] = io._nsps.get("/d1").sockets.values();
  const gone = once(socket, "disconnect");
  one.disconnect();
  await gone;
  assert.ok(io._nsps.has("/d1"));
});

test("cleanupEmptyChildNamespaces drops a child with its last socket", async (t) => {
  const { io, port } = await serve(t, { cleanupEmptyChildNamespaces: true });
  const fixed = io.of("/fixed");
  io.of(/^\/d/);
  const created = [];
  io.on("new_namespace", (nsp) => created.push(nsp.name));
  const first = client(t, port, { nsp: "/d1" });
  const second = client(t, port, { nsp: "/d1" });
  await Promise.all([connected(first), connected(second)]);
  const child = io._nsps.get("/d1");
  let closed = 0;
  child.adapter.close = () => closed++;
  first.disconnect();
  await until(() => child.sockets.size === 1);
  assert.equal(io._nsps.get("/d1"), child);
  second.disconnect();
  await until(() => !io._nsps.has("/d1"));
  assert.equal(closed, 1);
  assert.equal(await attempt(t, port, "/d1"), "connected");
  assert.notEqual(io._nsps.get("/d1"), child);
  assert.deepEqual(created, ["/d1", "/d1"]);

  const { client: guest } = await join(t, io, port, { nsp: "/fixed" });
  guest.disconnect();
  await until(() => fixed.sockets.size === 0);
  assert.equal(io._nsps.get("/fixed"), fixed);
});

test("cleanupEmptyChildNamespaces: a refused attempt leaves no child", async (t) => {
  const { io, port } = await serve(t, { cleanupEmptyChildNamespaces: true });
  io.of(/^\/d/).use((_socket, next) => next(new Error("no")));
  assert.equal(await attempt(t, port, "/d1"), "no");
  assert.equal(io._nsps.has("/d1"), false);
});
