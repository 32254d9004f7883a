// HTTP long-polling of protocol 3: both forms of payloads, byte for byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, Polling3 } from "../support/eio3.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, request } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { bare, exchange, Tcp } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

/** A session without a Socket.IO layer on it; `messages` logs what the engine decodes. */
async function rawConn(t, { server, ...options } = {}) {
  const { io, port } = await serve(t, { allowEIO3: true, ...server });
  const connecting = once(io.engine, "connection");
  const session = await Polling3.open(port, options);
  const [conn] = await connecting;
  assert.equal(await session.next(), "40"); // the main namespace is joined unasked
  conn.removeAllListeners("data");
  const messages = [];
  conn.on("data", (data) => messages.push(data || ""));
  return { io, port, session, conn, messages };
}

test("the handshake is upstream's, byte for byte", async (t) => {
  const { port } = await serve(t, { allowEIO3: true });
  const path = "/socket.io/?EIO=3&transport=polling";
  const answer = await exchange(
    t,
    port,
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  const [head, body] = bare(answer).split("\r\n\r\n");
  assert.equal(
    head,
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 122\r\n" +
      "cache-control: no-store",
  );
  const sid = /"sid":"([\w-]{20})"/.exec(body)[1];
  assert.equal(
    body,
    `118:0{"sid":"${sid}","upgrades":["websocket"],"pingInterval":25000,` +
      `"pingTimeout":20000,"maxPayload":1000000}`,
  );
});

for (const eio of ["", "&EIO=", "&EIO=2", "&EIO=04", "&EIO=5", "&EIO=4&EIO=3"]) {
  test(`"${eio}" is protocol 3`, async (t) => {
    const { io, port } = await serve(t, { allowEIO3: true });
    const connecting = once(io.engine, "connection");
    const session = await Polling3.open(port, { eio });
    const [conn] = await connecting;
    assert.equal(conn.protocol, 3);
    assert.equal(await session.next(), "40");
  });
}

test("without allowEIO3 the handshake is refused", async (t) => {
  for (const options of [{}, { allowEIO3: false }]) {
    const { io, port } = await serve(t, options);
    const failed = once(io.engine, "connection_error");
    const { status, text } = await request(port, "/socket.io/?EIO=3&transport=polling");
    assert.equal(status, 400);
    assert.equal(text, '{"code":5,"message":"Unsupported protocol version"}');
    const [{ code, context }] = await failed;
    assert.deepEqual([code, context.protocol], [5, 3]);
  }
});

test("a session is served in the revision it was opened in", async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true });
  const old = await Polling3.open(port);
  const current = await Polling.open(t, port);
  for (const [path, protocol, previousProtocol] of [
    [old.path.replace("EIO=3", "EIO=4"), 4, 3],
    [current.path.replace("EIO=4", "EIO=3"), 3, 4],
  ]) {
    const failed = once(io.engine, "connection_error");
    const { status, text } = await request(port, path);
    assert.deepEqual([status, text], [400, '{"code":3,"message":"Bad request"}']);
    const [{ context }] = await failed;
    assert.deepEqual({ ...context }, { name: "PROTOCOL_MISMATCH", protocol, previousProtocol });
  }
  // nothing has happened to either
  assert.equal(await old.next(), "40");
  assert.match(await current.join(), /^[\w-]{20}$/);
});

/** A POST of a session by hand, in pieces: each is a segment of its own, and a chunk if `chunked`. */
async function postInPieces(t, port, path, pieces, chunked) {
  const tcp = await Tcp.open(t, port);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const framing = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`;
  await tcp.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
  for (const piece of pieces) {
    await new Promise(setImmediate);
    const head = `${piece.length.toString(16)}\r\n`;
    await tcp.write(
      chunked ? Buffer.concat([Buffer.from(head), piece, Buffer.from("\r\n")]) : piece,
    );
  }
  if (chunked) await tcp.write("0\r\n\r\n");
  const head = await tcp.head();
  const body = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Number.NaN);
  // a refusal without length comes as one chunk
  return tcp.until((bytes) => {
    const text = bytes.toString("latin1");
    const isWhole = body >= 0 ? bytes.length >= body : text.endsWith("0\r\n\r\n");
    return isWhole ? head + text : undefined;
  });
}

/** Bytes of a payload, cut in the middle of a character too. */
function pieces(payload) {
  const bytes = Buffer.from(payload);
  const cuts = [1, bytes.indexOf(Buffer.from("€")) + 1, bytes.length - 2];
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

// the revision of a session → one that a URL may name in its place, and two payloads of an event
for (const [own, other, payload] of [
  [3, 4, encode('42["x","€"]')],
  [4, 3, '42["x","€"]'],
]) {
  for (const form of FORMS) {
    for (const how of ["in segments", "in chunks"]) {
      test(`a POST of protocol ${own} ${how} is decoded in it, and one of ${other} refused (${form})`, async (t) => {
        const { io, port } = await SERVE[form](t, { allowEIO3: true });
        const heard = [];
        io.on("connection", (socket) => socket.on("x", (value) => heard.push(value)));
        const session = own === 3 ? await Polling3.open(port) : await Polling.open(t, port);
        if (own === 3) assert.equal(await session.next(), "40");
        else await session.join();
        const chunked = how === "in chunks";

        const wrong = session.path.replace(`EIO=${own}`, `EIO=${other}`);
        const failed = once(io.engine, "connection_error");
        const refusal = await postInPieces(t, port, wrong, pieces(payload), chunked);
        assert.match(refusal, /^HTTP\/1\.1 400 [\s\S]*\{"code":3,"message":"Bad request"\}/);
        const [{ context }] = await failed;
        const expected = { name: "PROTOCOL_MISMATCH", protocol: other, previousProtocol: own };
        assert.deepEqual({ ...context }, expected);

        // the session goes on, in its own revision
        const answer = await postInPieces(t, port, session.path, pieces(payload), chunked);
        assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*ok/);
        await until(() => heard.length > 0, "the event is heard");
        assert.deepEqual(heard, ["€"]);
      });
    }

    test(`an upgrade that names protocol ${other} for a session of ${own} is refused (${form})`, async (t) => {
      const { io, port } = await SERVE[form](t, { allowEIO3: true });
      const session = own === 3 ? await Polling3.open(port) : await Polling.open(t, port);
      const failed = once(io.engine, "connection_error");
      const query = `EIO=${other}&transport=websocket&sid=${session.sid}`;
      await assert.rejects(Tcp.websocket(t, port, { query }), /HTTP\/1\.1 400 /);
      const [{ context }] = await failed;
      assert.equal(context.name, "PROTOCOL_MISMATCH");
    });
  }
}

test("the initial packet is in the first payload", async (t) => {
  const { port } = await serve(t, { allowEIO3: true, initialPacket: "hello" });
  const session = await Polling3.open(port);
  assert.match(session.opening.text, /^118:0\{"sid":"[^}]*\}6:4hello$/);
  assert.equal(await session.next(), "4hello");
});

test("text payloads count UTF-16 code units", async (t) => {
  const { session, conn } = await rawConn(t);
  for (const text of ["hello", "€", "😀", ""]) conn.send(text);
  const { headers, text } = await session.get();
  assert.equal(text, "6:4hello2:4€3:4😀1:4");
  assert.equal(headers["content-type"], "text/plain; charset=UTF-8");
  assert.equal(headers["content-length"], String(Buffer.byteLength(text)));
});

test("a payload with a binary message is binary, and counts bytes", async (t) => {
  const { session, conn } = await rawConn(t);
  conn.send("a€");
  conn.send(Buffer.from([1, 2, 3, 4]));
  conn.send("0123456789");
  const { headers, body } = await session.get();
  assert.equal(headers["content-type"], "application/octet-stream");
  assert.equal(headers["content-length"], String(body.length));
  assert.equal(
    body.toString("hex"),
    `0005ff34${Buffer.from("a€").toString("hex")}` +
      "0105ff0401020304" +
      `000101ff34${Buffer.from("0123456789").toString("hex")}`,
  );
});

test("a pending poll gets a binary message at once", async (t) => {
  const { session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  conn.send(Buffer.from([9]));
  conn.send("later");
  const { headers, body } = await answer;
  assert.equal(headers["content-type"], "application/octet-stream");
  assert.equal(body.toString("hex"), "0102ff0409");
  assert.equal((await session.get()).text, "6:4later");
});

// value of b64 → whether it asks for base64
for (const [query, base64] of [
  ["&b64=1", true],
  ["&b64=0", true],
  ["&b64=", false],
]) {
  test(`binary messages with ${query} are ${base64 ? "base64" : "bytes"}`, async (t) => {
    const { session, conn } = await rawConn(t, { query });
    conn.send("a€");
    conn.send(Buffer.from([1, 2, 3, 4]));
    const { headers, body } = await session.get();
    if (base64) assert.equal(body.toString(), "3:4a€10:b4AQIDBA==");
    else assert.equal(headers["content-type"], "application/octet-stream");
  });
}

test("a long binary payload is compressed as it is", async (t) => {
  const { session, conn } = await rawConn(t);
  conn.send(Buffer.alloc(5000, 7));
  const { headers } = await session.get({ headers: { "accept-encoding": "gzip" } });
  assert.equal(headers["content-encoding"], "gzip");
  assert.equal(headers["content-type"], "application/octet-stream");
});

test("a poll and a push, byte for byte", async (t) => {
  const { port, session, messages } = await rawConn(t);
  const body = encode("4a", "4€");
  const answer = await exchange(
    t,
    port,
    `POST ${session.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  assert.equal(
    bare(answer),
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n" +
      "cache-control: no-store\r\n\r\nok",
  );
  assert.deepEqual(messages, ["a", "€"]);
});

// payloads that leave the session open → messages
const GOOD = [
  ["0:", []],
  ["0:0:", []],
  ["1e0:4", [""]],
  [" 2 :4a", ["a"]],
  ["+2:4a02:4b0x2:4c", ["a", "b", "c"]],
  ["2:4a0:2:4b", ["a", "b"]],
  [" :2:4b", ["b"]],
  ["2:4€3:4😀", ["€", "😀"]],
  ["10:b4AQIDBA==2:4a", [Buffer.from([1, 2, 3, 4]), "a"]],
  ["2:b4", [Buffer.alloc(0)]],
  ["6:b4-_-_", [Buffer.from([0xfb, 0xff, 0xbf])]],
  // binary packets without a type, or of one that is not used so
  ["1:b2:bx7:b7AQI==2:4a", ["a"]],
  ["1:02:4a1:51:6", ["a"]],
];
for (const [body, expected] of GOOD) {
  test(`the body ${JSON.stringify(body)} is accepted`, async (t) => {
    const { session, conn, messages } = await rawConn(t);
    const { status, text } = await session.post(body);
    assert.deepEqual([status, text, conn.readyState], [200, "ok", "open"]);
    assert.deepEqual(messages, expected);
  });
}

const PARSE_ERROR = ["parse error", undefined];
const DIRECTION = ["transport error", "invalid heartbeat direction"];

// [body, messages before the end, end]: always answered 200 ok
const BAD = [
  ["", []],
  ["4", []],
  ["2", []],
  [":4", []],
  ["x:4", []],
  ["-1:4", []],
  ["1.5:4a", []],
  ["4:4a", []],
  ["Infinity:4a", []],
  ["1e999:4a", []],
  ["2:4a3", ["a"]],
  ["2:4a:2:4b", ["a"]],
  ["2:4a9:4b", ["a"]],
  ["2:4a1:x2:4b", ["a"]],
  ["2:7a2:4b", []],
  ["4a\x1e4b", []],
  ["1:3", [], DIRECTION],
  ["2:4a1:32:4b", ["a"], DIRECTION],
  ["1:1", [], ["transport close", undefined]],
  ["2:4a1:12:4b", ["a"], ["transport close", undefined]],
];
for (const [body, before, end = PARSE_ERROR] of BAD) {
  test(`the body ${JSON.stringify(body)} ends the session: ${end[0]}`, async (t) => {
    const { session, conn, messages } = await rawConn(t);
    const closed = once(conn, "close");
    const { status, text } = await session.post(body);
    assert.deepEqual([status, text], [200, "ok"]);
    const [reason, description] = await closed;
    assert.deepEqual([reason, description?.message], end);
    assert.deepEqual(messages, before);
    assert.equal((await session.get()).text, '{"code":1,"message":"Session ID unknown"}');
  });
}

// binary bodies that leave the session open → messages
const GOOD_BINARY = [
  ["", []],
  ["00 02 ff 34 61 01 03 ff 04 01 02", ["a", Buffer.from([1, 2])]],
  ["00 01 01 ff 34 61 62 63 64 65 66 67 68 69 6a", ["abcdefghij"]],
  ["00 00 02 ff 34 61", ["a"]],
  ["00 05 ff 34 f0 9f 98 80", ["😀"]],
  ["02 02 ff 04 01", [Buffer.from([1])]],
  ["00 06 ff 62 34 41 51 49 3d", [Buffer.from([1, 2])]],
  // shorter than announced
  ["00 05 ff 34 61", ["a"]],
  [`00 ${"09 ".repeat(311)} ff 34 61`, ["a"]],
  // binary packets without a type, or of one that is not used so
  ["01 00 ff 01 01 ff 07 01 01 ff 34 00 02 ff 34 61", ["a"]],
];
for (const [hex, expected] of GOOD_BINARY) {
  test(`the binary body ${hex.slice(0, 50)} is accepted`, async (t) => {
    const { session, conn, messages } = await rawConn(t);
    const { status, text } = await session.postBinary(hex);
    assert.deepEqual([status, text, conn.readyState], [200, "ok", "open"]);
    assert.deepEqual(messages, expected);
  });
}

const BAD_BINARY = [
  ["00", []],
  ["00 ff 34 61", []],
  ["00 02 34 61", []],
  ["00 00 ff", []],
  ["00 0b ff 34 61", []],
  ["00 02 ff 34 ff", []],
  ["00 03 ff 34 c3 28", []],
  ["32 3a 34 61", []],
  [`00 ${"09 ".repeat(312)} ff 34 61`, []],
  // taken apart before anything is decoded
  ["00 02 ff 34 61 00", []],
  ["00 02 ff 34 61 00 05", []],
  ["00 02 ff 34 61 00 01 ff 39 00 02 ff 34 62", ["a"]],
  ["00 02 ff 34 61 01 01 ff 03 00 02 ff 34 62", ["a"], DIRECTION],
  ["00 01 ff 31", [], ["transport close", undefined]],
  ["01 01 ff 01", [], ["transport close", undefined]],
];
for (const [hex, before, end = PARSE_ERROR] of BAD_BINARY) {
  test(`the binary body ${hex.slice(0, 50)} ends the session: ${end[0]}`, async (t) => {
    const { session, conn, messages } = await rawConn(t);
    const closed = once(conn, "close");
    const { status, text } = await session.postBinary(hex);
    assert.deepEqual([status, text], [200, "ok"]);
    const [reason, description] = await closed;
    assert.deepEqual([reason, description?.message], end);
    assert.deepEqual(messages, before);
  });
}

test("any other content type is text", async (t) => {
  const { session, messages } = await rawConn(t);
  for (const type of ["application/octet-stream; charset=utf-8", "application/json", "x"]) {
    assert.equal((await session.post("2:4a", { "content-type": type })).text, "ok");
  }
  assert.deepEqual(messages, ["a", "a", "a"]);
});

test("maxHttpBufferSize bounds binary bodies too", async (t) => {
  const { session, conn, messages } = await rawConn(t, { server: { maxHttpBufferSize: 10 } });
  const closed = once(conn, "close");
  assert.equal((await session.postBinary("01 07 ff 04 01 02 03 04 05 06")).status, 200);
  assert.equal((await session.postBinary("01 08 ff 04 01 02 03 04 05 06 07")).status, 413);
  assert.equal((await closed)[1].message, "payload too large");
  assert.deepEqual(messages, [Buffer.from([1, 2, 3, 4, 5, 6])]);
});

test("pings are answered without their data", async (t) => {
  const { session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  await session.send("2hello");
  assert.equal((await answer).text, "1:3");
  await session.postBinary("01 02 ff 02 09");
  assert.equal((await session.get()).text, "1:3");
});

test("a second poll ends the session", async (t) => {
  const { session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  const closed = once(conn, "close");
  assert.equal((await session.get()).status, 400);
  assert.equal((await answer).text, "1:1");
  const [reason, description] = await closed;
  assert.deepEqual([reason, description.message], ["transport error", "overlap from client"]);
});

test("a close packet releases a pending poll with a noop", async (t) => {
  const { session, conn } = await rawConn(t);
  const { answer } = await session.hold(conn);
  assert.equal((await session.post("1:1")).text, "ok");
  assert.equal((await answer).text, "1:6");
});

test("a polite close delivers first, then says goodbye", async (t) => {
  const { session, conn } = await rawConn(t);
  conn.send("x");
  conn.close();
  assert.equal((await session.get()).text, "2:4x");
  assert.equal((await session.get()).text, "1:61:1");
});

test("closes a client that stops pinging after interval and timeout", async (t) => {
  const server = { pingInterval: 300, pingTimeout: 700 };
  const { session, conn } = await rawConn(t, { server });
  const closed = once(conn, "close");
  const beats = [];
  conn.on("heartbeat", () => beats.push(conn.readyState));
  await session.send("2", "2");
  // the server never asks
  assert.equal((await session.get()).text, "1:31:3");
  assert.equal((await session.get()).text, "1:1");
  assert.equal((await closed)[0], "ping timeout");
  assert.deepEqual(beats, ["open", "open"]);
});

test("those who watch packets see the pings and what answers them", async (t) => {
  const { session, conn } = await rawConn(t);
  const seen = [];
  conn.on("packet", ({ type, data }) => seen.push(["packet", type, data]));
  conn.on("packetCreate", ({ type }) => seen.push(["packetCreate", type]));
  conn.on("heartbeat", () => seen.push(["heartbeat"]));
  await session.send("2x", "4a");
  assert.deepEqual(seen, [
    ["packet", "ping", "x"],
    ["packetCreate", "pong"],
    ["heartbeat"],
    ["packet", "message", "a"],
  ]);
});

beyond("a length that ends inside a character of two units is a fault", async (t) => {
  const { session, conn } = await rawConn(t);
  const closed = once(conn, "close");
  await session.post("2:4😀");
  assert.equal((await closed)[0], "parse error");
  await until(() => conn.readyState === "closed");
});
