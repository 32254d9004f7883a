// Properties of a socket and of its handshake.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, eachWay, join, pair } from "../support/clients.mjs";
import { eachTransport, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

eachWay("properties of a connected socket", async (t, way) => {
  const { io, socket, client: one } = await pair(t, way);
  assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
  assert.equal(socket.id, one.id);
  assert.notEqual(socket.id, socket.conn.id);
  assert.equal(socket.nsp, io.sockets);
  assert.equal(socket.server, io);
  assert.equal(socket.adapter, io.sockets.adapter);
  assert.equal(socket.client.conn, socket.conn);
  assert.equal(socket.conn, io.engine.clients[socket.conn.id]);
  assert.equal(socket.connected, true);
  assert.equal(socket.disconnected, false);
  assert.equal(socket.recovered, false);
  assert.deepEqual(socket.data, {});
  assert.equal(socket.request, socket.conn.request);
  assert.equal(socket.request, socket.client.request);
});

test("data belongs to the application", async (t) => {
  const { io, socket } = await pair(t);
  socket.data.user = "joe";
  assert.equal((await io.fetchSockets())[0].data.user, "joe");
  socket.data = 5;
  assert.equal((await io.fetchSockets())[0].data, 5);
});

eachTransport("a socket knows its handshake", async (t, open, transport) => {
  const before = Date.now();
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const headers = { "x-custom": "yes", "user-agent": "raw" };
  const session = await open(port, { query: "&a=1&a=2&empty=&enc=%20%C3%A9&__proto__=p", headers });
  await session.join("/", { token: 1 });
  const [socket] = await connecting;
  const { handshake } = socket;
  assert.equal(handshake.headers, socket.request.headers);
  assert.equal(handshake.headers["x-custom"], "yes");
  assert.equal(handshake.headers["user-agent"], "raw");
  assert.equal(handshake.headers.host, `127.0.0.1:${port}`);
  assert.equal(typeof handshake.time, "string");
  assert.ok(Math.abs(new Date(handshake.time) - before) < 60_000);
  assert.ok(handshake.issued >= before && handshake.issued <= Date.now());
  assert.equal(handshake.address, "127.0.0.1");
  assert.equal(handshake.xdomain, false);
  assert.equal(handshake.secure, false);
  assert.equal(handshake.url, socket.request.url);
  assert.ok(handshake.url.startsWith(`/socket.io/?EIO=4&transport=${transport}&a=1&a=2`));
  assert.deepEqual(Object.entries(handshake.query), [
    ["EIO", "4"],
    ["transport", transport],
    ["a", "2"],
    ["empty", ""],
    ["enc", " é"],
    ["__proto__", "p"],
  ]);
  assert.deepEqual(handshake.auth, { token: 1 });
  assert.deepEqual(Object.keys(handshake).sort(), [
    ...["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"],
  ]);
});

eachTransport("without auth it is an empty object", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  await (await open(port)).join();
  const [{ handshake }] = await connecting;
  assert.deepEqual(handshake.auth, {});
});

for (const origin of ["http://elsewhere.example", "same"]) {
  eachTransport(`xdomain with the Origin ${origin}`, async (t, open) => {
    const { io, port } = await serve(t);
    const connecting = once(io, "connection");
    const value = origin === "same" ? `http://127.0.0.1:${port}` : origin;
    await (await open(port, { headers: { origin: value } })).join();
    const [{ handshake }] = await connecting;
    assert.equal(handshake.xdomain, true);
    assert.equal(handshake.headers.origin, value);
  });
}

eachWay("query and extra headers of a real client", async (t, way) => {
  const { io, port } = await serve(t);
  const { socket } = await join(t, io, port, {
    ...way,
    query: { a: "b c&d" },
    extraHeaders: { "x-h": "1" },
  });
  assert.equal(socket.handshake.query.a, "b c&d");
  assert.equal(socket.handshake.headers["x-h"], "1");
});

test("namespaces of a client share the request, not the rest", async (t) => {
  const { io, port, ...main } = await pair(t, { auth: { who: "same for both" } });
  io.of("/other");
  const accepted = once(io.of("/other"), "connection");
  const other = main.client.io.socket("/other", { auth: { mine: 1 } });
  await connected(other);
  const [socket] = await accepted;
  assert.equal(socket.handshake.headers, main.socket.handshake.headers);
  assert.deepEqual(socket.handshake.auth, { mine: 1 });
  assert.deepEqual(main.socket.handshake.auth, { who: "same for both" });
  assert.notEqual(socket.handshake, main.socket.handshake);
});

test("the handshake can be extended", async (t) => {
  const { socket } = await pair(t);
  socket.handshake.session = { user: 1 };
  assert.deepEqual(socket.handshake.session, { user: 1 });
});

test("the request is the one that opened the session", async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await join(t, io, port, { transports: ["polling"] });
  assert.equal(socket.request.method, "GET");
  assert.equal(socket.request._query.transport, "polling");
  assert.equal(socket.request._query.sid, undefined);
  assert.equal(socket.conn.remoteAddress, "127.0.0.1");
});

beyond("two CONNECTs for one namespace sent back to back never make two sockets", async (t) => {
  const { io, port } = await serve(t);
  const session = await Ws.open(t, port);
  let sockets = 0;
  io.on("connection", ({ conn }) => {
    if (conn.id === session.sid) sockets++;
  });
  await session.send("40", "40");
  // whether the second one is ignored or closes the connection is left open
  await session.next();
  // whoever comes now is served after both packets
  await connected(client(t, port));
  assert.ok(sockets <= 1, `${sockets} sockets`);
});
