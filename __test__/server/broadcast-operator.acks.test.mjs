// Broadcasts that ask for answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, join } from "../support/clients.mjs";
import { eachTransport } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { deferred, once, until } from "../support/wait.mjs";

const LONG = 10_000;

/** `count` clients; `answer(n, ack)` is called with a client's number for each question. */
async function crowd(t, way, answer, count = 3) {
  const { io, port } = await serve(t);
  const sockets = [];
  const clients = [];
  for (let n = 0; n < count; n++) {
    const { socket, client } = await join(t, io, port, way);
    client.on("q", (...args) => answer(n, args.pop(), ...args));
    sockets.push(socket);
    clients.push(client);
  }
  return { io, port, sockets, clients };
}

/** Resolves with the arguments of the ack callback. */
const ask = (operator, ...args) =>
  new Promise((resolve) => operator.emit(...args, (...given) => resolve(given)));

eachWay("every client answers, the first argument of each is kept", async (t, way) => {
  const { io, sockets } = await crowd(t, way, (n, ack, what) => ack(`${what} ${n}`, "second"));
  const [error, responses] = await ask(io.timeout(LONG), "q", "hi");
  assert.equal(error, null);
  assert.deepEqual(responses.sort(), ["hi 0", "hi 1", "hi 2"]);
  const promised = await io.timeout(LONG).emitWithAck("q", "again");
  assert.deepEqual(promised.sort(), ["again 0", "again 1", "again 2"]);
  const others = await sockets[0].broadcast.timeout(LONG).emitWithAck("q", "x");
  assert.deepEqual(others.sort(), ["x 1", "x 2"]);
  const one = await io.to(sockets[1].id).timeout(LONG).emitWithAck("q", "y");
  assert.deepEqual(one, ["y 1"]);
});

test("responses are in the order of their arrival", async (t) => {
  const acks = [];
  const { io } = await crowd(t, {}, (n, ack) => {
    acks[n] = ack;
  });
  const answers = io.timeout(LONG).emitWithAck("q");
  await until(() => acks.filter(Boolean).length === 3);
  const pid = io.sockets._ids - 1;
  const missing = () => [...io.sockets.sockets.values()].filter((one) => one.acks.has(pid)).length;
  for (const [sent, n] of [2, 0, 1].entries()) {
    acks[n](n);
    await until(() => missing() === 2 - sent);
  }
  assert.deepEqual(await answers, [2, 0, 1]);
});

eachWay("a time-out hands over what has arrived", async (t, way) => {
  const { io, sockets } = await crowd(t, way, (n, ack) => n === 1 || ack(n));
  const rejecting = io
    .timeout(1000)
    .emitWithAck("q")
    .catch((reason) => reason);
  const [error, responses] = await ask(io.timeout(1000), "q");
  const rejected = await rejecting;
  assert.ok(error instanceof Error);
  assert.equal(error.message, "operation has timed out");
  assert.deepEqual(responses.sort(), [0, 2]);
  for (const socket of sockets) assert.equal(socket.acks.size, 0);
  assert.equal(rejected.message, "operation has timed out");
  assert.deepEqual(rejected.responses.sort(), [0, 2]);
});

test("a broadcast with an ack to an empty room calls back with no answers, after the call", async (t) => {
  const { io } = await crowd(t, {}, () => {}, 1);
  let args;
  io.to("nobody")
    .timeout(LONG)
    .emit("q", (...given) => {
      args = given;
    });
  assert.equal(args, undefined);
  await until(() => args);
  assert.deepEqual(args, [null, []]);
  assert.deepEqual(await io.to("nobody").timeout(LONG).emitWithAck("q"), []);
});

test("a client that leaves lets the question time out", async (t) => {
  const { io, clients } = await crowd(t, {}, (n, ack) =>
    n === 0 ? clients[0].disconnect() : ack(n),
  );
  const [error, responses] = await ask(io.timeout(1000), "q");
  assert.equal(error.message, "operation has timed out");
  assert.deepEqual(responses.sort(), [1, 2]);
});

test("without timeout() the question times out at once", async (t) => {
  const held = [];
  const { io } = await crowd(t, {}, (_n, ack) => held.push(ack), 1);
  const [error, responses] = await ask(io, "q");
  assert.equal(error.message, "operation has timed out");
  assert.deepEqual(responses, []);
});

test("a late answer is ignored", async (t) => {
  const asked = deferred("the question");
  const { io, clients } = await crowd(t, {}, (_n, ack) => asked.resolve(ack), 1);
  let calls = 0;
  const done = deferred("the callback");
  io.timeout(50).emit("q", (error) => {
    calls++;
    done.resolve(error);
  });
  const ack = await asked.promise;
  await done.promise;
  ack("late");
  const [socket] = io.sockets.sockets.values();
  socket.on("sync", (answer) => answer());
  await clients[0].emitWithAck("sync");
  assert.equal(calls, 1);
});

test("answers of a broadcast may be binary and nested", async (t) => {
  const { io } = await crowd(t, {}, (n, ack, data) => ack({ n, deep: [data, Buffer.from([n])] }));
  const answers = await io.timeout(LONG).emitWithAck("q", Buffer.from("ask"));
  answers.sort((x, y) => x.n - y.n);
  assert.deepEqual(
    answers,
    [0, 1, 2].map((n) => ({ n, deep: [Buffer.from("ask"), Buffer.from([n])] })),
  );
});

eachTransport("a repeated answer counts once", async (t, open) => {
  const { io, port } = await serve(t);
  const sessions = [await open(port), await open(port)];
  for (const session of sessions) await session.join();
  const answers = io.timeout(LONG).emitWithAck("q");
  for (const session of sessions) assert.equal(await session.next(), '420["q"]');
  const [socket] = io.sockets.sockets.values();
  const synced = once(socket, "sync");
  await sessions[0].send('430["one"]', '430["more"]', '42["sync"]');
  await synced;
  await sessions[1].send('430["two"]');
  assert.deepEqual(await answers, ["one", "two"]);
});
