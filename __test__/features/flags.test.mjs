// compress, volatile, local, timeout and except on every level that has them.
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { eachServer } from "../options/support.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";
import { eachPair, take, takeAll } from "./support.mjs";

// [who emits, given the pair; what the transport is told]
const COMPRESSED = [
  [({ socket }) => socket, true],
  [({ socket }) => socket.compress(true), true],
  [({ socket }) => socket.compress(false), false],
  [({ socket }) => socket.compress(undefined), true],
  [({ socket }) => socket.compress(false).compress(true), true],
  [({ io }) => io, true],
  [({ io }) => io.compress(false), false],
  [({ io }) => io.compress(undefined), true],
  [({ io }) => io.of("/").compress(false), false],
  [({ io, socket }) => io.to(socket.id).compress(false), false],
  [({ io, socket }) => io.compress(false).in(socket.id), false],
  [({ io }) => io.compress(false).local, false],
];

eachPair("compress works on every level", async (_t, connect) => {
  const pair = await connect();
  const told = [];
  pair.socket.conn.on("packetCreate", ({ type, options }) => {
    if (type === "message") told.push(options.compress);
  });
  for (const [of] of COMPRESSED) of(pair).emit("e");
  assert.deepEqual(
    told,
    COMPRESSED.map(([, compress]) => compress),
  );
  // the flag was for one packet only
  pair.socket.emit("e");
  assert.equal(told.at(-1), true);
});

eachPair("compress: an acknowledgement is always compressible", async (_t, connect) => {
  const { session, socket } = await connect();
  const told = [];
  socket.conn.on("packetCreate", ({ data, options }) => told.push([data, options.compress]));
  socket.on("q", (ack) => ack(1));
  await session.send('421["q"]');
  assert.equal(await session.next(), "431[1]");
  assert.deepEqual(
    told.filter(([data]) => data === "31[1]"),
    [["31[1]", true]],
  );
});

eachPair(
  "volatile on every level: lost by who cannot be written to",
  async (_t, connect, transport) => {
    const { io, join, ...pair } = await connect();
    const other = await join();
    const { session, socket } = pair;
    io.of(/^\/never/).volatile.emit("to no child");
    // a socket that was just written to is busy, and a polling client without a poll as well
    socket.emit("busy");
    socket.volatile.emit("lost");
    io.volatile.to(socket.id).emit("lost");
    io.of("/").volatile.in(socket.id).emit("lost");
    io.to(socket.id).volatile.emit("lost");
    other.socket.volatile.to(socket.id).emit("lost");
    assert.deepEqual(await takeAll(session, socket), ['42["busy"]']);
    if (transport === "polling") return;
    for (const emit of [
      () => socket.volatile.emit("kept", 1),
      () => io.volatile.emit("kept", 2),
      () => io.to(socket.id).volatile.emit("kept", 3),
      () => other.socket.volatile.broadcast.emit("kept", 4),
    ]) {
      await nextTurn();
      await until(() => socket.conn.transport.writable, "the transport is idle");
      emit();
    }
    const kept = [1, 2, 3, 4].map((n) => `42["kept",${n}]`);
    assert.deepEqual(await take(session, 4), kept);
  },
);

eachPair("a socket leaves itself out, by its own room too", async (_t, connect) => {
  const { io, join, session, socket } = await connect();
  const other = await join();
  for (const one of [socket, other.socket]) one.join("both");
  const ways = {
    to: () => socket.to(socket.id),
    in: () => socket.in([socket.id, "both"]),
    broadcast: () => socket.broadcast,
    "broadcast to": () => socket.broadcast.to(socket.id),
    "to both": () => socket.to("both"),
    except: () => socket.except("nobody"),
    "except other": () => socket.except(other.socket.id),
    local: () => socket.local,
    timeout: () => socket.timeout(5).broadcast,
    "own and except": () => io.to(socket.id).except(socket.id),
  };
  for (const [name, select] of Object.entries(ways)) assert.equal(select().emit(name), true);
  assert.deepEqual(await takeAll(session, socket), []);
  assert.deepEqual(
    await takeAll(other.session, other.socket),
    ["in", "broadcast", "to both", "except", "local", "timeout"].map((name) => `42["${name}"]`),
  );
});

eachPair("an operator made by a socket outlives it", async (_t, connect) => {
  const { join, socket } = await connect();
  const other = await join();
  const operator = socket.broadcast;
  socket.disconnect();
  assert.equal(operator.emit("from the past"), true);
  assert.deepEqual(await operator.fetchSockets(), [other.socket]);
  assert.deepEqual(await takeAll(other.session, other.socket), ['42["from the past"]']);
});

eachPair("the bulk operations of an operator made by a socket", async (_t, connect) => {
  const { io, join, socket } = await connect();
  const b = (await join()).socket;
  const c = (await join()).socket;
  b.join("room");
  assert.equal(socket.to("room").socketsJoin(["x", "y"]), undefined);
  assert.equal(socket.except("room").socketsLeave(c.id), undefined);
  assert.deepEqual(b.rooms, new Set([b.id, "room", "x", "y"]));
  assert.deepEqual([...c.rooms], []);
  assert.deepEqual(await socket.in("x").allSockets(), new Set([b.id]));
  const gone = once(b, "disconnect");
  assert.equal(socket.broadcast.in("room").disconnectSockets(), undefined);
  assert.equal((await gone)[0], "server namespace disconnect");
  assert.deepEqual([...io.sockets.sockets.keys()], [socket.id, c.id]);
});

eachServer("volatile: sent after an upgrade that brought what a poll had not", async (t, start) => {
  const { io, port } = await start();
  const accepted = once(io, "connection");
  const polling = await Polling.open(t, port);
  await polling.join();
  const [socket] = await accepted;
  const ws = await Ws.open(t, port, { query: `&sid=${polling.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  socket.emit("kept");
  await ws.send("5");
  assert.equal(await ws.next(), '42["kept"]');
  await until(() => socket.conn.transport.writable, "the transport is idle");
  socket.volatile.emit("volatile");
  assert.equal(await ws.next(), '42["volatile"]');
});
