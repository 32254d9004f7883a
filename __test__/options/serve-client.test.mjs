// serveClient: whether the client bundles are served. Their details: lib/server.client-files.test.mjs.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { request } from "../support/raw.mjs";
import { serveHttp } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { bare, exchange } from "../support/tcp.mjs";
import { defer } from "../support/wait.mjs";
import { ALL, eachServer } from "./support.mjs";

const { version } = createRequire(import.meta.url)("socket.io-client/package.json");
const ETAG = `"${version}"`;

const BUNDLES = ["socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min"];
const FILES = BUNDLES.flatMap((name) => [`${name}.js`, `${name}.js.map`]);

const UNKNOWN = '{"code":0,"message":"Transport unknown"}';

eachServer(
  "the eight files are served",
  async (_t, start) => {
    const { port } = await start();
    for (const name of FILES) {
      const { status, headers, body, text } = await request(port, `/socket.io/${name}`);
      const type = name.endsWith(".map") ? "application/json" : "application/javascript";
      assert.equal(status, 200, name);
      assert.equal(headers["content-type"], `${type}; charset=utf-8`);
      assert.equal(headers.etag, ETAG);
      assert.ok(body.length > 10_000, name);
      if (name.endsWith(".map")) assert.ok(JSON.parse(text).mappings);
      else assert.match(text, /Socket\.IO v/);
    }
  },
  ALL,
);

eachServer("HEAD and 304 have no body", async (t, start) => {
  const { port } = await start();
  const ask = (line, more = "") =>
    exchange(t, port, `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`).then(bare);
  for (const name of FILES) {
    const head = await ask(`HEAD /socket.io/${name}`);
    assert.match(head, /^HTTP\/1.1 200 OK\r\nCache-Control: public, max-age=0\r\n/);
    assert.ok(head.endsWith("\r\n\r\n"), name);
    const tagged = await ask(`GET /socket.io/${name}`, `If-None-Match: ${ETAG}\r\n`);
    assert.equal(tagged, "HTTP/1.1 304 Not Modified\r\n\r\n");
  }
});

const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };
// Accept-Encoding → coding
const CODINGS = {
  "gzip;q=0.5, br;q=0.4": "gzip",
  "gzip;q=0.1, deflate": "deflate",
  "br;q=0": undefined,
  "*;q=0": undefined,
  "gzip;q=0, *": "br",
  "BR, GZIP": "br",
  "identity, gzip;q=0.2": "gzip",
  "": undefined,
};
eachServer("the coding is the one the client likes best", async (_t, start) => {
  const { port } = await start();
  const path = "/socket.io/socket.io.min.js";
  const plain = await request(port, path);
  assert.equal(plain.headers["content-encoding"], undefined);
  for (const [accepted, coding] of Object.entries(CODINGS)) {
    const headers = { "accept-encoding": accepted };
    const answer = await request(port, path, { headers });
    assert.equal(answer.headers["content-encoding"], coding, accepted);
    const body = coding ? DECODERS[coding](answer.body) : answer.body;
    assert.ok(body.equals(plain.body), accepted);
  }
});

for (const [given, served] of [
  [true, true],
  [false, false],
  // only a real `false` counts
  [0, true],
  [null, true],
  ["", true],
]) {
  eachServer(`serveClient: ${JSON.stringify(given)}`, async (_t, start) => {
    const { io, port } = await start({ serveClient: given });
    assert.equal(io.serveClient(), served);
    for (const name of FILES) {
      const { status, text } = await request(port, `/socket.io/${name}`);
      assert.equal(status, served ? 200 : 400, name);
      if (!served) assert.equal(text, UNKNOWN);
    }
  });
}

test("serveClient() decides when attaching", async (t) => {
  const httpServer = await serveHttp(t);
  const { port } = httpServer.address();
  const io = new Server().serveClient(false);
  io.attach(httpServer);
  defer(t, () => io.engine.close());
  io.serveClient(true);
  assert.equal((await request(port, "/socket.io/socket.io.js")).status, 400);
});

eachServer("with cors the files have its headers, and preflights an answer", async (_t, start) => {
  const { port } = await start({ cors: { origin: "https://a.example", credentials: true } });
  const path = "/socket.io/socket.io.js";
  const headers = { origin: "https://a.example" };
  const answer = await request(port, path, { headers });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["access-control-allow-origin"], "https://a.example");
  assert.equal(answer.headers["access-control-allow-credentials"], "true");
  assert.equal(answer.headers.vary, "Origin");
  const tagged = await request(port, path, { headers: { ...headers, "if-none-match": ETAG } });
  assert.equal(tagged.status, 304);
  assert.equal(tagged.headers["access-control-allow-origin"], "https://a.example");
  const preflight = await request(port, path, { method: "OPTIONS", headers });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers["access-control-allow-origin"], "https://a.example");
});
