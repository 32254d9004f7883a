// engine.io-client against an engine: every way of connecting, and the protocol before this one.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { defer, once, until } from "../support/wait.mjs";
import { meet, serveEngine, Ws } from "./support.mjs";

const require = createRequire(import.meta.url);
// The one that socket.io-client brings with it.
const { Socket: Client } = createRequire(require.resolve("socket.io-client"))("engine.io-client");

const WAYS = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};

/** A client, and its connection on the server's side. */
async function connect(t, eio, port, transports) {
  const connecting = once(eio, "connection");
  const client = new Client(`ws://127.0.0.1:${port}`, { transports });
  defer(t, () => client.close());
  const opened = once(client, "open");
  const [conn] = await connecting;
  return { client, conn, opened };
}

for (const [way, transports] of Object.entries(WAYS)) {
  test(`an echo of texts and bytes, in order [${way}]`, async (t) => {
    const { eio, port } = await serveEngine(t);
    eio.on("connection", (conn) => conn.on("message", (data) => conn.send(data)));
    const { client, conn, opened } = await connect(t, eio, port, transports);
    const received = [];
    client.on("message", (data) => received.push(data));
    const sent = [];
    for (let n = 0; n < 50; n++) sent.push(n % 5 === 0 ? Buffer.from([n]) : `text ${n} "€"`);
    await opened;
    for (const [n, data] of sent.entries()) {
      client.send(data);
      // some of them while an upgrade is under way
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received.length === sent.length, "all have come back");
    assert.deepEqual(received, sent);
    await until(() => conn.transport.name === transports.at(-1), "the last transport");
    assert.equal(conn.upgraded, way === "upgrade");
  });

  test(`the server closes [${way}]`, async (t) => {
    const { eio, port } = await serveEngine(t);
    const { client, conn, opened } = await connect(t, eio, port, transports);
    await opened;
    const closing = [once(client, "close"), once(conn, "close")];
    conn.send("last");
    const last = once(client, "message");
    conn.close();
    assert.deepEqual(await last, ["last"]);
    const [[atClient], [atServer]] = await Promise.all(closing);
    assert.equal(atServer, "forced close");
    assert.equal(atClient, "transport close");
  });

  test(`the client closes [${way}]`, async (t) => {
    const { eio, port } = await serveEngine(t);
    const { client, conn, opened } = await connect(t, eio, port, transports);
    await opened;
    const closing = once(conn, "close");
    client.close();
    assert.equal((await closing)[0], "transport close");
    assert.equal(eio.clientsCount, 0);
  });
}

test("clients of protocol 3, if they are allowed", async (t) => {
  const { eio, port } = await serveEngine(t, { allowEIO3: true });
  const { client, conn } = await meet(t, eio, port, Ws, { eio: 3 });
  assert.equal(conn.protocol, 3);
  const received = once(conn, "message");
  await client.send("4not of Socket.IO");
  assert.deepEqual(await received, ["not of Socket.IO"]);
  conn.send("back");
  assert.equal(await client.next(), "4back");
  const beat = once(conn, "heartbeat");
  await client.send("2");
  await beat;
  assert.equal(await client.next(), "3");
});
