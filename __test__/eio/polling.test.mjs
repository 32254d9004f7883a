// HTTP long-polling: polls, pushes, their errors, overlaps and aborts.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { statuses } from "../support/exercise.mjs";
import { Polling, RS, request } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { bare, exchange, Tcp } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

/** A polling session without a Socket.IO layer on it; `messages` logs what the engine decodes. */
async function rawConn(t, options) {
  const { io, port } = await serve(t, options);
  const connecting = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await connecting;
  conn.removeAllListeners("data");
  const messages = [];
  conn.on("data", (data) => messages.push(data));
  return { io, port, session, conn, messages };
}

/** The text of a request that ends its connection. */
const text = (method, path, body = "", headers = "") =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

/** A connection over which a session has been opened: what is written on two of them comes in order. */
async function known(t, port) {
  const tcp = await Tcp.open(t, port);
  tcp.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
  await until(() => tcp.received.includes("}"));
  return tcp;
}

/** Other requests come and go, so that the server has taken up what was written before them. */
async function settle(t, port) {
  for (let n = 0; n < 3; n++) await exchange(t, port, text("GET", "/elsewhere"));
}

const OK =
  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\ncache-control: no-store\r\n\r\nok";
const empty = (status) => `HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
const CLOSED = '{"code":1,"message":"Session ID unknown"}';

test("answers to poll and push are upstream's, byte for byte", async (t) => {
  const { port, session, conn, messages } = await rawConn(t);
  assert.equal(bare(await exchange(t, port, text("POST", session.path, "4hi"))), OK);
  assert.deepEqual(messages, ["hi"]);
  conn.send("€");
  assert.equal(
    bare(await exchange(t, port, text("GET", session.path))),
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 4\r\n" +
      "cache-control: no-store\r\n\r\n4\u00e2\u0082\u00ac",
  );
});

test("answers to errors are upstream's, byte for byte", async (t) => {
  const { port } = await serve(t, { allowRequest: (_req, done) => done(null, false) });
  const json = (status, body) =>
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n` +
    `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  for (const [query, status, body] of [
    ["EIO=4", "400 Bad Request", '{"code":0,"message":"Transport unknown"}'],
    ["EIO=4&transport=polling&sid=x", "400 Bad Request", CLOSED],
    ["EIO=4&transport=polling", "403 Forbidden", '{"code":4,"message":"Forbidden"}'],
  ]) {
    const answer = await exchange(t, port, text("GET", `/socket.io/?${query}`));
    assert.equal(bare(answer), json(status, body));
  }
  const head = await exchange(t, port, text("HEAD", "/socket.io/?EIO=4&transport=polling"));
  assert.match(head, /^HTTP\/1.1 400 Bad Request\r\nContent-Type: application\/json\r\n/);
  assert.ok(head.endsWith("\r\n\r\n"));
});

test("a keep-alive connection survives an error answer", async (t) => {
  const { port } = await serve(t);
  const tcp = await Tcp.open(t, port);
  const requests = ["/socket.io/?EIO=4", "/socket.io/?EIO=4&transport=polling"];
  for (const path of requests) {
    tcp.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(await tcp.head(), /\r\nConnection: keep-alive\r\n/);
    await until(() => /\}(\r\n0\r\n\r\n)?$/.test(tcp.received.toString()));
    tcp.received = Buffer.alloc(0);
  }
});

test("a poll is held until there is something to send", async (t) => {
  const { session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  conn.send("a");
  conn.send("b");
  conn.send("c");
  // the first packet goes alone, the others wait for the next poll
  assert.equal((await answer).text, "4a");
  assert.equal((await session.get()).text, `4b${RS}4c`);
});

test("buffered packets are answered at once, without a size limit", async (t) => {
  const { session, conn } = await rawConn(t, { maxHttpBufferSize: 100 });
  const long = "x".repeat(300_000);
  for (let n = 0; n < 5; n++) conn.send(long);
  const { body } = await session.get();
  assert.equal(body.length, 5 * 300_001 + 4);
});

test("a payload mixes text, binary and control packets", async (t) => {
  const { session, conn, messages } = await rawConn(t);
  await session.post(`4hello${RS}bAQIDBA==${RS}6${RS}3${RS}4${RS}4w€rld`);
  assert.deepEqual(
    messages.map((data) => data || ""),
    ["hello", Buffer.from([1, 2, 3, 4]), "", "w€rld"],
  );
  conn.send("hello");
  conn.send(Buffer.from([1, 2, 3, 4]));
  conn.send("w€rld");
  assert.equal((await session.get()).text, `4hello${RS}bAQIDBA==${RS}4w€rld`);
});

// base64 → bytes: decoding is lenient
for (const [coded, hex] of [
  ["", ""],
  ["AA==", "00"],
  ["AA", "00"],
  ["AQIDBA", "01020304"],
  ["-_-_", "fbffbf"],
  ["+/+/", "fbffbf"],
  ["A Q\nI=", "0102"],
]) {
  test(`base64 ${JSON.stringify(coded)} is ${hex || "empty"}`, async (t) => {
    const { session, messages } = await rawConn(t);
    await session.post(`b${coded}`);
    assert.equal(messages[0].toString("hex"), hex);
  });
}

test("packets are delivered before the ok", async (t) => {
  const { session, messages } = await rawConn(t);
  const answered = session.post("4a").then(() => messages.slice());
  assert.deepEqual(await answered, ["a"]);
});

test("invalid UTF-8 becomes U+FFFD", async (t) => {
  const { session, messages } = await rawConn(t);
  await session.post(Buffer.from([0x34, 0x61, 0xff, 0xc3, 0x62]));
  assert.deepEqual(messages, ["a\ufffd\ufffdb"]);
});

test("a character split between two chunks is put together", async (t) => {
  const { port, session, messages } = await rawConn(t);
  const tcp = await Tcp.open(t, port);
  const body = Buffer.from("4€uro");
  tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
  tcp.write(body.subarray(0, 2));
  await new Promise((resolve) => setTimeout(resolve, 20)); // lets the first part travel alone
  tcp.write(body.subarray(2));
  await until(() => messages.length === 1);
  assert.deepEqual(messages, ["€uro"]);
});

// [body, messages before the end, reason, description]: always answered 200 ok
const BAD_PAYLOADS = [
  ["", [], "parse error"],
  ["x", [], "parse error"],
  [`4a${RS}9${RS}4b`, ["a"], "parse error"],
  [RS, [], "parse error"],
  [`4a${RS}`, ["a"], "parse error"],
  ["2", [], "transport error", "invalid heartbeat direction"],
  [`4a${RS}2`, ["a"], "transport error", "invalid heartbeat direction"],
  ["1", [], "transport close"],
  [`4a${RS}1${RS}4b`, ["a"], "transport close"],
];
for (const [body, before, reason, message] of BAD_PAYLOADS) {
  test(`the body ${JSON.stringify(body)} ends the session: ${reason}`, async (t) => {
    const { io, port, session, conn, messages } = await rawConn(t);
    const closed = once(conn, "close");
    assert.equal(bare(await exchange(t, port, text("POST", session.path, body))), OK);
    const [given, description] = await closed;
    assert.equal(given, reason);
    assert.equal(description?.message, message);
    assert.deepEqual(messages, before);
    assert.equal(io.engine.clientsCount, 0);
    assert.equal((await session.get()).text, CLOSED);
  });
}

test("application/octet-stream is refused and ends the session", async (t) => {
  const { port, session, conn } = await rawConn(t);
  const closed = once(conn, "close");
  const headers = "Content-Type: application/octet-stream\r\n";
  const answer = await exchange(t, port, text("POST", session.path, "4a", headers));
  assert.equal(bare(answer), empty("400 Bad Request"));
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "invalid content");
});

test("any other content type is text", async (t) => {
  const { session, messages } = await rawConn(t);
  for (const type of ["application/octet-stream; charset=utf-8", "application/json", "x"]) {
    assert.equal((await session.post("4a", { headers: { "content-type": type } })).text, "ok");
  }
  assert.deepEqual(messages, ["a", "a", "a"]);
});

test("maxHttpBufferSize: the limit is accepted, one more byte is 413", async (t) => {
  const { port, session, conn, messages } = await rawConn(t, { maxHttpBufferSize: 10 });
  const closed = once(conn, "close");
  assert.equal((await session.post("4".padEnd(10, "x"))).status, 200);
  assert.equal((await session.post(`4${"€".repeat(3)}`)).status, 200);
  const answer = await exchange(t, port, text("POST", session.path, "4".padEnd(11, "x")));
  assert.equal(bare(answer), empty("413 Payload Too Large"));
  const [reason, description] = await closed;
  assert.deepEqual([reason, description.message], ["transport error", "payload too large"]);
  assert.equal((await session.post("4end")).status, 400);
  assert.deepEqual(messages, ["xxxxxxxxx", "€€€"]);
});

test("maxHttpBufferSize counts what arrives, whatever was announced", async (t) => {
  const { port, session } = await rawConn(t, { maxHttpBufferSize: 10 });
  const chunked = "6\r\n4xxxxx\r\n6\r\nxxxxxx\r\n0\r\n\r\n";
  const answer = await exchange(
    t,
    port,
    `POST ${session.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `Transfer-Encoding: chunked\r\n\r\n${chunked}`,
  );
  assert.match(answer, /^HTTP\/1.1 413 /);
});

for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
  test(`${method} on a session is answered 500`, async (t) => {
    const { session, conn } = await rawConn(t);
    const { status, text: body } = await request(session.port, session.path, { method });
    assert.equal(status, 500);
    assert.equal(body, "");
    assert.equal(conn.readyState, "open");
  });
}

test("a second poll ends the session", async (t) => {
  const { port, session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  const closed = once(conn, "close");
  const second = await exchange(t, port, text("GET", session.path));
  assert.equal(bare(second), empty("400 Bad Request"));
  const first = await answer;
  assert.deepEqual([first.status, first.text], [200, "1"]);
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "overlap from client");
});

test("a second push ends the session", async (t) => {
  const { port, session, conn, messages } = await rawConn(t);
  const tcp = await known(t, port);
  tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4part`);
  // the server has to know about the first one before the second one comes
  const closed = once(conn, "close");
  await settle(t, port);
  const second = await exchange(t, port, text("POST", session.path, "4b"));
  assert.equal(bare(second), empty("400 Bad Request"));
  assert.deepEqual(statuses(await tcp.rest()), [200]);
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "data request overlap from client");
  assert.deepEqual(messages, []);
});

for (const [title, pieces] of [
  ["that has come", ["4b"]],
  ["that comes later", ["4", "b"]],
]) {
  test(`a refused push with a body ${title} leaves its connection to the next request`, async (t) => {
    const { port, session, conn } = await rawConn(t);
    const [first, tcp] = [await known(t, port), await known(t, port)];
    const push = (length, body) =>
      `POST ${session.path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`;
    const closed = once(conn, "close");
    first.write(push(10, "4part"));
    await settle(t, port);
    const [now, ...later] = pieces;
    tcp.write(push(2, now));
    await closed;
    await until(() => tcp.received.includes(" 400 "));
    tcp.write(later.join(""));
    tcp.write(text("GET", "/elsewhere"));
    assert.deepEqual(statuses(await tcp.rest()), [200, 400, 404]);
  });
}

test("an aborted poll ends the session", async (t) => {
  const { session, conn } = await rawConn(t);
  const closed = once(conn, "close");
  const req = http.get({ host: "127.0.0.1", port: session.port, path: session.path, agent: false });
  req.on("error", () => {});
  await until(() => conn.transport.writable);
  req.destroy();
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "poll connection closed prematurely");
});

test("an aborted push ends the session", async (t) => {
  const { port, session, conn } = await rawConn(t);
  const closed = once(conn, "close");
  const tcp = await Tcp.open(t, port);
  tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4part`);
  await settle(t, port);
  tcp.socket.destroy();
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "data request connection closed prematurely");
});

test("a close packet releases a pending poll with a noop", async (t) => {
  const { session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  assert.equal((await session.post("1")).text, "ok");
  assert.equal((await answer).text, "6");
});

test("a push is answered while a poll is pending", async (t) => {
  const { session, conn, messages } = await rawConn(t);
  const { answer } = await session.hold(conn);
  assert.equal((await session.post("4a")).text, "ok");
  conn.send("b");
  assert.equal((await answer).text, "4b");
  assert.deepEqual(messages, ["a"]);
});
