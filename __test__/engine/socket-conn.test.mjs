// socket.conn: members, sending, events, closing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "../support/clients.mjs";
import { eachTransport, Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

/** A session that has not joined anything, with its engine socket; `watch(conn)` is called at once. */
async function rawConn(t, open, options, watch = () => {}) {
  const { io, port } = await serve(t, options);
  io.engine.once("connection", watch);
  const connecting = once(io.engine, "connection");
  const session = await open(port);
  const [conn] = await connecting;
  return { io, port, session, conn };
}

eachTransport("socket.conn has upstream's members", async (t, open, transport) => {
  const { io, session, conn } = await rawConn(t, open);
  assert.equal(conn.id, session.sid);
  assert.equal(conn.protocol, 4);
  assert.equal(conn.readyState, "open");
  assert.equal(conn.remoteAddress, "127.0.0.1");
  assert.equal(conn.server, io.engine);
  assert.equal(conn.transport.name, transport);
  assert.equal(conn.upgraded, false);
  assert.equal(conn.upgrading, false);
  assert.equal(conn.request._query.transport, transport);
  assert.ok(Array.isArray(conn.writeBuffer));
});

for (const method of ["send", "write"]) {
  eachTransport(`${method}: text and binary, returns the socket`, async (t, open) => {
    const { session, conn } = await rawConn(t, open);
    assert.equal(conn[method]("text €"), conn);
    assert.equal(conn[method](""), conn);
    assert.equal(conn[method](Buffer.from([1, 2, 3])), conn);
    assert.equal(await session.next(), "4text €");
    assert.equal(await session.next(), "4");
    assert.deepEqual(await session.next(), Buffer.from([1, 2, 3]));
  });
}

eachTransport("the send callback gets the transport after the drain", async (t, open) => {
  const { session, conn } = await rawConn(t, open);
  const seen = [];
  conn.send("a", { compress: false }, (transport) => seen.push(["a", transport]));
  conn.send("b", (transport) => seen.push(["b", transport]));
  assert.equal(await session.next(), "4a");
  assert.equal(await session.next(), "4b");
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [
    ["a", conn.transport],
    ["b", conn.transport],
  ]);
});

eachTransport("incoming: packet, then data, then message", async (t, open) => {
  const { session, conn } = await rawConn(t, open);
  conn.removeAllListeners("data"); // Socket.IO's own decoder would refuse these messages
  const seen = [];
  for (const event of ["message", "data", "packet"]) {
    conn.on(event, (value) => seen.push([event, value]));
  }
  await session.send("4hi", Buffer.from([5]), "4", "6");
  await until(() => seen.length === 10);
  assert.deepEqual(
    seen.map(([event, value]) => [event, typeof value?.type === "string" ? { ...value } : value]),
    [
      ["packet", { type: "message", data: "hi" }],
      ["data", "hi"],
      ["message", "hi"],
      ["packet", { type: "message", data: Buffer.from([5]) }],
      ["data", Buffer.from([5])],
      ["message", Buffer.from([5])],
      ...["packet", "data", "message"].map((event) => [
        event,
        event === "packet" ? seen[6][1] : seen[7][1],
      ]),
      ["packet", seen[9][1]],
    ],
  );
  assert.equal(seen[6][1].type, "message");
  assert.ok(!seen[7][1]);
  assert.equal(seen[9][1].type, "noop");
});

eachTransport("outgoing: packetCreate, flush, drain", async (t, open) => {
  const { session, conn } = await rawConn(t, open);
  if (session instanceof Ws) await until(() => conn.transport.writable);
  const poll = session instanceof Polling ? await session.hold(conn) : undefined;
  const seen = [];
  conn.on("packetCreate", ({ type, data, options }) => {
    seen.push(["packetCreate", type, data, options.compress]);
  });
  conn.on("flush", (packets) => seen.push(["flush", packets.map(({ data }) => data)]));
  conn.on("drain", () => seen.push(["drain"]));
  conn.send("a");
  seen.push(["returned"]);
  // handing over is synchronous; the bytes may take longer
  assert.deepEqual(seen, [
    ["packetCreate", "message", "a", true],
    ["flush", ["a"]],
    ["drain"],
    ["returned"],
  ]);
  if (poll) assert.equal((await poll.answer).text, "4a");
  else assert.equal(await session.next(), "4a");
});

eachTransport("writeBuffer holds what waits, and is flushed together", async (t, open) => {
  const { session, conn } = await rawConn(t, open);
  const flushed = [];
  conn.on("flush", (packets) => flushed.push(packets.length));
  if (session instanceof Ws) await until(() => conn.transport.writable);
  const first = session instanceof Ws ? 1 : 0; // a websocket takes the first one at once
  for (const text of ["a", "b", "c"]) conn.send(text);
  assert.equal(conn.writeBuffer.length, 3 - first);
  for (const text of ["a", "b", "c"]) assert.equal(await session.next(), `4${text}`);
  assert.equal(conn.writeBuffer.length, 0);
  assert.deepEqual(flushed, first ? [1, 2] : [3]);
});

eachTransport("socket.conn emits heartbeat for each pong", async (t, open) => {
  let created;
  const watch = (conn) => {
    created = once(conn, "packetCreate");
  };
  const { session, conn } = await rawConn(t, open, { pingInterval: 50 }, watch);
  assert.equal(await session.next(), "2");
  assert.equal((await created)[0].type, "ping");
  const beat = once(conn, "heartbeat");
  const packet = once(conn, "packet");
  await session.send("3");
  assert.equal((await packet)[0].type, "pong");
  assert.deepEqual(await beat, []);
});

eachTransport("close(true) closes at once, once", async (t, open) => {
  const { io, session, conn } = await rawConn(t, open);
  const seen = [];
  conn.on("close", (...args) => seen.push(args.slice(0, 1)));
  if (session instanceof Ws) await until(() => conn.transport.writable);
  conn.close(true);
  await until(() => seen.length > 0);
  conn.close(true);
  conn.close();
  await new Promise(setImmediate);
  assert.deepEqual(seen, [["forced close"]]);
  assert.equal(conn.readyState, "closed");
  assert.equal(io.engine.clientsCount, 0);
  if (session instanceof Ws) assert.equal((await session.closed).code, 1005);
  else assert.equal((await session.get()).text, '{"code":1,"message":"Session ID unknown"}');
});

eachTransport("close() flushes what waits first", async (t, open) => {
  const { session, conn } = await rawConn(t, open);
  const closed = once(conn, "close");
  conn.send("a");
  conn.send("b");
  conn.close();
  assert.equal(conn.readyState, "closing");
  conn.send("too late");
  assert.equal(await session.next(), "4a");
  assert.equal(await session.next(), "4b");
  if (session instanceof Ws) assert.equal(await session.next(), null);
  else assert.equal((await session.get()).text, "6\x1e1");
  assert.equal((await closed)[0], "forced close");
});

eachTransport("nothing is sent after the close", async (t, open) => {
  const { conn } = await rawConn(t, open);
  const closed = once(conn, "close");
  conn.close(true);
  await closed;
  let created = false;
  conn.on("packetCreate", () => {
    created = true;
  });
  assert.equal(conn.send("x"), conn);
  assert.equal(created, false);
  await until(() => conn.writeBuffer.length === 0);
});

test("an upgrade: upgrading, upgrade, the new transport", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.engine.on("connection", (conn) => {
    const old = conn.transport;
    for (const event of ["upgrading", "upgrade"]) {
      conn.on(event, (transport) => {
        const { upgrading, upgraded } = conn;
        seen.push([event, transport.name, conn.transport === old, { upgrading, upgraded }]);
      });
    }
  });
  const { socket } = await join(t, io, port, { transports: ["polling", "websocket"] });
  await until(() => seen.length === 2);
  assert.deepEqual(
    seen.map(([event, name, old]) => [event, name, old]),
    [
      ["upgrading", "websocket", true],
      ["upgrade", "websocket", false],
    ],
  );
  await until(() => !socket.conn.upgrading);
  assert.equal(socket.conn.upgraded, true);
  assert.equal(socket.conn.transport.name, "websocket");
});
