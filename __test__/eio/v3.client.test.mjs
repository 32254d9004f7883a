// socket.io-client 2 as it is: every way of connecting, alone and together with today's clients.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as current from "../support/clients.mjs";
import { oldClient, oldConnected, oldJoin } from "../support/eio3.mjs";
import { certificate, secureTest, serveSecure } from "../support/secure.mjs";
import { serve } from "../support/server.mjs";
import { HANG, once, until } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

const WAYS = {
  polling: { transports: ["polling"] },
  "polling, base64": { transports: ["polling"], forceBase64: true },
  websocket: { transports: ["websocket"] },
  "websocket, base64": { transports: ["websocket"], forceBase64: true },
  default: {},
  "default, base64": { forceBase64: true },
};

/** One test per way; `fn(t, served, options, way)`. */
function eachWay(title, fn, server) {
  for (const [name, options] of Object.entries(WAYS)) {
    test(`${title} [${name}]`, async (t) => {
      const served = await serve(t, { allowEIO3: true, ...server });
      return fn(t, served, options, name.split(",")[0]);
    });
  }
}

const url = (port) => `http://127.0.0.1:${port}`;

eachWay("connects without asking for the main namespace", async (t, { io, port }, options, way) => {
  const { socket, client } = await oldJoin(t, io, port, options);
  assert.equal(client.id, socket.id);
  assert.equal(client.io.engine.id, socket.conn.id);
  await settled(client, way);
  assert.equal(client.io.engine.transport.name, way === "polling" ? "polling" : "websocket");
  await until(() => socket.conn.transport.name === client.io.engine.transport.name);
});

eachWay("events and acknowledgements in both directions", async (t, served, options, way) => {
  const { socket, client } = await oldJoin(t, served.io, served.port, options);
  const value = ["é€😀\u2028", { deep: [1, null, "\ufffd"] }, 2.5, true];
  for (let round = 0; round < 2; round++) {
    const heard = once(socket, "up");
    client.emit("up", ...value);
    assert.deepEqual(await heard, value);
    const told = once(client, "down");
    socket.emit("down", ...value);
    assert.deepEqual(await told, value);
    socket.once("ask", (x, ack) => ack(x, "server"));
    const answered = new Promise((resolve) => client.emit("ask", 7, (...args) => resolve(args)));
    assert.deepEqual(await answered, [7, "server"]);
    client.once("ask", (x, ack) => ack(x, "client"));
    assert.deepEqual(await socket.emitWithAck("ask", 8), 8);
    await settled(client, way);
  }
});

eachWay("binary arrives in both directions", async (t, served, options, way) => {
  const { socket, client } = await oldJoin(t, served.io, served.port, options);
  const value = { a: Buffer.from([0, 1, 254, 255]), b: [Buffer.alloc(0), Buffer.alloc(9000, 3)] };
  for (let round = 0; round < 2; round++) {
    const heard = once(socket, "up");
    client.emit("up", "x", value);
    assert.deepEqual(await heard, ["x", value]);
    const told = once(client, "down");
    socket.emit("down", value, "€");
    assert.deepEqual(await told, [value, "€"]);
    socket.once("ask", (x, ack) => ack(x));
    const answered = new Promise((resolve) => client.emit("ask", value.a, resolve));
    assert.deepEqual(await answered, value.a);
    client.once("ask", (x, ack) => ack(x));
    assert.deepEqual(await socket.emitWithAck("ask", value.a), value.a);
    await settled(client, way);
  }
});

eachWay("much at once arrives in order", async (t, served, options) => {
  const { socket, client } = await oldJoin(t, served.io, served.port, options);
  const up = [];
  const down = [];
  socket.on("n", (n, data) => up.push([n, data?.[0]]));
  client.on("n", (n, data) => down.push([n, data?.[0]]));
  const data = (n) => (n % 5 === 0 ? Buffer.from([n % 256]) : undefined);
  for (let n = 0; n < 300; n++) {
    client.emit("n", n, data(n));
    socket.emit("n", n, data(n));
  }
  await until(() => up.length === 300 && down.length === 300);
  const expected = Array.from({ length: 300 }, (_, n) => [n, data(n)?.[0]]);
  assert.deepEqual(up, expected);
  assert.deepEqual(down, expected);
});

eachWay("a namespace gets the query of its client", async (t, { io, port }, options) => {
  io.of("/foo");
  const { client } = await oldJoin(t, io, port, options);
  const accepted = once(io.of("/foo"), "connection");
  const foo = client.io.socket("/foo", { query: { tok: "1", b: "é" } });
  const [[socket]] = await Promise.all([accepted, oldConnected(foo)]);
  assert.equal(socket.id, `/foo#${client.io.engine.id}`);
  assert.equal(foo.id, socket.id);
  assert.deepEqual({ ...socket.handshake.auth }, { tok: "1", b: "é" });
  const heard = once(socket, "hi");
  foo.emit("hi", Buffer.from([1]));
  assert.deepEqual(await heard, [Buffer.from([1])]);
  const left = once(socket, "disconnect");
  foo.close();
  assert.deepEqual((await left)[0], "client namespace disconnect");
  assert.equal(client.connected, true);
});

eachWay("a middleware refuses with data", async (t, { io, port }, options) => {
  io.of("/mw").use((_socket, next) => next(Object.assign(new Error("no"), { data: { code: 7 } })));
  io.of("/mw2").use((_socket, next) => next(new Error("no")));
  for (const [nsp, data] of [
    ["/mw", { code: 7 }],
    ["/mw2", "no"],
    ["/unknown", { message: "Invalid namespace" }],
  ]) {
    const client = oldClient(t, url(port), { nsp, ...options });
    await assert.rejects(oldConnected(client), (error) => {
      assert.deepEqual(error.data, data);
      return true;
    });
  }
});

eachWay("both sides are told the reason of the end", async (t, { io, port }, options, way) => {
  for (const [end, server, onClient] of [
    [({ client }) => client.close(), "client namespace disconnect", "io client disconnect"],
    [({ socket }) => socket.disconnect(), "server namespace disconnect", "io server disconnect"],
    [
      ({ socket }) => socket.disconnect(true),
      "server namespace disconnect",
      "io server disconnect",
    ],
    [({ socket }) => socket.conn.close(), "forced close", "transport close"],
    [({ client }) => client.io.engine.close(), "transport close", "forced close"],
  ]) {
    const one = await oldJoin(t, io, port, options);
    await settled(one.client, way);
    const ends = [once(one.socket, "disconnect"), once(one.client, "disconnect")];
    end(one);
    const [[ours], [theirs]] = await Promise.all(ends);
    assert.deepEqual([ours, theirs], [server, onClient]);
  }
});

eachWay("the client reconnects", async (t, { io, port }, options, way) => {
  const client = oldClient(t, url(port), {
    ...options,
    reconnection: true,
    reconnectionDelay: 10,
    reconnectionDelayMax: 20,
  });
  let accepted = once(io, "connection");
  const [[first]] = await Promise.all([accepted, oldConnected(client)]);
  await settled(client, way);
  accepted = once(io, "connection");
  const back = once(client, "reconnect");
  first.conn.close();
  const [[second]] = await Promise.all([accepted, back]);
  assert.notEqual(second.id, first.id);
  assert.equal(second.recovered, false);
  await until(() => client.connected && client.id === second.id);
});

eachWay(
  "heartbeats keep the client",
  async (t, { io, port }, options) => {
    const { socket, client } = await oldJoin(t, io, port, options);
    const pongs = [];
    client.on("pong", () => pongs.push(client.connected));
    await until(() => pongs.length >= 6);
    assert.ok(socket.connected && pongs.every(Boolean));
  },
  { pingInterval: 50, pingTimeout: 2000 },
);

test("broadcasts reach clients of both revisions on every transport", async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true });
  const everybody = [];
  for (const [name, options] of Object.entries(WAYS)) {
    const { socket, client } = await oldJoin(t, io, port, options);
    await settled(client, name.split(",")[0]);
    everybody.push({ socket, client });
  }
  for (const [way, options] of Object.entries(current.WAYS)) {
    const { socket, client } = await current.join(t, io, port, options);
    await settled(client, way);
    everybody.push({ socket, client });
  }
  // both sides of an upgrade know of it
  await until(() =>
    everybody.every(({ socket, client }) => {
      return socket.conn.transport.name === client.io.engine.transport.name;
    }),
  );
  for (const value of ["text €", Buffer.from([0, 255]), Buffer.alloc(40_000, 5)]) {
    const told = everybody.map(({ client }) => once(client, "all"));
    io.emit("all", value, { value });
    for (const args of await Promise.all(told)) assert.deepEqual(args, [value, { value }]);
  }
  for (const [n, { socket }] of everybody.entries()) if (n % 2 === 0) socket.join("even");
  const heard = [];
  for (const [n, { client }] of everybody.entries()) {
    client.on("room", (bytes) => heard.push([n, bytes[0]]));
    client.on("rest", () => heard.push([n, "rest"]));
  }
  everybody[0].socket.to("even").emit("room", Buffer.from([1]));
  io.except("even").emit("rest");
  const expected = everybody.map((_, n) => [n, n % 2 === 0 ? 1 : "rest"]).slice(1);
  await until(() => heard.length >= expected.length);
  heard.sort(([a], [b]) => a - b);
  assert.deepEqual(heard, expected);
  for (const { client } of everybody) client.on("who", (ack) => ack(client.id));
  const ids = await io.timeout(HANG).emitWithAck("who");
  assert.deepEqual(ids.sort(), everybody.map(({ socket }) => socket.id).sort());
  assert.equal((await io.fetchSockets()).length, everybody.length);
});

test("without allowEIO3 the client is told why", async (t) => {
  const { port } = await serve(t);
  for (const options of [{ transports: ["polling"] }, { transports: ["websocket"] }]) {
    const client = oldClient(t, url(port), options);
    await once(client, "connect_error");
    assert.equal(client.connected, false);
  }
});

secureTest("version 2 clients work over TLS, on every transport", async (t) => {
  const { io, port } = await serveSecure(t, { allowEIO3: true });
  for (const [name, options] of Object.entries(WAYS)) {
    const accepted = once(io, "connection");
    const client = oldClient(t, `https://127.0.0.1:${port}`, { ca: certificate.cert, ...options });
    const [[socket]] = await Promise.all([accepted, oldConnected(client)]);
    await settled(client, name.split(",")[0]);
    const value = Buffer.alloc(100_000, 9);
    const heard = once(socket, "up");
    client.emit("up", value, "€");
    assert.deepEqual(await heard, [value, "€"]);
    const told = once(client, "down");
    io.emit("down", value, "€");
    assert.deepEqual(await told, [value, "€"]);
    const left = once(socket, "disconnect");
    client.close();
    await left;
  }
});
