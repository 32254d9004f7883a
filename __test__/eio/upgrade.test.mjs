// From polling to websocket, message by message.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polling, RS, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

/** A polling session, its engine socket, and `upgrade()` for a WebSocket to move it to. */
async function polling(t, options) {
  const { io, port } = await serve(t, options);
  const connecting = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await connecting;
  conn.removeAllListeners("data"); // messages here are not Socket.IO packets
  const upgrade = () => Ws.open(t, port, { query: `&sid=${session.sid}` });
  return { io, port, session, conn, upgrade };
}

/** Sends the probe and waits for its answer. */
async function probe(ws) {
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
}

const EMPTY_CLOSE = { code: 1005, reason: "" };

test("an upgrade goes from probe to websocket message by message", async (t) => {
  const { session, conn, upgrade } = await polling(t);
  const ws = await upgrade();
  const old = conn.transport;
  const upgrading = once(conn, "upgrading");
  await probe(ws);
  assert.equal((await upgrading)[0].name, "websocket");
  assert.equal(conn.transport, old);
  const upgraded = once(conn, "upgrade");
  await ws.send("5");
  const [transport] = await upgraded;
  assert.equal(conn.transport, transport);
  assert.equal(transport.name, "websocket");
  assert.equal(old.discarded, true);
  const received = once(conn, "data");
  await ws.send("4up");
  assert.deepEqual(await received, ["up"]);
  conn.send("down");
  assert.equal(await ws.next(), "4down");
  for (const answer of [await session.get(), await session.post("4x")]) {
    assert.equal(answer.status, 400);
    assert.equal(answer.text, '{"code":3,"message":"Bad request"}');
  }
  assert.equal(conn.readyState, "open");
});

test("a pending poll is answered with a noop during the upgrade", async (t) => {
  const { session, conn, upgrade } = await polling(t);
  const { answer } = await session.hold(conn);
  const ws = await upgrade();
  await probe(ws);
  assert.equal((await answer).text, "6");
  // a further one too, as long as the upgrade lasts
  assert.equal((await session.get()).text, "6");
  await ws.send("5");
  await once(conn, "upgrade");
});

test("packets between probe and 5 wait for the websocket, and keep their order", async (t) => {
  const { conn, upgrade } = await polling(t);
  const ws = await upgrade();
  await probe(ws);
  for (const text of ["a", "b"]) conn.send(text);
  conn.send(Buffer.from("c"));
  assert.equal(conn.writeBuffer.length, 3);
  const upgraded = once(conn, "upgrade");
  conn.once("upgrade", () => assert.equal(conn.writeBuffer.length, 3));
  await ws.send("5");
  await upgraded;
  assert.equal(await ws.next(), "4a");
  assert.equal(await ws.next(), "4b");
  assert.deepEqual(await ws.next(), Buffer.from("c"));
});

test("packets go out on a poll that is pending meanwhile", async (t) => {
  const { session, conn, upgrade } = await polling(t);
  const ws = await upgrade();
  await probe(ws);
  const { answer } = await session.hold(conn);
  conn.send("a");
  // the noop of the interval may have won
  const first = (await answer).text;
  assert.equal(first === "6" ? (await session.get()).text : first, "4a");
  conn.send("b");
  await ws.send("5");
  assert.equal(await ws.next(), "4b");
});

test("pushes are taken until the switch", async (t) => {
  const { session, conn, upgrade } = await polling(t);
  const seen = [];
  conn.on("data", (data) => seen.push(data));
  const ws = await upgrade();
  await probe(ws);
  await session.send("4a");
  await ws.send("5");
  await ws.send("4b");
  await until(() => seen.length === 2);
  assert.deepEqual(seen, ["a", "b"]);
});

test("5 while a poll is pending: that poll is answered 1", async (t) => {
  const { session, conn, upgrade } = await polling(t);
  const ws = await upgrade();
  await probe(ws);
  const { answer } = await session.hold(conn);
  const upgraded = once(conn, "upgrade");
  await ws.send("5");
  await upgraded;
  // the noop of the interval may have won
  assert.match((await answer).text, /^[16]$/);
});

test("5 without a probe is accepted", async (t) => {
  const { conn, upgrade } = await polling(t);
  const ws = await upgrade();
  const upgraded = once(conn, "upgrade");
  await ws.send("5");
  await upgraded;
  conn.send("a");
  assert.equal(await ws.next(), "4a");
});

for (const first of ["4hello", "2", "3probe", "2other", "1", "x"]) {
  test(`the first packet ${first} ends the attempt, not the session`, async (t) => {
    const { session, conn, upgrade } = await polling(t);
    const ws = await upgrade();
    await ws.send(first);
    assert.deepEqual(await ws.closed, EMPTY_CLOSE);
    assert.equal(conn.transport.name, "polling");
    conn.send("a");
    assert.equal(await session.next(), "4a");
    // and another attempt may follow
    const again = await upgrade();
    await probe(again);
    await again.send("5");
    await once(conn, "upgrade");
  });
}

test("a second attempt at the same time is turned away", async (t) => {
  const { conn, upgrade } = await polling(t);
  const first = await upgrade();
  await probe(first);
  const second = await upgrade();
  assert.deepEqual(await second.closed, EMPTY_CLOSE);
  const upgraded = once(conn, "upgrade");
  await first.send("5");
  await upgraded;
  const third = await upgrade();
  assert.deepEqual(await third.closed, EMPTY_CLOSE);
  conn.send("a");
  assert.equal(await first.next(), "4a");
});

test("a session that began on websocket can move to another one", async (t) => {
  const { io, port } = await serve(t);
  const connecting = once(io.engine, "connection");
  const first = await Ws.open(t, port);
  const [conn] = await connecting;
  const second = await Ws.open(t, port, { query: `&sid=${first.sid}` });
  await probe(second);
  await second.send("5");
  await once(conn, "upgrade");
  assert.deepEqual(await first.closed, EMPTY_CLOSE);
  conn.send("a");
  assert.equal(await second.next(), "4a");
  assert.equal(io.engine.clientsCount, 1);
});

test("upgradeTimeout ends an idle attempt", async (t) => {
  const { session, conn, upgrade } = await polling(t, { upgradeTimeout: 800 });
  const ws = await upgrade();
  await probe(ws);
  assert.deepEqual(await ws.closed, EMPTY_CLOSE);
  conn.send("a");
  assert.equal(await session.next(), "4a");
  assert.equal(conn.readyState, "open");
});

for (const leave of ["close", "terminate"]) {
  test(`a websocket that leaves during the upgrade (${leave})`, async (t) => {
    const { session, conn, upgrade } = await polling(t);
    const ws = await upgrade();
    await probe(ws);
    ws.ws[leave]();
    await until(() => !conn.upgrading);
    conn.send("a");
    assert.equal(await session.next(), "4a");
    const again = await upgrade();
    await probe(again);
  });
}

test("a session that closes during the upgrade takes the websocket along", async (t) => {
  const { conn, session, upgrade } = await polling(t);
  const ws = await upgrade();
  await probe(ws);
  await session.post("1");
  assert.deepEqual(await ws.closed, EMPTY_CLOSE);
  assert.equal(conn.readyState, "closed");
});

test("a closing session flushes on the websocket, then closes", async (t) => {
  const { conn, upgrade } = await polling(t);
  const ws = await upgrade();
  await probe(ws);
  const closed = once(conn, "close");
  conn.send("last");
  conn.close();
  assert.equal(conn.readyState, "closing");
  await ws.send("5");
  assert.equal(await ws.next(), "4last");
  assert.deepEqual(await ws.closed, EMPTY_CLOSE);
  assert.equal((await closed)[0], "forced close");
});

test("allowUpgrades: false does not refuse an upgrade", async (t) => {
  const { conn, session, upgrade } = await polling(t, { allowUpgrades: false });
  assert.deepEqual(session.handshake.upgrades, []);
  const ws = await upgrade();
  await probe(ws);
  const upgraded = once(conn, "upgrade");
  await ws.send("5");
  await upgraded;
});

test("a Socket.IO session goes on across the upgrade", async (t) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await Polling.open(t, port);
  const id = await session.join();
  const [socket] = await connecting;
  const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
  await probe(ws);
  const asked = socket.emitWithAck("q", Buffer.from("x"));
  await ws.send("5");
  assert.equal(await ws.next(), '451-0["q",{"_placeholder":true,"num":0}]');
  assert.deepEqual(await ws.next(), Buffer.from("x"));
  await ws.send('430["a"]');
  assert.equal(await asked, "a");
  assert.equal(socket.id, id);
  assert.equal(socket.request._query.transport, "polling");
});

test("a payload sent before the upgrade is not lost", async (t) => {
  const { session, conn, upgrade } = await polling(t);
  const { answer } = await session.hold(conn);
  const ws = await upgrade();
  for (const text of ["a", "b", "c"]) conn.send(text);
  assert.equal((await answer).text, "4a");
  await probe(ws);
  const { text } = await session.get();
  assert.equal(text, `4b${RS}4c`);
  await ws.send("5");
  await once(conn, "upgrade");
});

test("an unknown sid is refused before the 101", async (t) => {
  const { port } = await polling(t);
  await assert.rejects(
    Ws.open(t, port, { query: "&sid=nobody" }),
    /Unexpected server response: 400/,
  );
  assert.equal((await request(port, "/socket.io/?EIO=4&transport=polling")).status, 200);
});
