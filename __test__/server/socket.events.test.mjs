// Events of a socket: both directions, argument kinds, `use`, catch-alls, reserved names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, pair } from "../support/clients.mjs";
import { rawPair } from "../support/pairs.mjs";
import { eachTransport } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";

/** Everything JSON has, nested; it must arrive as it was sent. */
const VALUES = [
  1,
  -0.5,
  "text",
  "ünïcödé €😀\u2028",
  "",
  true,
  false,
  null,
  [],
  {},
  [1, [2, [3, { four: [4] }]]],
  { a: { b: { c: null } }, "with space": 1, __proto: 2 },
];

eachWay("values of every kind in both directions, in order", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const seen = [];
  client.on("back", (...args) => seen.push(args));
  socket.on("there", (...args) => socket.emit("back", ...args));
  for (const value of VALUES) client.emit("there", value);
  client.emit("there", ...VALUES);
  client.emit("there");
  await until(() => seen.length === VALUES.length + 2);
  assert.deepEqual(seen, [...VALUES.map((value) => [value]), VALUES, []]);
});

eachWay("the arrival order is kept over many messages", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const up = [];
  const down = [];
  socket.on("n", (n) => {
    up.push(n);
    socket.emit("n", n);
  });
  client.on("n", (n) => down.push(n));
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  for (const n of numbers) client.emit("n", n);
  await until(() => down.length === numbers.length);
  assert.deepEqual(up, numbers);
  assert.deepEqual(down, numbers);
});

test("emit returns true, send and write the socket", async (t) => {
  const { socket, client } = await pair(t);
  const seen = [];
  client.on("message", (...args) => seen.push(args));
  assert.equal(socket.emit("x"), true);
  assert.equal(socket.send("a", 1), socket);
  assert.equal(socket.write("b"), socket);
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [["a", 1], ["b"]]);
});

for (const name of [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]) {
  test(`emit refuses the reserved name ${name}`, async (t) => {
    const { io, socket } = await pair(t);
    const message = `"${name}" is a reserved event name`;
    for (const target of [socket, socket.broadcast, io.to("x")]) {
      assert.throws(() => target.emit(name), { message });
    }
  });
}

eachWay("names that look special but are not", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const seen = [];
  for (const name of ["connection", "new_namespace", "__proto__", "toString", "1"]) {
    socket.on(name, (value) => seen.push([name, value]));
  }
  client.emit("connection", 1);
  client.emit("new_namespace", 2);
  client.emit("__proto__", 3);
  client.emit("toString", 4);
  client.emit(1, 5);
  await until(() => seen.length === 5);
  assert.deepEqual(seen, [
    ["connection", 1],
    ["new_namespace", 2],
    ["__proto__", 3],
    ["toString", 4],
    ["1", 5],
  ]);
});

eachTransport("an error event from the client is harmless", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  assert.equal(socket.listeners("error").length, 1);
  const seen = [];
  await session.send('42["error","unheard"]');
  socket.on("error", (value) => seen.push(value));
  await session.send('42["error",{"any":"value"}]', '42["nobody listens"]', '42["error",null]');
  await until(() => seen.at(-1) === null);
  assert.deepEqual(seen.slice(-2), [{ any: "value" }, null]);
  assert.equal(socket.connected, true);
});

eachTransport("use: middlewares see the argument array and may change it", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  const seen = [];
  assert.equal(
    socket.use((event, next) => {
      seen.push(structuredClone(event));
      event.push("added");
      next();
    }),
    socket,
  );
  socket.use((event, next) => {
    event[1] = "changed";
    setImmediate(next);
  });
  socket.on("e", (...args) => seen.push(args));
  await session.send('42["e",1,2]');
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [
    ["e", 1, 2],
    ["changed", 2, "added"],
  ]);
});

eachTransport("use: an error becomes an error event and stops the packet", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  const failure = Object.assign(new Error("no"), { data: { c: 1 } });
  const seen = [];
  socket.use(([event], next) => next(event === "bad" ? failure : undefined));
  socket.use(([event], next) => {
    seen.push(["second", event]);
    next();
  });
  socket.on("error", (error) => seen.push(["error", error]));
  socket.onAny((event) => seen.push(["any", event]));
  for (const event of ["bad", "good"]) socket.on(event, () => seen.push(["listener", event]));
  await session.send('42["bad"]');
  await until(() => seen.length === 2);
  await session.send('42["good"]');
  await until(() => seen.length === 5);
  assert.deepEqual(seen, [
    ["any", "bad"],
    ["error", failure],
    ["any", "good"],
    ["second", "good"],
    ["listener", "good"],
  ]);
  assert.equal(socket.connected, true);
});

eachTransport("catch-all listeners hear incoming events", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  const seen = [];
  const first = (...args) => seen.push(["first", ...args]);
  const second = (...args) => seen.push(["second", ...args]);
  assert.deepEqual(socket.listenersAny(), []);
  assert.equal(socket.onAny(second), socket);
  assert.equal(socket.prependAny(first), socket);
  assert.deepEqual(socket.listenersAny(), [first, second]);
  await session.send('42["a",1]');
  await until(() => seen.length === 2);
  assert.equal(socket.offAny(first), socket);
  await session.send('42["b"]');
  await until(() => seen.length === 3);
  socket.offAny();
  assert.deepEqual(socket.listenersAny(), []);
  assert.deepEqual(seen, [
    ["first", "a", 1],
    ["second", "a", 1],
    ["second", "b"],
  ]);
});

eachTransport("an incoming catch-all gets the ack function last", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  socket.onAny((event, ack) => ack(event, "done"));
  await session.send('427["e"]');
  assert.equal(await session.next(), '437["e","done"]');
});

eachTransport("catch-all listeners hear outgoing events", async (t, open) => {
  const { io, session, socket } = await rawPair(t, open);
  const seen = [];
  const first = (...args) => seen.push(["first", ...args]);
  const second = (...args) => seen.push(["second", ...args]);
  assert.deepEqual(socket.listenersAnyOutgoing(), []);
  assert.equal(socket.onAnyOutgoing(second), socket);
  assert.equal(socket.prependAnyOutgoing(first), socket);
  assert.deepEqual(socket.listenersAnyOutgoing(), [first, second]);
  socket.emit("a", 1, () => {}); // without the callback
  assert.equal(socket.offAnyOutgoing(first), socket);
  io.emit("b", 2);
  socket.broadcast.emit("c"); // not for this socket
  socket.on("ask", (ack) => ack("an ack is not an event"));
  await session.send('421["ask"]');
  const got = [await session.next(), await session.next(), await session.next()];
  assert.deepEqual(got, ['420["a",1]', '42["b",2]', '431["an ack is not an event"]']);
  socket.offAnyOutgoing();
  assert.deepEqual(socket.listenersAnyOutgoing(), []);
  socket.emit("d");
  assert.deepEqual(seen, [
    ["first", "a", 1],
    ["second", "a", 1],
    ["second", "b", 2],
  ]);
});

// emit(...args) → packet on the wire
const ODD = [
  [[], "[null]"],
  [[undefined], "[null]"],
  [[Symbol("x")], "[null]"],
  [[5], "[5]"],
  [["e", undefined, Number.NaN, Number.POSITIVE_INFINITY], '["e",null,null,null]'],
  [["e", new Map([[1, 2]]), new Set([1]), /x/], '["e",{},{},{}]'],
  [["e", [() => {}], { f() {} }, 1], '["e",[null],{},1]'],
  [["e", new Date(0)], '["e","1970-01-01T00:00:00.000Z"]'],
  [["e", { toJSON: () => [1] }], '["e",[1]]'],
  [["e", "\ud800", "\u2028"], '["e","\\ud800","\u2028"]'],
];
eachTransport("sends odd arguments as JSON.stringify writes them", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  for (const [args, json] of ODD) {
    socket.emit(...args);
    assert.equal(await session.next(), `42${json}`);
  }
});

test("emit throws when an argument cannot be serialised", async (t) => {
  const { io, socket, client } = await pair(t);
  const circle = {};
  circle.self = circle;
  for (const target of [socket, io]) {
    assert.throws(() => target.emit("e", 1n), TypeError);
    assert.throws(() => target.emit("e", circle), RangeError);
  }
  const received = once(client, "after");
  socket.emit("after", 1);
  assert.deepEqual(await received, [1]);
});
