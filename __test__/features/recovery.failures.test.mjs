// Recoveries that users of the original miss: without an offset, after silence, again and again, and
// after events that are taken for one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eachWay } from "../support/clients.mjs";
import { comeBack, credentials, guest, lose, pretend } from "../support/recovery.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

const skip = isOracle && "a promise beyond upstream";
const eachWayBeyond = (title, fn) => (skip ? test(title, { skip }) : eachWay(title, fn));

eachWayBeyond("a client that has received nothing yet recovers", async (t, options) => {
  const { io, socket, client, log } = await guest(t, { ...options, greet: false });
  socket.join("a");
  socket.data.name = "zoë";
  assert.equal(credentials(client).offset, undefined);
  await lose(socket, client);
  io.to("a").emit("missed", 1);
  io.to("b").emit("no");
  io.emit("missed", 2);
  const again = await comeBack(io, client);
  assert.equal(again.recovered, true);
  assert.equal(again.id, socket.id);
  assert.deepEqual(again.data, { name: "zoë" });
  assert.deepEqual(log, [
    ["missed", 1],
    ["missed", 2],
  ]);
});

beyond("a client that has received nothing gets no packet from before it came", async (t) => {
  const first = await guest(t);
  first.io.emit("before", 1);
  const { client, log } = await pretendNew(t, first);
  const socket = first.io.sockets.sockets.get(client.id);
  await lose(socket, client);
  assert.equal((await comeBack(first.io, client)).recovered, true);
  assert.deepEqual(log, []);
});

async function pretendNew(t, served) {
  const { client } = await pretend(t, served, {});
  const log = [];
  client.onAny((...args) => log.push(args));
  return { client, log };
}

beyond("nothing was sent at all, several times in a row", async (t) => {
  const { io, client, ...first } = await guest(t, { greet: false });
  let { socket } = first;
  for (let i = 0; i < 5; i++) {
    await lose(socket, client);
    socket = await comeBack(io, client);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, first.socket.id);
  }
});

beyond("an offset older than everything that is kept is good enough", async (t) => {
  const maxDisconnectionDuration = 3000; // a client comes back within it, also on a busy machine
  const server = { connectionStateRecovery: { maxDisconnectionDuration } };
  const { io, socket, client, log } = await guest(t, { server });
  socket.join("a");
  io.to("a").emit("received");
  await once(client, "received");
  await sleep(maxDisconnectionDuration + 100);
  // Expired packets are dropped now, not in a minute.
  const { adapter } = io.sockets;
  adapter.sweep();
  assert.equal(adapter.log.entries.size, 0);
  await lose(socket, client);
  io.to("a").emit("missed");
  assert.equal((await comeBack(io, client)).recovered, true);
  assert.deepEqual(log, [["received"], ["missed"]]);
});

test("twice in a row without an event in between", async (t) => {
  const { io, socket, client, log } = await guest(t);
  await lose(socket, client);
  const second = await comeBack(io, client);
  await lose(second, client);
  io.emit("missed");
  const third = await comeBack(io, client);
  assert.equal(third.recovered, true);
  assert.equal(third.id, socket.id);
  assert.deepEqual(log, [["missed"]]);
});

test("lost again before what was missed has arrived", async (t) => {
  const served = await guest(t);
  const { io, socket, client } = served;
  const auth = credentials(client);
  await lose(socket, client);
  io.emit("missed", 1);
  const first = await pretend(t, served, auth);
  await lose(first.socket, first.client);
  io.emit("missed", 2);
  // The same offset again: as if nothing had arrived.
  const caught = [];
  const second = await pretend(t, served, auth);
  second.client.onAny((...args) => caught.push(args));
  assert.equal(second.socket.recovered, true);
  io.emit("live", 3);
  await until(() => caught.length >= 1, "the live event");
  assert.equal(caught.at(-1)[1], 3);
  await lose(second.socket, second.client);
  assert.equal((await comeBack(io, client)).recovered, true);
});

for (const [title, send] of Object.entries({
  "a name alone": (io) => io.volatile.emit("tick"),
  "a text": (io) => io.volatile.emit("status", "connected"),
  "a text to a room": (io) => io.to("a").volatile.emit("status", "connected"),
  "a text by the socket": (io) => io.sockets.sockets.values().next().value?.volatile.emit("s", "x"),
})) {
  beyond(`a volatile event that ends with ${title} is no offset`, async (t) => {
    const { io, socket, client, log } = await guest(t);
    socket.join("a");
    io.emit("received", 1);
    await until(() => log.length === 1, "the event before");
    send(io);
    await until(() => log.length === 2, "the volatile event");
    await lose(socket, client);
    io.emit("missed", 2);
    send(io);
    assert.equal((await comeBack(io, client)).recovered, true);
    assert.deepEqual(
      log.filter(([name]) => name === "received" || name === "missed"),
      [
        ["received", 1],
        ["missed", 2],
      ],
    );
  });
}

test("volatile events and answers in between do not disturb", async (t) => {
  const { io, socket, client, log } = await guest(t);
  client.on("ask", (value, answer) => answer(value));
  io.emit("received", 1);
  // A volatile event is dropped while another one is being written.
  await until(() => log.length === 1, "the first event");
  io.volatile.emit("v", 1);
  await until(() => log.length === 2, "the first volatile event");
  assert.equal(await socket.timeout(5000).emitWithAck("ask", "text"), "text");
  io.volatile.emit("v", { a: "text" });
  await until(() => log.length === 4, "the second volatile event");
  await lose(socket, client);
  io.emit("missed", 2);
  assert.equal((await comeBack(io, client)).recovered, true);
  assert.deepEqual(log.at(-1), ["missed", 2]);
  assert.equal(log.length, 5);
});

beyond("an offset of a server before this one means: nothing yet", async (t) => {
  const before = await guest(t);
  const stale = credentials(before.client).offset;
  const served = await guest(t, { greet: false });
  const { pid } = credentials(served.client);
  await lose(served.socket, served.client);
  served.io.emit("missed");
  const one = await pretend(t, served, { pid, offset: stale });
  assert.equal(one.socket.recovered, true);
});
