// connection_error: one row per refusal, on plain requests and on upgrades.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { once } from "../support/wait.mjs";

const MESSAGES = [
  "Transport unknown",
  "Session ID unknown",
  "Bad handshake method",
  "Bad request",
  "Forbidden",
  "Unsupported protocol version",
];

/** Sessions whose ids stand in the rows below as POLLING and WEBSOCKET. */
async function sessions(t, port, text) {
  const ids = {};
  if (text.includes("POLLING")) ids.POLLING = (await Polling.open(t, port)).sid;
  if (text.includes("WEBSOCKET")) ids.WEBSOCKET = (await Ws.open(t, port)).sid;
  return text.replace(/POLLING|WEBSOCKET/, (name) => ids[name]);
}

const refuse = { allowRequest: (_req, done) => done("not you", false) };

// [method, query, code, context, options]
const REQUESTS = [
  ["GET", "", 0, { transport: undefined }],
  ["GET", "EIO=4", 0, { transport: undefined }],
  ["GET", "EIO=4&transport=tobi", 0, { transport: "tobi" }],
  ["GET", "EIO=4&transport=webtransport", 0, { transport: "webtransport" }],
  ["GET", "EIO=4&transport=__proto__", 0, { transport: "__proto__" }],
  ["GET", "EIO=4&transport=polling&transport=x", 0, { transport: "x" }],
  ["GET", "EIO=4&transport=polling", 0, { transport: "polling" }, { transports: ["websocket"] }],
  ["GET", "EIO=4&transport=polling&sid=nobody", 1, { sid: "nobody" }],
  ["POST", "EIO=4&transport=polling&sid=__proto__", 1, { sid: "__proto__" }],
  ["POST", "EIO=4&transport=polling", 2, { method: "POST" }],
  ["PUT", "EIO=4&transport=polling", 2, { method: "PUT" }],
  ["OPTIONS", "EIO=4&transport=polling", 2, { method: "OPTIONS" }],
  ["POST", "EIO=4&transport=polling&sid=", 2, { method: "POST" }],
  ["GET", "EIO=4&transport=websocket", 3, { name: "TRANSPORT_HANDSHAKE_ERROR" }],
  [
    "GET",
    "EIO=4&transport=polling&sid=WEBSOCKET",
    3,
    { name: "TRANSPORT_MISMATCH", transport: "polling", previousTransport: "websocket" },
  ],
  [
    "GET",
    "EIO=4&transport=websocket&sid=POLLING",
    3,
    { name: "TRANSPORT_MISMATCH", transport: "websocket", previousTransport: "polling" },
  ],
  [
    "GET",
    "EIO=3&transport=polling&sid=POLLING",
    3,
    { name: "PROTOCOL_MISMATCH", protocol: 3, previousProtocol: 4 },
  ],
  [
    "GET",
    "transport=polling&sid=POLLING",
    3,
    { name: "PROTOCOL_MISMATCH", protocol: 3, previousProtocol: 4 },
  ],
  ["GET", "EIO=4&transport=polling", 4, { message: "not you" }, refuse],
  ["GET", "EIO=3&transport=polling", 5, { protocol: 3 }],
  ["GET", "EIO=5&transport=polling", 5, { protocol: 3 }],
  ["GET", "EIO=04&transport=polling", 5, { protocol: 3 }],
  ["GET", "transport=polling", 5, { protocol: 3 }],
];
for (const [method, query, code, context, options] of REQUESTS) {
  test(`${method} ?${query} → ${code} ${context.name ?? ""}`, async (t) => {
    const { io, port } = await serve(t, options);
    const url = `/socket.io/?${await sessions(t, port, query)}`;
    const before = io.engine.clientsCount;
    const failing = once(io.engine, "connection_error");
    const answer = await request(port, url, { method });
    const [error] = await failing;
    assert.equal(error.code, code);
    assert.equal(error.message, MESSAGES[code]);
    assert.equal(error.req.url, url);
    assert.equal(error.req.method, method);
    // TRANSPORT_HANDSHAKE_ERROR may carry the error itself
    assert.deepEqual({ ...error.context, error: undefined }, { ...context, error: undefined });
    const message = code === 4 ? context.message : MESSAGES[code];
    assert.equal(answer.status, code === 4 ? 403 : 400);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.text, JSON.stringify({ code, message }));
    assert.equal(io.engine.clientsCount, before);
  });
}

// [query, code, context, options]: the answer to an upgrade is the message alone, always as 400
const UPGRADES = [
  ["EIO=4", 0, { transport: undefined }],
  ["EIO=4&transport=tobi", 0, { transport: "tobi" }],
  ["EIO=4&transport=websocket&sid=nobody", 1, { sid: "nobody" }],
  [
    "EIO=3&transport=websocket&sid=POLLING",
    3,
    { name: "PROTOCOL_MISMATCH", protocol: 3, previousProtocol: 4 },
  ],
  ["EIO=4&transport=websocket", 4, { message: "not you" }, refuse],
];
for (const [query, code, context, options] of UPGRADES) {
  test(`upgrade ?${query} → ${code} ${context.name ?? ""}`, async (t) => {
    const { io, port } = await serve(t, options);
    const failing = once(io.engine, "connection_error");
    const answer = await exchange(t, port, opening(await sessions(t, port, query)));
    const [error] = await failing;
    assert.equal(error.code, code);
    assert.equal(error.message, MESSAGES[code]);
    assert.deepEqual({ ...error.context }, context);
    const body = code === 4 ? "not you" : MESSAGES[code];
    assert.equal(
      answer,
      "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\n" +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

test("an upgrade with an unsupported protocol is refused", async (t) => {
  const { io, port } = await serve(t);
  const failing = once(io.engine, "connection_error");
  // answered before or after the 101: no WebSocket client gets a session out of it
  const answer = await exchange(t, port, opening("EIO=3&transport=websocket"));
  assert.match(answer, /HTTP\/1.1 400 Bad Request\r\n/);
  assert.match(answer, /Unsupported protocol version$/);
  const [{ code, context }] = await failing;
  assert.equal(code, 5);
  assert.deepEqual({ ...context }, { protocol: 3 });
  assert.equal(io.engine.clientsCount, 0);
});

test("refusals that are not reported", async (t) => {
  const { io, port } = await serve(t, { maxHttpBufferSize: 10 });
  const errors = [];
  io.engine.on("connection_error", (error) => errors.push(error));
  const large = await Polling.open(t, port);
  assert.equal((await large.post("4".repeat(11))).status, 413);
  const session = await Polling.open(t, port);
  assert.match(await exchange(t, port, opening(undefined, { "Sec-WebSocket-Key": null })), /400/);
  await session.send("40/nobody,");
  assert.match(await session.next(), /^44\/nobody,/);
  const poll = session.get();
  assert.deepEqual([(await session.get()).status, (await poll).text], [400, "1"]);
  assert.deepEqual(errors, []);
});
