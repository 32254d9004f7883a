// Rooms, broadcasting from a socket, and its flags: volatile, compress, timeout, local.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, join, pair } from "../support/clients.mjs";
import { eachTransport, Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

/** Three clients a, b and c that log what they receive: `{ io, a, b, c, lines(name) }`. */
async function three(t, way) {
  const { io, port, ...a } = await pair(t, way);
  const b = await join(t, io, port, way);
  const c = await join(t, io, port, way);
  const log = { a: [], b: [], c: [] };
  for (const [name, { client }] of Object.entries({ a, b, c })) {
    client.onAny((event, ...args) => log[name].push([event, ...args].join(" ")));
  }
  const settled = async () => {
    io.emit("end");
    await until(() => Object.values(log).every((lines) => lines.at(-1) === "end"));
    return Object.fromEntries(Object.entries(log).map(([name, l]) => [name, l.slice(0, -1)]));
  };
  return { io, port, a: a.socket, b: b.socket, c: c.socket, settled };
}

test("a socket starts in the room of its id", async (t) => {
  const { io, socket, client } = await pair(t);
  assert.deepEqual(socket.rooms, new Set([client.id]));
  assert.equal(socket.rooms, io.sockets.adapter.sids.get(socket.id));
});

test("join and leave change the rooms of a socket", async (t) => {
  const { io, socket } = await pair(t);
  const { rooms } = io.sockets.adapter;
  assert.equal(socket.join("a"), undefined);
  assert.equal(socket.join(["b", "c", "a"]), undefined);
  assert.deepEqual(socket.rooms, new Set([socket.id, "a", "b", "c"]));
  assert.equal(socket.leave("b"), undefined);
  assert.equal(socket.leave("never joined"), undefined);
  assert.deepEqual(socket.rooms, new Set([socket.id, "a", "c"]));
  assert.deepEqual([...rooms.keys()], [socket.id, "a", "c"]);
  assert.deepEqual(rooms.get("a"), new Set([socket.id]));
});

test("any value can be a room; only arrays are spread", async (t) => {
  const { socket } = await pair(t);
  const set = new Set(["x"]);
  const object = { a: 1 };
  for (const room of [5, "5", null, set, object]) socket.join(room);
  assert.deepEqual([...socket.rooms], [socket.id, 5, "5", null, set, object]);
});

test("after the disconnection rooms are empty and join does nothing", async (t) => {
  const { io, socket } = await pair(t);
  socket.join("a");
  socket.disconnect();
  assert.equal(socket.rooms.size, 0);
  assert.notEqual(socket.rooms, socket.rooms);
  socket.join("b");
  assert.equal(socket.rooms.size, 0);
  assert.equal(io.sockets.adapter.rooms.size, 0);
});

eachWay("broadcast, to, in and except leave the sender out", async (t, way) => {
  const { a, b, c, settled } = await three(t, way);
  a.join("red");
  b.join("red");
  b.join("blue");
  a.broadcast.emit("all", 1);
  a.to("red").emit("red");
  a.in("blue").emit("blue");
  a.to(["red", "blue"]).emit("once");
  a.to("red").to("blue").emit("chained");
  a.except("red").emit("not red");
  a.to(c.id).emit("direct");
  a.to(a.id).emit("to itself");
  a.to("nobody").emit("lost");
  const seen = await settled();
  assert.deepEqual(seen.a, []);
  assert.deepEqual(seen.b, ["all 1", "red", "blue", "once", "chained"]);
  assert.deepEqual(seen.c, ["all 1", "not red", "direct"]);
});

eachWay("emit goes to one socket only", async (t, way) => {
  const { b, settled } = await three(t, way);
  b.emit("mine", 1);
  assert.deepEqual(await settled(), { a: [], b: ["mine 1"], c: [] });
});

test("a room's Set keeps its identity", async (t) => {
  const { io, a, b } = await three(t);
  a.join("room");
  const { rooms } = io.sockets.adapter;
  const set = rooms.get("room");
  set.note = "kept by the application";
  b.join("room");
  a.leave("room");
  assert.equal(rooms.get("room"), set);
  assert.deepEqual([...set], [b.id]);
  b.leave("room");
  assert.equal(rooms.has("room"), false);
});

test("flags are collected on the socket and used up by emit", async (t) => {
  const { socket } = await pair(t);
  assert.equal(socket.volatile, socket);
  assert.equal(socket.compress(false), socket);
  assert.equal(socket.timeout(5), socket);
  assert.deepEqual({ ...socket.flags }, { volatile: true, compress: false, timeout: 5 });
  socket.emit("e");
  assert.deepEqual({ ...socket.flags }, {});
});

test("flags move into a broadcast operator", async (t) => {
  const { socket } = await pair(t);
  for (const operator of [
    () => socket.volatile.broadcast,
    () => socket.volatile.local,
    () => socket.volatile.to("x"),
    () => socket.volatile.in("x"),
    () => socket.volatile.except("x"),
  ]) {
    assert.equal(operator().flags.volatile, true);
    assert.equal(socket.flags.volatile, undefined);
  }
});

test("a refused name leaves the flags set", async (t) => {
  const { socket } = await pair(t);
  assert.throws(() => socket.volatile.emit("connect"));
  assert.equal(socket.flags.volatile, true);
});

test("compress does not change what arrives", async (t) => {
  const { socket, client } = await pair(t, { transports: ["polling"] });
  const seen = [];
  client.on("e", (value) => seen.push(value));
  const long = "x".repeat(5000);
  socket.compress(true).emit("e", long);
  socket.compress(false).emit("e", long);
  socket.broadcast.compress(false).emit("e", "nobody");
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [long, long]);
});

// a polling answer is compressed if one of its packets asks for it
for (const [flags, coding] of [
  [[true], "gzip"],
  [[false], undefined],
  [[false, false], undefined],
  [[false, true], "gzip"],
]) {
  test(`polling: compress(${flags}) is answered with ${coding ?? "no coding"}`, async (t) => {
    const { io, port } = await serve(t);
    const session = await Polling.open(t, port);
    const connecting = once(io, "connection");
    await session.join();
    const [socket] = await connecting;
    for (const flag of flags) socket.compress(flag).emit("e", "x".repeat(2000));
    const answer = await session.get({ headers: { "accept-encoding": "gzip" } });
    assert.equal(answer.headers["content-encoding"], coding);
  });
}

eachTransport("volatile in the connection handler is dropped", async (t, open) => {
  const { io, port } = await serve(t);
  io.on("connection", (socket) => {
    socket.volatile.emit("lost");
    socket.volatile.broadcast.emit("lost");
    io.volatile.emit("lost");
    socket.emit("kept");
  });
  const session = await open(port);
  await session.join();
  assert.equal(await session.next(), '42["kept"]');
});

test("volatile on an idle websocket is delivered", async (t) => {
  const { io, port } = await serve(t);
  const session = await Ws.open(t, port);
  const connecting = once(io, "connection");
  await session.join();
  const [socket] = await connecting;
  await until(() => socket.conn.transport.writable);
  socket.volatile.emit("one");
  assert.equal(await session.next(), '42["one"]');
  await until(() => socket.conn.transport.writable);
  // the first emit makes the transport busy until the next tick
  io.volatile.emit("two");
  io.volatile.emit("three");
  socket.emit("four");
  assert.equal(await session.next(), '42["two"]');
  assert.equal(await session.next(), '42["four"]');
});

test("volatile on polling is delivered to a pending poll only", async (t) => {
  const { io, port } = await serve(t);
  const session = await Polling.open(t, port);
  const connecting = once(io, "connection");
  await session.join();
  const [socket] = await connecting;
  socket.volatile.emit("lost");
  const { answer } = await session.hold(socket.conn);
  socket.volatile.emit("one");
  socket.volatile.emit("lost");
  assert.equal((await answer).text, '42["one"]');
  socket.emit("two");
  assert.equal(await session.next(), '42["two"]');
});
