// Sending on a connection: buffers, flushes, callbacks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSIONS } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";
import { eachEngine, meet, serveEngine, Ws } from "./support.mjs";

/** Type and data of packets. */
const shown = (packets) => packets.map(({ type, data }) => [type, data]);

eachEngine(
  "packets that cannot be written yet are in the write buffer",
  async ({ client, eio, transport }) => {
    const conn = Object.values(eio.clients)[0];
    if (transport === "websocket") {
      // the first of a tick goes out
      await until(() => conn.transport.writable, "the transport is writable");
      conn.send("first");
      assert.equal(conn.writeBuffer.length, 0);
    }
    conn.send("one");
    conn.send(Buffer.from([2]));
    assert.deepEqual(shown(conn.writeBuffer), [
      ["message", "one"],
      ["message", Buffer.from([2])],
    ]);
    if (transport === "websocket") assert.equal(await client.next(), "4first");
    assert.equal(await client.next(), "4one");
    assert.deepEqual(await client.next(), Buffer.from([2]));
    await until(() => conn.writeBuffer.length === 0, "the buffer is empty");
  },
);

eachEngine("a flush shows what was sent before it was listened to", async ({ client, conn }) => {
  // its open packet was just written, or no poll is there
  await until(() => conn.transport.name === "polling" || conn.transport.writable, "it is open");
  conn.send("one");
  conn.send("two");
  const flushed = once(conn, "flush");
  assert.equal(await client.next(), "4one");
  const [packets] = await flushed;
  const names = shown(packets).map(([, data]) => data);
  assert.deepEqual(names, conn.transport.name === "polling" ? ["one", "two"] : ["two"]);
  assert.equal(await client.next(), "4two");
});

test("over polling a callback comes with the flush, before it is told that all went", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  const log = [];
  for (const event of ["flush", "drain"]) conn.on(event, () => log.push(event));
  conn.send("buffered", (transport) => log.push(transport.name));
  log.push("sent");
  assert.equal(await client.next(), "4buffered");
  assert.deepEqual(log.splice(0), ["sent", "flush", "polling", "drain"]);

  const { answer } = await client.hold(conn);
  conn.send("at once", () => log.push("callback"));
  log.push("sent");
  assert.equal((await answer).text, "4at once");
  assert.deepEqual(log, ["flush", "callback", "drain", "sent"]);
});

eachEngine("every callback is called, once", async ({ client, conn }) => {
  const called = [];
  conn.send("0", () => called.push(0));
  // while the first waits for its callback
  await new Promise(process.nextTick);
  conn.send("1", () => called.push(1));
  conn.send("2", () => called.push(2));
  for (const text of ["40", "41", "42"]) assert.equal(await client.next(), text);
  await until(() => called.length === 3, "all callbacks were called");
  assert.deepEqual(called, [0, 1, 2]);
});

eachEngine("callbacks are dropped with the connection", async ({ conn, client }) => {
  let called = false;
  conn.send("late", () => {
    called = true;
  });
  const closed = once(conn, "close");
  conn.close(true);
  await closed;
  await new Promise(setImmediate);
  assert.equal(called, false);
  assert.deepEqual([conn.packetsFn, conn.sentCallbackFn], [[], []]);
  client.ws?.terminate();
});

eachEngine("packets of other types can be sent", async ({ client, conn }) => {
  conn.sendPacket("noop");
  conn.sendPacket("message", "text");
  conn.sendPacket("ping", "data");
  const received = [await client.next(), await client.next(), await client.next()];
  // over polling they may come in several answers
  assert.deepEqual(received.sort(), ["2data", "4text", "6"]);
  if (conn.transport.name === "polling") return;
  conn.transport.send([{ type: "message", data: "through" }]);
  assert.equal(await client.next(), "4through");
});

for (const [transport, kind] of Object.entries(SESSIONS)) {
  test(`the engine tells of the open packet [${transport}]`, async (t) => {
    const { eio, port } = await serveEngine(t);
    const told = [];
    eio.on("flush", (conn, packets) => told.push([conn.id, ...shown(packets)]));
    eio.on("drain", (...args) => told.push(args.map(({ id }) => id)));
    const { client, conn } = await meet(t, eio, port, kind);
    const [[flushed, [type, data]], drained] = told;
    assert.deepEqual([flushed, type, drained], [conn.id, "open", [conn.id]]);
    assert.deepEqual(JSON.parse(data), client.handshake);
  });

  test(`pings are flushed too [${transport}]`, async (t) => {
    const { eio, port } = await serveEngine(t, { pingInterval: 50 });
    let flushed;
    eio.once("connection", (conn) => {
      flushed = once(conn, "flush");
    });
    const { client } = await meet(t, eio, port, kind);
    assert.equal(await client.next(), "2");
    assert.deepEqual(shown((await flushed)[0]), [["ping", undefined]]);
  });
}

test("nothing is drained by an upgrade that finds nothing waiting", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, SESSIONS.polling);
  const log = [];
  const { emit } = conn;
  conn.emit = function (event, ...args) {
    log.push(event);
    return emit.call(this, event, ...args);
  };
  const ws = await Ws.open(t, port, { path: "/engine.io/", query: `&sid=${client.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  const upgraded = once(conn, "upgrade");
  await ws.send("5");
  await upgraded;
  await new Promise(setImmediate);
  assert.equal(log.includes("drain"), false);
});
