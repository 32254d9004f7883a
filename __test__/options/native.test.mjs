// The options beyond socket.io, in the object `native`: checked by the constructor, and ignored by
// upstream.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { client, connected } from "../support/clients.mjs";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, engine, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

const MEGABYTE = "x".repeat(1_000_000);

const NAMES = [
  "maxBufferedBytes",
  "keepReadersMs",
  "maxPendingBytes",
  "maxBufferedBytesOfAll",
  "maxAttachmentBytesOfAll",
  "maxBodyBytesOfAll",
  "maxCompressionContexts",
  "maxSessionsAway",
  "maxRecoveryBytes",
  "maxConnections",
  "maxConnectionsPerAddress",
  "maxHandshakesPerSecond",
  "maxEventsPerSecond",
  "maxBytesPerSecond",
  "maxNamespaces",
  "maxAttachments",
  "maxDepth",
].join(", ");
const SUMS = [
  "maxBufferedBytesOfAll",
  "maxAttachmentBytesOfAll",
  "maxBodyBytesOfAll",
  "maxRecoveryBytes",
];
const COUNTS = ["maxCompressionContexts", "maxSessionsAway"];
const BYTES = "options.native.maxBufferedBytes must be a positive integer of bytes, got";
const PENDING = "options.native.maxPendingBytes must be a positive integer of bytes, got";
const MS =
  "options.native.keepReadersMs must be an integer of milliseconds from 1 to 2147483647, got";

/** Wrong values of the option, and what is said of them. */
const WRONG = [
  [null, "options.native must be an object of options, got null"],
  [5, "options.native must be an object of options, got 5"],
  [true, "options.native must be an object of options, got true"],
  ["fast", 'options.native must be an object of options, got "fast"'],
  [() => {}, "options.native must be an object of options, got a function"],
  [{ maxBufferedByte: 1 }, `options.native.maxBufferedByte is not an option: there are ${NAMES}`],
  [[1], "options.native must be an object of options, got an array"],
  [{ maxBufferedBytes: -1 }, `${BYTES} -1`],
  [{ maxBufferedBytes: 0 }, `${BYTES} 0`],
  [{ maxBufferedBytes: 1.5 }, `${BYTES} 1.5`],
  [{ maxBufferedBytes: Number.POSITIVE_INFINITY }, `${BYTES} Infinity`],
  [{ maxBufferedBytes: Number.NaN }, `${BYTES} NaN`],
  [{ maxBufferedBytes: 2 ** 53 }, `${BYTES} 9007199254740992`],
  [{ maxBufferedBytes: "1000" }, `${BYTES} "1000"`],
  [{ maxBufferedBytes: null }, `${BYTES} null`],
  [{ maxBufferedBytes: 5n }, `${BYTES} 5n`],
  [{ maxBufferedBytes: {} }, `${BYTES} an object`],
  [{ maxBufferedBytes: [5] }, `${BYTES} an array`],
  [{ maxBufferedBytes: Symbol("five") }, `${BYTES} Symbol(five)`],
  [{ keepReadersMs: 0 }, `${MS} 0`],
  [{ keepReadersMs: -10 }, `${MS} -10`],
  [{ keepReadersMs: 2 ** 31 }, `${MS} 2147483648`],
  [{ keepReadersMs: 0.5 }, `${MS} 0.5`],
  [{ keepReadersMs: true }, `${MS} true`],
  [{ maxPendingBytes: 0 }, `${PENDING} 0`],
  [{ maxPendingBytes: "1000" }, `${PENDING} "1000"`],
  ...SUMS.map((name) => [
    { [name]: 0 },
    `options.native.${name} must be a positive integer of bytes, got 0`,
  ]),
  ...COUNTS.map((name) => [
    { [name]: -1 },
    `options.native.${name} must be an integer from 0, got -1`,
  ]),
  ...COUNTS.map((name) => [
    { [name]: "many" },
    `options.native.${name} must be an integer from 0, got "many"`,
  ]),
  ...Object.entries({
    maxConnections: "connections",
    maxConnectionsPerAddress: "connections",
    maxHandshakesPerSecond: "handshakes per second",
    maxEventsPerSecond: "events per second",
    maxBytesPerSecond: "bytes per second",
    maxNamespaces: "namespaces",
    maxAttachments: "attachments",
    maxDepth: "arrays and objects",
  }).flatMap(([name, unit]) =>
    [0, -1, 1.5, Number.POSITIVE_INFINITY, null, true].map((value) => [
      { [name]: value },
      `options.native.${name} must be a positive integer of ${unit}, got ${value}`,
    ]),
  ),
];
for (const [native, message] of WRONG) {
  beyond(`refuses: ${message}`, () => {
    const refusal = { name: /^(TypeError|RangeError)$/, message };
    assert.throws(() => new Server(http.createServer(), { native }), refusal);
    assert.throws(() => engine.attach(http.createServer(), { native }), refusal);
  });
}

/** Right ones. */
const RIGHT = {
  nothing: undefined,
  "an empty object": {},
  "options that are undefined": { maxBufferedBytes: undefined, keepReadersMs: undefined },
  "the least": { maxBufferedBytes: 1, keepReadersMs: 1, maxPendingBytes: 1 },
  "the most": { maxBufferedBytes: Number.MAX_SAFE_INTEGER, keepReadersMs: 2 ** 31 - 1 },
  "sums of all clients": Object.fromEntries([...SUMS, ...COUNTS].map((name) => [name, 1])),
  "no context of compression": { maxCompressionContexts: 0, maxSessionsAway: 0 },
  "an object without prototype": Object.assign(Object.create(null), { keepReadersMs: 1000 }),
};
for (const [name, native] of Object.entries(RIGHT)) {
  test(`takes ${name}`, async (t) => {
    const { io, port } = await serve(t, { native });
    const one = client(t, port);
    await connected(one);
    const heard = once(one, "hello");
    io.emit("hello");
    await heard;
  });
}

beyond("a polluted prototype gives no option", (t) => {
  Object.prototype.maxBufferedBytes = -1;
  t.after(() => {
    delete Object.prototype.maxBufferedBytes;
  });
  new Server(http.createServer(), { native: {} });
});

beyond(
  "native options that are set while the server runs count for the sessions that follow",
  async (t) => {
    const { io, port } = await serve(t);
    io.engine.opts.native = { maxBufferedBytes: 1_000_000, keepReadersMs: 50 };
    const accepted = once(io, "connection");
    const session = await Ws.open(t, port);
    await session.join();
    session.ws.pause();
    const [socket] = await accepted;
    let reason;
    socket.on("disconnect", (why) => {
      reason = why;
    });
    for (let i = 0; i < 20; i++) io.emit("large", MEGABYTE);
    await until(() => reason !== undefined, "it is closed");
    assert.equal(reason, "transport error");
  },
);
