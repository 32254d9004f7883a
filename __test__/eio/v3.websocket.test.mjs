// WebSockets of protocol 3: typed binary frames, base64 where it is asked for, upgrades.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { Polling3 } from "../support/eio3.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { frame, opening, Tcp } from "../support/tcp.mjs";
import { once, unlessStalled, until } from "../support/wait.mjs";

const BYTES = Buffer.from([1, 2, 3, 4]);

/** A session without a Socket.IO layer on it; `messages` logs what the engine decodes. */
async function rawConn(t, { server, query = "", eio = 3 } = {}) {
  const { io, port } = await serve(t, { allowEIO3: true, ...server });
  const connecting = once(io.engine, "connection");
  const session = await Ws.open(t, port, { eio, query });
  const [conn] = await connecting;
  // the main namespace is joined unasked
  if (eio === 3) assert.equal(await session.next(), "40");
  conn.removeAllListeners("data");
  const messages = [];
  conn.on("data", (data) => messages.push(data || ""));
  return { io, port, session, conn, messages };
}

test("the handshake is a frame, and the main namespace another", async (t) => {
  const { session, conn } = await rawConn(t);
  assert.deepEqual(session.handshake, {
    sid: conn.id,
    upgrades: [],
    pingInterval: 25000,
    pingTimeout: 20000,
    maxPayload: 1000000,
  });
  assert.equal(conn.protocol, 3);
});

test("the initial packet has a frame of its own", async (t) => {
  const server = { allowEIO3: true, initialPacket: Buffer.from([7]) };
  const { port } = await serve(t, server);
  const session = await Ws.open(t, port, { eio: 3 });
  assert.equal((await session.next()).toString("hex"), "0407");
  assert.equal(await session.next(), "40");
});

// revision, query → the frame of a binary message
for (const [eio, query, sent] of [
  [3, "", Buffer.from([4, 1, 2, 3, 4])],
  [3, "&b64=", Buffer.from([4, 1, 2, 3, 4])],
  [3, "&b64=1", "b4AQIDBA=="],
  [3, "&b64=0", "b4AQIDBA=="],
  [4, "", BYTES],
  [4, "&b64=1", "bAQIDBA=="],
]) {
  test(`binary messages to a client of protocol ${eio} with "${query}"`, async (t) => {
    const { session, conn } = await rawConn(t, { eio, query });
    conn.send("a€");
    conn.send(BYTES);
    conn.send("😀");
    assert.equal(await session.next(), "4a€");
    assert.deepEqual(await session.next(), sent);
    assert.equal(await session.next(), "4😀");
  });
}

test("the first byte of a binary frame is the packet type", async (t) => {
  const { session, conn, messages } = await rawConn(t);
  await session.send(Buffer.from([4, 1, 2]), "b4AQI=", Buffer.from([4]), "4");
  // no type, or one that is not used so
  const ignored = [[], [7, 1], [0x34, 1], [0], [5], [6]].map((bytes) => Buffer.from(bytes));
  await session.send(...ignored, "b", "bx", "b7AQI=", "0", "5", "6", "4end");
  await until(() => messages.includes("end"));
  const expected = [Buffer.from([1, 2]), Buffer.from([1, 2]), Buffer.alloc(0), "", "end"];
  assert.deepEqual(messages, expected);
  assert.equal(conn.readyState, "open");
});

test("pings are answered without their data", async (t) => {
  const { session, conn } = await rawConn(t);
  const beat = once(conn, "heartbeat");
  await session.send("2xy", Buffer.from([2, 9]), "2");
  for (let n = 0; n < 3; n++) assert.equal(await session.next(), "3");
  await beat;
});

const DIRECTION = ["transport error", "invalid heartbeat direction"];
for (const [message, end] of [
  ["", ["parse error", undefined]],
  ["9", ["parse error", undefined]],
  ["x", ["parse error", undefined]],
  ["3", DIRECTION],
  [Buffer.from([3]), DIRECTION],
]) {
  test(`the message ${JSON.stringify(message)} ends the session: ${end[0]}`, async (t) => {
    const { session, conn } = await rawConn(t);
    const closed = once(conn, "close");
    await session.send(message);
    const [reason, description] = await closed;
    assert.deepEqual([reason, description?.message], end);
    assert.equal((await session.closed).code, 1005);
  });
}

test("closes a client that stops pinging after interval and timeout", async (t) => {
  const server = { pingInterval: 300, pingTimeout: 700 };
  const { session, conn } = await rawConn(t, { server });
  const closed = once(conn, "close");
  await session.send("2");
  // the server never asks
  assert.equal(await session.next(), "3");
  assert.equal(await session.next(), null);
  assert.equal((await closed)[0], "ping timeout");
});

test("pings keep the session alive", async (t) => {
  const server = { pingInterval: 300, pingTimeout: 700 };
  await unlessStalled(500, async () => {
    const { session, conn } = await rawConn(t, { server });
    for (let n = 0; n < 10; n++) {
      await session.send("2");
      assert.equal(await session.next(), "3");
      await new Promise((resolve) => setTimeout(resolve, 150)); // in all, longer than is allowed
    }
    assert.equal(conn.readyState, "open");
  });
});

// query of the upgrade → the frame of a binary message
for (const [query, sent] of [
  ["", Buffer.from([4, 1, 2, 3, 4])],
  ["&b64=1", "b4AQIDBA=="],
]) {
  test(`an upgrade with "${query}"`, async (t) => {
    const { io, port } = await serve(t, { allowEIO3: true });
    const connecting = once(io.engine, "connection");
    const polling = await Polling3.open(port, { query: "&b64=1" });
    const [conn] = await connecting;
    assert.equal(await polling.next(), "40");
    const { answer } = await polling.hold(conn);
    const ws = await Ws.open(t, port, { eio: 3, query: `&sid=${polling.sid}${query}` });
    await ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    assert.equal((await answer).text, "1:6");
    conn.send("buffered");
    conn.send(BYTES);
    const upgraded = once(conn, "upgrade");
    await ws.send("5");
    await upgraded;
    assert.equal(await ws.next(), "4buffered");
    assert.deepEqual(await ws.next(), sent);
    conn.send(BYTES);
    assert.deepEqual(await ws.next(), sent);
    assert.equal((await polling.get()).status, 400);
  });
}

test("a probe in base64 is none", async (t) => {
  const { port } = await serve(t, { allowEIO3: true });
  const polling = await Polling3.open(port);
  const ws = await Ws.open(t, port, { eio: 3, query: `&sid=${polling.sid}` });
  await ws.send("b2cHJvYmU=");
  assert.equal((await ws.closed).code, 1005);
  assert.equal(await polling.next(), "40");
});

test("the upgrade of another revision is refused", async (t) => {
  const { port } = await serve(t, { allowEIO3: true });
  const polling = await Polling3.open(port);
  const tcp = await Tcp.open(t, port);
  tcp.write(opening(`EIO=4&transport=websocket&sid=${polling.sid}`));
  assert.match(await tcp.rest(), /^HTTP\/1\.1 400 .*Bad request$/s);
  assert.equal(await polling.next(), "40");
});

test("without allowEIO3 there is no session", async (t) => {
  const { io, port } = await serve(t);
  const failed = once(io.engine, "connection_error");
  const tcp = await Tcp.open(t, port);
  tcp.write(opening("EIO=3&transport=websocket"));
  assert.match(await tcp.rest(), /HTTP\/1\.1 400 Bad Request.*Unsupported protocol version$/s);
  assert.equal((await failed)[0].code, 5);
  assert.equal(io.engine.clientsCount, 0);
});

test("frames that came with the request", async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true });
  const polling = await Polling3.open(port);
  assert.equal(await polling.next(), "40");
  const [socket] = io.sockets.sockets.values();
  const heard = once(socket, "hi");
  const tcp = await Tcp.open(t, port);
  const frames = [frame(1, "2probe"), frame(1, "5"), frame(1, '42["hi",1]')];
  const request = opening(`EIO=3&transport=websocket&sid=${polling.sid}`);
  tcp.write(Buffer.concat([Buffer.from(request), ...frames]));
  assert.deepEqual(await heard, [1]);
});

/** The first bytes that a bare client reads of a new WebSocket. */
async function firstRead(t, port) {
  const tcp = await Tcp.open(t, port);
  const read = once(tcp.socket, "data");
  await tcp.write(opening("EIO=3&transport=websocket"));
  const [bytes] = await read;
  const open = await tcp.until((all) => {
    const end = all.indexOf('"maxPayload"');
    return end < 0 ? undefined : all.toString("latin1");
  }, "the open packet");
  assert.match(open, /^HTTP\/1\.1 101 [\s\S]*\r\n\r\n[\s\S]{2}0\{"sid":"/);
  tcp.destroy();
  return bytes.toString("latin1");
}

for (const form of FORMS) {
  // The machine may be so busy that a client reads late. In one write, none would be apart.
  beyond(`the open packet is no part of the read that has the 101 (${form})`, async (t) => {
    const { port } = await SERVE[form](t, { allowEIO3: true });
    const reads = [];
    for (let i = 0; i < 30; i++) reads.push(await firstRead(t, port));
    const apart = reads.filter((bytes) => bytes.endsWith("\r\n\r\n"));
    assert.ok(apart.length > 0, `${apart.length} of ${reads.length} are apart`);
  });

  beyond(`a client that listens once it is open hears the open packet (${form})`, async (t) => {
    const { port } = await SERVE[form](t, { allowEIO3: true });
    let heard = 0;
    for (let i = 0; i < 30; i++) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=3&transport=websocket`);
      const messages = [];
      ws.on("message", (message) => messages.push(message.toString()));
      await once(ws, "open");
      // One that had listened from now on only would have heard it.
      if (messages.length === 0) heard++;
      await until(() => messages[0]?.startsWith('0{"sid":'), "the open packet");
      ws.terminate();
    }
    assert.ok(heard > 0, `${heard} of 30 hear it`);
  });
}

beyond("what is sent behind the open packet of protocol 3 keeps its order", async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true, initialPacket: "first" });
  io.engine.on("connection", (conn) => {
    conn.send("second");
    conn.send(BYTES);
  });
  const session = await Ws.open(t, port, { eio: 3 });
  const messages = [];
  for (let i = 0; i < 4; i++) messages.push(await session.next());
  assert.deepEqual(messages.slice(0, 2), ["4first", "4second"]);
  assert.deepEqual(messages[2], Buffer.from([4, 1, 2, 3, 4]));
  assert.equal(messages[3], "40");
});
