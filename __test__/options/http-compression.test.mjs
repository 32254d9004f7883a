// httpCompression: the coding of polling answers.
import assert from "node:assert/strict";
import { brotliDecompressSync, constants, gunzipSync, inflateSync } from "node:zlib";
import { Polling, request } from "../support/raw.mjs";
import { exchange } from "../support/tcp.mjs";
import { eachServer, POLLING } from "./support.mjs";

const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };

/** A session of the main namespace. */
async function member(t, { io, port }) {
  const session = await Polling.open(t, port);
  await session.join();
  const [socket] = io.sockets.sockets.values();
  return { session, socket };
}

/** Polls; resolves with the answer's coding, and its text once decoded. */
async function poll(session, accepted = "gzip") {
  const answer = await session.get({ headers: accepted ? { "accept-encoding": accepted } : {} });
  const coding = answer.headers["content-encoding"];
  const text = (coding ? DECODERS[coding](answer.body) : answer.body).toString();
  return { ...answer, coding, text };
}

/** A packet that is `size` bytes as a payload. */
const packet = (size, unit = "x") => {
  const room = size - '42["a",""]'.length;
  return ["a", unit.repeat(room / Buffer.byteLength(unit))];
};

// Accept-Encoding → coding
const CODINGS = {
  gzip: "gzip",
  deflate: "deflate",
  "gzip, deflate": "gzip",
  "deflate, gzip": "deflate",
  "deflate;q=0.5, gzip;q=0.9": "gzip",
  "gzip;q=0.2, deflate;q=0.7": "deflate",
  "gzip, deflate, br": "gzip",
  "br, deflate": "deflate",
  "br;q=1.0, gzip;q=0.1": "gzip",
  "*": "gzip",
  "gzip;q=0, *": "deflate",
  GZIP: "gzip",
  br: undefined,
  identity: undefined,
  "gzip;q=0": undefined,
  "*;q=0": undefined,
  "identity;q=1, gzip;q=0.5": "gzip",
  "x-gzip": undefined,
  "gzip;q=nonsense": undefined,
  "": undefined,
};
eachServer("the client's preference decides, and brotli is none", async (t, start) => {
  const served = await start();
  const { session, socket } = await member(t, served);
  for (const [accepted, coding] of Object.entries(CODINGS)) {
    socket.emit("a", "x".repeat(2000));
    const answer = await poll(session, accepted);
    assert.equal(answer.coding, coding, accepted);
    assert.equal(answer.text, `42["a","${"x".repeat(2000)}"]`);
  }
});

eachServer("a coded answer is streamed, a plain one has its length", async (t, start) => {
  const served = await start();
  const { session, socket } = await member(t, served);
  socket.emit("a", "x".repeat(2000));
  const coded = await poll(session);
  const fields = Object.keys(coded.headers);
  assert.deepEqual(fields.slice(0, 3), ["content-type", "content-encoding", "cache-control"]);
  assert.equal(coded.headers["content-type"], "text/plain; charset=UTF-8");
  assert.equal(coded.headers["content-length"], undefined);
  assert.equal(coded.headers["transfer-encoding"], "chunked");
  assert.equal(coded.headers["cache-control"], "no-store");
  assert.equal(coded.headers.vary, undefined);
  assert.ok(coded.body.length < 200);
  socket.emit("a", "x".repeat(2000));
  const plain = await poll(session, "");
  assert.equal(plain.headers["content-length"], String(plain.body.length));
  assert.equal(plain.headers["transfer-encoding"], undefined);
});

for (const unit of ["x", "€"]) {
  eachServer(`threshold: so many bytes, of "${unit}"`, async (t, start) => {
    const served = await start({ httpCompression: { threshold: 310 } });
    const { session, socket } = await member(t, served);
    for (const [size, coding] of [
      [307, undefined],
      [310, "gzip"],
      [313, "gzip"],
    ]) {
      socket.emit(...packet(size, unit));
      const answer = await poll(session);
      assert.equal(answer.coding, coding, String(size));
      assert.equal(Buffer.byteLength(answer.text), size);
    }
  });
}

// option → the least length of an answer that is coded
const LEAST = [
  [undefined, 1024],
  [{ threshold: 20 }, 20],
  [{ threshold: 0 }, 11],
  [true, 11],
  [{}, 11],
  [{ threshold: Number.POSITIVE_INFINITY }, null],
  [false, null],
  [0, null],
  [null, null],
];
for (const [option, least] of LEAST) {
  eachServer(`httpCompression: ${JSON.stringify(option)}`, async (t, start) => {
    const options = option === undefined ? {} : { httpCompression: option };
    const served = await start(options);
    const { session, socket } = await member(t, served);
    for (const size of [11, 19, 20, 1023, 1024, 30_000]) {
      socket.emit(...packet(size));
      const { coding } = await poll(session);
      const expected = least !== null && size >= least ? "gzip" : undefined;
      assert.equal(coding, expected, String(size));
    }
  });
}

eachServer("compresses the answer to the handshake too", async (_t, start) => {
  const { port } = await start({ httpCompression: {} });
  const headers = { "accept-encoding": "deflate" };
  const answer = await request(port, POLLING, { headers });
  assert.equal(answer.headers["content-encoding"], "deflate");
  assert.match(inflateSync(answer.body).toString(), /^0\{"sid":"/);
});

eachServer("compress(false): no coding if no packet of the payload wants one", async (t, start) => {
  const { io, ...rest } = await start({ httpCompression: { threshold: 1 } });
  const { session, socket } = await member(t, { io, ...rest });
  for (const [emits, coding] of [
    [[() => socket.compress(false).emit("a")], undefined],
    [[() => socket.compress(true).emit("a")], "gzip"],
    [[() => io.compress(false).emit("a")], undefined],
    [[() => io.compress(false).emit("a"), () => socket.compress(false).emit("b")], undefined],
    [[() => io.compress(false).emit("a"), () => socket.emit("b")], "gzip"],
    [[() => socket.emit("a"), () => socket.compress(false).emit("b")], "gzip"],
  ]) {
    for (const emit of emits) emit();
    const answer = await poll(session);
    assert.equal(answer.coding, coding, emits.join());
    assert.equal(answer.text.split("\x1e").length, emits.length);
  }
});

eachServer("compress(false) for a poll that waits", async (t, start) => {
  const served = await start({ httpCompression: { threshold: 1 } });
  const { session, socket } = await member(t, served);
  for (const [compress, coding] of [
    [false, undefined],
    [true, "gzip"],
  ]) {
    const answer = poll(session);
    while (!socket.conn.transport.writable) await new Promise(setImmediate);
    socket.compress(compress).emit("a");
    assert.equal((await answer).coding, coding);
  }
});

eachServer("the answers to pushes and errors have no coding", async (t, start) => {
  const served = await start({ httpCompression: true });
  const { session } = await member(t, served);
  const headers = { "accept-encoding": "gzip" };
  const pushed = await session.post("3", { headers });
  assert.equal(pushed.headers["content-encoding"], undefined);
  assert.equal(pushed.text, "ok");
  const refused = await request(served.port, `${POLLING}&sid=x`, { headers });
  assert.equal(refused.headers["content-encoding"], undefined);
  assert.equal(JSON.parse(refused.text).code, 1);
});

eachServer("the object is given to zlib", async (t, start) => {
  const text = Array.from({ length: 3000 }, (_, i) => `${(i * 7919) % 1009} `).join("");
  const lengths = {};
  for (const level of [constants.Z_NO_COMPRESSION, constants.Z_BEST_COMPRESSION]) {
    const served = await start({ httpCompression: { threshold: 1, level } });
    const { session, socket } = await member(t, served);
    socket.emit("a", text);
    const answer = await poll(session);
    assert.equal(answer.text, `42["a","${text}"]`);
    lengths[level] = answer.body.length;
  }
  assert.ok(lengths[constants.Z_NO_COMPRESSION] > text.length);
  assert.ok(lengths[constants.Z_BEST_COMPRESSION] < text.length / 2);
});

eachServer("binary is text to polling, and coded as such", async (t, start) => {
  const served = await start();
  const { session, socket } = await member(t, served);
  const data = Buffer.alloc(3000, 7);
  socket.emit("a", data);
  const { coding, text } = await poll(session);
  assert.equal(coding, "gzip");
  assert.equal(text, `451-["a",{"_placeholder":true,"num":0}]\x1eb${data.toString("base64")}`);
});

eachServer("a HTTP/1.0 client gets a coded answer until the end", async (t, start) => {
  const { port } = await start({ httpCompression: {} });
  const line = `GET ${POLLING} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n`;
  const answer = Buffer.from(await exchange(t, port, line), "latin1");
  const at = answer.indexOf("\r\n\r\n");
  const head = answer.subarray(0, at).toString();
  assert.match(head, /Content-Encoding: gzip/);
  assert.doesNotMatch(head, /chunked/i);
  assert.match(gunzipSync(answer.subarray(at + 4)).toString(), /^0\{/);
});

eachServer("may be changed for sessions that begin later", async (t, start) => {
  const { io, port } = await start();
  io.engine.opts.httpCompression = false;
  const { session, socket } = await member(t, { io, port });
  socket.emit("a", "x".repeat(2000));
  assert.equal((await poll(session)).coding, undefined);
});
