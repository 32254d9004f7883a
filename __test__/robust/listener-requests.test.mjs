// Requests at the edge of what HTTP allows, and clients that take their time, on a port of the
// server's own: the answers are those of Node's HTTP server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { servePort } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";
const HOST = "Host: 127.0.0.1\r\n";
const PROXIED = "Proxy-Connection: close\r\n";

for (const character of ['"', "<", ">", "{", "}", "|", "^", "`", "\\"]) {
  test(`a query may hold ${character}`, async (t) => {
    const { io, port } = await servePort(t);
    const opened = once(io.engine, "connection");
    const tcp = await Tcp.open(t, port);
    tcp.write(`GET ${HANDSHAKE}&x=${character}y HTTP/1.1\r\n${HOST}\r\n`);
    assert.match(await tcp.head(), /^HTTP\/1\.1 200 /);
    const [{ request }] = await opened;
    assert.equal(request._query.x, `${character}y`);
  });
}

test("refuses a target that is not ASCII", async (t) => {
  const { io, port } = await servePort(t);
  for (const query of [HANDSHAKE, HANDSHAKE.replace("polling", "websocket")]) {
    const tcp = await Tcp.open(t, port);
    tcp.write(Buffer.from(`GET ${query}&x=\u00e9 HTTP/1.1\r\n${HOST}\r\n`));
    assert.match(await tcp.rest(), /^HTTP\/1\.1 400 /);
  }
  assert.equal(io.engine.clientsCount, 0);
});

test("Proxy-Connection says what Connection says", async (t) => {
  const { port } = await servePort(t);
  const tcp = await Tcp.open(t, port);
  tcp.write(`GET ${HANDSHAKE} HTTP/1.1\r\n${HOST}${PROXIED}\r\n`);
  const answer = await tcp.rest();
  assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/);
});

test("answers a client that ends its side with the request", async (t) => {
  const { io, port } = await servePort(t);
  const session = await Polling.open(t, port);
  const requests = [`GET ${HANDSHAKE} HTTP/1.1\r\n${HOST}\r\n`];
  requests.push(`POST ${session.path} HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n40`);
  requests.push(`GET ${session.path} HTTP/1.1\r\n${HOST}\r\n`);
  for (const text of [...Array(100).fill(requests[0]), ...requests]) {
    const tcp = await Tcp.open(t, port);
    tcp.socket.end(text);
    assert.match(await tcp.rest(), /^HTTP\/1\.1 200 /, text);
  }
  // nothing is left to answer a poll with: its client is gone
  const ended = once(io.engine.clients[session.sid], "close");
  const tcp = await Tcp.open(t, port);
  tcp.socket.end(requests.at(-1));
  assert.equal(await tcp.rest(), "");
  assert.equal((await ended)[0], "transport error");
});

beyond("requests behind a waiting poll are answered after it, in order", async (t) => {
  const { io, port } = await servePort(t, { pingInterval: 300_000 });
  const joined = once(io, "connection");
  const session = await Polling.open(t, port);
  await session.send("40");
  const [socket] = await joined;
  await session.next();
  const told = once(socket, "word");
  const poll = `GET ${session.path} HTTP/1.1\r\n${HOST}`;
  const post = `POST ${session.path} HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\n42["word"]`;
  const tcp = await Tcp.open(t, port);
  tcp.write(`${poll}\r\n${post}${poll}Connection: close\r\n\r\n`);
  // The client has no answer before there is one for the poll, which is the first.
  socket.emit("first");
  await until(() => tcp.received.includes('42["first"]'), "the poll is answered");
  await told;
  socket.emit("second");
  const answers = (await tcp.rest()).match(/42\["\w+"\]|ok(?=HTTP)/g);
  assert.deepEqual(answers, ['42["first"]', "ok", '42["second"]']);
});

/** Bodies that a server must not take for a request, by the header lines that say their length. */
const BODIES = {
  "a length": "Content-Length: LENGTH\r\n",
  "a length with zeros": "Content-Length: 00LENGTH\r\n",
  "a length with spaces": "Content-Length:   LENGTH  \r\n",
  "a length in odd case": "cOnTeNt-lEnGtH: LENGTH\r\n",
};
for (const [title, lines] of Object.entries(BODIES)) {
  for (const pace of ["at once", "byte by byte"]) {
    test(`a body is no request: ${title}, ${pace}`, async (t) => {
      const { io, httpServer, port } = await servePort(t);
      const { path, sid } = await Polling.open(t, port);
      const urls = [];
      io.engine.clients[sid].on("packet", ({ data }) => urls.push(data));
      httpServer.on("request", ({ url }) => {
        if (url.startsWith("/inside")) urls.push(url);
      });
      const inside = `4GET /inside HTTP/1.1\r\n${HOST}\r\n`;
      const head = lines.replace("LENGTH", inside.length);
      const text = `POST ${path} HTTP/1.1\r\n${HOST}${head}Connection: close\r\n\r\n${inside}`;
      const tcp = await Tcp.open(t, port);
      if (pace === "at once") tcp.write(text);
      for (const byte of pace === "at once" ? [] : text) {
        tcp.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.match(await tcp.rest(), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/);
      assert.deepEqual(urls, [inside.slice(1)]);
    });
  }
}

beyond("an answer that its client does not read is not kept for ever", async (t) => {
  const { io, httpServer, port } = await servePort(t, { httpCompression: false });
  httpServer.requestTimeout = 1000;
  const joined = once(io, "connection");
  const session = await Polling.open(t, port);
  await session.send("40");
  await session.next();
  const [socket] = await joined;
  for (let i = 0; i < 32; i++) socket.emit("much", "x".repeat(1 << 20));
  const tcp = await Tcp.open(t, port);
  tcp.socket.pause();
  const connections = () =>
    new Promise((resolve) => httpServer.getConnections((_error, count) => resolve(count)));
  tcp.write(`GET ${session.path} HTTP/1.1\r\n${HOST}\r\n`);
  await until(async () => (await connections()) === 1, "the connection is there");
  await until(async () => (await connections()) === 0, "the connection is given up");
  tcp.socket.resume();
  assert.ok((await tcp.rest()).length < 32 << 20);
});
