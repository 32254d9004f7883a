// Node's servers and sockets still know a connection after the WebSocket has taken it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connected, join, client as plainClient } from "../support/clients.mjs";
import { eachLine, LINES } from "../support/lines.mjs";
import { listen, serve } from "../support/server.mjs";
import { frame, opening } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";
import { ask, joinByHand } from "../support/wire.mjs";

/** The number of connections that an HTTP server counts. */
const connections = (httpServer) =>
  new Promise((resolve) => httpServer.getConnections((_error, count) => resolve(count)));

const WEBSOCKET = { transports: ["websocket"] };

/** Parts of an application that see the request before the session does. */
const WATCHERS = {
  nothing: () => {},
  "a connection listener": (io) => io.engine.on("connection", (conn) => void conn.request),
  "a headers listener": (io) => io.engine.on("headers", () => {}),
  "an engine middleware": (io) => io.engine.use((_req, _res, next) => next()),
  allowRequest: (io) => {
    io.engine.opts.allowRequest = (_req, callback) => callback(null, true);
  },
};
for (const [name, install] of Object.entries(WATCHERS)) {
  eachLine(`addresses are known long after the handshake, with ${name}`, async (t, line) => {
    const { io, port } = await line.serve(t);
    install(io);
    const wire = await line.wire(t, port);
    const socket = io.sockets.sockets.get(await joinByHand(wire));
    socket.on("echo", (value, ack) => ack(value));
    const { localPort } = wire.tcp ?? wire.socket;
    for (let i = 0; i < 3; i++) {
      await pause(50);
      assert.deepEqual(await ask(wire, i, "echo", i), [i]);
    }
    assert.equal(socket.handshake.address, "127.0.0.1");
    assert.equal(socket.conn.remoteAddress, "127.0.0.1");
    for (const peer of [
      socket.request.socket,
      socket.request.connection,
      socket.conn.request.socket,
      socket.conn.transport.socket._socket,
    ]) {
      const { remoteAddress, remoteFamily, remotePort } = peer;
      assert.deepEqual([remoteAddress, remoteFamily], ["127.0.0.1", "IPv4"]);
      assert.equal(remotePort, localPort);
      assert.deepEqual([peer.localAddress, peer.localPort], ["127.0.0.1", port]);
      assert.deepEqual(peer.address(), { address: "127.0.0.1", family: "IPv4", port });
    }
    const gone = once(socket, "disconnect");
    wire.socket.destroy();
    await gone;
    await pause(50);
    assert.equal(socket.handshake.address, "127.0.0.1");
    assert.equal(socket.conn.remoteAddress, "127.0.0.1");
  });
}

eachLine("getConnections() counts WebSockets until they end", async (t, line) => {
  const { io, httpServer, port } = await line.serve(t);
  const count = async (n) => {
    await until(async () => (await connections(httpServer)) === n, `there are ${n} connections`);
  };
  const wires = [];
  for (let n = 1; n <= 5; n++) {
    wires.push(await line.wire(t, port));
    const id = await joinByHand(wires.at(-1));
    wires.at(-1).io = io.sockets.sockets.get(id);
    assert.equal(await connections(httpServer), n);
  }
  const [ended, reset, closed, kicked, violent] = wires;
  ended.socket.end();
  await count(4);
  (reset.tcp ?? reset.socket).resetAndDestroy();
  await count(3);
  closed.write(frame(8));
  await count(2);
  kicked.io.disconnect(true);
  kicked.write(frame(8));
  await count(1);
  violent.write(frame(7));
  await count(0);
});

eachLine("upgrades that come to nothing are not counted", async (t, line) => {
  const { io, httpServer, port } = await line.serve(t);
  const requests = [
    opening("EIO=4&transport=polling"),
    opening("EIO=4&transport=websocket&sid=unknown"),
    opening("EIO=4&transport=websocket", { "Sec-WebSocket-Version": "7" }),
    opening("EIO=9&transport=websocket"),
  ];
  for (const request of requests) {
    const wire = await line.wire(t, port);
    wire.write(request);
    await wire.head();
    wire.socket.end(frame(8));
    await until(() => wire.ended, "the server ends the connection");
  }
  await until(async () => (await connections(httpServer)) === 0, "nothing is counted");
  assert.equal(io.engine.clientsCount, 0);
});

test("maxConnections counts WebSockets", async (t) => {
  const { httpServer, port } = await serve(t);
  httpServer.maxConnections = 2;
  const two = [await connected(plainClient(t, port)), await connected(plainClient(t, port))];
  const third = plainClient(t, port);
  await once(third, "connect_error");
  two[0].disconnect();
  await until(async () => (await connections(httpServer)) === 1, "one has left");
  await connected(plainClient(t, port));
});

test("closeAllConnections() leaves WebSockets alone", async (t) => {
  const { io, httpServer, port } = await serve(t);
  const { socket, client } = await join(t, io, port);
  socket.on("echo", (value, ack) => ack(value));
  httpServer.closeAllConnections();
  httpServer.closeIdleConnections();
  assert.equal(await client.emitWithAck("echo", 1), 1);
  assert.equal(await connections(httpServer), 1);
});

for (const [name, line] of Object.entries(LINES)) {
  for (const [way, options] of Object.entries(WAYS)) {
    const title = `httpServer.close() waits for WebSockets, and listens again`;
    line.test(`${title} [${name}, ${way}]`, async (t) => {
      const { io, httpServer, port } = await line.serve(t);
      io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
      for (let round = 0; round < 3; round++) {
        const clients = [line.client(t, port, options), line.client(t, port, options)];
        await Promise.all(clients.map(connected));
        for (const client of clients) await settled(client, way);
        const events = [];
        httpServer.once("close", () => events.push("close"));
        httpServer.close(() => events.push("callback"));
        for (const client of clients) {
          if (way === "polling") break;
          await pause(50);
          assert.equal(await client.emitWithAck("echo", round), round);
          assert.deepEqual(events, []);
          client.disconnect();
        }
        await until(() => {
          httpServer.closeAllConnections(); // a poll may have been on its way
          return events.length === 2;
        }, "the server has closed");
        assert.equal(await connections(httpServer), 0);
        // polling sessions outlive their connections; the closed server ends them
        await until(() => io.engine.clientsCount === 0, "no session is left");
        assert.equal(await listen(httpServer, port), port);
      }
      const last = await connected(line.client(t, port, options));
      assert.equal(await last.emitWithAck("echo", "last"), "last");
    });
  }
}

test("a connection is not counted twice when the server has listened again", async (t) => {
  const { io, httpServer, port } = await serve(t);
  const first = await connected(plainClient(t, port, WEBSOCKET));
  const closed = once(httpServer, "close");
  httpServer.close();
  first.disconnect();
  await closed;
  await listen(httpServer, port);
  const second = await connected(plainClient(t, port, WEBSOCKET));
  assert.equal(await connections(httpServer), 1);
  second.disconnect();
  await until(async () => (await connections(httpServer)) === 0, "nothing is counted");
  assert.equal(io.engine.clientsCount, 0);
});
