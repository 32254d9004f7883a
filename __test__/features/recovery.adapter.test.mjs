// The contract with adapters that persist: what they are asked, when, and what their answers mean.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connected, client as open } from "../support/clients.mjs";
import { comeBack, credentials, guest, lose, pretend, RECOVERY } from "../support/recovery.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

const { Adapter } = createRequire(import.meta.url)("socket.io-adapter");

/** An adapter that notes what it is asked, and answers `restore(pid, offset)`. */
function noting(restore) {
  const calls = [];
  class Noting extends Adapter {
    persistSession(session) {
      calls.push(["persist", session]);
    }

    restoreSession(pid, offset) {
      calls.push(["restore", pid, offset]);
      return restore(pid, offset);
    }
  }
  return { calls, Noting };
}

const SESSION = () => ({
  sid: "the id",
  pid: "the pid",
  rooms: ["the id", "a"],
  data: { name: "zoë" },
  missedPackets: [
    ["one", 1, "offset-1"],
    ["two", Buffer.from([2]), "offset-2"],
  ],
});

for (const [title, answer] of Object.entries({
  "in a promise": async () => SESSION(),
  "as it is": SESSION,
  "after a while": () => sleep(20).then(SESSION),
})) {
  test(`a session is given back ${title}`, async (t) => {
    const { calls, Noting } = noting(answer);
    const { io, port } = await serve(t, { ...RECOVERY, adapter: Noting });
    const accepted = once(io, "connection");
    const client = open(t, port, { auth: { pid: "p", offset: "o" } });
    const heard = [];
    client.onAny((...args) => heard.push(args));
    const [[socket]] = await Promise.all([accepted, connected(client)]);
    assert.deepEqual(calls, [["restore", "p", "o"]]);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, "the id");
    assert.equal(client.id, "the id");
    assert.equal(credentials(client).pid, "the pid");
    assert.deepEqual([...socket.rooms], ["the id", "a"]);
    assert.deepEqual(socket.data, { name: "zoë" });
    assert.deepEqual(heard, SESSION().missedPackets);
    assert.equal(credentials(client).offset, "offset-2");
  });
}

for (const [title, answer] of Object.entries({
  null: () => null,
  undefined: async () => undefined,
  "a rejection": () => Promise.reject(new Error("no")),
  "an exception": () => {
    throw new Error("no");
  },
  "a session without packets": async () => ({ ...SESSION(), missedPackets: undefined }),
})) {
  // Upstream has an unhandled rejection of a session without packets.
  const promise = title.includes("without") ? beyond : test;
  promise(`no session: ${title}`, async (t) => {
    const { Noting } = noting(answer);
    const served = await serve(t, { ...RECOVERY, adapter: Noting });
    const { socket, client } = await pretend(t, served, { pid: "p", offset: "o" });
    assert.equal(socket.recovered, false);
    assert.equal(client.recovered, false);
    assert.notEqual(socket.id, "the id");
    assert.deepEqual([...socket.rooms], [socket.id]);
  });
}

test("the adapter is not asked without pid and offset, or without the option", async (t) => {
  for (const [options, auth] of [
    [RECOVERY, {}],
    [RECOVERY, { pid: "p" }],
    [RECOVERY, { offset: "o" }],
    [RECOVERY, { pid: 1, offset: "o" }],
    [RECOVERY, { pid: "p", offset: 1 }],
    [{}, { pid: "p", offset: "o" }],
  ]) {
    const { calls, Noting } = noting(SESSION);
    const served = await serve(t, { ...options, adapter: Noting });
    const { socket } = await pretend(t, served, auth);
    assert.equal(socket.recovered, false);
    assert.deepEqual(calls, []);
  }
});

test("a session is persisted with four fields, before the rooms are left", async (t) => {
  const { calls, Noting } = noting(() => null);
  const served = await serve(t, { ...RECOVERY, adapter: Noting });
  const { socket, client } = await pretend(t, served, {});
  socket.join("a");
  socket.data.name = "zoë";
  const { pid } = credentials(client);
  await lose(socket, client);
  const { id: sid, data } = socket;
  assert.deepEqual(calls, [["persist", { sid, pid, rooms: [sid, "a"], data: { name: "zoë" } }]]);
  assert.equal(calls[0][1].data, data);
});

beyond("a session that its client was refused with is persisted again", async (t) => {
  const { calls, Noting } = noting(async () => SESSION());
  const recovery = { connectionStateRecovery: { skipMiddlewares: false }, adapter: Noting };
  const { io, port } = await serve(t, recovery);
  io.use((_socket, next) => next(new Error("no")));
  const client = open(t, port, { auth: { pid: "p", offset: "o" } });
  await once(client, "connect_error");
  const { missedPackets, ...session } = SESSION();
  assert.deepEqual(calls.at(-1), ["persist", session]);
  assert.equal(io.sockets.adapter.sids.size, 0);
  assert.ok(missedPackets);
});

test("the default adapter answers those who ask it themselves", async (t) => {
  const { io, socket, client } = await guest(t);
  const { adapter } = io.sockets;
  const { pid, offset } = credentials(client);
  assert.ok(!(await adapter.restoreSession(pid, offset)));
  await lose(socket, client);
  io.emit("missed", 1, Buffer.from([1]));
  const { missedPackets, ...rest } = await adapter.restoreSession(pid, offset);
  assert.equal(missedPackets.length, 1);
  assert.deepEqual(missedPackets[0].slice(0, 3), ["missed", 1, Buffer.from([1])]);
  assert.equal(typeof missedPackets[0][3], "string");
  assert.equal(rest.sid, socket.id);
  assert.equal(rest.pid, pid);
  assert.deepEqual(rest.rooms, [socket.id]);
  assert.equal(rest.data, socket.data);
  assert.ok(!(await adapter.restoreSession("nobody", offset)));
});

test("a session persisted by hand is one", async (t) => {
  const { io, client } = await guest(t);
  const { offset } = credentials(client);
  const { adapter } = io.sockets;
  adapter.persistSession({ sid: "s", pid: "p", rooms: ["a"], data: { x: 1 } });
  io.to("a").emit("missed");
  io.to("b").emit("no");
  const session = await adapter.restoreSession("p", offset);
  assert.deepEqual(
    session.missedPackets.map(([name]) => name),
    ["missed"],
  );
});

test("rooms of a client that is back are rooms for broadcasts from then on", async (t) => {
  const { io, socket, client, log } = await guest(t);
  socket.join(["a", "b"]);
  // So that the adapter has seen the rooms before, with the socket and without it.
  for (const room of ["a", "b", socket.id]) io.to(room).emit("before", room);
  await once(client, "before");
  await lose(socket, client);
  for (const room of ["a", "b", socket.id]) io.to(room).emit("missed", room);
  io.emit("missed", "all");
  io.sockets.adapter.on("join-room", (room) => io.to(room).emit("joined", room));
  const again = await comeBack(io, client);
  io.sockets.adapter.removeAllListeners("join-room");
  log.length = 0;
  client.on("end", (answer) => answer());
  again.leave("b");
  for (const room of ["a", "b", socket.id]) io.to(room).emit("live", room);
  io.emit("live", "all");
  await again.timeout(5000).emitWithAck("end");
  assert.deepEqual(
    log.filter(([name]) => name === "live").map(([, room]) => room),
    ["a", socket.id, "all"],
  );
});
