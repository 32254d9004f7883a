// The order of everything that happens to a connection, seen from the application.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rawPair } from "../support/pairs.mjs";
import { eachTransport, Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { until } from "../support/wait.mjs";

/** Logs the engine's own events from the very first one. */
function logEngine(io, seen) {
  for (const event of ["initial_headers", "headers", "flush", "drain"]) {
    io.engine.on(event, () => seen.push(`engine ${event}`));
  }
  io.engine.on("connection", (conn) => {
    seen.push("engine connection");
    for (const event of ["packet", "data", "message"]) {
      conn.on(event, (packet) => seen.push(`conn ${event} ${packet.type ?? packet}`));
    }
  });
}

test("events of a handshake over websocket come in order", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  logEngine(io, seen);
  await Ws.open(t, port);
  await until(() => seen.includes("engine connection"));
  assert.deepEqual(seen, [
    "engine initial_headers",
    "engine headers",
    "engine flush",
    "engine drain",
    "engine connection",
  ]);
});

test("events of a handshake over polling come in order", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  logEngine(io, seen);
  await Polling.open(t, port);
  assert.deepEqual(seen, [
    "engine flush",
    "engine initial_headers",
    "engine headers",
    "engine drain",
    "engine connection",
  ]);
});

eachTransport("events of joining a namespace come in order", async (t, open) => {
  const { io, port } = await serve(t);
  const seen = [];
  for (const event of ["create-room", "join-room"]) {
    io.sockets.adapter.on(event, () => seen.push(event));
  }
  io.engine.on("connection", (conn) => {
    for (const event of ["packet", "data", "message"]) {
      conn.on(event, (packet) => seen.push(`conn ${event} ${packet.data ?? packet}`));
    }
    conn.on("packetCreate", ({ data }) => seen.push(`out ${data.slice(0, 2)}`));
  });
  io.use((_socket, next) => {
    seen.push("middleware");
    process.nextTick(() => seen.push("tick before the outcome"));
    next();
  });
  io.on("connection", () => seen.push("connection"));
  io.on("connect", (socket) => {
    seen.push("connect");
    socket.emit("hi");
  });
  const session = await open(port);
  await session.join();
  assert.equal(await session.next(), '42["hi"]');
  assert.deepEqual(seen, [
    ...["conn packet 0", "conn data 0", "conn message 0"],
    "middleware",
    "tick before the outcome",
    ...["create-room", "join-room"],
    "out 0{",
    "connect",
    "out 2[",
    "connection",
  ]);
});

eachTransport("middlewares start after the packet was handled", async (t, open) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.engine.on("connection", (conn) => {
    conn.on("data", () => seen.push("data"));
  });
  io.use((_socket, next) => {
    seen.push("middleware");
    next();
  });
  await (await open(port)).join();
  assert.deepEqual(seen, ["data", "middleware"]);
});

eachTransport("connect and connection are one synchronous block", async (t, open) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.on("connect", () => {
    seen.push("connect");
    process.nextTick(() => seen.push("tick"));
    queueMicrotask(() => seen.push("microtask"));
  });
  io.on("connection", () => seen.push("connection"));
  await (await open(port)).join();
  assert.deepEqual(seen.slice(0, 2), ["connect", "connection"]);
});

eachTransport("CONNECT precedes what the handler emits", async (t, open) => {
  const { io, port } = await serve(t);
  io.on("connection", (socket) => {
    socket.emit("a");
    io.emit("b");
    socket.emit("c");
  });
  const session = await open(port);
  await session.send("40");
  assert.match(await session.next(), /^40\{/);
  for (const event of ["a", "b", "c"]) assert.equal(await session.next(), `42["${event}"]`);
});

eachTransport("an incoming event: catch-all, then use, then listeners", async (t, open) => {
  const { session, socket } = await rawPair(t, open);
  const seen = [];
  socket.conn.on("data", () => {
    seen.push("data");
    process.nextTick(() => seen.push("tick after data"));
  });
  socket.onAny(() => seen.push("catch-all"));
  socket.use((_event, next) => {
    seen.push("use");
    process.nextTick(() => seen.push("tick after use"));
    next();
  });
  socket.on("e", () => seen.push("listener"));
  await session.send('42["e"]');
  await until(() => seen.includes("listener"));
  // Socket.IO's own data listener comes first, so its tick does too
  assert.deepEqual(seen, [
    ...["data", "catch-all", "use"],
    ...["tick after data", "tick after use", "listener"],
  ]);
});

// packets of one payload → what the application sees
const BATCHES = [
  [
    "two events: both catch-alls run before the first listener",
    ['42["a"]', '42["b"]'],
    ["any a", "any b", "a", "b"],
  ],
  [
    "an event and an ack: the ack overtakes the listener",
    ['42["a"]', '430["x"]'],
    ["any a", "ack x", "a"],
  ],
  [
    "an event and DISCONNECT: the listener does not run",
    ['42["a"]', "41"],
    ["any a", "disconnect client namespace disconnect"],
  ],
  [
    "an event and the engine's close: the listener does not run",
    ['42["a"]', "1"],
    ["disconnect transport close", "any a"],
  ],
  [
    "the first of two listeners disconnects: the second does not run",
    ['42["leave"]', '42["a"]'],
    ["any leave", "any a", "leave", "disconnect server namespace disconnect"],
  ],
];
for (const [title, packets, expected] of BATCHES) {
  test(title, async (t) => {
    const { session, socket } = await rawPair(t, (port) => Polling.open(t, port));
    const seen = [];
    socket.emit("question", (answer) => seen.push(`ack ${answer}`));
    await session.next();
    socket.onAny((event) => seen.push(`any ${event}`));
    for (const event of ["a", "b"]) socket.on(event, () => seen.push(event));
    socket.on("leave", () => {
      seen.push("leave");
      socket.disconnect();
    });
    socket.on("disconnect", (reason) => seen.push(`disconnect ${reason}`));
    await session.send(...packets);
    await until(() => seen.length >= expected.length);
    // whatever is still to come would come within these turns
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    assert.deepEqual(seen, expected);
  });
}

eachTransport("events of a disconnection come in order", async (t, open) => {
  const { io, session, socket } = await rawPair(t, open);
  socket.join("room");
  const seen = [];
  for (const event of ["leave-room", "delete-room"]) {
    io.sockets.adapter.on(event, (room) => seen.push(`${event} ${room === "room" ? room : "own"}`));
  }
  for (const event of ["disconnecting", "disconnect"]) socket.on(event, () => seen.push(event));
  socket.conn.on("close", () => seen.push("conn close"));
  if (session instanceof Ws) session.ws.close();
  else await session.send("1");
  await until(() => seen.includes("conn close"));
  assert.deepEqual(seen, [
    "disconnecting",
    "leave-room own",
    "delete-room own",
    "leave-room room",
    "delete-room room",
    "disconnect",
    "conn close",
  ]);
});

eachTransport("emits are handed to the engine synchronously", async (t, open) => {
  const { io, socket } = await rawPair(t, open);
  const seen = [];
  socket.conn.on("packetCreate", ({ data }) => seen.push(data));
  socket.emit("a");
  io.emit("b");
  io.to(socket.id).emit("c");
  assert.deepEqual(seen, ['2["a"]', '2["b"]', '2["c"]']);
});
