// Binary data of every kind, nested binary acks and large messages, over every transport.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, pair } from "../support/clients.mjs";
import { once } from "../support/wait.mjs";

const bytes = Uint8Array.from([0, 1, 2, 0x1e, 0x7f, 0x80, 0xfe, 0xff]);

/** Values that count as binary; each arrives as a Buffer of the same bytes. */
const KINDS = {
  Buffer: Buffer.from(bytes),
  "a slice of a Buffer": Buffer.concat([Buffer.from("head"), bytes]).subarray(4),
  Uint8Array: bytes,
  Int8Array: new Int8Array(bytes.buffer),
  Uint8ClampedArray: new Uint8ClampedArray(bytes.buffer),
  Uint16Array: new Uint16Array(bytes.buffer),
  Int32Array: new Int32Array(bytes.buffer),
  Float64Array: new Float64Array(bytes.buffer),
  "a view with an offset": new Uint8Array(Uint8Array.from([9, 9, ...bytes, 9]).buffer, 2, 8),
  DataView: new DataView(bytes.buffer),
  ArrayBuffer: bytes.buffer.slice(0),
};

eachWay("every kind of binary from the server", async (t, way) => {
  const { io, socket, client } = await pair(t, way);
  for (const [kind, value] of Object.entries(KINDS)) {
    for (const emitter of [socket, io]) {
      const received = once(client, "e");
      emitter.emit("e", kind, value, { deep: [value] });
      const expected = Buffer.from(bytes);
      assert.deepEqual(await received, [kind, expected, { deep: [expected] }]);
    }
  }
});

eachWay("binary of the client arrives as Buffers", async (t, way) => {
  const { socket, client } = await pair(t, way);
  for (const value of [KINDS.Buffer, KINDS.Uint8Array, KINDS.ArrayBuffer]) {
    const received = once(socket, "e");
    client.emit("e", value, [{ a: { b: value } }]);
    const args = await received;
    const expected = Buffer.from(bytes);
    assert.ok(Buffer.isBuffer(args[0]));
    assert.deepEqual(args, [expected, [{ a: { b: expected } }]]);
  }
});

eachWay("empty and many attachments arrive unchanged", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const many = Array.from({ length: 10 }, (_, n) => Buffer.alloc(n, n));
  socket.on("there", (...args) => socket.emit("back", ...args));
  const received = once(client, "back");
  client.emit("there", Buffer.alloc(0), many.slice(1));
  assert.deepEqual(await received, [Buffer.alloc(0), many.slice(1)]);
});

eachWay("nested binary in acks, both ways", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const answer = { status: "ok", parts: [Buffer.from("a"), { b: Buffer.from([0xff, 0x00]) }] };
  socket.on("q", (question, ack) => ack(answer, question));
  client.on("q", (question, ack) => ack(answer, question));
  const question = { ask: Buffer.from("?"), deep: [[Buffer.from("!")]] };
  for (const emitter of [client, socket]) {
    const args = await new Promise((resolve) => {
      emitter.emit("q", question, (...given) => resolve(given));
    });
    assert.deepEqual(args, [answer, question]);
  }
});

eachWay("text and binary keep their order", async (t, way) => {
  const { socket, client } = await pair(t, way);
  const seen = [];
  socket.on("e", (value, ack) => {
    seen.push(value);
    ack?.();
  });
  const sent = [];
  for (let n = 0; n < 20; n++) sent.push(n % 3 ? n : Buffer.from([n]));
  for (const value of sent) client.emit("e", value);
  await client.emitWithAck("e", "end");
  assert.deepEqual(seen, [...sent, "end"]);
});

const MEGABYTE = 1 << 20;
const LARGE = {
  "1 MB of ASCII": "x".repeat(MEGABYTE),
  "1 MB of UTF-8": "é€😀".repeat(MEGABYTE / 9),
  "1 MB of binary": Buffer.alloc(MEGABYTE, "binary"),
  "1 MB of JSON": Array.from({ length: 40_000 }, (_, n) => ({ n, text: `item ${n}` })),
};
for (const [kind, value] of Object.entries(LARGE)) {
  eachWay(`${kind}, echoed`, async (t, way) => {
    const { socket, client } = await pair(t, { server: { maxHttpBufferSize: 1e7 }, ...way });
    socket.on("echo", (given, ack) => ack(given));
    assert.deepEqual(await client.emitWithAck("echo", value), value);
  });
}

eachWay(
  "a message larger than maxHttpBufferSize can still be sent to the client",
  async (t, way) => {
    const { socket, client } = await pair(t, { server: { maxHttpBufferSize: 1000 }, ...way });
    const received = once(client, "e");
    socket.emit("e", "x".repeat(10_000));
    assert.equal((await received)[0].length, 10_000);
  },
);

test("toJSON may return binary", async (t) => {
  const { socket, client } = await pair(t);
  const received = once(client, "e");
  socket.emit("e", { toJSON: () => ({ data: Buffer.from("x") }) });
  assert.deepEqual(await received, [{ data: Buffer.from("x") }]);
});
