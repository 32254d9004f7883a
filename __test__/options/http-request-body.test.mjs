// httpRequestBodyTimeout and maxBufferedChunks: the time and the pieces of the body of a POST.
import assert from "node:assert/strict";
import { Polling } from "../support/raw.mjs";
import { Tcp } from "../support/tcp.mjs";
import { ALL, eachServer, sessionEnd } from "./support.mjs";

/** Begins a POST whose body is announced with that length, and not sent. */
async function begin(t, { port, path }, length) {
  const tcp = await Tcp.open(t, port);
  tcp.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
  return tcp;
}

/** Writes a body one byte at a time, so that each is a piece of its own; ends with the connection. */
async function trickle(tcp, bytes) {
  for (const byte of bytes) {
    if (tcp.socket.destroyed) return;
    tcp.socket.write(byte);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

eachServer(
  "httpRequestBodyTimeout: a body that does not come in time ends the session with 408",
  async (t, start) => {
    const { io, port } = await start({ httpRequestBodyTimeout: 100 });
    const ending = sessionEnd(io);
    const session = await Polling.open(t, port);
    const tcp = await begin(t, session, 10);
    tcp.write("4");
    const [reason, { message }] = await ending;
    assert.deepEqual([reason, message], ["transport error", "http request timeout"]);
    assert.match((await tcp.rest()).toString(), /^HTTP\/1.1 408 /);
    assert.equal((await session.get()).status, 400);
  },
  ALL,
);

eachServer(
  "maxBufferedChunks: a body in more pieces ends the session with 413",
  async (t, start) => {
    const { io, port } = await start({ maxBufferedChunks: 3 });
    const ending = sessionEnd(io);
    const session = await Polling.open(t, port);
    const tcp = await begin(t, session, 1000);
    const writing = trickle(tcp, "4".repeat(1000));
    const [reason, { message }] = await ending;
    assert.deepEqual([reason, message], ["transport error", "too many chunks"]);
    await writing;
    assert.match((await tcp.rest()).toString(), /^HTTP\/1.1 413 /);
  },
  ALL,
);

eachServer("maxBufferedChunks: a chunked body counts by its chunks", async (t, start) => {
  const { io, port } = await start({ maxBufferedChunks: 3 });
  const ending = sessionEnd(io);
  const session = await Polling.open(t, port);
  const tcp = await Tcp.open(t, port);
  tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
  tcp.write("1\r\n4\r\n".repeat(4));
  assert.equal((await ending)[1].message, "too many chunks");
  assert.match((await tcp.rest()).toString(), /^HTTP\/1.1 413 /);
});

eachServer("a body within both limits is taken", async (t, start) => {
  const { io, port } = await start({ maxBufferedChunks: 2, httpRequestBodyTimeout: 60_000 });
  const messages = [];
  io.engine.on("connection", (conn) => conn.on("message", (data) => messages.push(data)));
  const session = await Polling.open(t, port);
  const tcp = await Tcp.open(t, port);
  tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`);
  tcp.write("Transfer-Encoding: chunked\r\n\r\n2\r\n4a\r\n2\r\nbc\r\n0\r\n\r\n");
  assert.match((await tcp.rest()).toString(), /^HTTP\/1.1 200 /);
  assert.deepEqual(messages, ["abc"]);
});

eachServer("the defaults are 30 s and 10,000 chunks", async (_t, start) => {
  const { io } = await start();
  assert.equal(io.engine.opts.httpRequestBodyTimeout, 30_000);
  assert.equal(io.engine.opts.maxBufferedChunks, 10_000);
});
