// The ends of transports: of the one that an upgrade tries and gives up, and of polls that are pumped.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";

/** A session that polls and whose upgrade is being tried, in a server of this form. */
async function probing(t, form, options) {
  const { io, port } = await SERVE[form](t, options);
  const connecting = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await connecting;
  const upgrading = once(conn, "upgrading");
  const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  const [transport] = await upgrading;
  const closed = once(transport, "close");
  return { io, session, conn, ws, transport, closed };
}

for (const form of FORMS) {
  for (const [title, giveUp] of [
    ["the client closes it", ({ ws }) => ws.ws.close()],
    ["the client is cut off", ({ ws }) => ws.ws.terminate()],
    ["the client sends another packet", ({ ws }) => ws.send("4hello")],
  ]) {
    test(`the transport of an upgrade closes when ${title} (${form})`, async (t) => {
      const s = await probing(t, form);
      assert.equal(s.transport.name, "websocket");
      assert.equal(s.transport.readyState, "open");
      giveUp(s);
      assert.deepEqual(await s.closed, []);
      assert.equal(s.transport.readyState, "closed");
      assert.equal(s.conn.readyState, "open");
      assert.equal(s.conn.transport.name, "polling");
      assert.equal(s.conn.upgrading, false);
    });
  }

  test(`the transport of an upgrade closes when it takes too long (${form})`, async (t) => {
    const s = await probing(t, form, { upgradeTimeout: 2000 });
    await s.closed;
    assert.equal(s.transport.readyState, "closed");
    assert.equal(s.conn.readyState, "open");
  });

  test(`the transport of an upgrade closes when the session closes (${form})`, async (t) => {
    const s = await probing(t, form);
    const log = [];
    s.conn.on("close", () => log.push("session"));
    s.transport.on("close", () => log.push("transport"));
    s.conn.close(true);
    await s.closed;
    assert.deepEqual(log, ["session", "transport"]);
    await s.ws.closed;
  });

  test(`the transport that upgrading told of carries the session (${form})`, async (t) => {
    const s = await probing(t, form);
    const upgraded = once(s.conn, "upgrade");
    await s.ws.send("5");
    assert.equal((await upgraded)[0], s.transport);
    assert.equal(s.conn.transport, s.transport);
    assert.equal(s.transport.readyState, "open");
    s.ws.ws.close();
    await s.closed;
    assert.equal(s.conn.readyState, "closed");
  });

  test(`drain of a polling transport pumps messages (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const queue = Array.from({ length: 20 }, (_, i) => `message ${i}`);
    let sent = 0;
    io.engine.on("connection", (conn) => {
      const pump = () => {
        if (sent < queue.length) conn.send(queue[sent++]);
      };
      conn.transport.on("drain", pump);
      pump();
    });
    const session = await Polling.open(t, port);
    for (const message of queue) assert.equal(await session.next(), `4${message}`);
    await until(() => sent === queue.length, "the last one");
  });

  test(`drain of a transport follows each answer to a poll that waits (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const connecting = once(io.engine, "connection");
    const session = await Polling.open(t, port);
    const [conn] = await connecting;
    let drains = 0;
    conn.transport.on("drain", () => drains++);
    for (let i = 1; i <= 3; i++) {
      const { answer } = await session.hold(conn);
      conn.send("hello");
      assert.equal((await answer).text, "4hello");
      await until(() => drains === i, "drain");
    }
  });
}
