// Members of a transport that applications assign, as with upstream, where they are plain properties.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { eachEngine, meet, Polling, serveEngine, Ws } from "./support.mjs";

/** A session over a WebSocket that has written all, so that nothing is on its way. */
async function idle(t) {
  const { eio, port } = await serveEngine(t);
  const met = await meet(t, eio, port, Ws);
  await until(() => met.conn.transport.writable, "the transport is writable");
  return met;
}

test("what is sent while writable is false waits until something is sent after true", async (t) => {
  const { client, conn } = await idle(t);
  conn.transport.writable = false;
  assert.equal(conn.transport.writable, false);
  conn.send("first");
  conn.send("second");
  // An answer to the client's message would come behind them.
  await client.send("4hello");
  await once(conn, "message");
  assert.deepEqual(
    conn.writeBuffer.map(({ data }) => data),
    ["first", "second"],
  );
  assert.equal(client.queue.length, 0);
  conn.transport.writable = true;
  assert.equal(conn.transport.writable, true);
  conn.send("third");
  assert.equal(conn.transport.writable, false);
  assert.equal(await client.next(), "4first");
  assert.equal(await client.next(), "4second");
  assert.equal(await client.next(), "4third");
  await until(() => conn.transport.writable, "the transport is writable again");
});

test("what is sent after writable = false follows what is on its way", async (t) => {
  const { client, conn } = await idle(t);
  conn.send("on its way");
  conn.transport.writable = false;
  conn.send("behind it");
  assert.deepEqual(
    conn.writeBuffer.map(({ data }) => data),
    ["behind it"],
  );
  assert.equal(await client.next(), "4on its way");
  assert.equal(await client.next(), "4behind it");
  assert.deepEqual(conn.writeBuffer, []);
});

test("writable = true sends at once although a message is on its way", async (t) => {
  const { client, conn } = await idle(t);
  const flushed = [];
  conn.on("flush", (packets) => flushed.push(packets.map(({ data }) => data)));
  conn.send("first");
  conn.transport.writable = true;
  conn.send("second");
  assert.deepEqual(flushed, [["first"], ["second"]]);
  assert.equal(await client.next(), "4first");
  assert.equal(await client.next(), "4second");
});

test("callbacks of what waits for writable are called once it is written", async (t) => {
  const { client, conn } = await idle(t);
  conn.transport.writable = false;
  const sent = [];
  conn.send("first", (transport) => sent.push(transport.name));
  assert.equal(conn.packetsFn.length, 1);
  conn.transport.writable = true;
  conn.send("second");
  assert.equal(await client.next(), "4first");
  await until(() => sent.length === 1, "the callback");
  assert.deepEqual(sent, ["websocket"]);
});

test("writable = false holds back what is sent to a pending poll until the next poll", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, Polling);
  const { answer } = await client.hold(conn);
  conn.transport.writable = false;
  conn.send("first");
  assert.deepEqual(
    conn.writeBuffer.map(({ data }) => data),
    ["first"],
  );
  conn.transport.writable = true;
  conn.send("second");
  const { text } = await answer;
  let received = text;
  while (!received.includes("second")) received += `\x1e${(await client.get()).text}`;
  assert.deepEqual(received.split("\x1e"), ["4first", "4second"]);
});

test("writable counts again when a session moves to a WebSocket", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, Polling);
  conn.transport.writable = false;
  conn.send("kept");
  const ws = await Ws.open(t, port, { path: "/engine.io/", query: `&sid=${client.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  await ws.send("5");
  assert.equal(await ws.next(), "4kept");
});

beyond("writable = true without a poll keeps what is sent for the next one", async (t) => {
  const { eio, port } = await serveEngine(t);
  const { client, conn } = await meet(t, eio, port, Polling);
  conn.transport.writable = true;
  conn.send("kept");
  assert.equal(await client.next(), "4kept");
});

eachEngine("readyState may be set, and close() heeds it", async ({ client, conn }) => {
  const { transport } = conn;
  transport.readyState = "closing";
  assert.equal(transport.readyState, "closing");
  transport.close(() => assert.fail("it is not closed again"));
  transport.readyState = "open";
  conn.send("still there");
  assert.equal(await client.next(), "4still there");
});

eachEngine("readyState is closed at the end, whatever it was set to", async ({ conn }) => {
  const { transport } = conn;
  transport.readyState = "open";
  const closed = once(transport, "close");
  conn.close(true);
  await closed;
  assert.equal(transport.readyState, "closed");
});

eachEngine("other members of a transport may be set", async ({ conn }) => {
  const { transport } = conn;
  const members = ["sid", "protocol", "parser", "supportsBinary", "discarded", "opts"];
  for (const name of members) {
    const value = transport[name];
    transport[name] = null;
    assert.equal(transport[name], null, name);
    transport[name] = value;
    assert.equal(transport[name], value, name);
  }
});

eachEngine(
  "the request of a connection stays null once it was set to null",
  async ({ conn, client }) => {
    assert.notEqual(conn.request, null);
    conn.request = null;
    assert.equal(conn.request, null);
    assert.match(conn.remoteAddress, /127\.0\.0\.1$/);
    await client.send("4hello");
    assert.equal(conn.request, null);
    conn.send("hello");
    assert.equal(await client.next(), "4hello");
  },
);
