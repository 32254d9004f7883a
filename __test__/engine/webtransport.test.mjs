// engine.onWebTransportSession(): sessions over WebTransport, from their handshake to their end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { FakeSession, frame, header, Wt } from "../support/webtransport.mjs";
import { PATH, serveEngine, Ws } from "./support.mjs";

/** A session of each side: `{ eio, port, client, conn }`. */
async function meet(t, options, settings) {
  const { eio, port } = await serveEngine(t, options);
  const connecting = once(eio, "connection");
  const client = await Wt.open(t, eio, settings);
  const [conn] = await connecting;
  return { eio, port, client, conn };
}

test("a session begins with an open packet", async (t) => {
  const { eio, client, conn } = await meet(t);
  const settings = '"upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000';
  assert.equal(client.opening, `0{"sid":"${conn.id}",${settings}}`);
  assert.equal(await client.taken, undefined);
  assert.equal(eio.clients[client.sid], conn);
  assert.equal(eio.clientsCount, 1);
  const { protocol, readyState, upgrading, upgraded, request, remoteAddress } = conn;
  assert.deepEqual(
    { protocol, readyState, upgrading, upgraded, request, remoteAddress },
    {
      protocol: 4,
      readyState: "open",
      upgrading: false,
      upgraded: false,
      request: null,
      remoteAddress: undefined,
    },
  );
  const { name, sid, supportsBinary, discarded, socket } = conn.transport;
  assert.deepEqual(
    { name, sid, supportsBinary, discarded, socket, protocol: conn.transport.protocol },
    {
      name: "webtransport",
      sid: conn.id,
      supportsBinary: true,
      discarded: false,
      socket: undefined,
      protocol: 4,
    },
  );
  assert.deepEqual(conn.transport.constructor.upgradesTo, []);
});

for (const [title, options] of Object.entries({
  "transports without webtransport": { transports: ["polling", "websocket"] },
  "transports with nothing else": { transports: ["webtransport"] },
  "no upgrades": { allowUpgrades: false },
  "a cookie": { cookie: true },
  "protocol 3": { allowEIO3: true },
  "allowRequest, which is not asked": { allowRequest: (_req, done) => done("no", false) },
})) {
  test(`a session begins whatever the options: ${title}`, async (t) => {
    const { client, conn } = await meet(t, options);
    assert.deepEqual(client.handshake.upgrades, []);
    assert.equal(conn.transport.name, "webtransport");
  });
}

test("generateId is not asked: there is no request", async (t) => {
  const { eio } = await serveEngine(t);
  eio.generateId = () => assert.fail("asked for an id");
  const { sid } = await Wt.open(t, eio);
  assert.match(sid, /^[\w-]{20}$/);
});

test("the settings of the handshake, and the initial packet", async (t) => {
  const options = { pingInterval: 1234, pingTimeout: 567, maxHttpBufferSize: 89 };
  const { client } = await meet(t, { ...options, initialPacket: "hello" });
  const { pingInterval, pingTimeout, maxPayload } = client.handshake;
  assert.deepEqual([pingInterval, pingTimeout, maxPayload], [1234, 567, 89]);
  assert.equal(await client.next(), "4hello");
});

test("messages of every length of header, both ways", async (t) => {
  const { client, conn } = await meet(t);
  conn.on("message", (data) => conn.send(data));
  for (const length of [0, 1, 124, 125, 126, 1000, 65_534, 65_535, 65_536, 999_999]) {
    const text = "x".repeat(length);
    await client.send(`4${text}`);
    assert.equal(await client.next(), `4${text}`);
    if (length === 0) continue;
    const bytes = Buffer.alloc(length, length);
    await client.send(bytes);
    assert.deepEqual(await client.next(), bytes);
  }
});

test("text is UTF-8, and binary may come as base64", async (t) => {
  const { client, conn } = await meet(t);
  const received = [];
  conn.on("message", (data) => received.push(data));
  await client.send("4ü€😀\u0000\u001e", "bAQID");
  await until(() => received.length === 2);
  assert.deepEqual(received, ["ü€😀\u0000\u001e", Buffer.from([1, 2, 3])]);
  conn.send("ü€😀");
  assert.equal(await client.next(), "4ü€😀");
  conn.send(new Uint8Array([7, 8]));
  conn.send(new Uint16Array([0x0201]).buffer);
  assert.deepEqual(await client.next(), Buffer.from([7, 8]));
  assert.deepEqual(await client.next(), Buffer.from([1, 2]));
});

test("packets come in any pieces", async (t) => {
  const { client, conn } = await meet(t);
  const received = [];
  conn.on("message", (data) => received.push(data));
  const packets = ["4a", Buffer.from([1, 2, 3]), `4${"b".repeat(200)}`, "4c"];
  const bytes = Buffer.concat(packets.map(frame));
  const expected = ["a", Buffer.from([1, 2, 3]), "b".repeat(200), "c"];
  for (const size of [bytes.length, 1, 3, 100]) {
    received.length = 0;
    for (let at = 0; at < bytes.length; at += size)
      await client.write(bytes.subarray(at, at + size));
    await until(() => received.length === expected.length);
    assert.deepEqual(received, expected, `pieces of ${size}`);
  }
});

test("messages behind the open packet belong to the session", async (t) => {
  const { eio } = await serveEngine(t);
  eio.on("connection", (conn) => conn.on("message", (data) => conn.send(data)));
  const client = await Wt.connect(t, eio);
  await client.send("0", "4at once");
  assert.match(await client.next(), /^0\{/);
  assert.equal(await client.next(), "4at once");
});

test("events of packets, and of what is sent", async (t) => {
  const { eio } = await serveEngine(t);
  const events = [];
  const note = (emitter, of, names) => {
    for (const name of names) emitter.on(name, () => events.push(`${of} ${name}`));
  };
  note(eio, "engine", ["initial_headers", "headers", "flush", "drain", "connection"]);
  const connecting = once(eio, "connection");
  const client = await Wt.open(t, eio);
  const [conn] = await connecting;
  assert.deepEqual(events.splice(0), ["engine flush", "engine drain", "engine connection"]);
  note(conn, "conn", ["packet", "data", "message", "heartbeat", "packetCreate", "flush", "drain"]);
  await client.send("4x", "3");
  await until(() => events.length === 5);
  const received = ["conn packet", "conn data", "conn message", "conn packet", "conn heartbeat"];
  assert.deepEqual(events.splice(0), received);
  const sent = new Promise((resolve) => conn.send("y", { compress: false }, resolve));
  assert.equal(await client.next(), "4y");
  assert.equal(await sent, conn.transport);
  assert.deepEqual(events, [
    "conn packetCreate",
    "conn flush",
    "engine flush",
    "conn drain",
    "engine drain",
  ]);
});

test("the heartbeat: who answers stays, who does not is gone", async (t) => {
  const { client, conn } = await meet(t, { pingInterval: 50, pingTimeout: 800 });
  const closing = once(conn, "close");
  for (let i = 0; i < 3; i++) {
    assert.equal(await client.next(), "2");
    await client.send("3");
  }
  assert.equal(conn.readyState, "open");
  assert.deepEqual((await closing)[0], "ping timeout");
  await client.closed;
});

test("a session ends when the client closes", async (t) => {
  const { eio, client, conn } = await meet(t);
  const closing = once(conn, "close");
  client.transport.close();
  assert.deepEqual(await closing, ["transport close", undefined]);
  assert.equal(conn.readyState, "closed");
  assert.equal(eio.clientsCount, 0);
});

test("the server closes, after what it has sent", async (t) => {
  for (const discard of [false, true]) {
    const { eio, client, conn } = await meet(t, {}, { held: 16 });
    const closing = once(conn, "close");
    conn.send("last");
    conn.close(discard);
    assert.equal((await closing)[0], "forced close");
    await client.closed;
    assert.equal(eio.clientsCount, 0);
    const { value } = await client.reader.read();
    assert.equal(value[0], "4last".length);
  }
});

beyond("messages sent before close() arrive at a client that reads slowly", async (t) => {
  const { client, conn } = await meet(t);
  for (let i = 0; i < 20; i++) conn.send(`${i}`);
  conn.close();
  for (let i = 0; i < 20; i++) assert.equal(await client.next(), `4${i}`);
  await client.closed;
});

test("a session ends when the engine closes", async (t) => {
  const { eio, client, conn } = await meet(t);
  const closing = once(conn, "close");
  eio.close();
  assert.equal((await closing)[0], "forced close");
  await client.closed;
});

for (const [title, bytes, reason, message] of [
  ["a ping", frame("2"), "transport error", "invalid heartbeat direction"],
  ["an unknown type", frame("9"), "parse error"],
  ["an empty packet", [0], "parse error"],
  ["an empty binary packet", [0x80], "parse error"],
  ["a packet that is too long", header(101), "parse error"],
  ["a binary packet that is too long", header(101, true), "parse error"],
  ["2 to the 32nd bytes", header(2 ** 32), "parse error"],
  ["2 to the 64th bytes", Buffer.alloc(9, 0xff), "parse error"],
]) {
  test(`the session ends: ${title}`, async (t) => {
    const { eio, client, conn } = await meet(t, { maxHttpBufferSize: 100 });
    const messages = [];
    conn.on("message", (data) => messages.push(data));
    const closing = once(conn, "close");
    await client.write(Buffer.concat([frame(`4${"x".repeat(99)}`), Buffer.from(bytes)]));
    const [given, description] = await closing;
    assert.deepEqual([given, description?.message], [reason, message]);
    assert.deepEqual(messages, ["x".repeat(99)]);
    await client.closed;
    assert.equal(eio.clientsCount, 0);
  });
}

test("the session stays open after a packet of another type, or the end of the stream", async (t) => {
  const { client, conn } = await meet(t);
  const received = once(conn, "message");
  await client.send("6", "5", "0", "3", "4still here");
  assert.deepEqual(await received, ["still here"]);
  await client.writer.close();
  conn.send("and here");
  assert.equal(await client.next(), "4and here");
  assert.equal(conn.readyState, "open");
});

test("a stream that breaks is noticed by the heartbeat", async (t) => {
  const { client, conn } = await meet(t, { pingInterval: 50, pingTimeout: 500 });
  const closing = once(conn, "close");
  await client.writer.abort(new Error("reset"));
  await client.reader.cancel(new Error("reset"));
  conn.send("into the void");
  assert.equal((await closing)[0], "ping timeout");
});

test("further streams are nobody's", async (t) => {
  const { client, conn } = await meet(t);
  const stream = await client.transport.createBidirectionalStream();
  stream.writable.getWriter().write(Uint8Array.from(frame("4elsewhere")));
  const received = once(conn, "message");
  await client.send("4here");
  assert.deepEqual(await received, ["here"]);
});

test("a request for such a session is refused", async (t) => {
  const { eio, port, client } = await meet(t);
  const refusing = once(eio, "connection_error");
  const path = `${PATH}?EIO=4&transport=polling&sid=${client.sid}`;
  const { status, text } = await request(port, path);
  assert.deepEqual([status, text], [400, '{"code":3,"message":"Bad request"}']);
  assert.deepEqual((await refusing)[0].context, {
    name: "TRANSPORT_MISMATCH",
    transport: "polling",
    previousTransport: "webtransport",
  });
});

test("sessions over WebTransport do not disturb each other", async (t) => {
  const { eio, port, client, conn } = await meet(t);
  const other = await Wt.open(t, eio);
  const ws = await Ws.open(t, port, { path: PATH });
  assert.equal(new Set([client.sid, other.sid, ws.sid]).size, 3);
  assert.equal(eio.clientsCount, 3);
  const closing = once(conn, "close");
  client.transport.close();
  await closing;
  assert.deepEqual(Object.keys(eio.clients).sort(), [other.sid, ws.sid].sort());
  eio.clients[other.sid].send("x");
  assert.equal(await other.next(), "4x");
});

test("an engine that is attached to nothing", async (t) => {
  const { engine } = await import("../support/subject.mjs");
  const eio = new engine.Server();
  const client = await Wt.open(t, eio);
  const conn = eio.clients[client.sid];
  assert.ok(conn.transport instanceof engine.transports.webtransport);
  conn.send("x");
  assert.equal(await client.next(), "4x");
  eio.close();
  await client.closed;
});

beyond("onWebTransportSession throws for a value that is no session", async (t) => {
  const { eio, client, conn } = await meet(t, { upgradeTimeout: 20 });
  const none = [undefined, null, 5, {}, { closed: Promise.resolve(), close() {} }];
  for (const given of [...none, { incomingBidirectionalStreams: {} }]) {
    await assert.rejects(eio.onWebTransportSession(given), /no WebTransport session/);
  }
  // One that is served already.
  await assert.rejects(eio.onWebTransportSession(client.transport.peer), TypeError);
  const late = FakeSession.pair();
  await eio.onWebTransportSession(late.peer);
  await late.closed;
  assert.equal(conn.readyState, "open");
});
