// WebSocket frames: what is accepted, what is answered, and how violations end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "../support/server.mjs";
import { frame, openFrames } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

/** A session by hand with its engine socket; `messages` logs what the engine decodes. */
async function byHand(t, options) {
  const { io, port } = await serve(t, options);
  const connecting = once(io.engine, "connection");
  const tcp = await openFrames(t, port);
  const [conn] = await connecting;
  conn.removeAllListeners("data");
  const messages = [];
  conn.on("data", (data) => messages.push(data));
  return { io, port, tcp, conn, messages };
}

const close = (code, reason = "") =>
  Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);

// [title, frames, messages]
const ACCEPTED = [
  ["text", [frame(1, "4hello")], ["hello"]],
  ["text with characters of every length", [frame(1, "4aé€😀")], ["aé€😀"]],
  ["binary", [frame(2, [1, 2, 3])], [Buffer.from([1, 2, 3])]],
  ["empty binary", [frame(2)], [Buffer.alloc(0)]],
  ["base64 in text", [frame(1, "bAQID")], [Buffer.from([1, 2, 3])]],
  ["a payload of 125", [frame(1, `4${"x".repeat(124)}`)], ["x".repeat(124)]],
  ["a payload of 126", [frame(1, `4${"x".repeat(125)}`)], ["x".repeat(125)]],
  ["a payload of 65535", [frame(1, `4${"x".repeat(65_534)}`)], ["x".repeat(65_534)]],
  ["a payload of 65536", [frame(1, `4${"x".repeat(65_535)}`)], ["x".repeat(65_535)]],
  [
    "fragments",
    [frame(1, "4he", { fin: false }), frame(0, "l", { fin: false }), frame(0, "lo")],
    ["hello"],
  ],
  [
    "a character split between fragments",
    [frame(1, Buffer.from("4€").subarray(0, 2), { fin: false }), frame(0, [0x82, 0xac])],
    ["€"],
  ],
  [
    "fragments with a ping between them",
    [frame(2, [1], { fin: false }), frame(9), frame(0, [2])],
    [Buffer.from([1, 2])],
  ],
  ["empty fragments", [frame(1, "", { fin: false }), frame(0, "4x")], ["x"]],
  [
    "several frames at once",
    [frame(1, "4a"), frame(1, "4b"), frame(2, "c")],
    ["a", "b", Buffer.from("c")],
  ],
  ["packets without effect", ["0", "5", "6", "3"].map((type) => frame(1, type)), []],
];
for (const [title, frames, expected] of ACCEPTED) {
  test(`${title} is accepted`, async (t) => {
    const { tcp, conn, messages } = await byHand(t);
    tcp.write(Buffer.concat([...frames, frame(1, "4end")]));
    await until(() => messages.at(-1) === "end");
    assert.deepEqual(messages, [...expected, "end"]);
    assert.equal(conn.readyState, "open");
  });
}

test("frames are read when their bytes come one by one", async (t) => {
  const { tcp, messages } = await byHand(t);
  tcp.socket.setNoDelay(true);
  for (const byte of Buffer.concat([frame(1, "4héllo"), frame(2, "x".repeat(130))])) {
    tcp.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  await until(() => messages.length === 2);
  assert.deepEqual(messages, ["héllo", Buffer.from("x".repeat(130))]);
});

for (const length of [0, 125, 126, 65_535, 65_536, 200_000]) {
  test(`a server frame of ${length} bytes is whole, unmasked and minimal`, async (t) => {
    const { tcp, conn } = await byHand(t);
    const payload = Buffer.alloc(length, 7);
    conn.send(payload);
    const given = await tcp.frame();
    assert.deepEqual([given.fin, given.rsv, given.opcode, given.masked], [true, 0, 2, false]);
    assert.ok(given.payload.equals(payload));
    conn.send("x".repeat(length));
    const text = await tcp.frame();
    assert.equal(text.opcode, 1);
    assert.equal(text.payload.toString(), `4${"x".repeat(length)}`);
  });
}

test("a WebSocket ping is answered with the same payload", async (t) => {
  const { tcp } = await byHand(t);
  for (const payload of ["", "ping", "x".repeat(125)]) {
    tcp.write(frame(9, payload));
    const pong = await tcp.frame();
    assert.equal(pong.opcode, 10);
    assert.equal(pong.payload.toString(), payload);
  }
});

test("a pong nobody asked for is ignored", async (t) => {
  const { tcp, messages } = await byHand(t);
  tcp.write(Buffer.concat([frame(10, "x"), frame(1, "4a")]));
  await until(() => messages.length === 1);
});

for (const code of [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999]) {
  test(`a close frame ${code} is echoed whole`, async (t) => {
    const { tcp, conn, messages } = await byHand(t);
    const closed = once(conn, "close");
    tcp.write(Buffer.concat([frame(8, close(code, "büe")), frame(1, "4after")]));
    const echo = await tcp.frame();
    assert.equal(echo.opcode, 8);
    assert.deepEqual(echo.payload, close(code, "büe"));
    await tcp.rest();
    assert.equal((await closed)[0], "transport close");
    assert.deepEqual(messages, []);
  });
}

test("an empty close frame is echoed", async (t) => {
  const { tcp, conn } = await byHand(t);
  const closed = once(conn, "close");
  tcp.write(frame(8));
  const echo = await tcp.frame();
  assert.deepEqual([echo.opcode, echo.payload.length], [8, 0]);
  assert.equal((await closed)[0], "transport close");
});

const SIZE = "RangeError: Max payload size exceeded";
const INVALID = /^RangeError: Invalid WebSocket frame: /;
const UTF8 = "Error: Invalid WebSocket frame: invalid UTF-8 sequence";
const HUGE = "RangeError: Unsupported WebSocket frame: payload length > 2^53 - 1";

/** A frame header that claims a 64-bit length and sends nothing of it. */
const claims = (high, low) => {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeUInt32BE(high, 2);
  head.writeUInt32BE(low, 6);
  return head;
};

// [title, bytes, close code, description.message, options]
const VIOLATIONS = [
  ["a message above the limit", frame(1, "x".repeat(11)), 1009, SIZE, { maxHttpBufferSize: 10 }],
  [
    "fragments above the limit",
    Buffer.concat([frame(1, "x".repeat(6), { fin: false }), frame(0, "x".repeat(5))]),
    1009,
    SIZE,
    { maxHttpBufferSize: 10 },
  ],
  ["a header above the limit, without data", frame(2, "", { length: 1e6 + 1 }), 1009, SIZE],
  ["a length above 2^53 - 1", claims(0x200000, 0), 1009, HUGE],
  ["a length with the top bit set", claims(0x80000000, 1), 1009, HUGE],
  ["a close frame of one byte", frame(8, [3]), 1002, INVALID],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map((code) => [
    `the close code ${code}`,
    frame(8, close(code)),
    1002,
    INVALID,
  ]),
  ["a close reason that is not UTF-8", frame(8, [3, 0xe8, 0xff]), 1007, UTF8],
  ["text that is not UTF-8", frame(1, [0x34, 0xff]), 1007, UTF8],
  ["a surrogate in text", frame(1, [0x34, 0xed, 0xa0, 0x80]), 1007, UTF8],
  ["text that ends within a character", frame(1, [0x34, 0xe2, 0x82]), 1007, UTF8],
  [
    "fragments that are not UTF-8 together",
    Buffer.concat([frame(1, [0x34, 0xe2], { fin: false }), frame(0, "x")]),
    1007,
    UTF8,
  ],
  ["an unmasked frame", frame(1, "4x", { mask: false }), 1002, INVALID],
  ...[1, 2, 4].map((rsv) => [`RSV bits ${rsv}`, frame(1, "4x", { rsv }), 1002, INVALID]),
  ...[3, 7, 11, 15].map((opcode) => [`the opcode ${opcode}`, frame(opcode), 1002, INVALID]),
  ["a continuation without a start", frame(0, "x"), 1002, INVALID],
  [
    "a new message within fragments",
    Buffer.concat([frame(1, "4a", { fin: false }), frame(1, "4b")]),
    1002,
    INVALID,
  ],
  ["a fragmented ping", frame(9, "x", { fin: false }), 1002, INVALID],
  ["a ping of 126 bytes", frame(9, "x".repeat(126)), 1002, INVALID],
  ["a close frame of 126 bytes", frame(8, close(1000, "x".repeat(124))), 1002, INVALID],
];
for (const [title, bytes, code, message, options] of VIOLATIONS) {
  test(`${title} → ${code}`, async (t) => {
    const { io, tcp, conn, messages } = await byHand(t, options);
    const closed = once(conn, "close");
    tcp.write(bytes);
    const { opcode, payload } = await tcp.frame();
    assert.equal(opcode, 8);
    assert.equal(payload.readUInt16BE(0), code);
    const [reason, description] = await closed;
    assert.equal(reason, "transport error");
    if (message instanceof RegExp) assert.match(description.message, message);
    else assert.equal(description.message, message);
    assert.deepEqual(messages, []);
    assert.equal(io.engine.clientsCount, 0);
  });
}

// [title, frame, reason, description.message]: closed without a code
const REFUSED = [
  ["an unknown packet type", frame(1, "x"), "parse error"],
  ["an empty text message", frame(1), "parse error"],
  ["a ping packet", frame(1, "2"), "transport error", "invalid heartbeat direction"],
  [
    "a probe outside an upgrade",
    frame(1, "2probe"),
    "transport error",
    "invalid heartbeat direction",
  ],
];
for (const [title, bytes, reason, message] of REFUSED) {
  test(`${title} → an empty close frame, ${reason}`, async (t) => {
    const { tcp, conn } = await byHand(t);
    const closed = once(conn, "close");
    tcp.write(bytes);
    const { opcode, payload } = await tcp.frame();
    assert.deepEqual([opcode, payload.length], [8, 0]);
    const [given, description] = await closed;
    assert.equal(given, reason);
    assert.equal(description?.message, message);
  });
}

test("the size limit is inclusive", async (t) => {
  const { tcp, messages } = await byHand(t, { maxHttpBufferSize: 10 });
  tcp.write(frame(1, `4${"x".repeat(9)}`));
  tcp.write(frame(2, "y".repeat(10)));
  await until(() => messages.length === 2);
});

test("more than 16384 fragments → 1008", async (t) => {
  const { tcp, conn } = await byHand(t);
  const closed = once(conn, "close");
  const fragments = Array(16_384).fill(frame(0, "", { fin: false }));
  tcp.write(Buffer.concat([frame(1, "4x", { fin: false }), ...fragments]));
  const { payload } = await tcp.frame();
  assert.equal(payload.readUInt16BE(0), 1008);
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "RangeError: Too many message fragments");
});
