// permessage-deflate (RFC 7692): messages, frame by frame.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import zlib from "node:zlib";
import { join, pair } from "../support/clients.mjs";
import { compressed, Deflater, deflated, NAME, openCompressed } from "../support/deflate.mjs";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { frame } from "../support/tcp.mjs";
import { once, until, within } from "../support/wait.mjs";

const NO_TAKEOVER = `${NAME}; server_no_context_takeover`;

/** A server with one compressing session by hand: `{ io, port, tcp, socket }`. */
async function open(t, perMessageDeflate, { header, client, ...options } = {}) {
  const { io, port } = await serve(t, { perMessageDeflate, ...options });
  const accepted = once(io, "connection");
  const tcp = await openCompressed(t, port, header, client);
  const [socket] = await accepted;
  return { io, port, tcp, socket };
}

/** The events a server's socket gets, as they come. */
function heard(socket) {
  const events = [];
  socket.onAny((...args) => events.push(args));
  return events;
}

/** The end of a session: the reason with its description, and the close code the client got. */
async function ending(tcp, socket) {
  const [reason, details] = await once(socket, "disconnect");
  let last = await tcp.frame();
  while (last.opcode !== 8) last = await tcp.frame();
  const code = last.payload.length ? last.payload.readUInt16BE() : 1005;
  return { reason, description: String(details?.message), code };
}

const text = (length) => "x".repeat(length - '42["a",""]'.length);

test("all messages are compressed while the server takes its context over", async (t) => {
  for (const perMessageDeflate of [true, { threshold: 100 }, { threshold: Number.NaN }]) {
    const { tcp, socket } = await open(t, perMessageDeflate);
    assert.deepEqual([tcp.opened.rsv, tcp.joined.rsv], [4, 4]);
    for (const length of [11, 1023, 1024, 100_000]) {
      socket.emit("a", text(length));
      const message = await tcp.nextMessage();
      assert.deepEqual([message.rsv, message.text], [4, `42["a","${text(length)}"]`]);
    }
    socket.emit("a", Buffer.alloc(0), Buffer.from([7]));
    assert.equal((await tcp.nextMessage()).rsv, 4);
    const empty = await tcp.nextMessage();
    assert.deepEqual([empty.opcode, empty.rsv, empty.size, empty.data.length], [2, 4, 1, 0]);
    const one = await tcp.nextMessage();
    assert.deepEqual([one.opcode, one.rsv, one.data], [2, 4, Buffer.from([7])]);
  }
});

test("a context taken over makes the second of two equal messages tiny", async (t) => {
  const { tcp, socket } = await open(t, true);
  const noise = crypto.randomBytes(3000).toString("hex");
  socket.emit("a", noise);
  socket.emit("a", noise);
  const [first, second] = [await tcp.nextMessage(), await tcp.nextMessage()];
  assert.equal(second.text, first.text);
  assert.ok(first.size > 2900 && second.size < 200, `${first.size}, ${second.size}`);
});

for (const [title, options, border] of [
  ["1024 bytes by default", {}, 1024],
  ["100", { threshold: 100 }, 100],
  ["a string that is a number", { threshold: "100" }, 100],
]) {
  test(`without takeover the threshold decides: ${title}`, async (t) => {
    const { tcp, socket } = await open(t, options, {
      header: NO_TAKEOVER,
      client: { takeover: false },
    });
    for (const [length, rsv] of [
      [border - 1, 0],
      [border, 4],
      [border + 1, 4],
    ]) {
      socket.emit("a", text(length));
      const message = await tcp.nextMessage();
      assert.deepEqual([message.rsv, message.text.length], [rsv, length]);
      socket.emit("b", Buffer.alloc(length, 1));
      assert.equal((await tcp.nextMessage()).rsv, 0);
      const binary = await tcp.nextMessage();
      assert.deepEqual([binary.rsv, binary.data], [rsv, Buffer.alloc(length, 1)]);
    }
    // counted in bytes, not in characters
    socket.emit("a", "é".repeat(border / 2 - 5));
    assert.equal((await tcp.nextMessage()).rsv, 4);
  });
}

for (const [threshold, rsv] of [
  [0, 4],
  [-1, 4],
  [null, 4],
  [Number.NaN, 0],
  ["abc", 0],
  [Number.POSITIVE_INFINITY, 0],
]) {
  test(`without takeover, threshold ${threshold}`, async (t) => {
    const { tcp, socket } = await open(
      t,
      { threshold, serverNoContextTakeover: true },
      { client: { takeover: false } },
    );
    socket.emit("a", Buffer.alloc(0), Buffer.alloc(50_000));
    const got = [await tcp.nextMessage(), await tcp.nextMessage(), await tcp.nextMessage()];
    assert.deepEqual(
      got.map((message) => message.rsv),
      [rsv, rsv, rsv],
    );
  });
}

test("the flag of compress(false) changes nothing on a WebSocket", async (t) => {
  const { io, tcp, socket } = await open(t, true);
  socket.compress(false).emit("a", text(2000));
  assert.equal((await tcp.nextMessage()).rsv, 4);
  io.compress(false).emit("a", text(2000));
  assert.equal((await tcp.nextMessage()).rsv, 4);
});

test("level 0 stores, level 9 with a small window is small", async (t) => {
  for (const [zlibDeflateOptions, least, most] of [
    [{ level: 0 }, 10_000, 10_100],
    [{ level: 9, memLevel: 9, windowBits: 9, chunkSize: 2048 }, 1, 200],
  ]) {
    const { tcp, socket } = await open(t, { zlibDeflateOptions, concurrencyLimit: 2 });
    socket.emit("a", text(10_000));
    const { size, rsv } = await tcp.nextMessage();
    assert.equal(rsv, 4);
    assert.ok(least <= size && size <= most, `${size} bytes`);
  }
});

test("an agreed window is kept to", async (t) => {
  const header = `${NAME}; server_max_window_bits=9`;
  const { tcp, socket } = await open(t, true, { header, client: { windowBits: 9 } });
  const noise = crypto
    .randomBytes(400)
    .toString("latin1")
    .replace(/[^ -~]/g, "-");
  for (let i = 0; i < 5; i++) {
    socket.emit("a", noise.repeat(20));
    assert.equal(JSON.parse((await tcp.nextMessage()).text.slice(2))[1], noise.repeat(20));
  }
});

test("broadcasts to clients of every kind", async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: { threshold: 100 } });
  const headers = [
    [NAME],
    [NAME],
    [NO_TAKEOVER, { takeover: false }],
    [NO_TAKEOVER, { takeover: false }],
    [`${NO_TAKEOVER}; server_max_window_bits=9`, { takeover: false, windowBits: 9 }],
    ["foo"],
  ];
  const clients = [];
  for (const [header, options] of headers) {
    clients.push(await openCompressed(t, port, header, options));
  }
  const { client: library } = await join(t, io, port, { perMessageDeflate: true });
  const { client: polling } = await join(t, io, port, { transports: ["polling"] });
  const values = ["small", "text ".repeat(1000), crypto.randomBytes(30_000).toString("hex"), "end"];
  const received = [library, polling].map((client) => {
    const texts = [];
    client.on("a", (value) => texts.push(value));
    return texts;
  });
  for (const value of values) io.emit("a", value);
  for (const [i, tcp] of clients.entries()) {
    for (const value of values) {
      const { rsv, text } = await tcp.nextMessage();
      assert.equal(text, `42["a","${value}"]`);
      const expected = i < 2 ? 4 : i === 5 || value.length < 50 ? 0 : 4;
      assert.equal(rsv, expected, `client ${i}, ${value.length} characters`);
    }
  }
  for (const texts of received) {
    await until(() => texts.length === values.length, "everything has arrived");
    assert.deepEqual(texts, values);
  }
  const bytes = crypto.randomBytes(40_000);
  io.emit("b", bytes);
  for (const tcp of clients) {
    await tcp.nextMessage();
    assert.deepEqual((await tcp.nextMessage()).data, bytes);
  }
});

test("many messages, large and small, both ways, in order", async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true, maxHttpBufferSize: 1e8 });
  const { socket, client } = await join(t, io, port, { perMessageDeflate: { threshold: 0 } });
  for (const [from, to] of [
    [socket, client],
    [client, socket],
  ]) {
    const got = [];
    to.on("a", (n, value) => got.push([n, value.length]));
    const sent = [];
    for (let n = 0; n < 60; n++) {
      const value =
        n % 20 === 19
          ? crypto.randomBytes(1_500_000)
          : n % 2
            ? Buffer.alloc(n * 500, n)
            : "é".repeat(n * 100);
      sent.push([n, value.length]);
      from.emit("a", n, value);
    }
    await until(() => got.length === sent.length, "everything has arrived");
    assert.deepEqual(got, sent);
  }
});

test("compressed and uncompressed messages may be mixed", async (t) => {
  const { tcp, socket } = await open(t, true);
  const events = heard(socket);
  const deflater = new Deflater();
  tcp.write(compressed(1, await deflater.payload('42["a","abcabcabc"]')));
  tcp.write(frame(1, '42["b"]'));
  tcp.write(compressed(1, await deflater.payload('42["a","abcabcabc"]')));
  tcp.write(compressed(1, await deflater.payload('451-["c",{"_placeholder":true,"num":0}]')));
  tcp.write(compressed(2, "")); // no data at all
  tcp.write(frame(1, '42["d"]'));
  await until(() => events.length === 5, "all events");
  assert.deepEqual(events, [
    ["a", "abcabcabc"],
    ["b"],
    ["a", "abcabcabc"],
    ["c", Buffer.alloc(0)],
    ["d"],
  ]);
});

test("a message that ends itself ends its context, and what follows in it is ignored", async (t) => {
  const { tcp, socket } = await open(t, true);
  const events = heard(socket);
  const ended = zlib.deflateRawSync('42["a","abcabcabc"]');
  tcp.write(compressed(1, ended));
  tcp.write(compressed(1, Buffer.concat([ended, Buffer.alloc(4, 0xff)])));
  tcp.write(compressed(1, deflated('42["b"]')));
  await until(() => events.length === 3, "all events");
  assert.deepEqual(events, [["a", "abcabcabc"], ["a", "abcabcabc"], ["b"]]);
});

test("fragments, bytes one by one, and control frames between them", async (t) => {
  const { tcp, socket } = await open(t, true);
  const events = heard(socket);
  const payload = deflated(`42["a","${"fragment ".repeat(50)}"]`);
  const third = Math.ceil(payload.length / 3);
  tcp.write(compressed(1, payload.subarray(0, third), { fin: false }));
  tcp.write(frame(9, "ping"));
  tcp.write(frame(0, payload.subarray(third, 2 * third), { fin: false }));
  tcp.write(frame(0, "", { fin: false }));
  tcp.write(frame(10, "pong"));
  tcp.write(frame(0, payload.subarray(2 * third)));
  const { opcode, rsv, payload: pong } = await tcp.frame();
  assert.deepEqual([opcode, rsv, pong.toString()], [10, 0, "ping"]);
  await until(() => events.length === 1, "the event");
  const bytes = compressed(1, deflated('42["b"]'));
  for (const byte of bytes) {
    tcp.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  await until(() => events.length === 2, "the other event");
  assert.deepEqual(events, [["a", "fragment ".repeat(50)], ["b"]]);
});

const BYTES = Buffer.alloc(1_000_001, "4");
const noise = crypto.randomBytes(1_000_000);

/** The frames that are sent, the close code of the answer, and the reason the application gets. */
const VIOLATIONS = {
  "no deflate data": [compressed(1, Buffer.alloc(5, 0xff)), 1007, "Error: invalid block type"],
  "a bad stored block": [
    compressed(2, Buffer.from([0, 1, 2, 3, 4])),
    1007,
    "Error: invalid stored block lengths",
  ],
  "no deflate data in a fragment": [
    Buffer.concat([
      compressed(1, deflated("4x").subarray(0, 2), { fin: false }),
      frame(0, Buffer.alloc(9, 0xff)),
    ]),
    1007,
    "Error: ",
  ],
  "text that is not UTF-8": [
    compressed(1, deflated(Buffer.from([0x34, 0xff]))),
    1007,
    "Error: Invalid WebSocket frame: invalid UTF-8 sequence",
  ],
  "one byte too many": [
    compressed(1, deflated(BYTES)),
    1009,
    "RangeError: Max payload size exceeded",
  ],
  "a zip bomb": [
    compressed(2, deflated(Buffer.alloc(100_000_000))),
    1009,
    "RangeError: Max payload size exceeded",
  ],
  "compressed data above the limit": [
    compressed(2, Buffer.concat([deflated(noise, { level: 0 })])),
    1009,
    "RangeError: Max payload size exceeded",
  ],
  "RSV1 on a continuation": [
    Buffer.concat([frame(1, "4", { fin: false }), compressed(0, "x")]),
    1002,
    "RangeError: Invalid WebSocket frame: RSV1 must be clear",
  ],
  "RSV1 on a continuation of nothing": [
    compressed(0, "x"),
    1002,
    "RangeError: Invalid WebSocket frame: RSV1 must be clear",
  ],
  "RSV1 on a ping": [
    compressed(9, "x"),
    1002,
    "RangeError: Invalid WebSocket frame: RSV1 must be clear",
  ],
  "RSV1 on a close": [
    compressed(8, ""),
    1002,
    "RangeError: Invalid WebSocket frame: RSV1 must be clear",
  ],
  "RSV1 and a bad opcode": [
    compressed(3, "x"),
    1002,
    "RangeError: Invalid WebSocket frame: invalid opcode 3",
  ],
  "RSV1 on a fragmented ping": [
    compressed(9, "x", { fin: false }),
    1002,
    "RangeError: Invalid WebSocket frame: FIN must be set",
  ],
  RSV2: [
    frame(1, deflated("4x"), { rsv: 6 }),
    1002,
    "RangeError: Invalid WebSocket frame: RSV2 and RSV3 must be clear",
  ],
};
for (const [title, [bytes, code, description]] of Object.entries(VIOLATIONS)) {
  test(`${title}: ${code}, while others live`, async (t) => {
    const { io, port, tcp, socket } = await open(t, true);
    const other = await join(t, io, port, { perMessageDeflate: { threshold: 0 } });
    tcp.write(bytes);
    const end = await ending(tcp, socket);
    assert.deepEqual([end.reason, end.code], ["transport error", code]);
    assert.ok(end.description.includes(description), end.description);
    other.socket.on("echo", (value, ack) => ack(value));
    assert.equal(await other.client.emitWithAck("echo", "still here"), "still here");
  });
}

test("a context that was not to be taken over is not there", async (t) => {
  const header = `${NAME}; client_no_context_takeover`;
  const { tcp, socket } = await open(t, true, { header });
  const deflater = new Deflater();
  const message = `42["a","${crypto.randomBytes(500).toString("hex")}"]`;
  const first = once(socket, "a");
  tcp.write(compressed(1, await deflater.payload(message)));
  await first;
  tcp.write(compressed(1, await deflater.payload(message)));
  const end = await ending(tcp, socket);
  assert.deepEqual([end.reason, end.code], ["transport error", 1007]);
  assert.match(end.description, /Error: invalid distance too far back/);
});

test("RSV1 without the extension closes with 1002", async (t) => {
  const { tcp, socket } = await open(t, true, { header: "foo" });
  tcp.write(compressed(1, deflated('42["a"]')));
  const end = await ending(tcp, socket);
  assert.deepEqual([end.reason, end.code], ["transport error", 1002]);
});

test("the limit is that of the inflated message, to the byte", async (t) => {
  for (const [length, passes] of [
    [1000, true],
    [1001, false],
  ]) {
    const { tcp, socket } = await open(t, true, { maxHttpBufferSize: 1000 });
    const got = once(socket, passes ? "a" : "disconnect");
    tcp.write(compressed(1, deflated(`42["a","${text(length)}"]`)));
    await got;
  }
  const { tcp, socket } = await open(t, true, { maxHttpBufferSize: 0 });
  const got = once(socket, "a");
  tcp.write(compressed(1, deflated(`42["a","${text(3_000_000)}"]`)));
  await got;
});

test("many bombs at once cost no memory", async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true });
  const bomb = compressed(2, deflated(Buffer.alloc(200_000_000)));
  const sessions = await Promise.all(Array.from({ length: 20 }, () => openCompressed(t, port)));
  const before = process.memoryUsage.rss();
  for (const tcp of sessions) tcp.write(bomb);
  for (const tcp of sessions) {
    const { opcode, payload } = await tcp.frame();
    assert.deepEqual([opcode, payload.readUInt16BE()], [8, 1009]);
  }
  assert.ok(process.memoryUsage.rss() - before < 200 << 20);
  await until(() => io.engine.clientsCount === 0, "all sessions have ended");
  await Ws.open(t, port, { perMessageDeflate: true });
});

test("heartbeats and the client's close pass between compressed messages", async (t) => {
  const { socket, client } = await pair(t, {
    server: { perMessageDeflate: true, pingInterval: 50, pingTimeout: 5000 },
    perMessageDeflate: { threshold: 0 },
  });
  let pings = 0;
  client.io.engine.on("packet", ({ type }) => {
    if (type === "ping") pings++;
  });
  await until(() => pings >= 3, "three pings");
  const left = once(socket, "disconnect");
  client.disconnect();
  assert.deepEqual((await within(left, "the end"))[0], "client namespace disconnect");
});
