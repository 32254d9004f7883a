// Broadcast operators: selection, immutability, bulk operations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, join } from "../support/clients.mjs";
import { serve } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";

const NAMES = ["a", "b", "c", "d"];
const ROOMS = { a: ["red"], b: ["red", "blue"], c: ["blue"], d: [] };

/** Four clients in the rooms above; `received()` gives who got which event, once all is there. */
async function four(t, way) {
  const { io, port } = await serve(t);
  const sockets = {};
  const log = [];
  for (const name of NAMES) {
    const { socket, client } = await join(t, io, port, way);
    socket.join(ROOMS[name]);
    sockets[name] = socket;
    client.onAny((event, ...args) => log.push([event, name, ...args]));
  }
  const received = async () => {
    io.emit("end");
    await until(() => log.filter(([event]) => event === "end").length === NAMES.length);
    const events = {};
    for (const [event, name] of log.splice(0)) {
      if (event !== "end") events[event] = [...(events[event] ?? []), name].sort();
    }
    return events;
  };
  return { io, port, sockets, received };
}

// [selection, who gets it]
const SELECTIONS = {
  everyone: [(io) => io.to([]), "abcd"],
  "one room": [(io) => io.to("red"), "ab"],
  "in is to": [(io) => io.in("red"), "ab"],
  "a union": [(io) => io.to("red").to("blue"), "abc"],
  "a union as an array": [(io) => io.to(["red", "blue"]), "abc"],
  "except wins": [(io) => io.to("red").except("blue"), "a"],
  "only except": [(io) => io.except(["red", "blue"]), "d"],
  "except before to": [(io) => io.except("red").to("blue"), "c"],
  "an unknown room": [(io) => io.to("nobody"), ""],
  "except an unknown room": [(io) => io.except("nobody"), "abcd"],
  local: [(io) => io.local, "abcd"],
  "local in a room": [(io) => io.local.to("red"), "ab"],
  compressed: [(io) => io.compress(false).to("blue"), "bc"],
};

eachWay("emit reaches the selected sockets once", async (t, way) => {
  const { io, received } = await four(t, way);
  for (const [title, [select]] of Object.entries(SELECTIONS)) {
    assert.equal(select(io).emit(title, 1), true);
  }
  const expected = Object.entries(SELECTIONS)
    .filter(([, [, who]]) => who)
    .map(([title, [, who]]) => [title, [...who]]);
  assert.deepEqual(await received(), Object.fromEntries(expected));
});

test("fetchSockets uses the same selection; allSockets looks at the rooms only", async (t) => {
  const { io, sockets } = await four(t);
  const nameOf = (id) => NAMES.find((name) => sockets[name].id === id);
  for (const [title, [select, who]] of Object.entries(SELECTIONS)) {
    const fetched = await select(io).fetchSockets();
    assert.equal(
      fetched
        .map((socket) => nameOf(socket.id))
        .sort()
        .join(""),
      who,
      title,
    );
    for (const socket of fetched) assert.ok(NAMES.some((name) => sockets[name] === socket));
  }
  const ids = await io.to("red").except("blue").allSockets();
  assert.ok(ids instanceof Set);
  assert.equal([...ids].map(nameOf).sort().join(""), "ab");
  assert.equal((await io.to([]).allSockets()).size, 4);
});

test("a room is also the id of a socket", async (t) => {
  const { io, sockets, received } = await four(t);
  io.to(sockets.c.id).emit("direct");
  io.except(sockets.c.id).emit("others");
  assert.deepEqual(await received(), { direct: ["c"], others: ["a", "b", "d"] });
});

test("operators are immutable and can be used again", async (t) => {
  const { io, received } = await four(t);
  const red = io.to("red");
  const both = red.to("blue");
  const without = both.except("red");
  assert.equal(new Set([red, both, without]).size, 3);
  for (const round of [1, 2]) {
    red.emit("red", round);
    both.emit("both", round);
    without.emit("without", round);
  }
  assert.deepEqual(await received(), {
    red: ["a", "a", "b", "b"],
    both: ["a", "a", "b", "b", "c", "c"],
    without: ["c", "c"],
  });
});

test("each chain from the server starts afresh", async (t) => {
  const { io, received } = await four(t);
  io.to("red");
  io.except("blue");
  io.emit("all");
  assert.deepEqual(await received(), { all: [...NAMES] });
});

test("flags stay with their operator", () => {
  const io = new Server();
  const flagged = io.volatile.compress(false).timeout(5).local;
  assert.deepEqual(
    { ...flagged.flags },
    { volatile: true, compress: false, timeout: 5, local: true },
  );
  flagged.emit("e");
  assert.equal(flagged.flags.volatile, true);
  assert.equal(io.to("x").flags.volatile, undefined);
});

test("serverSideEmit does not exist on an operator", () => {
  assert.equal(new Server().to("x").serverSideEmit, undefined);
});

for (const name of [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]) {
  test(`the name ${name} is reserved`, () => {
    const message = `"${name}" is a reserved event name`;
    assert.throws(() => new Server().to("x").emit(name), { message });
  });
}

test("socketsJoin and socketsLeave act on the selection", async (t) => {
  const { io, sockets } = await four(t);
  const members = (room) => NAMES.filter((name) => sockets[name].rooms.has(room)).join("");
  assert.equal(io.to("red").socketsJoin("new"), undefined);
  assert.equal(members("new"), "ab");
  io.except("blue").socketsJoin(["new", "other"]);
  assert.equal(members("new"), "abd");
  assert.equal(members("other"), "ad");
  assert.equal(io.in("blue").socketsLeave(["new", "red"]), undefined);
  assert.equal(members("new"), "ad");
  assert.equal(members("red"), "a");
});

for (const close of [false, true]) {
  test(`disconnectSockets(${close}) acts on the selection`, async (t) => {
    const { io, sockets } = await four(t);
    const reasons = {};
    for (const name of NAMES) {
      sockets[name].on("disconnect", (reason) => {
        reasons[name] = reason;
      });
    }
    assert.equal(io.to("red").except("blue").disconnectSockets(close), undefined);
    assert.deepEqual(reasons, { a: "server namespace disconnect" });
    if (close) await until(() => io.engine.clientsCount === 3);
    else assert.equal(io.engine.clientsCount, 4);
    assert.equal(io.sockets.sockets.size, 3);
  });
}

test("an operator of a socket leaves that socket out", async (t) => {
  const { sockets, received } = await four(t);
  sockets.b.to("red").emit("red");
  sockets.b.broadcast.except("red").emit("rest");
  sockets.b.local.emit("local");
  const fetched = await sockets.b.to("red").fetchSockets();
  assert.deepEqual(fetched, [sockets.a]);
  sockets.b.broadcast.socketsJoin("others");
  assert.equal(sockets.b.rooms.has("others"), false);
  assert.equal(sockets.a.rooms.has("others"), true);
  assert.deepEqual(await received(), { red: ["a"], rest: ["c", "d"], local: ["a", "c", "d"] });
});

test("a broadcast passes by the sockets of other namespaces", async (t) => {
  const { io, port, received } = await four(t);
  const { socket, client } = await join(t, io, port, { nsp: "/other" });
  socket.join("red");
  const seen = [];
  client.onAny((event) => seen.push(event));
  io.to("red").emit("main");
  io.of("/other").to("red").emit("other");
  await until(() => seen.length === 1);
  assert.deepEqual(seen, ["other"]);
  assert.deepEqual(await received(), { main: ["a", "b"] });
});
