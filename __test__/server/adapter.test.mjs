// The in-memory adapter as applications see it: maps, events, the calls the server makes.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { join, pair } from "../support/clients.mjs";
import { serve } from "../support/server.mjs";
import { differs, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

// companion packages bring the real base class themselves
const { Adapter } = createRequire(import.meta.url)("socket.io-adapter");

test("rooms and sids mirror each other", async (t) => {
  const { io, port, socket: a } = await pair(t);
  const { socket: b } = await join(t, io, port);
  a.join(["x", "y"]);
  b.join("x");
  const { rooms, sids } = io.sockets.adapter;
  assert.ok(rooms instanceof Map);
  assert.deepEqual(Object.fromEntries(rooms), {
    [a.id]: new Set([a.id]),
    [b.id]: new Set([b.id]),
    x: new Set([a.id, b.id]),
    y: new Set([a.id]),
  });
  assert.deepEqual(Object.fromEntries(sids), {
    [a.id]: new Set([a.id, "x", "y"]),
    [b.id]: new Set([b.id, "x"]),
  });
  assert.equal(io.sockets.adapter.socketRooms(a.id), a.rooms);
  assert.equal(io.sockets.adapter.socketRooms("nobody"), undefined);
  assert.deepEqual(await io.sockets.adapter.sockets(new Set(["x"])), new Set([a.id, b.id]));
  assert.equal(await io.sockets.adapter.serverCount(), 1);
  a.disconnect();
  assert.deepEqual([...rooms.keys()], [b.id, "x"]);
  assert.deepEqual([...sids.keys()], [b.id]);
});

test("every namespace has its own adapter", async (t) => {
  const { io, socket } = await pair(t);
  socket.join("room");
  assert.equal(io.of("/other").adapter.rooms.size, 0);
  assert.notEqual(io.of("/other").adapter, io.sockets.adapter);
});

test("the adapter emits its events in order", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) {
    io.sockets.adapter.on(event, (...args) => seen.push([event, ...args]));
  }
  const { socket: a } = await join(t, io, port);
  const { socket: b } = await join(t, io, port);
  const events = (act) => {
    seen.length = 0;
    act();
    return [...seen];
  };
  assert.deepEqual(seen, [
    ["create-room", a.id],
    ["join-room", a.id, a.id],
    ["create-room", b.id],
    ["join-room", b.id, b.id],
  ]);
  assert.deepEqual(
    events(() => a.join(["x", "y", "x"])),
    [
      ["create-room", "x"],
      ["join-room", "x", a.id],
      ["create-room", "y"],
      ["join-room", "y", a.id],
    ],
  );
  assert.deepEqual(
    events(() => b.join("x")),
    [["join-room", "x", b.id]],
  );
  assert.deepEqual(
    events(() => a.join("x")),
    [],
  );
  assert.deepEqual(
    events(() => a.leave("x")),
    [["leave-room", "x", a.id]],
  );
  assert.deepEqual(
    events(() => a.leave("x")),
    [],
  );
  assert.deepEqual(
    events(() => b.leave("x")),
    [
      ["leave-room", "x", b.id],
      ["delete-room", "x"],
    ],
  );
  assert.deepEqual(
    events(() => a.disconnect()),
    [
      ["leave-room", a.id, a.id],
      ["delete-room", a.id],
      ["leave-room", "y", a.id],
      ["delete-room", "y"],
    ],
  );
});

/** An adapter on the real base class that logs the calls the server makes. */
function spy(log) {
  const calls = ["addAll", "del", "delAll", "broadcast", "broadcastWithAck", "serverCount"];
  const bulk = ["addSockets", "delSockets", "disconnectSockets", "fetchSockets", "serverSideEmit"];
  class Spy extends Adapter {}
  for (const method of [...calls, ...bulk, "init", "close"]) {
    Spy.prototype[method] = function (...args) {
      log.push([method, ...args]);
      if (method === "serverSideEmit") return undefined;
      return Adapter.prototype[method].apply(this, args);
    };
  }
  return Spy;
}

test("an adapter of the real base class serves everything", async (t) => {
  const log = [];
  const { io, port, socket, client } = await pair(t, { server: { adapter: spy(log) } });
  const { socket: other } = await join(t, io, port);
  const take = () => log.splice(0);
  assert.deepEqual(take(), [
    ["init"],
    ["addAll", socket.id, new Set([socket.id])],
    ["addAll", other.id, new Set([other.id])],
  ]);
  const received = once(client, "direct");
  socket.emit("direct", 1);
  await received;
  assert.deepEqual(take(), []);
  socket.join("a");
  socket.leave("a");
  assert.deepEqual(take(), [
    ["addAll", socket.id, new Set(["a"])],
    ["del", socket.id, "a"],
  ]);

  const room = once(client, "room");
  io.to(socket.id).except("x").emit("room", 2);
  assert.deepEqual(await room, [2]);
  const [[method, packet, opts]] = take();
  assert.equal(method, "broadcast");
  assert.equal(packet.type, 2);
  assert.deepEqual(packet.data, ["room", 2]);
  assert.deepEqual(opts.rooms, new Set([socket.id]));
  assert.deepEqual(opts.except, new Set(["x"]));

  other.volatile.to("r").emit("nobody");
  const [[, , from]] = take();
  assert.deepEqual(from.except, new Set([other.id]));
  assert.equal(from.flags.volatile, true);

  client.on("q", (ack) => ack("a"));
  assert.deepEqual(await io.to(socket.id).timeout(10_000).emitWithAck("q"), ["a"]);
  assert.deepEqual(
    take().map(([name]) => name),
    ["broadcastWithAck", "serverCount"],
  );

  io.serverSideEmit("hello", 1);
  assert.deepEqual(take(), [["serverSideEmit", ["hello", 1]]]);
  assert.equal((await io.fetchSockets()).length, 2);
  io.socketsJoin("b");
  io.socketsLeave("b");
  io.to(socket.id).disconnectSockets();
  assert.deepEqual(
    take().map(([name]) => name),
    [
      ...["fetchSockets", "addSockets", "addAll", "addAll"],
      ...["delSockets", "del", "del", "disconnectSockets", "delAll"],
    ],
  );
  await io.close();
  assert.deepEqual(
    take().map(([name]) => name),
    ["delAll", "close"],
  );
});

test("join and leave return the promise of the adapter", async (t) => {
  class Slow extends Adapter {
    async addAll(id, rooms) {
      super.addAll(id, rooms);
      return "added";
    }
    async del(id, room) {
      super.del(id, room);
      return "deleted";
    }
  }
  const { socket } = await pair(t, { server: { adapter: Slow } });
  assert.equal(await socket.join("a"), "added");
  assert.equal(await socket.leave("a"), "deleted");
});

test("an adapter without init is refused; a failing init is not", async () => {
  class Bare {}
  assert.throws(
    () => new Server({ adapter: Bare }),
    differs(
      /init is not a function/,
      /^TypeError: options\.adapter must be a class whose instances have a method init\(\), got an instance of Bare$/,
    ),
  );
  class Failing {
    init() {
      return Promise.reject(new Error("no"));
    }
  }
  const io = new Server({ adapter: Failing });
  await new Promise(setImmediate);
  assert.ok(io.sockets.adapter instanceof Failing);
});

test("writeToEngine takes an encoded packet, as adapters use it", async (t) => {
  const { socket, client } = await pair(t);
  const encoded = socket.server.encoder.encode({
    type: 2,
    nsp: "/",
    data: ["e", 1, Buffer.from("bin")],
  });
  const received = once(client, "e");
  socket.client.writeToEngine(encoded, { preEncoded: true });
  assert.deepEqual(await received, [1, Buffer.from("bin")]);
  await until(() => socket.conn.transport.writable);
  const packet = once(client, "f");
  socket.packet({ type: 2, data: ["f", 2] });
  assert.deepEqual(await packet, [2]);
});
