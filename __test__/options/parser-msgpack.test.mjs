// parser: socket.io-msgpack-parser. One binary message per packet, with binary data in its place.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client, connected, eachWay, join, pair } from "../support/clients.mjs";
import { eachTransport, Polling, SESSIONS } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");

/** MessagePack of short values, written down here so that bytes are compared with the format. */
function pack(value) {
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from([0xc4, value.length]), value]);
  if (typeof value === "string") {
    return Buffer.concat([Buffer.from([0xa0 | Buffer.byteLength(value)]), Buffer.from(value)]);
  }
  if (typeof value === "number") return Buffer.from([value]);
  if (value === undefined) return Buffer.from([0xd4, 0, 0]);
  if (value === null) return Buffer.from([0xc0]);
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from([0x90 | value.length]), ...value.map(pack)]);
  }
  const entries = Object.entries(value).flat();
  return Buffer.concat([Buffer.from([0x80 | (entries.length / 2)]), ...entries.map(pack)]);
}

const CONNECT = pack({ type: 0, nsp: "/" });

/** The id in the reply to CONNECT. */
const idOf = (reply) => reply.subarray(18, 38).toString();

/** Joins the main namespace; resolves with the socket's id. */
async function enter(session) {
  await session.send(CONNECT);
  return idOf(await session.next());
}

/** A raw session in the main namespace of a server with this parser, and its socket. */
async function entered(t, open) {
  const served = await serve(t, { parser });
  const session = await open(served.port);
  const socket = served.io.sockets.sockets.get(await enter(session));
  return { ...served, session, socket };
}

eachTransport("exact bytes of every packet of the server", async (t, open) => {
  const { io, port } = await serve(t, { parser });
  io.of("/closed").use((_socket, next) => next(new Error("no")));
  io.of("/told").use((_socket, next) => {
    next(Object.assign(new Error("no"), { data: { code: 7 } }));
  });
  io.of("/chat");
  const session = await open(port);
  const is = async (packet) => assert.deepEqual(await session.next(), pack(packet));

  await session.send(CONNECT);
  const reply = await session.next();
  const sid = idOf(reply);
  const socket = io.sockets.sockets.get(sid);
  assert.ok(socket, "the reply carries the id");
  assert.deepEqual(reply, pack({ type: 0, data: { sid, pid: undefined }, nsp: "/" }));

  io.emit("all");
  const all = Buffer.from("83a47479706502a46461746191a3616c6ca36e7370a12f", "hex");
  assert.deepEqual(await session.next(), all);
  const bytes = Buffer.from([0, 0x1e, 0xff]);
  socket.emit("some", 1, "ü€", null, undefined, { deep: [bytes] }, bytes);
  await is({
    type: 2,
    data: ["some", 1, "ü€", null, undefined, { deep: [bytes] }, bytes],
    nsp: "/",
  });
  socket.emit("ask", () => {});
  await is({ type: 2, data: ["ask"], id: 0, nsp: "/" });
  socket.once("question", (value, answer) => answer("answer", value));
  await session.send(pack({ type: 2, data: ["question", bytes], id: 5, nsp: "/" }));
  assert.deepEqual(
    await session.next(),
    pack({ id: 5, type: 3, data: ["answer", bytes], nsp: "/" }),
  );

  await session.send(pack({ type: 0, nsp: "/none" }));
  await is({ type: 4, nsp: "/none", data: { message: "Invalid namespace" } });
  await session.send(pack({ type: 0, nsp: "/closed" }));
  await is({ type: 4, data: { message: "no", data: undefined }, nsp: "/closed" });
  await session.send(pack({ type: 0, nsp: "/told" }));
  await is({ type: 4, data: { message: "no", data: { code: 7 } }, nsp: "/told" });

  const accepted = once(io.of("/chat"), "connection");
  await session.send(pack({ type: 0, nsp: "/chat", data: { token: "t" } }));
  const [chat] = await accepted;
  assert.deepEqual(chat.handshake.auth, { token: "t" });
  await is({ type: 0, data: { sid: chat.id, pid: undefined }, nsp: "/chat" });
  io.of("/chat").emit("hi");
  await is({ type: 2, data: ["hi"], nsp: "/chat" });
  chat.disconnect();
  await is({ type: 1, nsp: "/chat" });
});

test("on polling a packet is b and its Base64", async (t) => {
  const { session, socket } = await entered(t, (port) => Polling.open(t, port));
  socket.emit("a");
  socket.emit("b");
  const texts = ["a", "b"].map((event) => pack({ type: 2, data: [event], nsp: "/" }));
  const expected = texts.map((bytes) => `b${bytes.toString("base64")}`).join("\x1e");
  assert.equal((await session.get()).text, expected);
});

eachTransport("decodes packets of a client with their keys in any order", async (t, open) => {
  const { session, socket } = await entered(t, open);
  const seen = [];
  socket.onAny((...event) => seen.push(event));
  const bytes = Buffer.from([1, 2, 3]);
  await session.send(pack({ type: 2, nsp: "/", data: ["a", bytes] }));
  await session.send(pack({ nsp: "/", data: ["b", { deep: [bytes] }, null], type: 2 }));
  await session.send(pack({ data: ["c", ""], type: 2, nsp: "/" }));
  await until(() => seen.length === 3);
  assert.deepEqual(seen, [
    ["a", bytes],
    ["b", { deep: [bytes] }, null],
    ["c", ""],
  ]);
  const answered = new Promise((resolve) => socket.emit("ask", (...args) => resolve(args)));
  await session.next();
  await session.send(pack({ type: 3, nsp: "/", data: [bytes, 1], id: 0 }));
  assert.deepEqual(await answered, [bytes, 1]);
  const left = once(socket, "disconnect");
  await session.send(pack({ type: 1, nsp: "/" }));
  assert.equal((await left)[0], "client namespace disconnect");
});

const BROKEN = {
  "no MessagePack": Buffer.from([0xc1]),
  "half a packet": pack({ type: 2, nsp: "/", data: ["a"] }).subarray(0, -1),
  "no packet": pack([1, 2]),
  "a type that does not exist": pack({ type: 7, nsp: "/", data: ["a"] }),
  "no namespace": pack({ type: 2, data: ["a"] }),
  "data of the wrong kind": pack({ type: 2, nsp: "/", data: { a: 1 } }),
  "a text message": "4hello",
  "an event of a namespace not joined": pack({ type: 2, nsp: "/x", data: ["a"] }),
};
for (const [title, message] of Object.entries(BROKEN)) {
  eachTransport(`${title} closes that connection alone`, async (t, open, transport) => {
    const { io, port, session, socket } = await entered(t, open);
    const other = await open(port);
    await enter(other);
    const heard = [];
    socket.onAny((...event) => heard.push(event));
    const gone = once(socket, "disconnect");
    await session.send(message);
    // a polling client is told at its next poll
    if (transport === "polling") session.get();
    await gone;
    assert.deepEqual(heard, []);
    io.emit("end");
    assert.deepEqual(await other.next(), pack({ type: 2, data: ["end"], nsp: "/" }));
  });
}

// "newListener" is the last one: Node announces every later listener to it
const RESERVED = ["disconnect", "disconnecting", "connect", "connect_error", "newListener"];
for (const [transport, kind] of Object.entries(SESSIONS)) {
  for (const name of RESERVED) {
    const title = `a client cannot name its events like those of the server: ${name}`;
    beyond(`${title} [${transport}]`, async (t) => {
      const { session, socket } = await entered(t, (port) => kind.open(t, port));
      const [gone, failed] = [once(socket, "disconnect"), once(socket, "error")];
      const seen = [];
      for (const event of RESERVED) socket.on(event, (...args) => seen.push([event, ...args]));
      await session.send(pack({ type: 2, nsp: "/", data: [name, "forged"] }));
      if (transport === "polling") session.get();
      assert.equal((await failed)[0].message, "invalid payload");
      await gone;
      assert.deepEqual(
        seen.map(([event]) => event),
        ["disconnecting", "disconnect"],
      );
      for (const event of seen) assert.ok(!event.includes("forged"), `${event} was let in`);
    });
  }
}

eachWay("a real client: binary in place, acks, both ways", async (t, way) => {
  const { socket, client: one } = await pair(t, { server: { parser }, parser, ...way });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  const value = { list: [bytes, { deep: bytes }], text: "zwölf €😀", none: null, big: 2 ** 40 };
  for (const [from, to] of [
    [socket, one],
    [one, socket],
  ]) {
    to.on("ask", (...args) => args.pop()("heard", ...args));
    assert.deepEqual(
      await new Promise((resolve) => from.emit("ask", value, (...a) => resolve(a))),
      ["heard", value],
    );
    assert.equal(await from.timeout(10_000).emitWithAck("ask"), "heard");
  }
});

eachWay("a real client: 300 kB, many in order", async (t, way) => {
  const { socket, client: one } = await pair(t, { server: { parser }, parser, ...way });
  const large = Buffer.alloc(300_000, "large");
  for (const [from, to] of [
    [socket, one],
    [one, socket],
  ]) {
    const seen = [];
    to.on("n", (n) => seen.push(n));
    const arrived = once(to, "large");
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    for (const n of numbers) from.emit("n", n, n % 3 ? "text" : Buffer.from([n]));
    from.emit("large", large);
    assert.deepEqual(await arrived, [large]);
    assert.deepEqual(seen, numbers);
  }
});

eachWay("a real client: namespaces, refusals, rooms, broadcasts", async (t, way) => {
  const { io, port } = await serve(t, { parser });
  io.of("/closed").use((_socket, next) => {
    next(Object.assign(new Error("not you"), { data: { bytes: Buffer.from("x") } }));
  });
  const options = { parser, ...way };
  for (const [nsp, message, data] of [
    ["/none", "Invalid namespace", undefined],
    ["/closed", "not you", { bytes: Buffer.from("x") }],
  ]) {
    const [error] = await once(client(t, port, { nsp, ...options }), "connect_error");
    assert.equal(error.message, message);
    assert.deepEqual(error.data ?? undefined, data);
  }
  io.of("/chat").on("connection", (socket) => socket.join("room"));
  const { socket, client: one } = await join(t, io, port, { nsp: "/chat", ...options });
  const { client: two } = await join(t, io, port, { nsp: "/chat", ...options });
  assert.ok(one.connected && two.connected);
  const both = [once(one, "e"), once(two, "e")];
  io.of("/chat").to("room").emit("e", Buffer.from("y"));
  for (const received of both) assert.deepEqual(await received, [Buffer.from("y")]);
  const other = once(two, "f");
  socket.broadcast.emit("f", 1);
  assert.deepEqual(await other, [1]);
  for (const each of [one, two]) each.on("ask", (answer) => answer(Buffer.from("z")));
  const answers = await io.of("/chat").timeout(10_000).emitWithAck("ask");
  assert.deepEqual(answers, [Buffer.from("z"), Buffer.from("z")]);
});

test("a client of the default parser is turned away", async (t) => {
  const { io, port } = await serve(t, { parser });
  const one = client(t, port);
  await once(one.io, "close");
  assert.equal(one.connected, false);
  await until(() => io.engine.clientsCount === 0);
  await connected(client(t, port, { parser }));
});
