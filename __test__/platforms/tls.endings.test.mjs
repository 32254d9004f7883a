// HTTPS under strain: clients that do not read, resets at every step, servers and processes that end.
import assert from "node:assert/strict";
import { spawnChild } from "../support/child.mjs";
import { connected } from "../support/clients.mjs";
import { freePort } from "../support/free-port.mjs";
import {
  eachSecureWay,
  secureBeyond,
  secureByHand,
  secureClient,
  secureJoin,
  securePair,
  secureTest,
  secureWire,
  serveSecure,
} from "../support/secure.mjs";
import { frame, opening } from "../support/tcp.mjs";
import { once, until, within } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";
import { ask, joinByHand } from "../support/wire.mjs";

/** Nobody is kept for so long, in ms; a peer that reads nothing is kept for half a minute. */
const SOON = 20_000;

const CHUNK = "x".repeat(64 << 10);

/** A server with a bystander, and `unharmed()`: the bystander is served, and is the only one left. */
async function withBystander(t, options) {
  const { io, httpServer, port } = await serveSecure(t, options);
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  const { client } = await secureJoin(t, io, port, { transports: ["websocket"] });
  const unharmed = async () => {
    assert.equal(await within(client.emitWithAck("echo", "still here"), "an echo"), "still here");
    await until(() => io.engine.clientsCount === 1, "the bystander is alone", SOON);
    await until(
      async () => (await connections(httpServer)) === 1,
      "its connection is the only one",
      SOON,
    );
  };
  return { io, httpServer, port, unharmed };
}

/** The number of connections that an HTTP server counts. */
const connections = (httpServer) =>
  new Promise((resolve, reject) => {
    httpServer.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

/** Sends until the connection takes no more; resolves with how many messages that took. */
async function stuff(socket) {
  let sent = 0;
  for (let calm = 0; calm < 20; ) {
    calm = socket.conn.transport.writable ? 0 : calm + 1;
    if (calm === 0) socket.emit("n", sent++, CHUNK);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return sent;
}

for (const way of ["destroySoon", "end"]) {
  secureTest(`what is sent right before ${way}() of the TCP connection is heard`, async (t) => {
    const { io, httpServer, port } = await serveSecure(t);
    for (let round = 0; round < 10; round++) {
      const below = once(httpServer, "connection");
      const { socket, client } = await secureJoin(t, io, port, { transports: ["websocket"] });
      const [tcp] = await below;
      const bye = once(client, "bye");
      socket.emit("bye", CHUNK);
      tcp[way]();
      assert.deepEqual(await bye, [CHUNK]);
    }
  });
}

for (const way of ["end", "destroy"]) {
  secureTest(`${way}() with 25 megabytes waiting leaves the first of them in order`, async (t) => {
    const { wire, socket } = await secureByHand(t);
    wire.socket.pause();
    for (let n = 0; n < 400; n++) socket.emit("n", n, CHUNK);
    await new Promise(setImmediate);
    socket.request.socket[way]();
    wire.socket.resume();
    let heard = 0;
    for (; ; heard++) {
      const { opcode, payload } = await wire.frame();
      if (opcode !== 1) break;
      assert.equal(payload.toString(), `42["n",${heard},"${CHUNK}"]`);
    }
    assert.ok(heard > 0);
  });
}

secureTest("a client that reads late gets everything, in order", async (t) => {
  const { socket, client } = await securePair(t, { transports: ["websocket"] });
  const seen = [];
  client.on("n", (n, chunk) => seen.push(chunk === CHUNK ? n : "damaged"));
  const { _socket: tlsSocket } = client.io.engine.transport.ws;
  tlsSocket.pause();
  let sent = await stuff(socket);
  // what is volatile does not wait for a slow client; the rest does
  socket.volatile.emit("n", "volatile", CHUNK);
  for (let i = 0; i < 50; i++) socket.emit("n", sent++, CHUNK);
  assert.equal(seen.length, 0);
  tlsSocket.resume();
  const end = once(client, "end");
  socket.emit("end");
  await end;
  assert.deepEqual(
    seen,
    Array.from({ length: sent }, (_, n) => n),
  );
  await until(() => socket.conn.transport.writable, "the connection takes more");
  const late = once(client, "late");
  socket.volatile.emit("late", 1);
  assert.deepEqual(await late, [1]);
});

secureTest("a client that does not read harms nobody else", async (t) => {
  const { io, port, unharmed } = await withBystander(t);
  const { socket, client } = await secureJoin(t, io, port, { transports: ["websocket"] });
  client.io.engine.transport.ws._socket.pause();
  await stuff(socket);
  for (let i = 0; i < 10; i++) {
    const { client: other } = await secureJoin(t, io, port);
    assert.equal(await other.emitWithAck("echo", i), i);
    other.disconnect();
  }
  const gone = once(socket, "disconnect");
  client.io.engine.transport.ws.terminate();
  assert.equal((await gone)[0], "transport close");
  await unharmed();
});

secureTest("a stalled client whose session ends is let go in the end", async (t) => {
  const { io, port, unharmed } = await withBystander(t);
  const { socket, client } = await secureJoin(t, io, port, { transports: ["websocket"] });
  client.io.engine.transport.ws._socket.pause();
  await stuff(socket);
  const peer = socket.request.socket;
  socket.conn.close(true);
  // half a minute for the answer to the close frame, then without further courtesy
  await within(
    new Promise((resolve) => (peer.destroyed ? resolve() : peer.once("close", resolve))),
    "the end of the connection",
    90_000,
  );
  await unharmed();
});

secureBeyond("a client that never reads is dropped when too much waits for it", async (t) => {
  const { io, port, unharmed } = await withBystander(t);
  const { socket, client } = await secureJoin(t, io, port, { transports: ["websocket"] });
  client.io.engine.transport.ws._socket.pause();
  const gone = once(socket, "disconnect");
  for (let mebibytes = 0; mebibytes < 96; mebibytes++) {
    for (let i = 0; i < 16; i++) socket.emit("n", i, CHUNK);
    await new Promise(setImmediate);
  }
  const [reason] = await gone;
  assert.equal(reason, "transport error");
  await unharmed();
});

/** Each step a TLS connection can be reset at; resolves with the wire. */
const STEPS = {
  "the TLS handshake": (t, port) => secureWire(t, port),
  "half the upgrade request": async (t, port) => {
    const wire = await secureWire(t, port);
    wire.write(opening().slice(0, 60));
    return wire;
  },
  "the upgrade request": async (t, port) => {
    const wire = await secureWire(t, port);
    wire.write(opening());
    return wire;
  },
  "the open packet": async (t, port) => {
    const wire = await secureWire(t, port);
    wire.write(opening());
    await wire.head();
    await wire.nextText();
    return wire;
  },
  "a pending poll": async (t, port) => {
    const wire = await secureWire(t, port);
    const get = (query) =>
      `GET /socket.io/?EIO=4&transport=polling${query} HTTP/1.1\r\nHost: x\r\n\r\n`;
    wire.write(get(""));
    await until(() => wire.received.includes("}"), "the open packet");
    const sid = /"sid":"([^"]+)"/.exec(wire.received)[1];
    wire.write(get(`&sid=${sid}`));
    return wire;
  },
  CONNECT: async (t, port) => {
    const wire = await secureWire(t, port);
    await joinByHand(wire);
    return wire;
  },
  "half a frame": async (t, port) => {
    const wire = await secureWire(t, port);
    await joinByHand(wire);
    wire.write(frame(1, '42["half"]').subarray(0, 9));
    return wire;
  },
  "an event": async (t, port) => {
    const wire = await secureWire(t, port);
    await joinByHand(wire);
    assert.deepEqual(await ask(wire, 1, "echo", "x"), ["x"]);
    wire.write(frame(1, '422["echo",1]'));
    return wire;
  },
  "a close frame": async (t, port) => {
    const wire = await secureWire(t, port);
    await joinByHand(wire);
    wire.write(frame(8));
    return wire;
  },
};
const CUTS = {
  // Node never closes a socket that is reset while it is being shut down: the process does not end.
  reset: (wire) => (wire.socket.writableEnded ? wire.tcp.destroy() : wire.tcp.resetAndDestroy()),
  "TCP end without a TLS goodbye": (wire) => wire.tcp.end(),
  "TLS goodbye": (wire) => wire.socket.end(),
};
for (const [step, open] of Object.entries(STEPS)) {
  for (const [how, cut] of Object.entries(CUTS)) {
    secureTest(`${how} after ${step}`, async (t) => {
      // sessions whose handshake was answered into the void end with the heartbeat
      const heartbeat = { pingInterval: 300, pingTimeout: 1000 };
      const { io, port, unharmed } = await withBystander(t, heartbeat);
      let joined = 0;
      const reasons = [];
      io.on("connection", (socket) => {
        joined++;
        socket.on("disconnect", (reason) => reasons.push(reason));
      });
      const wires = await Promise.all([open(t, port), open(t, port), open(t, port)]);
      for (const wire of wires) cut(wire);
      await unharmed();
      assert.equal(reasons.length, joined);
      // an answer that meets the reset is a write error
      for (const reason of reasons) assert.match(reason, /^transport (close|error)$/);
    });
  }
}

eachSecureWay("io.close() ends every connection and calls back", async (t, options, way) => {
  const { io, httpServer, port } = await serveSecure(t);
  const joined = await Promise.all([1, 2, 3].map(() => secureJoin(t, io, port, options)));
  for (const { client } of joined) await settled(client, way);
  const gone = joined.map(({ client }) => once(client, "disconnect"));
  const closed = within(new Promise((resolve) => io.close(resolve)), "the callback of io.close()");
  await Promise.all([closed, ...gone]);
  assert.equal(io.engine.clientsCount, 0);
  assert.equal(httpServer.listening, false);
  assert.equal(await connections(httpServer), 0);
});

secureTest(
  "httpServer.close() waits for WebSockets, and the server can listen again",
  async (t) => {
    const { io, httpServer, port, client } = await securePair(t, {
      port: await freePort(),
      transports: ["websocket"],
    });
    io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
    let closed = false;
    const closing = once(httpServer, "close").then(() => {
      closed = true;
    });
    httpServer.close();
    const refused = secureClient(t, port, { transports: ["websocket"] });
    await once(refused, "connect_error");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(closed, false);
    client.disconnect();
    await closing;
    await once(httpServer.listen(port, "127.0.0.1"), "listening");
    const again = await connected(secureClient(t, port, { transports: ["websocket"] }));
    assert.equal(await again.emitWithAck("echo", "again"), "again");
  },
);

for (const end of ["close", "leave"]) {
  secureTest(`a process ends by itself after TLS clients: ${end}`, async (t) => {
    const child = spawnChild(t, "secure.mjs", [], "platforms");
    const { port, ca } = await child.message("listening");
    const ways = [["websocket"], ["polling"], ["polling", "websocket"]];
    const clients = ways.map((transports) => secureClient(t, port, { ca, transports }));
    await Promise.all(clients.map(connected));
    for (const client of clients) {
      assert.deepEqual(await client.emitWithAck("echo", Buffer.from("x")), Buffer.from("x"));
    }
    if (end === "leave") for (const client of clients) client.disconnect();
    child.send(end);
    assert.equal(await child.exit(), 0);
    await until(() => clients.every((client) => !client.connected), "the clients have been told");
  });
}
