// engine.parser: packets, payloads and streams of Engine.IO 4.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beyond, engine } from "../support/subject.mjs";

const { parser } = engine;
const bytes = Buffer.from([1, 2]);
const failure = { type: "error", data: "parser error" };

function encode(packet, supportsBinary = true) {
  let encoded;
  parser.encodePacket(packet, supportsBinary, (result) => {
    encoded = result;
  });
  return encoded;
}

for (const [packet, expected] of [
  [{ type: "open", data: "{}" }, "0{}"],
  [{ type: "close" }, "1"],
  [{ type: "ping" }, "2"],
  [{ type: "pong", data: "probe" }, "3probe"],
  [{ type: "message", data: "x" }, "4x"],
  [{ type: "message", data: "" }, "4"],
  [{ type: "message", data: null }, "4"],
  [{ type: "message", data: 5 }, "45"],
  [{ type: "upgrade" }, "5"],
  [{ type: "noop" }, "6"],
]) {
  test(`encodePacket(${JSON.stringify(packet)})`, () => {
    assert.equal(encode(packet), expected);
    assert.equal(encode(packet, false), expected);
  });
}

for (const [kind, data] of [
  ["Buffer", bytes],
  ["Uint8Array", Uint8Array.of(1, 2)],
  ["a part of an array", Uint8Array.of(0, 1, 2, 3).subarray(1, 3)],
  ["DataView", new DataView(Uint8Array.of(1, 2).buffer)],
  ["ArrayBuffer", Uint8Array.of(1, 2).buffer],
]) {
  test(`encodePacket: bytes as ${kind}`, () => {
    assert.equal(encode({ type: "message", data }), data);
    assert.equal(encode({ type: "message", data }, false), "bAQI=");
  });
}

beyond("encodePacket refuses a type that there is not", () => {
  assert.throws(() => encode({ type: "__proto__" }), TypeError);
});

for (const [encoded, expected] of [
  ["4x", { type: "message", data: "x" }],
  ["4", { type: "message" }],
  ["2", { type: "ping" }],
  ["6", { type: "noop" }],
  ["", failure],
  ["9", failure],
  ["-1x", failure],
  ["bAQI=", { type: "message", data: bytes }],
  [bytes, { type: "message", data: bytes }],
  [Uint8Array.of(1, 2), { type: "message", data: bytes }],
  [Uint8Array.of(1, 2).buffer, { type: "message", data: bytes }],
]) {
  test(`decodePacket(${JSON.stringify(encoded)})`, () => {
    assert.deepEqual(parser.decodePacket(encoded), expected);
    assert.deepEqual(parser.decodePacket(encoded, "nodebuffer"), expected);
    const { data } = parser.decodePacket(encoded, "arraybuffer");
    if (Buffer.isBuffer(expected.data)) assert.deepEqual(data, Uint8Array.of(1, 2).buffer);
    else assert.equal(data, expected.data);
  });
}

test("decodePacket throws for what is neither text nor bytes", () => {
  assert.throws(() => parser.decodePacket(null), TypeError);
  assert.throws(() => parser.decodePacket(5), TypeError);
});

test("encodePayload and decodePayload", () => {
  const packets = [
    { type: "message", data: "a" },
    { type: "message", data: bytes },
    { type: "ping" },
  ];
  const payloads = [];
  parser.encodePayload(packets, (payload) => payloads.push(payload));
  assert.deepEqual(payloads, ["4a\x1ebAQI=\x1e2"]);
  assert.deepEqual(parser.decodePayload(payloads[0]), packets);
  const [, { data }] = parser.decodePayload(payloads[0], "arraybuffer");
  assert.ok(data instanceof ArrayBuffer);
  parser.encodePayload([], (payload) => payloads.push(payload));
  assert.equal(payloads.length, 1);
});

test("decodePayload ends with the first error", () => {
  assert.deepEqual(parser.decodePayload(""), [failure]);
  assert.deepEqual(parser.decodePayload("4a\x1e9\x1e4b"), [
    { type: "message", data: "a" },
    failure,
  ]);
});

/** Everything a stream gives for chunks, as far as `count` of them. */
async function through(stream, chunks, count = Number.POSITIVE_INFINITY) {
  const writer = stream.writable.getWriter();
  const writing = (async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  })();
  writing.catch(() => {});
  const results = [];
  for await (const result of stream.readable) {
    results.push(result);
    if (results.length === count) break;
  }
  return results;
}

const LENGTHS = [0, 1, 124, 125, 126, 65_534, 65_535, 65_536];

test("the streams: text and bytes of every length, in pieces", async () => {
  const packets = LENGTHS.flatMap((length) => [
    length === 0 ? { type: "message" } : { type: "message", data: "x".repeat(length) },
    { type: "message", data: Buffer.alloc(length + 1, 7) },
  ]);
  const parts = await through(parser.createPacketEncoderStream(), packets);
  const whole = Buffer.concat(parts);
  for (const size of [1000, 70_001, whole.length]) {
    const pieces = [];
    for (let i = 0; i < whole.length; i += size) pieces.push(whole.subarray(i, i + size));
    const decoded = await through(parser.createPacketDecoderStream(1e6), pieces);
    assert.deepEqual(decoded, packets);
  }
});

test("the encoder writes headers by length and kind", async () => {
  for (const [length, header] of [
    [3, [0x83]],
    [126, [0xfe, 0, 126]],
    [65_536, [0xff, 0, 0, 0, 0, 0, 1, 0, 0]],
  ]) {
    const packet = { type: "message", data: Buffer.alloc(length) };
    const [first] = await through(parser.createPacketEncoderStream(), [packet]);
    assert.deepEqual([...first], header);
  }
});

test("the decoder takes a header in pieces, and a binary type", async () => {
  const pieces = [[0xfe], [0], [2, 1], [2]].map((piece) => Uint8Array.from(piece));
  const stream = parser.createPacketDecoderStream(1e6, "arraybuffer");
  const [packet] = await through(stream, pieces);
  assert.deepEqual(packet, { type: "message", data: Uint8Array.of(1, 2).buffer });
});

for (const [title, chunk] of [
  ["too large", [4, 0x34, 97, 98, 99]],
  ["too large, by a long header", [0x7f, 0, 0, 0, 0, 0, 0, 0, 9, 0x34]],
  ["too large to count", [0x7f, 0x7f, 0xff, 0, 0, 0, 0, 0, 9, 0x34]],
  ["empty", [0]],
]) {
  test(`the decoder refuses a packet that is ${title}`, async () => {
    const stream = parser.createPacketDecoderStream(3);
    assert.deepEqual(await through(stream, [Uint8Array.from(chunk)], 1), [failure]);
  });
}
