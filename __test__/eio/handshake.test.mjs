// The opening of a session: body, headers, options that show in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polling, RS, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { bare, exchange, openFrames, opening, Tcp } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";

/** The text of a polling request that ends its connection. */
const get = (path, headers = "") =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`;

const SID = /[\w-]{20}/;

test("the answer to a polling handshake is upstream's", async (t) => {
  const { port } = await serve(t);
  const answer = bare(await exchange(t, port, get(POLLING)));
  assert.equal(
    answer.replace(SID, "SID"),
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 118\r\n" +
      'cache-control: no-store\r\n\r\n0{"sid":"SID","upgrades":["websocket"],' +
      '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
  );
});

test("websocket: the 101 and the first frame", async (t) => {
  const { port } = await serve(t);
  const tcp = await Tcp.open(t, port);
  tcp.write(opening());
  assert.equal(
    await tcp.head(),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  );
  const { fin, opcode, masked, payload } = await tcp.frame();
  assert.deepEqual({ fin, opcode, masked }, { fin: true, opcode: 1, masked: false });
  assert.equal(
    payload.toString().replace(SID, "SID"),
    '0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
  );
});

for (const [title, field, value] of [
  ["MSIE", "; MSIE", undefined],
  ["IE", "Mozilla/4.0 (compatible;MSIE 8.0)", "0"],
  ["Trident", "Mozilla/5.0 Trident/7.0", "0"],
  ["another", "Mozilla/5.0", undefined],
]) {
  test(`X-XSS-Protection for ${title}`, async (t) => {
    const { port } = await serve(t);
    const answer = await exchange(t, port, get(POLLING, `User-Agent: ${field}\r\n`));
    const before = "Content-Length: 118\r\n";
    const after = "cache-control: no-store\r\n";
    const lines = value ? `${before}X-XSS-Protection: ${value}\r\n${after}` : `${before}${after}`;
    assert.ok(answer.includes(lines), answer);
  });
}

// options → the changed part of the handshake
const OPTIONS = [
  [
    { pingInterval: 300, pingTimeout: 200 },
    { pingInterval: 300, pingTimeout: 200 },
  ],
  [{ maxHttpBufferSize: 123 }, { maxPayload: 123 }],
  [{ maxHttpBufferSize: Number.POSITIVE_INFINITY }, { maxPayload: null }],
  [{ allowUpgrades: false }, { upgrades: [] }],
  [{ transports: ["polling"] }, { upgrades: [] }],
  [{ transports: ["polling", "websocket", "unknown"] }, { upgrades: ["websocket"] }],
];
for (const [options, changed] of OPTIONS) {
  test(`${JSON.stringify(options)} in the handshake`, async (t) => {
    const { port } = await serve(t, options);
    const { handshake } = await Polling.open(t, port);
    const defaults = {
      sid: handshake.sid,
      upgrades: ["websocket"],
      pingInterval: 25_000,
      pingTimeout: 20_000,
      maxPayload: 1_000_000,
    };
    assert.deepEqual(handshake, { ...defaults, ...changed });
    if (options.transports?.includes("websocket") === false) return;
    const ws = await Ws.open(t, port);
    assert.deepEqual(ws.handshake, { ...defaults, sid: ws.sid, ...changed, upgrades: [] });
  });
}

test("an empty sid is a handshake", async (t) => {
  const { port } = await serve(t);
  assert.match((await request(port, `${POLLING}&sid=`)).text, /^0\{/);
});

test("the last value of a repeated key wins", async (t) => {
  const { port } = await serve(t);
  const query = "EIO=3&EIO=4&transport=x&transport=polling";
  assert.match((await request(port, `/socket.io/?${query}`)).text, /^0\{/);
});

test("transports: websocket only", async (t) => {
  const { port } = await serve(t, { transports: ["websocket"] });
  const { status, text } = await request(port, POLLING);
  assert.equal(status, 400);
  assert.equal(text, '{"code":0,"message":"Transport unknown"}');
  await Ws.open(t, port);
});

for (const packet of ["hello", Buffer.from([1, 2, 3])]) {
  test(`initialPacket (${typeof packet}) follows the open packet`, async (t) => {
    const { port } = await serve(t, { initialPacket: packet });
    const { text } = await request(port, POLLING);
    const coded = typeof packet === "string" ? "4hello" : "bAQID";
    assert.match(text, /^0\{/);
    assert.equal(text.split(RS)[1], coded);
    const ws = await Ws.open(t, port);
    assert.deepEqual(await ws.next(), typeof packet === "string" ? "4hello" : packet);
  });
}

for (const [offered, answered] of [
  [["one"], "one"],
  [["one", "two"], "one"],
  [[], ""],
]) {
  test(`subprotocols [${offered}] are answered with "${answered}"`, async (t) => {
    const { port } = await serve(t);
    const session = await Ws.open(t, port, { protocols: offered });
    assert.equal(session.ws.protocol, answered);
  });
}

test("permessage-deflate is refused by default", async (t) => {
  const { port } = await serve(t);
  const session = await Ws.open(t, port, { perMessageDeflate: true });
  assert.equal(session.ws.extensions, "");
});

// [headers changed, head of the answer, body]
const REFUSED = [
  [{ "Sec-WebSocket-Key": null }, "", "Missing or invalid Sec-WebSocket-Key header"],
  [{ "Sec-WebSocket-Key": "short" }, "", "Missing or invalid Sec-WebSocket-Key header"],
  [
    { "Sec-WebSocket-Version": "12" },
    "Sec-WebSocket-Version: 13, 8\r\n",
    "Missing or invalid Sec-WebSocket-Version header",
  ],
  [
    { "Sec-WebSocket-Version": null },
    "Sec-WebSocket-Version: 13, 8\r\n",
    "Missing or invalid Sec-WebSocket-Version header",
  ],
  [{ Upgrade: "h2c" }, "", "Invalid Upgrade header"],
  [{ "Sec-WebSocket-Protocol": "a,,b" }, "", "Invalid Sec-WebSocket-Protocol header"],
];
for (const [headers, extra, body] of REFUSED) {
  test(`${JSON.stringify(headers)} is refused by the WebSocket layer`, async (t) => {
    const { io, port } = await serve(t);
    const errors = [];
    io.engine.on("connection_error", (error) => errors.push(error));
    const answer = await exchange(t, port, opening(undefined, headers));
    const [head, text] = answer.split("\r\n\r\n");
    assert.equal(text, body);
    const lines = `${head}\r\n`;
    assert.ok(lines.startsWith("HTTP/1.1 400 Bad Request\r\n"), head);
    for (const line of [
      "Connection: close\r\n",
      "Content-Type: text/html\r\n",
      `Content-Length: ${body.length}\r\n`,
      extra,
    ]) {
      assert.ok(lines.includes(line), `${line} in ${head}`);
    }
    assert.deepEqual(errors, []);
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("version 8 is accepted", async (t) => {
  const { port } = await serve(t);
  const tcp = await Tcp.open(t, port);
  tcp.write(opening(undefined, { "Sec-WebSocket-Version": "8" }));
  assert.match(await tcp.head(), /^HTTP\/1.1 101 /);
});

test("an upgrade request for polling gets a 101 and an empty close frame", async (t) => {
  const { port } = await serve(t);
  const tcp = await Tcp.open(t, port);
  tcp.write(opening("EIO=4&transport=polling"));
  assert.match(await tcp.head(), /^HTTP\/1.1 101 /);
  const { opcode, payload } = await tcp.frame();
  assert.deepEqual([opcode, payload.length], [8, 0]);
});

test("pipelined frames behind the request do no harm", async (t) => {
  const { io, port } = await serve(t);
  const tcp = await Tcp.open(t, port);
  tcp.write(Buffer.concat([Buffer.from(opening()), Buffer.from([0xff, 0xff, 0, 1, 2, 3])]));
  assert.match(await tcp.head(), /^HTTP\/1.1 101 /);
  await tcp.rest();
  await until(() => io.engine.clientsCount === 0, "the session has ended");
  const connecting = once(io.engine, "connection");
  await openFrames(t, port);
  await connecting;
});
