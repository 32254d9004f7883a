// HTTP/2 servers: polling over streams, WebSockets over HTTP/1.1 on the same port.
import assert from "node:assert/strict";
import http2 from "node:http2";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { client } from "../support/clients.mjs";
import { answering, exercise } from "../support/exercise.mjs";
import { HANDSHAKE, upgrade } from "../support/requests/text.mjs";
import {
  certificate,
  eachSecureWay,
  secureClient,
  secureTest,
  secureWire,
} from "../support/secure.mjs";
import { listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { frame } from "../support/tcp.mjs";
import { defer, once, until, within } from "../support/wait.mjs";

const notFound = (_req, res) => res.writeHead(404).end();

/** The two kinds of HTTP/2 server; the plain one serves HTTP/2 alone. */
const KINDS = {
  secure: {
    test: secureTest,
    create: () => http2.createSecureServer({ ...certificate, allowHTTP1: true }, notFound),
    url: (port) => `https://127.0.0.1:${port}`,
  },
  plain: {
    test,
    create: () => http2.createServer(notFound),
    url: (port) => `http://127.0.0.1:${port}`,
  },
};

/** Starts a server of a kind, and an HTTP/2 client: `{ io, httpServer, port, ask }`. */
async function serveHttp2(t, kind, options) {
  const httpServer = KINDS[kind].create();
  const sessions = new Set();
  httpServer.on("session", (session) => sessions.add(session));
  const io = new Server(httpServer, options);
  answering(io);
  const port = await listen(httpServer);
  // Node counts the sessions of HTTP/2 among what a server waits for when it closes
  defer(t, async () => {
    for (const session of sessions) session.destroy();
    await within(io.close(), "the server to close");
  });
  const h2 = http2.connect(KINDS[kind].url(port), { ca: certificate.cert });
  h2.on("error", () => {});
  defer(t, () => h2.destroy());
  return { io, httpServer, port, h2, ask: (...args) => ask(h2, ...args) };
}

/** One request on a stream: `{ status, headers, body, text }`. */
function ask(h2, path, { method = "GET", headers = {}, body } = {}) {
  const stream = h2.request({ ":path": path, ":method": method, ...headers });
  const answered = new Promise((resolve, reject) => {
    const chunks = [];
    let given;
    stream.on("response", (fields) => {
      given = fields;
    });
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      if (given === undefined) return reject(new Error("the stream ended without an answer"));
      const whole = Buffer.concat(chunks);
      resolve({ status: given[":status"], headers: given, body: whole, text: whole.toString() });
    });
  });
  stream.end(body);
  return Object.assign(within(answered, `${method} ${path}`), { stream });
}

/** Opens a polling session: `{ sid, url, conn }`. */
async function open({ io, ask }, query = "") {
  const { text } = await ask(`${HANDSHAKE}${query}`);
  const { sid } = JSON.parse(text.slice(1));
  return { sid, url: `${HANDSHAKE}&sid=${sid}`, conn: io.engine.clients[sid] };
}

for (const [kind, { test }] of Object.entries(KINDS)) {
  test(`handshake, push and poll over streams [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind);
    const { io, ask } = served;
    const opened = await ask(HANDSHAKE);
    assert.equal(opened.status, 200);
    assert.equal(opened.headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(opened.headers["cache-control"], "no-store");
    assert.equal(opened.headers["content-length"], String(opened.body.length));
    const handshake = JSON.parse(opened.text.slice(1));
    assert.deepEqual(handshake.upgrades, ["websocket"]);
    const url = `${HANDSHAKE}&sid=${handshake.sid}`;
    const joined = once(io, "connection");
    const pushed = await ask(url, { method: "POST", body: "40" });
    assert.deepEqual([pushed.status, pushed.text], [200, "ok"]);
    const [socket] = await joined;
    assert.match((await ask(url)).text, /^40\{"sid":"[\w-]{20}"\}$/);
    const poll = ask(url);
    await until(() => socket.conn.transport.writable, "the poll is pending");
    socket.emit("hello", "é€😀");
    assert.equal((await poll).text, '42["hello","é€😀"]');
    const answered = ask(url);
    await ask(url, { method: "POST", body: '420["echo",1]' });
    assert.equal((await answered).text, "430[1]");
  });

  test(`the handshake tells address and headers of its client [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind);
    const { io, ask, port } = served;
    const { url } = await open(served, "&a=1");
    const joined = once(io, "connection");
    await ask(url, { method: "POST", body: "40" });
    const [{ handshake, request: req }] = await joined;
    assert.equal(handshake.address, "127.0.0.1");
    assert.equal(handshake.query.a, "1");
    assert.equal(handshake.headers[":path"], `${HANDSHAKE}&a=1`);
    assert.equal(handshake.headers[":authority"], `127.0.0.1:${port}`);
    assert.equal(req.url, `${HANDSHAKE}&a=1`);
    assert.equal(req.method, "GET");
    assert.equal(req.httpVersion, "2.0");
  });

  test(`refusals over streams [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind, { maxHttpBufferSize: 10 });
    const { ask } = served;
    const { url } = await open(served);
    const refusals = [
      ["/socket.io/?EIO=4", {}, 400, '{"code":0,"message":"Transport unknown"}'],
      [`${HANDSHAKE}&sid=x`, {}, 400, '{"code":1,"message":"Session ID unknown"}'],
      [
        HANDSHAKE,
        { method: "POST", body: "40" },
        400,
        '{"code":2,"message":"Bad handshake method"}',
      ],
      ["/socket.io/?EIO=4&transport=websocket", {}, 400, '{"code":3,"message":"Bad request"}'],
      [
        "/socket.io/?EIO=3&transport=polling",
        {},
        400,
        '{"code":5,"message":"Unsupported protocol version"}',
      ],
      [url, { method: "PUT" }, 500, ""],
      [url, { method: "POST", body: "4".repeat(11) }, 413, ""],
      ["/elsewhere", {}, 404, ""],
    ];
    for (const [path, options, status, text] of refusals) {
      const answer = await ask(path, options);
      assert.deepEqual([answer.status, answer.text], [status, text], path);
    }
  });

  test(`a second poll, and a poll that is given up [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind);
    const { ask } = served;
    const twice = await open(served);
    const first = ask(twice.url);
    await until(() => twice.conn.transport.writable, "the poll is pending");
    assert.deepEqual([(await ask(twice.url)).status, (await first).text], [400, "1"]);

    const left = await open(served);
    const poll = ask(left.url);
    await until(() => left.conn.transport.writable, "the poll is pending");
    const closed = once(left.conn, "close");
    poll.catch(() => {});
    poll.stream.close(http2.constants.NGHTTP2_CANCEL);
    assert.equal((await closed)[0], "transport error");
  });

  test(`CORS over streams [${kind}]`, async (t) => {
    const origin = "http://a.example";
    const { ask } = await serveHttp2(t, kind, { cors: { origin, credentials: true } });
    const headers = { origin };
    const preflight = await ask(HANDSHAKE, { method: "OPTIONS", headers });
    assert.equal(preflight.status, 204);
    for (const answer of [preflight, await ask(HANDSHAKE, { headers })]) {
      assert.equal(answer.headers["access-control-allow-origin"], origin);
      assert.equal(answer.headers["access-control-allow-credentials"], "true");
      assert.match(answer.headers.vary, /^Origin\b/);
    }
  });

  test(`cookies and headers of the application over streams [${kind}]`, async (t) => {
    const { io, ask } = await serveHttp2(t, kind, { cookie: true });
    io.engine.on("headers", (headers) => {
      headers["x-every"] = "1";
    });
    const { headers, text } = await ask(HANDSHAKE);
    const { sid } = JSON.parse(text.slice(1));
    assert.deepEqual(headers["set-cookie"], [`io=${sid}; Path=/; HttpOnly; SameSite=Lax`]);
    assert.equal(headers["x-every"], "1");
  });

  test(`compression over streams [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind);
    const { url, conn } = await open(served);
    conn.write("x".repeat(2000));
    const answer = await served.ask(url, { headers: { "accept-encoding": "gzip" } });
    assert.equal(answer.headers["content-encoding"], "gzip");
    assert.equal(answer.headers["content-length"], undefined);
    assert.equal(gunzipSync(answer.body).toString(), `4${"x".repeat(2000)}`);
  });

  test(`client files over streams [${kind}]`, async (t) => {
    const { ask } = await serveHttp2(t, kind);
    const file = await ask("/socket.io/socket.io.min.js");
    assert.equal(file.status, 200);
    assert.equal(file.headers["content-type"], "application/javascript; charset=utf-8");
    assert.ok(file.body.length > 10_000);
    const headers = { "if-none-match": file.headers.etag };
    assert.equal((await ask("/socket.io/socket.io.min.js", { headers })).status, 304);
  });

  test(`many sessions at once on one connection [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => open(served)));
    const polls = sessions.map(({ url }) => served.ask(url));
    await Promise.all(
      sessions.map(({ conn }) => until(() => conn.transport.writable, "the poll is pending")),
    );
    for (const [i, { conn }] of sessions.entries()) conn.write(`to ${i}`);
    const texts = (await Promise.all(polls)).map(({ text }) => text);
    assert.deepEqual(
      texts,
      sessions.map((_, i) => `4to ${i}`),
    );
  });

  test(`io.close() answers the polls that are pending [${kind}]`, async (t) => {
    const served = await serveHttp2(t, kind);
    const { url, conn } = await open(served);
    const poll = served.ask(url);
    await until(() => conn.transport.writable, "the poll is pending");
    served.io.engine.close();
    assert.equal((await poll).text, "1");
  });
}

eachSecureWay("real clients over the HTTP/1.1 side, beside streams", async (t, options, way) => {
  const served = await serveHttp2(t, "secure");
  const { url, conn } = await open(served);
  await exercise(served.io, secureClient(t, served.port, options), way);
  conn.write("still here");
  assert.equal((await served.ask(url)).text, "4still here");
});

secureTest("a session over streams is upgraded over HTTP/1.1", async (t) => {
  const served = await serveHttp2(t, "secure");
  const { sid, url, conn } = await open(served);
  const upgraded = once(conn, "upgrade");
  const wire = await secureWire(t, served.port);
  wire.write(upgrade({}, { url: `/socket.io/?EIO=4&transport=websocket&sid=${sid}` }));
  assert.match(await wire.head(), /^HTTP\/1.1 101 /);
  wire.write(frame(1, "2probe"));
  assert.equal(await wire.nextText(), "3probe");
  const noop = served.ask(url);
  assert.equal((await noop).text, "6");
  wire.write(frame(1, "5"));
  await upgraded;
  conn.write("over the WebSocket");
  assert.equal(await wire.nextText(), "4over the WebSocket");
});

test("a plain HTTP/2 server does not serve HTTP/1.1 clients", async (t) => {
  const { io, port } = await serveHttp2(t, "plain");
  const one = client(t, port, { transports: ["polling"] });
  await once(one, "connect_error");
  assert.equal(io.engine.clientsCount, 0);
});
