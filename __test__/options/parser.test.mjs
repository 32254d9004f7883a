// parser: another way to write packets. Here: one JSON object per packet, in one message.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client, connected, eachWay } from "../support/clients.mjs";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { ALL, eachSession } from "./support.mjs";

/** A parser that counts what is made of it. */
function jsonParser() {
  const counts = { encoders: 0, decoders: 0, destroyed: 0, adds: [] };
  class Encoder {
    constructor() {
      counts.encoders++;
    }
    encode(packet) {
      return [JSON.stringify(packet)];
    }
  }
  class Decoder extends EventEmitter {
    constructor(...args) {
      super();
      assert.deepEqual(args, []);
      counts.decoders++;
    }
    add(chunk) {
      counts.adds.push(chunk);
      this.emit("decoded", JSON.parse(chunk));
    }
    destroy() {
      counts.destroyed++;
    }
  }
  return { parser: { Encoder, Decoder }, counts };
}

/** Joins the main namespace in that format; resolves with the id. */
async function join(session) {
  await session.send('4{"type":0,"nsp":"/"}');
  const { type, nsp, data } = JSON.parse((await session.next()).slice(1));
  assert.deepEqual([type, nsp], [0, "/"]);
  return data.sid;
}

eachSession(
  "packets in both directions, acknowledgements, namespaces",
  async (_t, start, open) => {
    const { parser } = jsonParser();
    const { io, port } = await start({ parser });
    io.on("connection", (socket) => {
      socket.on("echo", (value, ack) => ack(value, "back"));
      socket.on("hi", (...args) => socket.emit("hello", ...args));
    });
    io.of("/other");
    const session = await open(port);
    const sid = await join(session);
    assert.ok(io.sockets.sockets.has(sid));
    const read = async () => JSON.parse((await session.next()).slice(1));
    await session.send('4{"type":2,"nsp":"/","data":["hi",1,{"ü":"€"}]}');
    assert.deepEqual(await read(), { type: 2, nsp: "/", data: ["hello", 1, { ü: "€" }] });
    await session.send('4{"type":2,"nsp":"/","id":7,"data":["echo",[1]]}');
    assert.deepEqual(await read(), { id: 7, type: 3, nsp: "/", data: [[1], "back"] });
    io.emit("all");
    assert.deepEqual(await read(), { type: 2, nsp: "/", data: ["all"] });
    await session.send('4{"type":0,"nsp":"/none"}');
    assert.deepEqual(await read(), {
      type: 4,
      nsp: "/none",
      data: { message: "Invalid namespace" },
    });
    await session.send('4{"type":0,"nsp":"/other"}');
    assert.equal((await read()).nsp, "/other");
  },
  ALL,
);

eachSession("one encoder per server, one decoder per connection", async (_t, start, open) => {
  const { parser, counts } = jsonParser();
  const { io, port } = await start({ parser });
  assert.ok(io.encoder instanceof parser.Encoder);
  assert.deepEqual([counts.encoders, counts.decoders], [1, 0]);
  const one = await open(port);
  await until(() => counts.decoders > 0, "a decoder is made");
  assert.deepEqual([counts.encoders, counts.decoders], [1, 1]);
  await open(port);
  await join(one);
  assert.deepEqual([counts.encoders, counts.decoders], [1, 2]);
  assert.deepEqual(counts.adds, ['{"type":0,"nsp":"/"}']);
  const conn = io.engine.clients[one.sid];
  const closing = once(conn, "close");
  conn.close(true);
  await closing;
  assert.equal(counts.destroyed, 1);
});

eachSession("an error of add closes that connection alone", async (_t, start, open, transport) => {
  const { parser } = jsonParser();
  const { io, port } = await start({ parser });
  const [bystander, session] = [await open(port), await open(port)];
  await join(bystander);
  const sid = await join(session);
  const socket = io.sockets.sockets.get(sid);
  const errors = [];
  socket.on("error", (error) => errors.push(error.name));
  const leaving = once(socket, "disconnect");
  await session.send("4{nonsense");
  if (transport === "polling") session.get();
  assert.equal((await leaving)[0], "forced close");
  assert.deepEqual(errors, ["SyntaxError"]);
  io.emit("a");
  assert.equal(JSON.parse((await bystander.next()).slice(1)).data[0], "a");
});

eachSession("an encoder may write several messages, and bytes", async (_t, start, open) => {
  class Encoder {
    encode({ data }) {
      return ["first", Buffer.from([1, 2, 3]), JSON.stringify(data)];
    }
  }
  const { parser } = jsonParser();
  const { io, port } = await start({ parser: { ...parser, Encoder } });
  const session = await open(port);
  await session.send('4{"type":0,"nsp":"/"}');
  const read = async () => [await session.next(), await session.next(), await session.next()];
  const [first, bytes, last] = await read();
  assert.equal(first, "4first");
  assert.deepEqual(bytes, Buffer.from([1, 2, 3]));
  assert.match(last, /^4\{"sid":/);
  io.emit("a", 1);
  assert.deepEqual(await read(), ["4first", Buffer.from([1, 2, 3]), '4["a",1]']);
});

eachSession("a decoder is given bytes as a Buffer", async (_t, start, open) => {
  const { parser, counts } = jsonParser();
  const { port } = await start({ parser });
  const session = await open(port);
  await session.send(Buffer.from('{"type":0,"nsp":"/"}'));
  await session.next();
  assert.ok(Buffer.isBuffer(counts.adds[0]));
  assert.equal(counts.adds[0].toString(), '{"type":0,"nsp":"/"}');
});

eachWay("a real client with the same parser", async (t, way) => {
  const { parser } = jsonParser();
  class ClientEncoder {
    encode(packet) {
      return [JSON.stringify(packet)];
    }
  }
  const { io, port } = await serve(t, { parser });
  io.on("connection", (socket) => socket.on("sum", (a, b, ack) => ack(a + b)));
  const one = client(t, port, { ...way, parser: { ...parser, Encoder: ClientEncoder } });
  await connected(one);
  assert.equal(await one.emitWithAck("sum", 1, 2), 3);
});

test("a subclass of the default parser: reviver and replacer", async (t) => {
  const base = createRequire(import.meta.url)("socket.io-parser");
  class Encoder extends base.Encoder {
    constructor() {
      super((_key, value) => (typeof value === "bigint" ? `${value}n` : value));
    }
  }
  class Decoder extends base.Decoder {
    constructor() {
      super((_key, value) => (/^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value));
    }
  }
  const { io, port } = await serve(t, { parser: { Encoder, Decoder } });
  const connecting = once(io, "connection");
  const one = client(t, port);
  const [[socket]] = await Promise.all([connecting, connected(one)]);
  one.on("back", (value) => one.emit("again", value));
  const arriving = once(socket, "again");
  socket.emit("back", 12345678901234567890n);
  assert.deepEqual(await arriving, [12345678901234567890n]);
});

test("more attachments than ten, by a decoder of one's own", async (t) => {
  const base = createRequire(import.meta.url)("socket.io-parser");
  class Decoder extends base.Decoder {
    constructor() {
      super({ maxAttachments: 20 });
    }
  }
  const { io, port } = await serve(t, { parser: { ...base, Decoder } });
  const connecting = once(io, "connection");
  const one = client(t, port);
  const [[socket]] = await Promise.all([connecting, connected(one)]);
  const arriving = once(socket, "many");
  one.emit("many", ...Array.from({ length: 20 }, (_, i) => Buffer.from([i])));
  assert.deepEqual(
    (await arriving).map((data) => data[0]),
    Array.from({ length: 20 }, (_, i) => i),
  );
});

for (const parser of [undefined, null, false, 0, ""]) {
  test(`parser: ${JSON.stringify(parser)} is the default one`, () => {
    const io = new Server({ parser });
    assert.equal(typeof io._parser.Decoder, "function");
    assert.deepEqual(io.encoder.encode({ type: 2, nsp: "/", data: ["a"] }), ['2["a"]']);
  });
}

for (const parser of [{}, "json", 5, { Decoder: class {} }, { Encoder: () => {} }]) {
  test(`parser: ${JSON.stringify(parser)} without an Encoder class throws`, () => {
    assert.throws(() => new Server({ parser }), { name: "TypeError", message: /constructor/ });
  });
}

beyond("a client cannot name its events like those of the server", async (t) => {
  const { parser } = jsonParser();
  const { io, port } = await serve(t, { parser });
  const session = await Ws.open(t, port);
  const socket = io.sockets.sockets.get(await join(session));
  const seen = [];
  socket.on("disconnect", (...args) => seen.push(args));
  await session.send('4{"type":2,"nsp":"/","data":["disconnect","spoofed"]}');
  await until(() => seen.length > 0);
  assert.equal(seen[0][0], "forced close");
});
