// Namespaces: members, isolation, one connection for several of them, refusals.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, eachWay, join, pair } from "../support/clients.mjs";
import { eachTransport } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { Server, Socket } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

test("a new namespace has no sockets and the documented members", () => {
  const io = new Server();
  const nsp = io.of("/chat");
  assert.equal(nsp.name, "/chat");
  assert.equal(nsp.server, io);
  assert.ok(nsp.sockets instanceof Map);
  assert.equal(nsp.sockets.size, 0);
  assert.equal(nsp._ids, 0);
  assert.equal(nsp.adapter.nsp, nsp);
  assert.equal(nsp.close, undefined);
});

test("methods of a namespace return the documented values", () => {
  const nsp = new Server().of("/chat");
  assert.equal(
    nsp.use(() => {}),
    nsp,
  );
  assert.equal(nsp.emit("x"), true);
  assert.equal(nsp.send("x"), nsp);
  assert.equal(nsp.write("x"), nsp);
  for (const room of ["a", ["a", "b"]]) {
    for (const method of ["to", "in", "except"]) {
      const operator = nsp[method](room);
      assert.notEqual(operator, nsp);
      assert.equal(typeof operator.emitWithAck, "function");
    }
  }
});

eachWay("one connection serves several namespaces", async (t, way) => {
  const { io, port, ...main } = await pair(t, way);
  const nsp = io.of("/chat");
  const accepted = once(nsp, "connection");
  const chat = main.client.io.socket("/chat");
  const [[socket]] = await Promise.all([accepted, connected(chat)]);
  assert.equal(socket.conn, main.socket.conn);
  assert.equal(socket.client, main.socket.client);
  assert.notEqual(socket.id, main.socket.id);
  assert.equal(socket.id, chat.id);
  assert.equal(nsp.sockets.get(chat.id), socket);
  assert.equal(io.engine.clientsCount, 1);

  const seen = [];
  main.client.onAny((...args) => seen.push(["/", ...args]));
  chat.onAny((...args) => seen.push(["/chat", ...args]));
  nsp.emit("a");
  io.emit("b");
  socket.emit("c");
  await until(() => seen.length === 3);
  assert.deepEqual(seen.sort(), [
    ["/", "b"],
    ["/chat", "a"],
    ["/chat", "c"],
  ]);

  const gone = once(socket, "disconnect");
  chat.disconnect();
  assert.equal((await gone)[0], "client namespace disconnect");
  assert.equal(nsp.sockets.size, 0);
  assert.equal(main.socket.connected, true);
});

eachWay("an unknown namespace is refused", async (t, way) => {
  const { port } = await serve(t);
  const [error] = await once(client(t, port, { ...way, nsp: "/nobody" }), "connect_error");
  assert.equal(error.message, "Invalid namespace");
});

eachTransport("a refusal is written as a packet of type 4", async (t, open) => {
  const { port } = await serve(t);
  const session = await open(port);
  await session.send("40/foo,");
  assert.equal(await session.next(), '44/foo,{"message":"Invalid namespace"}');
  // the query is part of the name in protocol 5
  await session.send("40/?a=b,");
  assert.equal(await session.next(), '44/?a=b,{"message":"Invalid namespace"}');
  await session.join("/");
});

eachTransport("a refused client may try again on the same connection", async (t, open) => {
  const { io, port } = await serve(t);
  let attempts = 0;
  io.use((_socket, next) => next(++attempts === 1 ? new Error("not yet") : undefined));
  const session = await open(port);
  await session.send("40");
  assert.equal(await session.next(), '44{"message":"not yet"}');
  await session.join("/");
});

test("connection hands over a Socket that is already a member", async (t) => {
  const { io, port } = await serve(t);
  const nsp = io.of("/chat");
  const seen = {};
  nsp.on("connection", (socket) => {
    seen.instance = socket instanceof Socket;
    seen.connected = socket.connected;
    seen.member = nsp.sockets.get(socket.id) === socket;
    seen.rooms = [...socket.rooms];
    seen.id = socket.id;
  });
  const { client: one } = await join(t, io, port, { nsp: "/chat" });
  assert.deepEqual(seen, {
    instance: true,
    connected: true,
    member: true,
    rooms: [one.id],
    id: one.id,
  });
});

test("auth reaches the middlewares and the connection handler", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.use((socket, next) => {
    seen.push(socket.handshake.auth);
    next();
  });
  const { socket } = await join(t, io, port, { auth: { token: "x", deep: [1, { a: null }] } });
  const auth = { token: "x", deep: [1, { a: null }] };
  assert.deepEqual(seen, [auth]);
  assert.deepEqual(socket.handshake.auth, auth);
});

test("the ack counter is shared by sockets and broadcasts of a namespace", async (t) => {
  const { io, socket, client: one } = await pair(t);
  one.on("e", (ack) => ack());
  await socket.emitWithAck("e");
  assert.equal(io.sockets._ids, 1);
  await io.timeout(5000).emitWithAck("e");
  assert.equal(io.sockets._ids, 2);
  assert.equal(io.of("/other")._ids, 0);
});

test("_onServerSideEmit fires a local event without a name check", () => {
  const nsp = new Server().sockets;
  const seen = [];
  nsp.on("connection", (...args) => seen.push(args));
  nsp._onServerSideEmit(["connection", 1, "2"]);
  assert.deepEqual(seen, [[1, "2"]]);
});

test("bulk operations are limited to their namespace", async (t) => {
  const { io, port, socket: main } = await pair(t);
  const { socket } = await join(t, io, port, { nsp: "/chat" });
  io.of("/chat").socketsJoin("room");
  assert.deepEqual(main.rooms, new Set([main.id]));
  assert.deepEqual(socket.rooms, new Set([socket.id, "room"]));
  assert.deepEqual(await io.of("/chat").fetchSockets(), [socket]);
  assert.deepEqual(await io.of("/chat").in("room").allSockets(), new Set([socket.id]));
  io.of("/chat").disconnectSockets();
  assert.equal(socket.connected, false);
  assert.equal(main.connected, true);
});
