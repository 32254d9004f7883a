// Every way a socket ends: reason, description, and the state listeners see.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, eachWay, pair } from "../support/clients.mjs";
import { rawPair } from "../support/pairs.mjs";
import { eachTransport, Polling, SESSIONS, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { frame, openFrames } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

// [what happens, transports, act({ session, socket, io }), reason, description.message]
const both = ["polling", "websocket"];
const REASONS = [
  ["a DISCONNECT packet", both, ({ session }) => session.send("41"), "client namespace disconnect"],
  ["disconnect()", both, ({ socket }) => socket.disconnect(), "server namespace disconnect"],
  [
    "disconnect(true)",
    both,
    ({ socket }) => socket.disconnect(true),
    "server namespace disconnect",
  ],
  ["disconnectSockets()", both, ({ io }) => io.disconnectSockets(), "server namespace disconnect"],
  [
    "disconnectSockets(true)",
    both,
    ({ io }) => io.disconnectSockets(true),
    "server namespace disconnect",
  ],
  ["io.close()", both, ({ io }) => io.close(), "server shutting down"],
  ["conn.close(true)", both, ({ socket }) => socket.conn.close(true), "forced close"],
  ["conn.close()", ["websocket"], ({ socket }) => socket.conn.close(), "forced close"],
  ["an engine close packet", ["polling"], ({ session }) => session.send("1"), "transport close"],
  ["a close frame", ["websocket"], ({ session }) => session.ws.close(), "transport close"],
  ["the TCP end", ["websocket"], ({ session }) => session.ws.terminate(), "transport close"],
  ["an unknown engine packet", both, ({ session }) => session.send("x"), "parse error"],
  ["an empty body", ["polling"], ({ session }) => session.post(""), "parse error"],
  ["an empty message", ["websocket"], ({ session }) => session.send(""), "parse error"],
  ["an undecodable packet", ["websocket"], ({ session }) => session.send("4abc"), "forced close"],
  ["a second CONNECT", ["websocket"], ({ session }) => session.send("40"), "forced close"],
  ["a second CONNECT", ["polling"], ({ session }) => session.send("40"), "forced server close"],
  [
    "an event for a namespace not joined",
    ["websocket"],
    ({ session }) => session.send('42/other,["e"]'),
    "forced close",
  ],
  [
    "an event for a namespace not joined",
    ["polling"],
    ({ session }) => session.send('42/other,["e"]'),
    "forced server close",
  ],
  [
    "a ping from the client",
    both,
    ({ session }) => session.send("2"),
    "transport error",
    "invalid heartbeat direction",
  ],
  [
    "an oversize message",
    ["websocket"],
    ({ session }) => session.send(`4${"x".repeat(1e6)}`),
    "transport error",
    "RangeError: Max payload size exceeded",
  ],
  [
    "a binary body",
    ["polling"],
    ({ session }) =>
      session.post("4x", { headers: { "content-type": "application/octet-stream" } }),
    "transport error",
    "invalid content",
  ],
];
for (const [title, transports, act, reason, message] of REASONS) {
  for (const transport of transports) {
    test(`${title} → ${reason} [${transport}]`, async (t) => {
      const { socket, ...rest } = await rawPair(t, (port) => SESSIONS[transport].open(t, port));
      const disconnecting = once(socket, "disconnecting");
      const disconnected = once(socket, "disconnect");
      await act({ socket, ...rest });
      for (const [given, description] of await Promise.all([disconnecting, disconnected])) {
        assert.equal(given, reason);
        if (message) {
          assert.ok(description instanceof Error);
          assert.equal(description.message, message);
        } else assert.equal(description?.message, undefined);
      }
    });
  }
}

// with a pending poll the transport can be closed at once
for (const [title, sent] of [
  ["a second CONNECT", "40"],
  ["an event for a namespace not joined", '42/other,["e"]'],
  ["an undecodable packet", "4abc"],
]) {
  test(`${title} while a poll is pending → forced close`, async (t) => {
    const { session, socket } = await rawPair(t, (port) => Polling.open(t, port));
    const { answer } = await session.hold(socket.conn);
    const disconnected = once(socket, "disconnect");
    await session.send(sent);
    assert.equal((await disconnected)[0], "forced close");
    assert.equal((await answer).text, "1");
  });
}

test("an undecodable packet without a poll: error at once, disconnect at the next poll", async (t) => {
  const { session, socket } = await rawPair(t, (port) => Polling.open(t, port));
  const failed = once(socket, "error");
  const seen = [];
  socket.on("disconnect", (reason) => seen.push(reason));
  await session.send("4abc");
  assert.equal((await failed)[0].message, "unknown packet type NaN");
  assert.deepEqual(seen, []);
  assert.equal((await session.get()).text, "6\x1e1");
  await until(() => seen.length > 0, "the end is heard");
  assert.deepEqual(seen, ["forced close"]);
});

for (const [transport, kind] of Object.entries(SESSIONS)) {
  test(`no pong → ping timeout [${transport}]`, async (t) => {
    const { socket } = await rawPair(t, (port) => kind.open(t, port), {
      pingInterval: 300,
      pingTimeout: 700,
    });
    const [reason, description] = await once(socket, "disconnect");
    assert.equal(reason, "ping timeout");
    assert.equal(description, undefined);
  });
}

test("a client that aborts its poll → transport error", async (t) => {
  const { session, socket } = await rawPair(t, (port) => Polling.open(t, port));
  const disconnected = once(socket, "disconnect");
  const aborted = new AbortController();
  const poll = fetch(`http://127.0.0.1:${session.port}${session.path}`, { signal: aborted.signal });
  poll.catch(() => {});
  await until(() => socket.conn.transport.writable);
  aborted.abort();
  const [reason, description] = await disconnected;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "poll connection closed prematurely");
});

test("a WebSocket protocol error → transport error", async (t) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const tcp = await openFrames(t, port);
  tcp.write(frame(1, "40"));
  const [socket] = await connecting;
  const disconnected = once(socket, "disconnect");
  tcp.write(frame(3, "bad opcode"));
  const [reason, description] = await disconnected;
  assert.equal(reason, "transport error");
  assert.match(description.message, /^RangeError: Invalid WebSocket frame: /);
});

eachTransport("the state during disconnecting and disconnect", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await open(port);
  const id = await session.join();
  const [socket] = await connecting;
  socket.join("room");
  const seen = {};
  const state = () => ({
    connected: socket.connected,
    rooms: [...socket.rooms],
    member: io.sockets.sockets.has(id),
    inRoom: io.sockets.adapter.rooms.has("room"),
  });
  socket.on("disconnecting", () => {
    seen.disconnecting = state();
  });
  socket.on("disconnect", () => {
    seen.disconnect = state();
  });
  await session.send("41");
  await until(() => seen.disconnect);
  assert.deepEqual(seen, {
    disconnecting: { connected: true, rooms: [id, "room"], member: true, inRoom: true },
    disconnect: { connected: false, rooms: [], member: false, inRoom: false },
  });
  assert.equal(socket.disconnected, true);
  assert.equal(io.sockets.adapter.sids.size, 0);
});

eachTransport("a packet still goes out while the connection is open", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [socket] = await connecting;
  assert.equal(socket.disconnect(), socket);
  assert.equal(socket.disconnect(), socket);
  assert.equal(socket.emit("after"), true);
  assert.equal(await session.next(), "41");
  assert.equal(await session.next(), '42["after"]');
  // the same connection can join again, as another socket
  assert.notEqual(await session.join(), socket.id);
});

test("disconnect(true) ends all sockets of the connection", async (t) => {
  const { io, port } = await serve(t);
  io.of("/other");
  const session = await Ws.open(t, port);
  const sockets = [];
  for (const nsp of ["/", "/other"]) io.of(nsp).on("connection", (socket) => sockets.push(socket));
  await session.join("/");
  await session.join("/other");
  const reasons = [];
  for (const socket of sockets) socket.on("disconnect", (reason) => reasons.push(reason));
  sockets[0].disconnect(true);
  await session.closed;
  assert.deepEqual(reasons, Array(2).fill("server namespace disconnect"));
  assert.equal(io.engine.clientsCount, 0);
});

eachTransport("events and acks sent before the goodbye arrive", async (t, open) => {
  const { io, port } = await serve(t);
  io.on("connection", (socket) => {
    socket.on("bye", (ack) => {
      socket.emit("last", 1);
      ack("ok");
      socket.disconnect();
    });
  });
  const session = await open(port);
  await session.join();
  await session.send('420["bye"]');
  assert.equal(await session.next(), '42["last",1]');
  assert.equal(await session.next(), '430["ok"]');
  assert.equal(await session.next(), "41");
});

// what the official client is told: [act on the server's socket, reason]
for (const [title, act, reason] of [
  ["disconnect()", (socket) => socket.disconnect(), "io server disconnect"],
  ["disconnect(true)", (socket) => socket.disconnect(true), "io server disconnect"],
  ["conn.close()", (socket) => socket.conn.close(), "transport close"],
]) {
  eachWay(`the client sees "${reason}" after ${title}`, async (t, way) => {
    const { socket, client } = await pair(t, way);
    await connected(client);
    const left = once(client, "disconnect");
    act(socket);
    assert.equal((await left)[0], reason);
  });
}

eachWay("client.disconnect() ends the socket of the server", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const gone = once(socket, "disconnect");
  client.disconnect();
  // the DISCONNECT packet and the end of the connection race on the client's side
  assert.match((await gone)[0], /^(client namespace disconnect|transport close)$/);
});
