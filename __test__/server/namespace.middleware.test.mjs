// Namespace middlewares: order, the state of the socket meanwhile, refusals.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, eachWay, join } from "../support/clients.mjs";
import { eachTransport, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { deferred, once, until } from "../support/wait.mjs";

test("middlewares run in order, then connect and connection", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  for (const name of ["first", "second", "third"]) {
    io.use((_socket, next) => {
      seen.push(name);
      next();
      seen.push(`after ${name}`);
    });
  }
  io.on("connection", () => seen.push("connection"));
  await join(t, io, port);
  // the next one starts inside next(); the outcome comes a tick later
  assert.deepEqual(seen, [
    "first",
    "second",
    "third",
    "after third",
    "after second",
    "after first",
    "connection",
  ]);
});

test("asynchronous middlewares hold the connection back", async (t) => {
  const { io, port } = await serve(t);
  const started = deferred("the middleware");
  io.use((_socket, next) => started.resolve(next));
  const one = client(t, port);
  const next = await started.promise;
  assert.equal(io.sockets.sockets.size, 0);
  assert.equal(one.connected, false);
  next();
  await connected(one);
});

test("the list is fixed when the attempt starts", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.use((_socket, next) => {
    seen.push("early");
    io.use((_late, pass) => {
      seen.push("late");
      pass();
    });
    next();
  });
  await join(t, io, port);
  assert.deepEqual(seen, ["early"]);
});

test("a socket is not connected during a middleware", async (t) => {
  const { io, port } = await serve(t);
  let state;
  io.use((socket, next) => {
    socket.data.user = "joe";
    socket.join("early");
    state = {
      connected: socket.connected,
      disconnected: socket.disconnected,
      member: io.sockets.sockets.has(socket.id),
      waiting: io.sockets._preConnectSockets.get(socket.id) === socket,
      rooms: [...socket.rooms],
    };
    next();
  });
  const { socket } = await join(t, io, port);
  assert.deepEqual(state, {
    connected: false,
    disconnected: true,
    member: false,
    waiting: true,
    rooms: ["early"],
  });
  assert.equal(socket.data.user, "joe");
  assert.deepEqual(socket.rooms, new Set(["early", socket.id]));
  assert.equal(io.sockets._preConnectSockets.size, 0);
});

test("a fresh socket has no rooms in a middleware", async (t) => {
  const { io, port } = await serve(t);
  let size;
  io.use((socket, next) => {
    size = socket.rooms.size;
    next();
  });
  await join(t, io, port);
  assert.equal(size, 0);
});

eachTransport("an emit in a middleware goes out before the CONNECT packet", async (t, open) => {
  const { io, port } = await serve(t);
  io.use((socket, next) => {
    socket.emit("early", 1);
    next();
  });
  const session = await open(port);
  await session.send("40");
  assert.equal(await session.next(), '42["early",1]');
  assert.match(await session.next(), /^40\{"sid":"[\w-]{20}"\}$/);
});

test("a broadcast does not reach a socket in its middlewares", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.use((socket, next) => {
    socket.join("room");
    io.to("room").emit("lost");
    io.emit("lost");
    next();
  });
  io.on("connection", (socket) => socket.emit("first"));
  const one = client(t, port);
  one.onAny((event) => seen.push(event));
  await once(one, "first");
  assert.deepEqual(seen, ["first"]);
});

const withData = Object.assign(new Error("bad"), { data: { c: 1 }, code: "hidden" });
// next(argument) → data of the CONNECT_ERROR packet
const REFUSALS = [
  [new Error("bad"), '{"message":"bad"}'],
  [withData, '{"message":"bad","data":{"c":1}}'],
  [Object.assign(new Error("e"), { data: 0 }), '{"message":"e","data":0}'],
  ["a string", "{}"],
  [{ message: "plain", data: [1] }, '{"message":"plain","data":[1]}'],
];
for (const [given, data] of REFUSALS) {
  eachTransport(`next(${given}) is refused with ${data}`, async (t, open) => {
    const { io, port } = await serve(t);
    io.of("/admin").use((_socket, next) => next(given));
    const session = await open(port);
    await session.send("40/admin,");
    assert.equal(await session.next(), `44/admin,${data}`);
    // the connection itself stays usable
    await session.join("/");
  });
}

for (const nothing of [undefined, null, 0, "", false]) {
  test(`next(${JSON.stringify(nothing)}) continues`, async (t) => {
    const { io, port } = await serve(t);
    io.use((_socket, next) => next(nothing));
    await join(t, io, port);
  });
}

eachWay("connect_error carries message and data", async (t, way) => {
  const { io, port } = await serve(t);
  io.use((_socket, next) => next(withData));
  const [error] = await once(client(t, port, way), "connect_error");
  assert.ok(error instanceof Error);
  assert.equal(error.message, "bad");
  assert.deepEqual(error.data, { c: 1 });
});

test("a refusal stops the chain and leaves nothing behind", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.use((socket, next) => {
    socket.join("room");
    seen.push(socket);
    next(new Error("no"));
  });
  io.use(() => seen.push("never"));
  io.on("connection", () => seen.push("never"));
  const one = client(t, port);
  await once(one, "connect_error");
  assert.equal(seen.length, 1);
  assert.equal(io.sockets.adapter.rooms.size, 0);
  assert.equal(io.sockets.adapter.sids.size, 0);
  assert.equal(io.sockets._preConnectSockets.size, 0);
  seen[0].join("later");
  assert.equal(io.sockets.adapter.rooms.size, 0);
});

test("a connection that closes meanwhile is cleaned up silently", async (t) => {
  const { io, port } = await serve(t);
  const started = deferred("the middleware");
  io.use((socket, next) => {
    socket.join("room");
    started.resolve({ socket, next });
  });
  let accepted = false;
  io.on("connection", () => {
    accepted = true;
  });
  client(t, port);
  const { socket, next } = await started.promise;
  const closed = once(socket.conn, "close");
  socket.conn.close();
  await closed;
  next();
  await until(() => io.sockets.adapter.rooms.size === 0);
  assert.equal(accepted, false);
  assert.equal(io.sockets.sockets.size, 0);
  assert.equal(io.sockets._preConnectSockets.size, 0);
});

test("disconnect(true) in a middleware does nothing", async (t) => {
  const { io, port } = await serve(t);
  io.use((socket, next) => {
    socket.disconnect(true);
    next();
  });
  const { socket } = await join(t, io, port);
  assert.equal(socket.connected, true);
});

beyond("a second next() is ignored", async (t) => {
  const { io, port } = await serve(t);
  let connections = 0;
  io.on("connection", () => connections++);
  io.use((_socket, next) => {
    next();
    next();
    next(new Error("too late"));
  });
  const { client: one } = await join(t, io, port);
  let refused = false;
  one.on("connect_error", () => {
    refused = true;
  });
  await one
    .timeout(5000)
    .emitWithAck("nothing")
    .catch(() => {});
  assert.equal(connections, 1);
  assert.equal(refused, false);
});

beyond("a CONNECT while another one is under way takes its place", async (t) => {
  const { io, port } = await serve(t);
  const attempts = [];
  io.use((socket, next) => {
    socket.join("room");
    attempts.push({ socket, next });
  });
  const connections = [];
  io.on("connection", (socket) => connections.push(socket));
  const session = await Ws.open(t, port);
  await session.send("40", "40", "40");
  await until(() => attempts.length > 0, "a middleware is asked");
  await session.send('40{"last":true}');
  await until(() => attempts.at(-1).socket.handshake.auth.last, "the last attempt is made");
  assert.equal(io.sockets._preConnectSockets.size, 1);
  for (const { next } of attempts.reverse()) next();
  const { socket } = attempts[0];
  assert.equal(await session.next(), `40{"sid":"${socket.id}"}`);
  // The others have had their turn.
  await session.send('429["nothing"]', "40/nowhere");
  assert.match(await session.next(), /^44\/nowhere,/);
  assert.deepEqual(connections, [socket]);
  assert.deepEqual([...io.sockets.adapter.rooms.get("room")], [socket.id]);
  assert.equal(io.sockets._preConnectSockets.size, 0);
});

test("a client that is asked to wait may leave the namespace and come again", async (t) => {
  const { io, port } = await serve(t);
  const started = deferred("the middleware");
  let asked = 0;
  io.of("/slow").use((_socket, next) => {
    if (asked++ > 0) next();
    else started.resolve();
  });
  const { client: one } = await join(t, io, port);
  const slow = one.io.socket("/slow");
  await started.promise;
  slow.disconnect();
  slow.connect();
  await connected(slow);
  assert.equal(io.of("/slow").sockets.size, 1);
  assert.ok(one.connected);
});

test("a client may recover its session after a middleware that did not finish", async (t) => {
  const { io, port } = await serve(t, { connectionStateRecovery: { skipMiddlewares: false } });
  let silent = 0;
  io.use((socket, next) => (socket.recovered && silent++ === 0 ? undefined : next()));
  const first = await Ws.open(t, port);
  await first.send("40");
  const { sid, pid } = JSON.parse((await first.next()).slice(2));
  io.emit("offset");
  const [, offset] = JSON.parse((await first.next()).slice(2));
  const socket = io.sockets.sockets.get(sid);
  const gone = once(socket, "disconnect");
  first.ws.terminate();
  await gone;
  const auth = JSON.stringify({ pid, offset });
  const second = await Ws.open(t, port);
  await second.send(`40${auth}`);
  await until(() => silent === 1, "the middleware is asked");
  await second.send(`40${auth}`);
  assert.equal(JSON.parse((await second.next()).slice(2)).sid, sid);
});
