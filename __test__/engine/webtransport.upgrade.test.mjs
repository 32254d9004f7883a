// engine.onWebTransportSession(): sessions that move to WebTransport, and from it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { Wt } from "../support/webtransport.mjs";
import { meet, PATH, Polling, serveEngine, Ws } from "./support.mjs";

const ALL = { transports: ["polling", "websocket", "webtransport"] };

/** An engine with a session that polls: `{ eio, port, client, conn }`. */
async function polling(t, options) {
  const { eio, port } = await serveEngine(t, { ...ALL, ...options });
  return { eio, port, ...(await meet(t, eio, port, Polling)) };
}

const stateOf = ({ upgrading, upgraded, transport, readyState }) => ({
  upgrading,
  upgraded,
  transport: transport.name,
  readyState,
});
const POLLS = { upgrading: false, upgraded: false, transport: "polling", readyState: "open" };
const UPGRADING = { ...POLLS, upgrading: true };
const MOVED = { ...POLLS, upgraded: true, transport: "webtransport" };

test("a polling session moves to WebTransport", async (t) => {
  const { eio, client, conn } = await polling(t);
  assert.deepEqual(client.handshake.upgrades, ["websocket", "webtransport"]);
  const before = conn.transport;
  const { request, remoteAddress } = conn;
  const wt = await Wt.offer(t, eio, client.sid);
  assert.equal(await wt.taken, undefined);
  assert.deepEqual(stateOf(conn), UPGRADING);
  const [probing, upgrading] = [once(conn, "upgrading"), once(conn, "upgrade")];
  const poll = await client.hold(conn);
  await wt.send("2probe");
  assert.equal(await wt.next(), "3probe");
  assert.equal((await probing)[0].name, "webtransport");
  assert.deepEqual(stateOf(conn), UPGRADING);
  // The poll that waits is let go.
  assert.equal((await poll.answer).text, "6");
  await wt.send("5");
  const [transport] = await upgrading;
  assert.equal(transport, conn.transport);
  assert.deepEqual(stateOf(conn), MOVED);
  assert.equal(before.discarded, true);
  assert.equal(conn.request, request);
  assert.equal(conn.remoteAddress, remoteAddress);
  assert.equal(eio.clientsCount, 1);

  const received = once(conn, "message");
  await wt.send("4over");
  assert.deepEqual(await received, ["over"]);
  conn.send("back");
  assert.equal(await wt.next(), "4back");
  assert.equal((await client.get()).status, 400);

  const closing = once(conn, "close");
  wt.transport.close();
  assert.equal((await closing)[0], "transport close");
  assert.equal(eio.clientsCount, 0);
});

test("messages sent during the upgrade go out with a poll or over WebTransport", async (t) => {
  const { eio, client, conn } = await polling(t);
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.send("2probe");
  assert.equal(await wt.next(), "3probe");
  conn.send("polled");
  assert.equal(await client.next(), "4polled");
  conn.send("a");
  conn.send(Buffer.from([1]));
  const received = once(conn, "message");
  await wt.send("5", "4in the same piece");
  assert.deepEqual(await received, ["in the same piece"]);
  conn.send("b");
  assert.equal(await wt.next(), "4a");
  assert.deepEqual(await wt.next(), Buffer.from([1]));
  assert.equal(await wt.next(), "4b");
});

test("the heartbeat goes on after the upgrade", async (t) => {
  const { eio, client, conn } = await polling(t, { pingInterval: 60, pingTimeout: 2000 });
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.upgrade();
  for (let i = 0; i < 2; i++) {
    assert.equal(await wt.next(), "2");
    await wt.send("3");
  }
  assert.equal(conn.readyState, "open");
});

for (const [title, options] of [
  ["allowUpgrades: false", { allowUpgrades: false }],
  ["transports without it", { transports: ["polling", "websocket"] }],
]) {
  test(`a session moves to WebTransport that its handshake did not offer: ${title}`, async (t) => {
    const { eio, client, conn } = await polling(t, options);
    assert.ok(!client.handshake.upgrades.includes("webtransport"));
    const wt = await Wt.offer(t, eio, client.sid);
    const upgrading = once(conn, "upgrade");
    await wt.upgrade();
    await upgrading;
    assert.deepEqual(stateOf(conn), MOVED);
  });
}

test("an upgrade packet without a probe moves the session", async (t) => {
  const { eio, client, conn } = await polling(t);
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.send("5");
  await until(() => conn.upgraded);
  assert.deepEqual(stateOf(conn), MOVED);
});

for (const [title, packets] of [
  ["nothing", []],
  ["no more than a probe", ["2probe"]],
  ["a message", ["4x"]],
  ["a ping that is no probe", ["2"]],
  ["another probe", ["2other"]],
  ["bytes", [Buffer.from([1])]],
  ["an unknown type", ["9"]],
  ["an empty packet", [""]],
  ["a message behind the probe", ["2probe", "4x"]],
]) {
  test(`an upgrade is given up: ${title}`, async (t) => {
    const { eio, client, conn } = await polling(t, { upgradeTimeout: 800 });
    conn.on("message", (data) => assert.equal(data, "polled"));
    const wt = await Wt.offer(t, eio, client.sid);
    for (const packet of packets) {
      await wt.send(packet);
      if (packet === "2probe") assert.equal(await wt.next(), "3probe");
    }
    await wt.closed;
    await until(() => !conn.upgrading);
    assert.deepEqual(stateOf(conn), POLLS);
    // Nothing has happened to the session, and it may try again.
    await client.send("4polled");
    conn.send("x");
    assert.equal(await client.next(), "4x");
    const again = await Wt.offer(t, eio, client.sid);
    await again.upgrade();
    await until(() => conn.upgraded);
    conn.send("y");
    assert.equal(await again.next(), "4y");
  });
}

test("the session stays on polling when the probing WebTransport session closes", async (t) => {
  const { eio, port, client, conn } = await polling(t);
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.send("2probe");
  await wt.next();
  wt.transport.close();
  await until(() => !conn.upgrading);
  assert.deepEqual(stateOf(conn), POLLS);
  // Another transport may be tried.
  const ws = await Ws.open(t, port, { path: PATH, query: `&sid=${client.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  await ws.send("5");
  await until(() => conn.upgraded);
  assert.equal(conn.transport.name, "websocket");
  conn.send("x");
  conn.send(Buffer.from([2]));
  assert.equal(await ws.next(), "4x");
  assert.deepEqual(await ws.next(), Buffer.from([2]));
  const received = once(conn, "message");
  await ws.send("4y");
  assert.deepEqual(await received, ["y"]);
});

beyond("the session stays on polling when the probing WebTransport session breaks", async (t) => {
  const { eio, client, conn } = await polling(t);
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.send("2probe");
  await wt.next();
  wt.transport.break(new Error("lost"));
  await until(() => !conn.upgrading);
  assert.deepEqual(stateOf(conn), POLLS);
});

test("the probing WebTransport session closes when the session ends meanwhile", async (t) => {
  const { eio, client, conn } = await polling(t);
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.send("2probe");
  await wt.next();
  const closing = once(conn, "close");
  await client.send("1");
  assert.equal((await closing)[0], "transport close");
  await wt.closed;
  assert.equal(eio.clientsCount, 0);
});

test("one upgrade at a time, and one in all", async (t) => {
  const { eio, port, client, conn } = await polling(t);
  const wt = await Wt.offer(t, eio, client.sid);
  const second = await Wt.offer(t, eio, client.sid);
  await second.closed;
  const query = `&sid=${client.sid}`;
  const ws = await Ws.open(t, port, { path: PATH, query });
  await ws.closed;
  await wt.upgrade();
  await until(() => conn.upgraded);
  const third = await Wt.offer(t, eio, client.sid);
  await third.closed;
  assert.deepEqual(stateOf(conn), MOVED);
  conn.send("x");
  assert.equal(await wt.next(), "4x");
});

test("a WebSocket tries first", async (t) => {
  const { eio, port, client, conn } = await polling(t);
  const ws = await Ws.open(t, port, { path: PATH, query: `&sid=${client.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  const wt = await Wt.offer(t, eio, client.sid);
  await wt.closed;
  await ws.send("5");
  await until(() => conn.upgraded);
  assert.equal(conn.transport.name, "websocket");
  conn.send("x");
  assert.equal(await ws.next(), "4x");
});

/** From where, and to where, a session that does not poll can move. */
const OPEN = {
  websocket: (t, _eio, port) => Ws.open(t, port, { path: PATH }),
  webtransport: (t, eio) => Wt.open(t, eio),
};
const OFFER = {
  websocket: (t, _eio, port, sid) => Ws.open(t, port, { path: PATH, query: `&sid=${sid}` }),
  webtransport: (t, eio, _port, sid) => Wt.offer(t, eio, sid),
};

for (const [from, to] of [
  ["websocket", "webtransport"],
  ["webtransport", "websocket"],
  ["webtransport", "webtransport"],
]) {
  test(`a session moves from ${from} to ${to}`, async (t) => {
    const { eio, port } = await serveEngine(t, ALL);
    const connecting = once(eio, "connection");
    const first = await OPEN[from](t, eio, port);
    const [conn] = await connecting;
    conn.on("message", (data) => conn.send(data));
    const second = await OFFER[to](t, eio, port, first.sid);
    await second.send("2probe");
    assert.equal(await second.next(), "3probe");
    // Until it has moved, it is where it was.
    assert.equal(conn.transport.name, from);
    await first.send("4before");
    assert.equal(await first.next(), "4before");
    conn.send(Buffer.from([1]));
    assert.deepEqual(await first.next(), Buffer.from([1]));
    const upgrading = once(conn, "upgrade");
    await second.send("5");
    assert.equal((await upgrading)[0].name, to);
    await first.closed;
    await second.send("4after");
    assert.equal(await second.next(), "4after");
    conn.send(Buffer.from([2]));
    assert.deepEqual(await second.next(), Buffer.from([2]));
    assert.equal(conn.readyState, "open");
    assert.equal(eio.clientsCount, 1);
  });

  test(`a session stays on ${from} when the upgrade to ${to} is given up`, async (t) => {
    const { eio, port } = await serveEngine(t, { ...ALL, pingInterval: 1000 });
    const connecting = once(eio, "connection");
    const first = await OPEN[from](t, eio, port);
    const [conn] = await connecting;
    const second = await OFFER[to](t, eio, port, first.sid);
    await second.send("2probe");
    assert.equal(await second.next(), "3probe");
    await second.send("4no");
    await second.closed;
    await until(() => !conn.upgrading);
    conn.send("x");
    assert.equal(await first.next(), "4x");
    assert.equal(await first.next(), "2");
    assert.equal(conn.transport.name, from);
  });
}
