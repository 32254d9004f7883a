// Hostile requests: queries, headers and paths that a server must not take at their word, and upgrades
// that are not what they say.
import assert from "node:assert/strict";
import zlib from "node:zlib";
import { row } from "../support/rows.mjs";
import { eachTalker, isServed } from "../support/talkers.mjs";
import { frame, opening, statusOf } from "../support/tcp.mjs";
import { until, within } from "../support/wait.mjs";

const POLLING = "EIO=4&transport=polling";
const WEBSOCKET = "EIO=4&transport=websocket";

row("upgrade to another protocol", async (a) => {
  const session = await a.polling();
  const tcp = a.tcp();
  const head = opening(`EIO=3&transport=websocket&sid=${session.sid}`);
  await tcp.write(
    Buffer.concat([Buffer.from(head), frame(1, "2probe"), frame(1, "5"), frame(1, "2")]),
  );
  assert.ok((await tcp.rest()).endsWith("Bad request"));
  await session.join();
});

row(
  "foreign upgrade",
  async (a) => {
    for (let i = 0; i < 5; i++) {
      const tcp = a.tcp();
      await tcp.write(opening(WEBSOCKET, {}, "/elsewhere"));
      await tcp.reset();
    }
    const tcp = a.tcp();
    await tcp.write(opening(WEBSOCKET, {}, "/elsewhere"));
    assert.equal(await tcp.rest(), "");
    await a.alone();
  },
  { options: { destroyUpgradeTimeout: 100 } },
);

/** Ways of an engine middleware to let nobody in. */
const MIDDLEWARES = {
  throws: () => {
    throw new Error("secret");
  },
  rejects: async () => {
    throw new Error("secret");
  },
  refuses: (_req, _res, next) => next(new Error("secret")),
};

row("engine middleware", async (a) => {
  a.io.engine.use((req, res, next) => {
    const way = req.headers["x-bad"];
    return way ? MIDDLEWARES[way](req, res, next) : next();
  });
  for (const way of Object.keys(MIDDLEWARES)) {
    const headers = { "x-bad": way };
    const answer = await a.request(`/socket.io/?${POLLING}`, { headers });
    assert.deepEqual(
      [answer.status, answer.text],
      [400, '{"code":3,"message":"Bad request"}'],
      way,
    );
    await assert.rejects(a.websocket({ headers }), /400 Bad Request/, way);
  }
  await (await a.polling()).join();
});

row("compressed poll", async (a) => {
  for (let i = 0; i < 20; i++) {
    const session = await a.polling();
    const id = await session.join();
    const { socket } = a.accounts.get(id);
    const tcp = a.tcp();
    await tcp.write(session.requestText("GET", { "Accept-Encoding": "gzip" }));
    await a.request(session.path, { method: "PUT" });
    socket.emit("big", "x".repeat(200_000));
    if (i % 2) await tcp.reset();
    else tcp.destroy();
    await session.post("1");
    await a.gone(id);
  }
  await a.alone();
});

row("close with packets", async (a) => {
  // a server of its own: the arena serves on after the attack
  const b = await a.another();
  const session = await b.polling();
  const ws = await b.websocket();
  const ids = [await session.join(), await ws.join()];
  ws.socket.pause();
  for (const id of ids) {
    for (let i = 0; i < 100; i++) b.accounts.get(id).socket.emit("pending", "x".repeat(10_000));
  }
  const closing = b.io.close(); // ends when the last connection has gone
  for (const id of ids) assert.equal((await b.gone(id)).reason, "server shutting down");
  ws.socket.resume();
  assert.ok([null, "none"].includes(await ws.closure()));
  assert.equal(b.io.engine.clientsCount, 0);
  ws.destroy();
  await within(closing, "close of the server");
});

row("stateful pattern", (a) => {
  assert.throws(() => a.io.of(/x/g), /stateful regular expressions are not supported/);
  assert.throws(() => a.io.of(/x/y), /stateful regular expressions are not supported/);
});

row(
  "refused child",
  async (a) => {
    a.io.of(/^\/child-/).use((_socket, next) => next(new Error("no")));
    await eachTalker(a, async (client) => {
      await client.join();
      await client.send("40/child-1,");
      assert.equal(await client.next(), '44/child-1,{"message":"no"}');
      assert.deepEqual([...a.io._nsps.keys()], ["/"]);
      await isServed(client);
    });
  },
  { options: { cleanupEmptyChildNamespaces: true } },
);

row("__proto__ in the query", async (a) => {
  const query = "&__proto__=5&__proto__[x]=1&constructor=1&k=1&k=2";
  const ws = await a.websocket({ query: `${WEBSOCKET}${query}` });
  const polling = await a.polling({ query });
  for (const id of [await ws.join(), await polling.join()]) {
    const { handshake } = a.accounts.get(id).socket;
    assert.ok(Object.hasOwn(handshake.query, "__proto__"));
    assert.equal(Object.getOwnPropertyDescriptor(handshake.query, "__proto__").value, "5");
    assert.equal(handshake.query["__proto__[x]"], "1");
    assert.equal(handshake.query.constructor, "1");
    assert.equal(handshake.query.k, "2");
  }
  assert.equal({}.x, undefined);
});

row("prototypes as sid or transport", async (a) => {
  for (const name of ["__proto__", "constructor", "hasOwnProperty", "toString"]) {
    for (const [query, code, text] of [
      [`EIO=4&transport=${name}`, 0, "Transport unknown"],
      [`${POLLING}&sid=${name}`, 1, "Session ID unknown"],
    ]) {
      const answer = await a.request(`/socket.io/?${query}`);
      assert.deepEqual([answer.status, JSON.parse(answer.text)], [400, { code, message: text }]);
    }
    const tcp = a.tcp();
    await tcp.write(opening(`${WEBSOCKET}&sid=${name}`));
    const answer = await tcp.rest();
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.ok(answer.endsWith("\r\n\r\nSession ID unknown"), answer);
  }
  await a.alone();
});

row("transport given twice", async (a) => {
  const code = async (query) =>
    JSON.parse((await a.request(`/socket.io/?EIO=4&${query}`)).text).code;
  assert.equal(await code("transport=polling&transport=websocket"), 3);
  assert.equal(await code("transport=polling&transport=tube"), 0);
  const last = await a.request("/socket.io/?EIO=4&transport=websocket&transport=polling");
  assert.equal(last.status, 200);
  assert.match(last.text, /^0\{/);
});

row("malformed payload", async (a) => {
  const bodies = [
    "",
    "\x1e",
    "7",
    "x",
    "\0",
    "40\x1e",
    "\x1e40",
    "4\x1e9",
    "2",
    "2probe",
    "bA",
    "4b",
  ];
  bodies.push("b!!!!", "b", "\u{1f600}", "0{}", "4".repeat(1_000_000));
  for (const body of bodies) {
    const session = await a.polling();
    assert.equal((await session.post(body)).text, "ok", body.slice(0, 9));
  }
  const session = await a.polling();
  const raw = [Buffer.from([0xff, 0xfe]), Buffer.from([0x34, 0xc0, 0xaf]), Buffer.alloc(500)];
  for (const body of raw) await session.post(body);
  const id = await (await a.polling()).join();
  assert.ok(a.accounts.has(id));
});

row("upgrade and reset", async (a) => {
  const session = await a.polling();
  await session.join();
  for (const head of [
    opening(),
    opening(`${WEBSOCKET}&sid=${session.sid}`),
    opening(WEBSOCKET, {}, "/elsewhere"),
  ]) {
    for (let i = 0; i < 5; i++) {
      const tcp = a.tcp();
      await tcp.write(head);
      await tcp.reset();
    }
  }
  await session.post('421["echo",1]');
  assert.equal(await session.next(), "431[1]");
});

row("2001 headers", async (a) => {
  const crowd = Array.from({ length: 2001 }, (_, i) => `${i}:1\r\n`).join("");
  for (const query of [WEBSOCKET, `${WEBSOCKET}&sid=${(await a.polling()).sid}`]) {
    const tcp = a.tcp();
    await tcp.write(opening(query).replace("\r\nHost", `\r\n${crowd}Host`));
    const head = await tcp.head();
    assert.ok(head === null || [400, 431].includes(statusOf(head)), head);
  }
});

row(
  "zip bomb",
  async (a) => {
    const headers = { "Sec-WebSocket-Extensions": "permessage-deflate" };
    const finishFlush = zlib.constants.Z_SYNC_FLUSH;
    const bomb = zlib.deflateRawSync(Buffer.alloc(5_000_000, "4"), { finishFlush });
    const ws = await a.websocket({ headers });
    assert.match(ws.response, /permessage-deflate/);
    const known = new Set(a.accounts.keys());
    const joined = () => [...a.accounts.keys()].find((id) => !known.has(id));
    await ws.sendText("40"); // the answer is compressed, too
    const id = await until(joined, "the namespace is joined");
    await ws.write(frame(1, bomb.subarray(0, -4), { rsv: 4 }));
    assert.equal(await ws.closure(), 1009);
    const { reason, events } = await a.gone(id);
    assert.deepEqual([reason, events], ["transport error", []]);
  },
  { options: { perMessageDeflate: true } },
);

row("path traversal", async (a) => {
  for (const path of [
    "/socket.io/../package.json",
    "/socket.io/%2e%2e/package.json",
    "/socket.io/..%2fpackage.json",
    "/socket.io/socket.io.js/../../package.json",
    "/socket.io/%73ocket.io.js",
    "/socket.io/constructor",
    "/socket.io/__proto__",
    "/socket.io/socket.io.js%00",
  ]) {
    const answer = await a.request(path);
    assert.deepEqual([answer.status, JSON.parse(answer.text).code], [400, 0], path);
  }
});

row("script as JSONP callback", async (a) => {
  for (const [j, digits] of [
    ["alert(1)", "1"],
    ["</script><script>7", "7"],
    ["0;x=", "0"],
    ["__proto__", ""],
  ]) {
    const { text } = await a.request(`/socket.io/?${POLLING}&j=${encodeURIComponent(j)}`);
    assert.ok(text.startsWith(`___eio[${digits}]("0{`), text);
  }
});

row("line breaks in headers", async (a) => {
  const line = `GET /socket.io/?${POLLING} HTTP/1.1\r\nHost: x\r\n`;
  for (const header of ["X-A: a\rb", "X-A: a\0b", "X\rA: b", "X-A: a\r\r\nb"]) {
    const tcp = a.tcp();
    await tcp.write(`${line}${header}\r\n\r\n`);
    const head = await tcp.head();
    // A listener may also drop the connection without a word.
    assert.ok(head === null || statusOf(head) === 400, `${JSON.stringify(header)}: ${head}`);
    tcp.destroy();
  }
  await a.alone();
});
