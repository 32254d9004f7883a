// The client bundles next to the engine's path.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { request } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { bare, exchange } from "../support/tcp.mjs";

const { version } = createRequire(import.meta.url)("socket.io-client/package.json");
const ETAG = `"${version}"`;
const TYPES = { js: "application/javascript", map: "application/json" };

/** The file as the client package ships it; no package exports it, so it is found from the entry. */
async function bundle(name) {
  const entry = createRequire(import.meta.url).resolve("socket.io-client");
  const root = entry.slice(0, entry.lastIndexOf("socket.io-client") + "socket.io-client".length);
  return readFile(path.join(root, "dist", name));
}

for (const kind of ["", ".min", ".esm.min", ".msgpack.min"]) {
  for (const suffix of ["js", "js.map"]) {
    const name = `socket.io${kind}.${suffix}`;
    test(`${name} is served`, async (t) => {
      const { port } = await serve(t);
      const { status, headers, body } = await request(port, `/socket.io/${name}`);
      assert.equal(status, 200);
      assert.equal(headers["content-type"], `${TYPES[suffix.split(".").at(-1)]}; charset=utf-8`);
      assert.equal(headers["cache-control"], "public, max-age=0");
      assert.equal(headers.etag, ETAG);
      assert.equal(headers.vary, undefined);
      assert.ok(body.equals(await bundle(name)));
    });
  }
}

test("the head is written as documented", async (t) => {
  const { port } = await serve(t);
  const answer = await exchange(
    t,
    port,
    "HEAD /socket.io/socket.io.min.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  assert.equal(
    bare(answer),
    "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=0\r\n" +
      `Content-Type: application/javascript; charset=utf-8\r\nETag: ${ETAG}\r\n` +
      "\r\n",
  );
});

for (const tag of [ETAG, `W/${ETAG}`]) {
  test(`If-None-Match: ${tag} is answered 304 and nothing else`, async (t) => {
    const { port } = await serve(t);
    const text =
      "GET /socket.io/socket.io.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
      `If-None-Match: ${tag}\r\n\r\n`;
    assert.equal(bare(await exchange(t, port, text)), "HTTP/1.1 304 Not Modified\r\n\r\n");
  });
}

for (const tag of ['"0.0.0"', `${ETAG}, "x"`, "*"]) {
  test(`If-None-Match: ${tag} is answered in full`, async (t) => {
    const { port } = await serve(t);
    const headers = { "if-none-match": tag };
    assert.equal((await request(port, "/socket.io/socket.io.js", { headers })).status, 200);
  });
}

// Accept-Encoding → the coding chosen
const CODINGS = [
  ["br", "br"],
  ["gzip", "gzip"],
  ["deflate", "deflate"],
  ["*", "br"],
  ["gzip, deflate, br", "gzip"],
  ["identity", undefined],
  ["nonsense", undefined],
];
const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };
for (const [accepted, coding] of CODINGS) {
  test(`Accept-Encoding: ${accepted} is answered with ${coding ?? "no coding"}`, async (t) => {
    const { port } = await serve(t);
    const headers = { "accept-encoding": accepted };
    const answer = await request(port, "/socket.io/socket.io.min.js", { headers });
    assert.equal(answer.headers["content-encoding"], coding);
    const plain = coding ? DECODERS[coding](answer.body) : answer.body;
    assert.ok(plain.equals(await bundle("socket.io.min.js")));
  });
}

// URL → served?
const PATHS = [
  ["/socket.io/socket.io.js?v=1", true],
  ["/socket.ioXsocket.io.js", true],
  ["/socket.io/socket.io.mjs", false],
  ["/socket.io/socket.io.js/", false],
  ["/socket.io/../package.json", false],
  ["/socket.io/%73ocket.io.js", false],
];
for (const [url, served] of PATHS) {
  test(`${url} is ${served ? "served" : "left to the engine"}`, async (t) => {
    const { port } = await serve(t);
    const { status, text } = await request(port, url);
    assert.equal(status, served ? 200 : 400);
    if (!served) assert.equal(text, '{"code":0,"message":"Transport unknown"}');
  });
}

test("any method is served", async (t) => {
  const { port } = await serve(t);
  const answer = await request(port, "/socket.io/socket.io.min.js", { method: "POST", body: "x" });
  assert.equal(answer.status, 200);
  assert.ok(answer.body.equals(await bundle("socket.io.min.js")));
});

test("the files follow the path option", async (t) => {
  const { port } = await serve(t, { path: "/x" });
  assert.equal((await request(port, "/x/socket.io.js")).status, 200);
  assert.equal((await request(port, "/socket.io/socket.io.js")).status, 404);
});

test("serveClient: false leaves the files to the engine", async (t) => {
  const { port } = await serve(t, { serveClient: false });
  const { status, text } = await request(port, "/socket.io/socket.io.js");
  assert.equal(status, 400);
  assert.equal(text, '{"code":0,"message":"Transport unknown"}');
});
