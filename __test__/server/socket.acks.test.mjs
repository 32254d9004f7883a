// Acknowledgements in both directions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, join, pair } from "../support/clients.mjs";
import { rawPair } from "../support/pairs.mjs";
import { eachTransport } from "../support/raw.mjs";
import { differs } from "../support/subject.mjs";
import { deferred, once, until } from "../support/wait.mjs";

eachWay("answers of the server reach the client that asks", async (t, way) => {
  const { socket, client } = await pair(t, way);
  socket.on("sum", (a, b, ack) => ack(a + b, { a, b }));
  socket.on("nothing", (ack) => ack());
  socket.on("later", (ack) => setImmediate(ack, "later"));
  const answer = await new Promise((resolve) => {
    client.emit("sum", 1, 2, (...args) => resolve(args));
  });
  assert.deepEqual(answer, [3, { a: 1, b: 2 }]);
  assert.equal(await client.emitWithAck("nothing"), undefined);
  assert.equal(await client.emitWithAck("later"), "later");
});

eachWay("answers of the client reach the server that asks", async (t, way) => {
  const { socket, client } = await pair(t, way);
  client.on("sum", (a, b, ack) => ack(a + b, "second"));
  const answer = await new Promise((resolve) => {
    socket.emit("sum", 1, 2, (...args) => resolve(args));
  });
  assert.deepEqual(answer, [3, "second"]);
  // emitWithAck keeps the first argument only
  assert.equal(await socket.emitWithAck("sum", 3, 4), 7);
  const timed = await new Promise((resolve) => {
    socket.timeout(10_000).emit("sum", 5, 6, (...args) => resolve(args));
  });
  assert.deepEqual(timed, [null, 11, "second"]);
  assert.equal(await socket.timeout(10_000).emitWithAck("sum", 7, 8), 15);
});

eachWay("timeout() calls back with an error when no answer comes", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const asked = deferred("the question");
  client.on("silence", (ack) => asked.resolve(ack));
  const args = await new Promise((resolve) => {
    socket.timeout(20).emit("silence", (...given) => resolve(given));
  });
  assert.equal(args.length, 1);
  assert.ok(args[0] instanceof Error);
  assert.equal(args[0].message, "operation has timed out");
  const rejected = socket.timeout(20).emitWithAck("silence");
  const error = await rejected.catch((reason) => reason);
  assert.equal(error.message, "operation has timed out");
  assert.equal("responses" in error, false);
  // the late answer changes nothing
  (await asked.promise)("late");
  client.on("ping", (ack) => ack("pong"));
  assert.equal(await socket.emitWithAck("ping"), "pong");
});

test("the timeout flag is used up by one emit", async (t) => {
  const { socket, client } = await pair(t);
  client.on("e", (ack) => ack("x"));
  const flagged = socket.timeout(10_000);
  assert.equal(flagged, socket);
  socket.emit("no callback");
  const args = await new Promise((resolve) => socket.emit("e", (...given) => resolve(given)));
  assert.deepEqual(args, ["x"]);
});

test("an acknowledgement under a timeout fails when the client leaves", async (t) => {
  const { socket, client } = await pair(t);
  const gone = once(socket, "disconnect");
  client.on("e", () => client.disconnect());
  // Upstream waits for the time to be over.
  const ms = differs(800, 2 ** 31 - 1);
  const promised = socket.timeout(ms).emitWithAck("e");
  const outcome = promised.catch((error) => error.message);
  const called = new Promise((resolve) => socket.timeout(ms).emit("f", (...args) => resolve(args)));
  await gone;
  const message = differs("operation has timed out", "socket has been disconnected");
  assert.equal(await outcome, message);
  const args = await called;
  assert.equal(args.length, 1);
  assert.equal(args[0].message, message);
  assert.equal(args[0].code, differs(undefined, "ERR_SOCKET_DISCONNECTED"));
});

test("an acknowledgement under a timeout times out when the client has left before", async (t) => {
  const { socket, client } = await pair(t);
  const gone = once(socket, "disconnect");
  client.disconnect();
  await gone;
  const error = await socket
    .timeout(20)
    .emitWithAck("e")
    .catch((reason) => reason);
  assert.equal(error.message, "operation has timed out");
});

eachTransport("acks are written as packets of type 3", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  socket.on("none", (ack) => ack());
  socket.on("two", (ack) => ack(1, { b: "c" }));
  socket.on("twice", (ack) => {
    ack("once");
    ack("again");
  });
  for (const [sent, answer] of [
    ['421["none"]', "431[]"],
    ['420["two"]', '430[1,{"b":"c"}]'],
    ['42007["two"]', '437[1,{"b":"c"}]'],
    ['4212["twice"]', '4312["once"]'],
    ['42123456789["none"]', "43123456789[]"],
  ]) {
    await session.send(sent);
    assert.equal(await session.next(), answer);
  }
});

eachTransport("ids count up per namespace from 0", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  const answers = [];
  for (const n of [0, 1, 2]) {
    socket.emit("q", n, (answer) => answers.push(answer));
    assert.equal(await session.next(), `42${n}["q",${n}]`);
  }
  await session.send('432["c"]', '430["a"]', '431["b"]');
  await until(() => answers.length === 3);
  assert.deepEqual(answers, ["c", "a", "b"]);
  assert.equal(socket.acks.size, 0);
});

eachTransport("unknown, repeated and late ids are ignored", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  const answers = [];
  socket.emit("q", (...args) => answers.push(args));
  assert.equal(await session.next(), '420["q"]');
  await session.send('4399["unknown"]', '430["first"]', '430["repeated"]', '43["no id"]');
  socket.emit("end", (...args) => answers.push(args));
  assert.equal(await session.next(), '421["end"]');
  await session.send("431[]");
  socket.on("sync", (ack) => ack());
  await session.send('429["sync"]');
  assert.equal(await session.next(), "439[]");
  assert.deepEqual(answers, [["first"], []]);
});

eachTransport("another client cannot answer", async (t, open) => {
  const { io, port, session, socket } = await rawPair(t, open);
  const answers = [];
  socket.emit("q", (answer) => answers.push(answer));
  assert.equal(await session.next(), '420["q"]');
  const thief = await open(port);
  const connecting = once(io, "connection");
  await thief.join();
  const [other] = await connecting;
  other.on("sync", (ack) => ack());
  await thief.send('430["stolen"]', '421["sync"]');
  assert.equal(await thief.next(), "431[]");
  assert.deepEqual(answers, []);
  await session.send('430["mine"]');
  socket.on("sync", (ack) => ack());
  await session.send('421["sync"]');
  await session.next();
  assert.deepEqual(answers, ["mine"]);
});

eachTransport("an ack goes out after the socket has disconnected", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  socket.on("bye", (ack) => {
    socket.disconnect();
    ack("still");
  });
  await session.send('423["bye"]');
  assert.equal(await session.next(), "41");
  assert.equal(await session.next(), '433["still"]');
});

for (const count of [3, 50]) {
  test(`${count} questions in flight each get their own answer`, async (t) => {
    const { io, port, ...first } = await pair(t);
    const second = await join(t, io, port);
    const asked = [];
    for (const { socket, client } of [first, second]) {
      client.on("double", (n, ack) => setImmediate(ack, 2 * n));
      for (let n = 0; n < count; n++) asked.push(socket.emitWithAck("double", n));
    }
    const expected = Array.from({ length: count }, (_, n) => 2 * n);
    assert.deepEqual(await Promise.all(asked), [...expected, ...expected]);
  });
}
