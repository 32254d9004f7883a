// HTTPS: many messages in one chunk, and listeners that end their connection in the middle of it.
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { connected } from "../support/clients.mjs";
import {
  secureByHand,
  secureClient,
  secureJoin,
  securePair,
  secureTest,
  secureWire,
  serveSecure,
} from "../support/secure.mjs";
import { frame } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";
import { joinByHand } from "../support/wire.mjs";

/** Frames of events of one client, in one chunk. */
const events = (...args) =>
  Buffer.concat(args.map((arg) => frame(1, `42${JSON.stringify(["n", arg])}`)));

/** Another client is served. */
async function serves(t, io, port) {
  const { socket, client } = await secureJoin(t, io, port, { transports: ["websocket"] });
  socket.on("echo", (value, ack) => ack(value));
  assert.equal(await client.emitWithAck("echo", "x"), "x");
}

secureTest("the answer to an upgrade is a write of its own", async (t) => {
  const { port } = await serveSecure(t);
  const wire = await secureWire(t, port);
  const chunks = [];
  wire.socket.on("data", (chunk) => chunks.push(chunk.toString("latin1")));
  await wire.upgrade();
  await wire.nextText();
  assert.match(chunks[0], /^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/);
});

secureTest("a chunk with 1,000 messages is heard and answered in order", async (t) => {
  const { socket, wire } = await secureByHand(t);
  const numbers = Array.from({ length: 1000 }, (_, n) => n);
  const heard = [];
  socket.on("n", (n) => {
    heard.push(n);
    socket.emit("n", n);
  });
  wire.write(events(...numbers));
  for (const n of numbers) assert.equal(await wire.nextText(), `42["n",${n}]`);
  assert.deepEqual(heard, numbers);
});

secureTest("messages that arrive byte by byte are heard once each", async (t) => {
  const { socket, wire } = await secureByHand(t);
  const heard = [];
  socket.on("n", (n) => heard.push(n));
  for (const byte of events("a", "b")) wire.write(Buffer.of(byte));
  await until(() => heard.length === 2, "both messages");
  assert.deepEqual(heard, ["a", "b"]);
});

secureTest("events behind one whose listener disconnects are not heard", async (t) => {
  const { io, port, socket, wire } = await secureByHand(t);
  const heard = [];
  socket.on("n", (n) => {
    heard.push(n);
    if (n === 1) socket.disconnect(true);
  });
  const gone = once(socket, "disconnect");
  wire.write(events(0, 1, 2, 3));
  const [reason] = await gone;
  assert.equal(reason, "server namespace disconnect");
  assert.deepEqual(heard, [0, 1]);
  await serves(t, io, port);
});

secureTest("a listener destroys the stream of its client in the middle of a chunk", async (t) => {
  const { io, port, socket, wire } = await secureByHand(t);
  const stream = socket.request.socket;
  assert.ok(stream instanceof Duplex);
  socket.on("n", (n) => {
    if (n === 1) stream.destroy();
  });
  const gone = once(socket, "disconnect");
  wire.write(events(0, 1, 2, 3));
  const [reason] = await gone;
  assert.match(reason, /^transport (close|error)$/);
  await serves(t, io, port);
});

secureTest("a listener closes the server in the middle of a chunk", async (t) => {
  const { io, socket, wire } = await secureByHand(t);
  const closed = new Promise((resolve) => {
    socket.on("n", (n) => {
      if (n === 1) io.close(resolve);
    });
  });
  const gone = once(socket, "disconnect");
  wire.write(events(0, 1, 2, 3));
  const [reason] = await gone;
  assert.equal(reason, "server shutting down");
  // It does not answer the close frame.
  wire.tcp.destroy();
  await closed;
});

secureTest("a client that closes costs those nothing that speak at the same time", async (t) => {
  const { io, port } = await serveSecure(t);
  for (let round = 0; round < 10; round++) {
    const wires = [];
    for (let i = 0; i < 6; i++) {
      const wire = await secureWire(t, port);
      await joinByHand(wire);
      wires.push(wire);
    }
    // The even ones close, the odd ones send an Engine.IO ping of the WebSocket.
    wires.forEach((wire, i) => void wire.write(i % 2 === 0 ? frame(8) : frame(9, `${i}`)));
    for (const [i, wire] of wires.entries()) {
      if (i % 2 === 0) continue;
      const { opcode, payload } = await wire.frame();
      assert.deepEqual([opcode, payload.toString()], [10, `${i}`]);
    }
    await until(() => io.sockets.sockets.size === 3, "the others stay");
    for (const wire of wires) wire.tcp.destroy();
    await until(() => io.sockets.sockets.size === 0, "all are gone");
  }
});

secureTest("an event goes out before the close that follows it in the same tick", async (t) => {
  const { socket, wire } = await secureByHand(t);
  socket.on("n", () => {
    socket.emit("last", "words");
    socket.disconnect(true);
  });
  wire.write(events(0));
  assert.equal(await wire.nextText(), '42["last","words"]');
});

secureTest("a broadcast reaches all clients, each in order", async (t) => {
  const { io, port } = await serveSecure(t);
  const clients = [];
  for (let i = 0; i < 8; i++) clients.push(secureClient(t, port, { transports: ["websocket"] }));
  await Promise.all(clients.map(connected));
  await until(() => io.sockets.sockets.size === 8, "all are there");
  const heard = clients.map(() => []);
  clients.forEach((client, i) => void client.on("n", (n) => heard[i].push(n)));
  for (let n = 0; n < 300; n++) {
    io.emit("n", n);
    if (n % 100 === 99) await new Promise(setImmediate);
  }
  await until(() => heard.every((all) => all.length === 300), "all of it");
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  for (const all of heard) assert.deepEqual(all, numbers);
});

secureTest("two servers on one process do not see the other's clients", async (t) => {
  const [one, other] = await Promise.all([serveSecure(t), serveSecure(t)]);
  const a = await secureJoin(t, one.io, one.port, { transports: ["websocket"] });
  const b = await secureJoin(t, other.io, other.port, { transports: ["websocket"] });
  const heard = [];
  a.client.on("n", (n) => heard.push(`a${n}`));
  b.client.on("n", (n) => heard.push(`b${n}`));
  one.io.emit("n", 1);
  other.io.emit("n", 2);
  await until(() => heard.length === 2, "both");
  assert.deepEqual(heard.sort(), ["a1", "b2"]);
  const gone = once(a.socket, "disconnect");
  one.io.close();
  await gone;
  b.socket.on("echo", (value, ack) => ack(value));
  assert.equal(await b.client.emitWithAck("echo", "x"), "x");
});

secureTest("a large message and a small one behind it arrive in order, both ways", async (t) => {
  const { socket, client } = await securePair(t, { transports: ["websocket"] });
  const large = "x".repeat(300_000);
  socket.on("n", (value, ack) => ack(value));
  const answers = [large, "small"].map((value) => client.emitWithAck("n", value));
  assert.deepEqual(await Promise.all(answers), [large, "small"]);
});
