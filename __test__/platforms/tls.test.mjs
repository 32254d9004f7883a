// HTTPS: everything that works over plain HTTP works over TLS, on every transport.
import assert from "node:assert/strict";
import http2 from "node:http2";
import tls from "node:tls";
import { connected } from "../support/clients.mjs";
import {
  certificate,
  eachSecureWay,
  secureClient,
  secureJoin,
  securePair,
  serveSecure,
} from "../support/secure.mjs";
import { listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

eachSecureWay("events and acks go both ways", async (t, options, way) => {
  const { socket, client } = await securePair(t, options);
  await settled(client, way);
  for (const end of [socket, client]) {
    end.on("ask", (...args) => args.pop()("heard", ...args));
  }
  const args = [1, "zwölf €😀", null, [true, { deep: { er: [] } }]];
  for (const end of [socket, client]) {
    const answer = await new Promise((resolve) => end.emit("ask", ...args, (...a) => resolve(a)));
    assert.deepEqual(answer, ["heard", ...args]);
  }
});

eachSecureWay("binary goes both ways, also nested", async (t, options, way) => {
  const { socket, client } = await securePair(t, options);
  await settled(client, way);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  const value = { list: [bytes, { deep: Buffer.alloc(0) }], text: "beside" };
  for (const [from, to] of [
    [socket, client],
    [client, socket],
  ]) {
    to.on("data", (given, ack) => ack(given, Buffer.from("answer")));
    const answer = await new Promise((resolve) => {
      from.emit("data", value, (...given) => resolve(given));
    });
    assert.deepEqual(answer, [value, Buffer.from("answer")]);
  }
});

const MEGABYTE = 1 << 20;
const LARGE = {
  "ASCII text": "x".repeat(MEGABYTE),
  "UTF-8 text": "é€😀".repeat(MEGABYTE / 9),
  binary: Buffer.alloc(MEGABYTE, "binary"),
};
for (const [kind, value] of Object.entries(LARGE)) {
  eachSecureWay(`1 MB of ${kind}, both ways`, async (t, options, way) => {
    const server = { maxHttpBufferSize: 1e7 };
    const { socket, client } = await securePair(t, { server, ...options });
    await settled(client, way);
    for (const [from, to] of [
      [socket, client],
      [client, socket],
    ]) {
      const received = once(to, "large");
      from.emit("large", value);
      assert.deepEqual(await received, [value]);
    }
  });
}

eachSecureWay("messages while the transport is upgraded", async (t, options) => {
  const { socket, client } = await securePair(t, options);
  const seen = { client: [], server: [] };
  client.on("n", (n) => seen.client.push(n));
  socket.on("n", (n) => seen.server.push(n));
  const sent = Array.from({ length: 200 }, (_, n) => n);
  for (const n of sent) {
    socket.emit("n", n);
    client.emit("n", n);
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await until(() => seen.client.length >= 200 && seen.server.length >= 200);
  assert.deepEqual(seen, { client: sent, server: sent });
});

eachSecureWay("broadcasts reach rooms", async (t, options, way) => {
  const { io, port } = await serveSecure(t);
  const members = [];
  for (let i = 0; i < 4; i++) members.push(await secureJoin(t, io, port, options));
  const seen = members.map(() => []);
  members.forEach(({ client }, i) => {
    client.on("e", (what) => seen[i].push(what));
  });
  for (const { client } of members) await settled(client, way);
  members[0].socket.join("even");
  members[2].socket.join("even");
  io.to("even").emit("e", "to the even");
  io.except("even").emit("e", "to the odd");
  members[0].socket.broadcast.emit("e", Buffer.from("to all but the first"));
  members[0].socket.leave("even");
  io.to("even").emit("e", "to the last of the even");
  io.emit("e", "end");
  await until(() => seen.every((list) => list.at(-1) === "end"));
  const bytes = Buffer.from("to all but the first");
  assert.deepEqual(seen, [
    ["to the even", "end"],
    ["to the odd", bytes, "end"],
    ["to the even", bytes, "to the last of the even", "end"],
    ["to the odd", bytes, "end"],
  ]);
});

eachSecureWay("the handshake says that it is secure", async (t, options, way) => {
  const { port, socket, client } = await securePair(t, options);
  await settled(client, way);
  assert.equal(socket.handshake.secure, true);
  assert.match(socket.handshake.address, /127\.0\.0\.1$/);
  assert.equal(socket.conn.remoteAddress, socket.handshake.address);
  assert.equal(socket.conn.request.socket.encrypted, true);
  assert.equal(socket.request.connection.encrypted, true);
  assert.equal(socket.request.socket.remoteAddress, socket.handshake.address);
  // the connection of a polling handshake may be gone by now
  if (way === "websocket") assert.equal(socket.request.socket.localPort, port);
});

eachSecureWay("the TLS side of the connection can be asked", async (t, options, way) => {
  const mutual = { requestCert: true, ca: certificate.cert };
  const { io, port } = await serveSecure(t, {}, mutual);
  const { key, cert } = certificate;
  const { socket, client } = await secureJoin(t, io, port, { ...options, key, cert });
  await settled(client, way);
  for (const peer of [socket.request.socket, socket.conn.request.client]) {
    assert.ok(peer instanceof tls.TLSSocket);
    assert.equal(peer.authorized, true);
    // the connection of a polling handshake may be gone by now
    if (way !== "websocket") continue;
    assert.match(peer.getProtocol(), /^TLSv1/);
    assert.equal(peer.getPeerCertificate().subject.CN, "tester");
  }
});

const ENDINGS = {
  "client.disconnect()": [
    ({ client }) => client.disconnect(),
    ["client namespace disconnect", "io client disconnect"],
  ],
  "socket.disconnect()": [
    ({ socket }) => socket.disconnect(),
    ["server namespace disconnect", "io server disconnect"],
  ],
  "socket.disconnect(true)": [
    ({ socket }) => socket.disconnect(true),
    ["server namespace disconnect", "io server disconnect"],
  ],
  "the client's engine closes": [
    ({ client }) => client.io.engine.close(),
    ["transport close", "forced close"],
  ],
  "the server's engine closes": [
    ({ socket }) => socket.conn.close(),
    ["forced close", "transport close"],
  ],
  "io.close()": [({ io }) => void io.close(), ["server shutting down", "transport close"]],
  "the heartbeat stops": [
    ({ client }) => {
      client.io.engine.transport.send = () => {};
    },
    ["ping timeout", "transport close"],
    { pingInterval: 500, pingTimeout: 500 },
  ],
};
for (const [title, [end, reasons, server]] of Object.entries(ENDINGS)) {
  eachSecureWay(`reasons of both sides: ${title}`, async (t, options, way) => {
    const all = await securePair(t, { server, ...options });
    await settled(all.client, way);
    const disconnected = [once(all.socket, "disconnect"), once(all.client, "disconnect")];
    end(all);
    const [[here], [there]] = await Promise.all(disconnected);
    // a client that is about to poll finds nobody listening any more
    const refused = title === "io.close()" && way === "polling" && there === "transport error";
    assert.deepEqual([here, refused ? "transport close" : there], reasons);
    all.client.disconnect();
    await until(() => all.io.engine.clientsCount === 0, "the session has ended");
  });
}

eachSecureWay(
  "a client that does not trust the server is refused by itself",
  async (t, options) => {
    const { io, port } = await serveSecure(t);
    const client = secureClient(t, port, { ...options, ca: [] });
    const [error] = await once(client, "connect_error");
    assert.ok(error instanceof Error);
    assert.equal(io.engine.clientsCount, 0);
  },
);

eachSecureWay("the HTTP/1.1 side of a secure HTTP/2 server", async (t, options, way) => {
  const httpServer = http2.createSecureServer({ ...certificate, allowHTTP1: true });
  const port = await listen(httpServer);
  defer(t, () => httpServer.close());
  const io = new Server(httpServer);
  defer(t, () => io.close());
  const accepted = once(io, "connection");
  const client = secureClient(t, port, options);
  const [[socket]] = await Promise.all([accepted, connected(client)]);
  await settled(client, way);
  socket.on("ask", (value, ack) => ack(value));
  assert.deepEqual(await client.emitWithAck("ask", Buffer.from("x")), Buffer.from("x"));
  assert.equal(socket.handshake.secure, true);
});
