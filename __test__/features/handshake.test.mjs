// The handshake in full: plain and encrypted, on every way, before and after an upgrade.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, join } from "../support/clients.mjs";
import { eachSecureWay, secureJoin, serveSecure } from "../support/secure.mjs";
import { serve } from "../support/server.mjs";
import { once } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";
import { eachPair } from "./support.mjs";

const OPTIONS = {
  auth: { token: "t", deep: [1, { a: null }] },
  query: { q: "a b&c", list: ["1", "2"] },
  extraHeaders: { "x-custom": "yes", origin: "https://elsewhere.example" },
};

/** Checks every field of the handshake of a client that was given OPTIONS. */
function check(socket, way, port, secure, before) {
  const { handshake, request, conn } = socket;
  const first = way === "websocket" ? "websocket" : "polling";
  assert.deepEqual(Object.keys(handshake).sort(), [
    ...["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"],
  ]);
  assert.equal(handshake.secure, secure);
  assert.equal(handshake.xdomain, true);
  assert.equal(handshake.address, conn.remoteAddress);
  assert.match(handshake.address, /127\.0\.0\.1$/);
  assert.equal(handshake.headers, request.headers);
  assert.equal(handshake.headers["x-custom"], "yes");
  assert.equal(handshake.headers.origin, "https://elsewhere.example");
  assert.equal(handshake.headers.host, `127.0.0.1:${port}`);
  assert.equal(handshake.url, request.url);
  const url = new URL(handshake.url, "http://localhost");
  assert.equal(url.pathname, "/socket.io/");
  const { t, ...query } = handshake.query;
  assert.deepEqual({ ...query }, { EIO: "4", transport: first, q: "a b&c", list: "1,2" });
  assert.equal(t, url.searchParams.get("t") ?? undefined);
  assert.deepEqual(handshake.auth, OPTIONS.auth);
  assert.ok(handshake.issued >= before && handshake.issued <= Date.now());
  assert.equal(handshake.time, String(new Date(handshake.time)));
  assert.ok(Math.abs(new Date(handshake.time) - handshake.issued) <= 1000);
  assert.equal(request._query, handshake.query);
  assert.equal(request.method, "GET");
  assert.equal(request.httpVersion, "1.1");
  assert.equal(request.headers.upgrade, first === "websocket" ? "websocket" : undefined);
}

for (const [way, options] of Object.entries(WAYS)) {
  test(`every field of the handshake is upstream's [${way}]`, async (t) => {
    const { io, port } = await serve(t);
    const before = Date.now();
    const { socket, client: one } = await join(t, io, port, { ...options, ...OPTIONS });
    check(socket, way, port, false, before);
    const { handshake } = socket;
    // neither an upgrade nor another namespace makes another request of it
    await settled(one, way);
    assert.equal(socket.handshake, handshake);
    const accepted = once(io.of("/other"), "connection");
    const second = one.io.socket("/other", { auth: OPTIONS.auth });
    await connected(second);
    const [other] = await accepted;
    check(other, way, port, false, before);
    assert.equal(other.handshake.headers, handshake.headers);
    assert.equal(other.handshake.query, handshake.query);
    assert.notEqual(other.handshake, handshake);
  });
}

eachSecureWay("every field of the handshake is upstream's over TLS", async (t, options, way) => {
  const { io, port } = await serveSecure(t);
  const before = Date.now();
  const { socket } = await secureJoin(t, io, port, { ...options, ...OPTIONS });
  check(socket, way, port, true, before);
});

test("auth given by a function, and for each connection anew", async (t) => {
  const { io, port } = await serve(t);
  let calls = 0;
  const one = client(t, port, { auth: (give) => give({ calls: ++calls }) });
  const [first] = await once(io, "connection");
  assert.deepEqual(first.handshake.auth, { calls: 1 });
  await connected(one);
  one.disconnect();
  const again = once(io, "connection");
  one.connect();
  const [second] = await again;
  assert.deepEqual(second.handshake.auth, { calls: 2 });
  assert.notEqual(second.id, first.id);
});

eachPair("the handshake may be written to, and replaced", async (_t, connect) => {
  const { io, join: another, socket } = await connect();
  socket.handshake.session = { user: 1 };
  socket.handshake.auth.checked = true;
  socket.handshake.query.added = "x";
  assert.deepEqual(socket.handshake.session, { user: 1 });
  assert.equal(socket.request._query.added, "x");
  const [fetched] = await io.fetchSockets();
  assert.equal(fetched.handshake.auth.checked, true);
  const other = (await another()).socket;
  assert.equal(other.handshake.session, undefined);
  assert.equal(other.handshake.query.added, undefined);
  const mine = { address: "somewhere" };
  socket.handshake = mine;
  assert.equal(socket.handshake, mine);
});
