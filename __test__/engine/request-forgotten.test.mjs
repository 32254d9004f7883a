// `rawSocket.request = null`, by which applications free memory, and ids of generateId() that are numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, pair } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once } from "../support/wait.mjs";

for (const form of FORMS) {
  for (const [name, kind] of Object.entries({ Polling, Ws })) {
    test(`a request set to null at connection stays null (${form}, ${name})`, async (t) => {
      const { io, port } = await SERVE[form](t);
      io.engine.on("connection", (conn) => {
        conn.request = null;
      });
      const joined = once(io, "connection");
      const session = await kind.open(t, port);
      await session.join();
      const [socket] = await joined;
      assert.equal(socket.conn.request, null);
      assert.equal(socket.request, null);
      assert.equal(socket.client.request, null);
      const { headers, query, url, secure, xdomain } = socket.handshake;
      assert.deepEqual(
        { headers, query, secure, xdomain },
        { headers: {}, query: {}, secure: true, xdomain: false },
      );
      assert.equal(url, undefined);
      socket.emit("hello");
      assert.equal(await session.next(), '42["hello"]');
    });
  }
}

eachWay("a request set to null after the handshake stays null", async (t, way) => {
  const { socket } = await pair(t, way);
  const { headers } = socket.handshake;
  assert.ok(headers.host);
  socket.conn.request = null;
  assert.equal(socket.request, null);
  assert.match(socket.conn.remoteAddress, /127\.0\.0\.1$/);
  if (socket.conn.transport.name === "websocket") {
    assert.match(socket.conn.transport.socket._socket.remoteAddress, /127\.0\.0\.1$/);
  }
});

for (const [name, kind] of Object.entries({ Polling, Ws })) {
  test(`an id that is a number stays a number (${name})`, async (t) => {
    const { io, port } = await serve(t, { cookie: true });
    let last = 0;
    io.engine.generateId = () => last++;
    for (const id of [0, 1]) {
      const joined = once(io, "connection");
      const session = await kind.open(t, port);
      assert.equal(session.sid, id);
      await session.join();
      const [socket] = await joined;
      assert.equal(socket.conn.id, id);
      assert.equal(socket.client.id, id);
      assert.equal(io.engine.clients[id], socket.conn);
      assert.deepEqual(Object.keys(io.engine.clients).includes(String(id)), true);
      socket.emit("hello");
      assert.equal(await session.next(), '42["hello"]');
    }
  });
}

test("a session whose id is a number moves to a WebSocket", async (t) => {
  const { io, port } = await serve(t);
  io.engine.generateId = async () => 42.5;
  const connecting = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await connecting;
  const upgraded = once(conn, "upgrade");
  const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  await ws.send("5");
  await upgraded;
  assert.equal(conn.id, 42.5);
});
