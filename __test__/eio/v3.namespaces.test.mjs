// Socket.IO protocol 4, which clients of Engine.IO protocol 3 speak: namespaces and what they are told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polling3 } from "../support/eio3.mjs";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

/** A client in the main namespace, and what sockets have been through. */
async function joined(t, options) {
  const { io, port } = await serve(t, { allowEIO3: true, ...options });
  const log = [];
  const watch = (nsp) =>
    nsp.on("connection", (socket) => {
      log.push(["connection", socket.nsp.name]);
      socket.on("error", (error) => log.push(["error", error.message]));
      socket.on("disconnect", (reason) => log.push(["disconnect", socket.nsp.name, reason]));
      socket.onAny((...args) => log.push(args));
    });
  for (const name of ["/", "/foo", "/x"]) watch(io.of(name));
  const session = await Ws.open(t, port, { eio: 3 });
  assert.equal(await session.next(), "40");
  return { io, port, session, log };
}

test("the main namespace is joined unasked, with the id of the engine", async (t) => {
  const { io, session } = await joined(t);
  const [socket] = io.sockets.sockets.values();
  assert.equal(socket.id, session.sid);
  assert.equal(socket.conn.id, session.sid);
  assert.deepEqual([...socket.rooms], [session.sid]);
  assert.deepEqual(socket.handshake.auth, Object.assign({}));
  assert.equal(socket.handshake.query.EIO, "3");
});

test("on polling it comes with the poll after the handshake", async (t) => {
  const { port } = await serve(t, { allowEIO3: true });
  const session = await Polling3.open(port);
  assert.deepEqual(session.queue, []);
  assert.equal((await session.get()).text, "2:40");
});

// query → what becomes of it
for (const [query, auth] of [
  ["", {}],
  ["?tok=1&b=2", { tok: "1", b: "2" }],
  ["?a=1&a=2", { a: "2" }],
  ["?a=%20b+c&d", { a: " b c", d: "" }],
  ["?__proto__=1&constructor=2", JSON.parse('{"__proto__":"1","constructor":"2"}')],
]) {
  test(`the query "${query}" of a namespace is its auth`, async (t) => {
    const { io, session } = await joined(t);
    const accepted = once(io.of("/foo"), "connection");
    await session.send(`40/foo${query},`);
    // neither query nor data
    assert.equal(await session.next(), "40/foo,");
    const [socket] = await accepted;
    assert.equal(socket.id, `/foo#${session.sid}`);
    assert.deepEqual([...socket.rooms], [socket.id]);
    assert.equal(Object.getPrototypeOf(socket.handshake.auth), null);
    assert.equal(JSON.stringify(socket.handshake.auth), JSON.stringify(auth));
    assert.equal(socket.recovered, false);
  });
}

// the name as it is sent → the reply
for (const [name, reply] of [
  ["/foo", "40/foo,"],
  ["/foo?x=1", "40/foo,"],
  ["/foo,5", "40/foo,"],
  ['/foo?x=1,{"t":1}', "40/foo,"],
  ["/foo#h,", "40/foo,"],
  ["/./foo,", "40/foo,"],
  ["/../x,", "40/x,"],
  ["//host/x,", "40/x,"],
  ["/foo/,", '44/foo/,{"message":"Invalid namespace"}'],
  ["/a b,", '44/a%20b,{"message":"Invalid namespace"}'],
  ["/é,", '44/%C3%A9,{"message":"Invalid namespace"}'],
  ["/unknown?a=b,", '44/unknown,{"message":"Invalid namespace"}'],
]) {
  test(`CONNECT to ${name} is answered ${reply}`, async (t) => {
    const { session } = await joined(t);
    await session.send(`40${name}`);
    assert.equal(await session.next(), reply);
  });
}

// what is thrown at next() → the refusal
for (const [title, error, reply] of [
  ["data", Object.assign(new Error("no"), { data: { a: 1 } }), '{"a":1}'],
  ["a message", new Error("no"), '"no"'],
  ["no message", new Error(""), '""'],
  ["a string", "str", ""],
]) {
  test(`a middleware refuses with ${title}`, async (t) => {
    const { io, session } = await joined(t);
    io.of("/mw").use((_socket, next) => next(error));
    await session.send("40/mw?a=1,");
    assert.equal(await session.next(), `44/mw,${reply}`);
    // may ask again
    await session.send("40/mw,");
    assert.equal(await session.next(), `44/mw,${reply}`);
  });
}

test("a middleware of the main namespace refuses", async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true });
  io.use((_socket, next) => next(new Error("no")));
  const session = await Ws.open(t, port, { eio: 3 });
  assert.equal(await session.next(), '44"no"');
  await session.send("40");
  assert.equal(await session.next(), '44"no"');
});

test("middlewares and dynamic namespaces see name and query apart", async (t) => {
  const { io, session } = await joined(t);
  const asked = [];
  io.of((name, auth, next) => {
    asked.push([name, JSON.stringify(auth)]);
    next(null, true);
  }).use((socket, next) => {
    asked.push([socket.nsp.name, JSON.stringify(socket.handshake.auth)]);
    next();
  });
  await session.send("40/dyn?q=1,");
  assert.equal(await session.next(), "40/dyn,");
  assert.deepEqual(asked, [
    ["/dyn", '{"q":"1"}'],
    ["/dyn", '{"q":"1"}'],
  ]);
});

test("events are for the namespace whatever query goes with it", async (t) => {
  const { io, session, log } = await joined(t);
  io.of("/foo").on("connection", (socket) => socket.on("ask", (ack) => ack("yes")));
  await session.send("40/foo?x=1,");
  assert.equal(await session.next(), "40/foo,");
  await session.send('42/foo,["hi"]', '42/foo?x=1,5["ask"]');
  assert.equal(await session.next(), '43/foo,5["yes"]');
  assert.deepEqual(log[2], ["hi"]);
  await session.send("41/foo,");
  await until(() => log.at(-1)[0] === "disconnect");
  assert.deepEqual(log.at(-1), ["disconnect", "/foo", "client namespace disconnect"]);
});

// what closes the connection → an error that the sockets hear of
for (const [packet, error] of [
  ["40"],
  ["40/"],
  ["40/?a=b,"],
  ["40{}"],
  ["44/foo,"],
  ['42/foo,["a"]'],
  ["40//,", "Invalid URL"],
  ['42//[,["a"]', "Invalid URL"],
  ["40/foo?x=1,{bad", "invalid payload"],
  ["4x", "unknown packet type NaN"],
]) {
  test(`${packet} closes the connection`, async (t) => {
    const { session, log } = await joined(t);
    await session.send(packet);
    assert.equal(await session.next(), null);
    await until(() => log.at(-1)[0] === "disconnect");
    const end = [["disconnect", "/", "forced close"]];
    assert.deepEqual(log.slice(1), error ? [["error", error], ...end] : end);
  });
}

test("a second CONNECT to a namespace closes the connection", async (t) => {
  const { session, log } = await joined(t);
  await session.send("40/foo?x=1,");
  assert.equal(await session.next(), "40/foo,");
  await session.send("40/foo?x=2,");
  assert.equal(await session.next(), null);
  await until(() => log.length === 4);
});

test("lets a client that has left the main namespace join it again", async (t) => {
  const { session, log } = await joined(t);
  await session.send("41");
  await until(() => log.length === 2);
  await session.send("40");
  assert.equal(await session.next(), "40");
  await session.send('42["back"]');
  await until(() => log.at(-1)[0] === "back");
  assert.deepEqual(log, [
    ["connection", "/"],
    ["disconnect", "/", "client namespace disconnect"],
    ["connection", "/"],
    ["back"],
  ]);
});

test("nothing is recovered", async (t) => {
  const { io, session } = await joined(t, { connectionStateRecovery: {} });
  const [socket] = io.sockets.sockets.values();
  assert.equal(socket.recovered, false);
  await session.send("40/foo?pid=x&offset=y,");
  assert.equal(await session.next(), "40/foo,");
});

test("binary events and acknowledgements, frame by frame", async (t) => {
  const { io, session, log } = await joined(t);
  await session.send('451-["b",{"_placeholder":true,"num":0}]', Buffer.from([4, 1, 2]));
  await session.send('451-["c",{"_placeholder":true,"num":0}]', "b4AQI=");
  await until(() => log.length === 3);
  assert.deepEqual(log.slice(1), [
    ["b", Buffer.from([1, 2])],
    ["c", Buffer.from([1, 2])],
  ]);
  const acked = new Promise((resolve) => {
    for (const socket of io.sockets.sockets.values()) socket.emit("q", Buffer.from([7]), resolve);
  });
  assert.equal(await session.next(), '451-0["q",{"_placeholder":true,"num":0}]');
  assert.equal((await session.next()).toString("hex"), "0407");
  await session.send('461-0[{"_placeholder":true,"num":0}]', Buffer.from([4, 8]));
  assert.deepEqual(await acked, Buffer.from([8]));
});
