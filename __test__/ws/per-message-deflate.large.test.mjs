// permessage-deflate: large messages, and broadcasts to clients whose contexts are taken over.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

const OPTIONS = { perMessageDeflate: true, maxHttpBufferSize: 1e8 };

/** Text that compresses, of which no part is like another's. */
function text(name, length) {
  let made = "";
  for (let i = 0; made.length < length; i++) made += `${name}-${(i * 2654435761) % 4294967296};`;
  return made.slice(0, length);
}

/** A client with compression: the events that it has got, and a function that sends one. */
async function connect(t, port, clientOptions = {}) {
  const url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;
  const ws = new WebSocket(url, { perMessageDeflate: clientOptions, maxPayload: 1e8 });
  t.after(() => ws.terminate());
  const events = [];
  let joined = false;
  ws.on("message", (data, isBinary) => {
    if (isBinary) return events.push(data);
    const packet = data.toString();
    if (packet.startsWith("0")) ws.send("40");
    else if (packet.startsWith("40")) joined = true;
    else if (packet === "2") ws.send("3");
    else if (packet.startsWith("42")) events.push(JSON.parse(packet.slice(2)));
  });
  await until(() => joined, "joins");
  assert.match(ws.extensions, /permessage-deflate/);
  return { ws, events, emit: (...args) => ws.send(`42${JSON.stringify(args)}`) };
}

const CLIENTS = {
  "contexts taken over": {},
  "no contexts taken over": { serverNoContextTakeover: true, clientNoContextTakeover: true },
  "a window of 1 KiB": { serverMaxWindowBits: 10 },
};

for (const [name, clientOptions] of Object.entries(CLIENTS)) {
  test(`large messages come in order between others, with ${name}`, async (t) => {
    const { io, port } = await serve(t, OPTIONS);
    const connecting = once(io, "connection");
    const client = await connect(t, port, clientOptions);
    const [socket] = await connecting;
    const sizes = [10, 2000, 3 << 20, 50, 3000, (1 << 20) + 1, 20, 20, 2 << 20, 2 << 20, 5];
    const sent = sizes.map((size, n) => [`e${n}`, text(n, size)]);
    for (const args of sent) socket.emit(...args);
    await until(() => client.events.length === sent.length, "gets all");
    assert.deepEqual(client.events, sent);
    // Attachments stay behind their packet.
    const bytes = Buffer.from(text("bytes", 3 << 20));
    socket.emit("bytes", bytes);
    socket.emit("last");
    client.events.length = 0;
    await until(() => client.events.length === 2, "gets the bytes");
    assert.deepEqual(client.events, [bytes, ["last"]]);
  });

  test(`a large message from the client is read, with ${name}`, async (t) => {
    const { io, port } = await serve(t, OPTIONS);
    const connecting = once(io, "connection");
    const client = await connect(t, port, clientOptions);
    const [socket] = await connecting;
    const heard = [];
    socket.onAny((...args) => heard.push(args));
    const sent = [10, 3 << 20, 2000, 2 << 20].map((size, n) => [`e${n}`, text(n, size)]);
    for (const args of sent) client.emit(...args);
    await until(() => heard.length === sent.length, "hears all");
    assert.deepEqual(heard, sent);
  });
}

test("broadcasts and messages of their own reach clients of all kinds in order", async (t) => {
  const { io, port } = await serve(t, OPTIONS);
  const clients = [];
  for (let n = 0; n < 24; n++) {
    clients.push(await connect(t, port, Object.values(CLIENTS)[n % 3]));
  }
  await until(() => io.sockets.sockets.size === clients.length, "are connected");
  const sockets = [...io.sockets.sockets.values()];
  const expected = sockets.map(() => []);
  const broadcast = (...args) => {
    io.emit(...args);
    for (const list of expected) list.push(args);
  };
  for (let round = 0; round < 12; round++) {
    broadcast("short", round);
    broadcast("long", text("long", 1500 + 400 * round));
    for (let n = 0; n < sockets.length; n += 1 + (round % 4)) {
      const args = ["own", text(n, round % 3 === 0 ? 3000 : 40)];
      sockets[n].emit(...args);
      expected[n].push(args);
    }
    if (round % 5 === 0) broadcast("large", text(round, (1 << 20) + round));
    broadcast("again", text("long", 1500));
  }
  const count = expected.map((list) => list.length);
  await until(() => clients.every(({ events }, n) => events.length === count[n]), "get all");
  for (const [n, { events }] of clients.entries()) assert.deepEqual(events, expected[n]);
});

test("a client that leaves while a large message is compressed takes nobody along", async (t) => {
  const { io, port } = await serve(t, OPTIONS);
  const [one, other] = [await connect(t, port), await connect(t, port)];
  await until(() => io.sockets.sockets.size === 2, "are connected");
  io.emit("large", text("large", 4 << 20));
  one.ws.terminate();
  await until(() => io.sockets.sockets.size === 1, "one is gone");
  await until(() => other.events.length === 1, "gets the message");
  assert.deepEqual(other.events, [["large", text("large", 4 << 20)]]);
  io.emit("behind");
  await until(() => other.events.length === 2, "gets another");
});

test("a client is disconnected behind a large message", async (t) => {
  const { io, port } = await serve(t, OPTIONS);
  const connecting = once(io, "connection");
  const client = await connect(t, port);
  const [socket] = await connecting;
  const closed = once(client.ws, "close");
  socket.emit("large", text("last", 2 << 20));
  socket.disconnect(true);
  await closed;
  assert.deepEqual(client.events, [["large", text("last", 2 << 20)]]);
});
