// allowRequest: decides about each handshake.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { bare, exchange, opening } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";
import { ALL, eachServer, eachSession, POLLING } from "./support.mjs";

const WEBSOCKET = "EIO=4&transport=websocket";

/** The text of a refused upgrade's answer. */
const refusal = (message) =>
  "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\n" +
  `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`;

/** Calls back at once, in a microtask, in a later turn of the loop. */
const WHEN = {
  "at once": (fn) => fn(),
  "in a microtask": (fn) => Promise.resolve().then(fn),
  later: (fn) => setTimeout(fn, 10),
};
for (const [when, run] of Object.entries(WHEN)) {
  eachSession(
    `accepts ${when}`,
    async (_t, start, open) => {
      const { port } = await start({ allowRequest: (_req, done) => run(() => done(null, true)) });
      await (await open(port)).join();
    },
    ALL,
  );

  eachServer(
    `refuses ${when}`,
    async (t, start) => {
      const { io, port } = await start({
        allowRequest: (_req, done) => run(() => done(null, false)),
      });
      const errors = [];
      io.engine.on("connection_error", ({ code, message }) => errors.push([code, message]));
      const { status, text, headers } = await request(port, POLLING);
      assert.deepEqual([status, text], [403, '{"code":4,"message":"Forbidden"}']);
      assert.equal(headers["content-type"], "application/json");
      assert.equal(await exchange(t, port, opening()), refusal("Forbidden"));
      assert.deepEqual(errors, [
        [4, "Forbidden"],
        [4, "Forbidden"],
      ]);
      assert.equal(io.engine.clientsCount, 0);
    },
    ALL,
  );
}

// arguments of the callback → message of the polling answer, body of the upgrade's
const MESSAGES = [
  [["no thanks", false], "no thanks", "no thanks"],
  [["zoë €", false], "zoë €", "zoë €"],
  [["", false], "Forbidden", "Forbidden"],
  [[undefined, undefined], "Forbidden", "Forbidden"],
  [[], "Forbidden", "Forbidden"],
  [[0, 0], "Forbidden", "Forbidden"],
  [[418, false], 418, "418"],
  [[true, null], true, "true"],
  [["a string alone"], "a string alone", "a string alone"],
  [[new Error("secret"), false], {}, "Error: secret"],
  [[Object.assign(new Error("x"), { data: 1 }), false], { data: 1 }, "Error: x"],
  [[{ reason: "full", retry: 5 }, false], { reason: "full", retry: 5 }, "[object Object]"],
  [[["a", "b"], false], ["a", "b"], "a,b"],
];
for (const [args, polled, upgraded] of MESSAGES) {
  eachServer(`callback(${args.map((arg) => JSON.stringify(arg) ?? arg)})`, async (t, start) => {
    const { port } = await start({ allowRequest: (_req, done) => done(...args) });
    const { status, text } = await request(port, POLLING);
    assert.equal(status, 403);
    assert.deepEqual(JSON.parse(text), { code: 4, message: polled });
    // beyond upstream, where anything but a string is an uncaught exception at an upgrade
    if (isOracle && typeof (args[0] || "") !== "string") return;
    assert.equal(
      Buffer.from(await exchange(t, port, opening()), "latin1").toString(),
      refusal(upgraded),
    );
  });
}

for (const success of [true, 1, "no", {}]) {
  eachSession(`callback(error, ${JSON.stringify(success)}) accepts`, async (_t, start, open) => {
    const { port } = await start({ allowRequest: (_req, done) => done("ignored", success) });
    await (await open(port)).join();
  });
}

eachSession(
  "sees the request, and the socket has the same",
  async (_t, start, open, transport, form) => {
    const seen = [];
    const { io, port } = await start({
      allowRequest(req, done) {
        req.mine = "yes";
        seen.push(req);
        done(null, true);
      },
    });
    const connecting = once(io, "connection");
    const session = await open(port, { query: "&token=a%20b", headers: { "x-me": "1" } });
    await session.join();
    const [{ request: req, conn }] = await connecting;
    assert.equal(seen.length, 1);
    assert.equal(seen[0], req);
    assert.equal(conn.request, req);
    assert.equal(req.mine, "yes");
    assert.equal(req.method, "GET");
    assert.equal(req.headers["x-me"], "1");
    assert.ok(req.url.startsWith("/socket.io/?EIO=4&transport="));
    assert.equal(req._query.token, "a b");
    assert.equal(req._query.transport, transport);
    if (form !== "tls") assert.match(req.connection.remoteAddress, /127\.0\.0\.1$/);
  },
  ALL,
);

eachServer("a polling handshake has a response at hand, an upgrade has none", async (t, start) => {
  const has = [];
  const { port } = await start({
    allowRequest(req, done) {
      has.push(typeof req.res?.setHeader);
      req.res?.setHeader("x-mine", "1");
      done(null, false);
    },
  });
  assert.equal((await request(port, POLLING)).headers["x-mine"], "1");
  await exchange(t, port, opening());
  assert.deepEqual(has, ["function", "undefined"]);
});

eachServer("is not asked about requests of a session", async (t, start) => {
  const asked = [];
  const { port } = await start({
    allowRequest(req, done) {
      asked.push(req.method);
      done(null, asked.length === 1);
    },
  });
  const session = await Polling.open(t, port);
  await session.join();
  const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  await request(port, `${POLLING}&sid=unknown`);
  await request(port, session.path, { method: "PUT" });
  assert.deepEqual(asked, ["GET"]);
  // the next handshake is another matter
  assert.equal((await request(port, POLLING)).status, 403);
  assert.equal(asked.length, 2);
});

eachServer("is asked after the other checks, and before the protocol's", async (_t, start) => {
  let asked = 0;
  const { port } = await start({
    allowRequest(_req, done) {
      asked++;
      done(null, false);
    },
  });
  const answers = [
    [await request(port, "/socket.io/?EIO=4&transport=nope"), 0],
    [await request(port, POLLING, { method: "POST", body: "x" }), 2],
    [await request(port, `/socket.io/?${WEBSOCKET}`), 3],
  ];
  for (const [{ text }, code] of answers) assert.equal(JSON.parse(text).code, code);
  assert.equal(asked, 0);
  const { text } = await request(port, "/socket.io/?EIO=3&transport=polling");
  assert.equal(JSON.parse(text).code, 4);
  assert.equal(asked, 1);
});

eachServer("an accepted handshake of another protocol is refused after all", async (_t, start) => {
  const { port } = await start({ allowRequest: (_req, done) => done(null, true) });
  const { status, text } = await request(port, "/socket.io/?EIO=3&transport=polling");
  assert.equal(status, 400);
  assert.equal(JSON.parse(text).code, 5);
});

eachServer("is called on engine.opts, and may be exchanged while running", async (t, start) => {
  const seen = [];
  const { io, port } = await start({
    allowRequest(_req, done) {
      seen.push(this);
      done(null, true);
    },
  });
  await Polling.open(t, port);
  assert.equal(seen[0], io.engine.opts);
  io.engine.opts.allowRequest = (_req, done) => done("closed", false);
  assert.equal((await request(port, POLLING)).status, 403);
});

eachServer("refuses a real client with connect_error", async (t, start) => {
  const { port } = await start({ allowRequest: (_req, done) => done("members only", false) });
  const one = client(t, port, { transports: ["polling"] });
  const error = await connected(one).catch((error) => error);
  assert.equal(error.message, "xhr poll error");
  assert.equal(error.description, 403);
});

eachServer("a client that left while it was being decided does no harm", async (t, start) => {
  const waiting = [];
  const { io, port } = await start({ allowRequest: (_req, done) => waiting.push(done) });
  const gone = new AbortController();
  const asked = fetch(`http://127.0.0.1:${port}${POLLING}`, { signal: gone.signal });
  await until(() => waiting.length > 0);
  gone.abort();
  await assert.rejects(asked);
  waiting.shift()(null, false);
  const other = Polling.open(t, port);
  await until(() => waiting.length > 0);
  waiting.shift()(null, true);
  await (await other).join();
  assert.ok(io.engine.clientsCount >= 1);
});

beyond("the callback counts once", async (t) => {
  const { io, port } = await serve(t, {
    allowRequest(_req, done) {
      done(null, true);
      done(null, false);
      done(null, true);
    },
  });
  const answer = bare(
    await exchange(t, port, `GET ${POLLING} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
  );
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n/);
  await Ws.open(t, port);
  assert.equal(io.engine.clientsCount, 2);
});

// Upstream lets the process die of it.
const FAILURES = {
  "a function that throws": () => {
    throw new Error("secret");
  },
  "an async function that throws": async () => {
    throw new Error("secret");
  },
};
for (const [title, allowRequest] of Object.entries(FAILURES)) {
  beyond(`${title} refuses`, async (t) => {
    const { io, port } = await serve(t, { allowRequest });
    const errors = [];
    io.engine.on("connection_error", ({ code, context }) => errors.push([code, context.error]));
    const { status, text } = await request(port, POLLING);
    assert.deepEqual([status, text], [403, '{"code":4,"message":"Forbidden"}']);
    assert.equal(await exchange(t, port, opening()), refusal("Forbidden"));
    assert.deepEqual(
      errors.map(([code, { message }]) => [code, message]),
      [
        [4, "secret"],
        [4, "secret"],
      ],
    );
  });
}
