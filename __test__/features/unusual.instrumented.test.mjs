// Methods that an instrumentation has replaced are called, with broadcasts of any size.
import assert from "node:assert/strict";
import { Namespace, Server, Socket } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { eachPair, settle, take } from "./support.mjs";

/** Replaces a method until the test is over; `seen(args, self)` is told of each call. */
function wrap(t, object, name, seen) {
  const original = object[name];
  object[name] = function (...args) {
    seen(args, this);
    return original.apply(this, args);
  };
  defer(t, () => {
    object[name] = original;
  });
}

/** The packets of each kind of emit, after a first broadcast that found nothing replaced. */
async function sendAll({ io, session, socket }, replace) {
  io.emit("before");
  io.to(socket.id).emit("before");
  replace();
  socket.emit("socket", 1);
  io.emit("server");
  io.of("/").emit("namespace");
  io.to(socket.id).emit("room");
  io.to([socket.id, "other"]).emit("rooms");
  io.except("other").emit("except");
  const texts = (await take(session, 8)).slice(2).map((packet) => packet.slice(1));
  assert.deepEqual(
    texts.map((text) => JSON.parse(text.slice(1))[0]),
    ["socket", "server", "namespace", "room", "rooms", "except"],
  );
  return texts;
}

// [what is replaced, the object, its method]
const WRITERS = [
  ["client.writeToEngine of one client", ({ socket }) => socket.client, "writeToEngine"],
  [
    "writeToEngine of all clients",
    ({ socket }) => Object.getPrototypeOf(socket.client),
    "writeToEngine",
  ],
  ["conn.write of one connection", ({ socket }) => socket.conn, "write"],
  ["write of all connections", ({ socket }) => Object.getPrototypeOf(socket.conn), "write"],
];
for (const [title, of, method] of WRITERS) {
  eachPair(`${title} is called for all that is sent`, async (t, connect) => {
    const pair = await connect();
    const { conn, client } = pair.socket;
    const seen = [];
    const replace = () =>
      wrap(t, of(pair), method, ([data], self) => {
        if (self === conn || self === client) seen.push(String(data));
      });
    const texts = await sendAll(pair, replace);
    assert.deepEqual(seen, texts);
  });
}

eachPair("notifyOutgoingListeners is called for all that is sent", async (t, connect) => {
  const pair = await connect();
  const seen = [];
  const texts = await sendAll(pair, () =>
    wrap(t, pair.socket, "notifyOutgoingListeners", ([packet]) => seen.push(packet.data)),
  );
  assert.deepEqual(
    seen,
    texts.map((text) => JSON.parse(text.slice(1))),
  );
});

eachPair("a writer that drops, changes and adds", async (t, connect) => {
  const { io, session, socket } = await connect();
  const { conn } = socket;
  const write = conn.write;
  conn.write = function (data, ...rest) {
    if (data.includes("dropped")) return this;
    if (data.includes("doubled")) write.call(this, data, ...rest);
    return write.call(this, data.replace("secret", "*"), ...rest);
  };
  defer(t, () => {
    delete conn.write;
  });
  io.emit("dropped");
  io.emit("doubled", 1);
  socket.emit("dropped");
  socket.emit("secret");
  assert.deepEqual(await take(session, 3), ['42["doubled",1]', '42["doubled",1]', '42["*"]']);
});

eachPair("the methods of a socket that see what arrives", async (t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  for (const method of ["_onpacket", "onevent", "onack", "ondisconnect", "_onclose", "leaveAll"]) {
    wrap(t, socket, method, () => seen.push(method));
  }
  const acked = new Promise((resolve) => socket.emit("q", resolve));
  assert.equal(await session.next(), '420["q"]');
  await session.send("430[1]");
  await acked;
  await settle(session, socket);
  const gone = once(socket, "disconnect");
  await session.send("41");
  await gone;
  assert.deepEqual(seen, [
    ...["_onpacket", "onack", "_onpacket", "onevent", "_onpacket"],
    ...["ondisconnect", "_onclose", "leaveAll"],
  ]);
});

eachPair("a wildcard made of onevent", async (_t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  const { onevent } = socket;
  socket.onevent = function (packet) {
    onevent.call(this, packet);
    packet.data = ["*", ...packet.data];
    onevent.call(this, packet);
  };
  socket.on("*", (...args) => seen.push(["*", ...args]));
  socket.on("e", (...args) => seen.push(["e", ...args]));
  await session.send('42["e",1]');
  await settle(session, socket);
  assert.ok(seen.some(([name, ...args]) => name === "*" && args[0] === "e" && args[1] === 1));
});

eachPair("the prototypes of the public classes", async (t, connect) => {
  const seen = new Set();
  const note = (name) => () => seen.add(name);
  for (const [Class, methods] of [
    [Socket, ["emit", "on", "join", "disconnect", "send", "use", "onAny", "emitWithAck"]],
    [Namespace, ["emit", "on", "use", "to", "fetchSockets", "_add", "_remove", "run"]],
    [Server, ["of", "on", "emit", "use", "to", "attach", "bind", "onconnection", "send"]],
  ]) {
    for (const method of methods) {
      wrap(t, Class.prototype, method, note(`${Class.name}.${method}`));
    }
  }
  const { io, session, socket } = await connect();
  io.on("connection", () => {});
  io.use((_socket, next) => next());
  socket.use((_event, next) => next());
  socket.on("e", () => {});
  socket.onAny(() => {});
  io.to(socket.id).emit("room");
  io.emit("all");
  io.send("all");
  socket.send("one");
  socket
    .timeout(20)
    .emitWithAck("nobody answers")
    .catch(() => {});
  await io.fetchSockets();
  assert.deepEqual((await take(session, 5)).slice(0, 4), [
    '42["room"]',
    '42["all"]',
    '42["message","all"]',
    '42["message","one"]',
  ]);
  socket.disconnect();
  assert.deepEqual([...seen].sort(), [
    ...["Namespace._add", "Namespace._remove", "Namespace.emit", "Namespace.fetchSockets"],
    ...["Namespace.on", "Namespace.run", "Namespace.to", "Namespace.use"],
    ...["Server.attach", "Server.bind", "Server.emit", "Server.of", "Server.on"],
    ...["Server.onconnection", "Server.send", "Server.to", "Server.use"],
    ...["Socket.disconnect", "Socket.emit", "Socket.emitWithAck", "Socket.join"],
    ...["Socket.on", "Socket.onAny", "Socket.send", "Socket.use"],
  ]);
});

eachPair("BroadcastOperator.prototype.emit sees every broadcast", async (t, connect) => {
  const { io, session, socket } = await connect();
  const seen = [];
  wrap(t, Object.getPrototypeOf(io.to("x")), "emit", ([name]) => seen.push(name));
  io.emit("a");
  io.of("/").emit("b");
  io.to(socket.id).emit("c");
  socket.broadcast.emit("d");
  io.timeout(20)
    .emitWithAck("e")
    .catch(() => {});
  await take(session, 4);
  assert.deepEqual(seen, ["a", "b", "c", "d", "e"]);
});
