// Hooks of io.engine on every way to a session: ids, header events, connection_error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { client, connected, WAYS } from "../support/clients.mjs";
import { eachTransport, Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { deferred, once } from "../support/wait.mjs";
import { WsServer } from "../support/ws-engines.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";

/** Upgrade requests behave the same with the own engine and with one given by the application. */
const OPTIONS = { "no wsEngine": {}, "wsEngine ws": { wsEngine: WsServer } };

function eachOptions(title, fn, kind = test) {
  for (const [name, options] of Object.entries(OPTIONS)) {
    kind(`${title} [${name}]`, (t) => fn(t, options));
  }
}

// --- generateId ----------------------------------------------------------------------------------

eachOptions("generateId may take its time on a WebSocket", async (t, options) => {
  const { io, port } = await serve(t, options);
  io.engine.generateId = async () => {
    await sleep(20);
    return "late-id";
  };
  const connecting = once(io.engine, "connection");
  const opening = Ws.open(t, port, { query: "&x=1" });
  const [conn] = await connecting;
  assert.equal(conn.id, "late-id");
  assert.equal(io.engine.clients["late-id"], conn);
  await opening;
});

eachOptions("generateId gets the request and the engine as this", async (t, options) => {
  const { io, port } = await serve(t, options);
  const seen = [];
  io.engine.generateId = function (req) {
    seen.push([this === io.engine, req.headers["x-ask"], req._query.transport]);
    return `id-${seen.length}`;
  };
  await Polling.open(t, port, { headers: { "x-ask": "a" } });
  const session = await Ws.open(t, port, { headers: { "x-ask": "b" } });
  assert.equal(session.sid, "id-2");
  assert.deepEqual(seen, [
    [true, "a", "polling"],
    [true, "b", "websocket"],
  ]);
});

for (const id of [17, 1.5, Number.NaN, 'a "quoted" one']) {
  eachOptions(`the id ${JSON.stringify(id)} is told as JSON has it`, async (t, options) => {
    for (const transport of [Polling, Ws]) {
      const { io, port } = await serve(t, options);
      io.engine.generateId = () => id;
      const { handshake } = await transport.open(t, port);
      assert.equal(handshake.sid, JSON.parse(JSON.stringify(id)));
    }
  });
}

test("generateId is not asked for an upgrade", async (t) => {
  const { io, port } = await serve(t);
  let asked = 0;
  io.engine.generateId = () => `id-${++asked}`;
  const one = await connected(client(t, port, WAYS.default));
  if (one.io.engine.transport.name !== "websocket") await once(one.io.engine, "upgrade");
  assert.equal(asked, 1);
});

eachOptions(
  "generateId fails on a WebSocket: refused, and reported",
  async (t, options) => {
    const { io, port } = await serve(t, options);
    for (const fail of [
      () => Promise.reject(new Error("no id")),
      () => {
        throw new Error("no id");
      },
    ]) {
      io.engine.generateId = fail;
      const failing = once(io.engine, "connection_error");
      const answer = await exchange(t, port, opening());
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      const [{ code, context, req }] = await failing;
      assert.equal(code, 3);
      assert.equal(context.name, "ID_GENERATION_ERROR");
      assert.equal(context.error.message, "no id");
      assert.equal(req._query.transport, "websocket");
    }
    assert.equal(io.engine.clientsCount, 0);
  },
  beyond,
);

beyond("an id in use is refused, the session that has it stays", async (t) => {
  const { io, port } = await serve(t);
  io.engine.generateId = () => "same";
  const first = await Polling.open(t, port);
  const failing = once(io.engine, "connection_error");
  const { status, text } = await request(port, POLLING);
  assert.equal(status, 400);
  assert.equal(text, '{"code":3,"message":"Bad request"}');
  assert.equal((await failing)[0].context.name, "ID_GENERATION_ERROR");
  assert.match(await exchange(t, port, opening()), /^HTTP\/1\.1 400 /);
  await first.join();
  assert.equal(io.engine.clientsCount, 1);
});

beyond("an id given twice at the same time is one session's", async (t) => {
  const { io, port } = await serve(t);
  const both = deferred("both requests");
  let asked = 0;
  io.engine.generateId = () => {
    if (++asked === 2) both.resolve("same");
    return both.promise;
  };
  const answers = await Promise.all([request(port, POLLING), request(port, POLLING)]);
  assert.ok(answers.some(({ status }) => status === 200));
  assert.equal(io.engine.clientsCount, 1);
  assert.deepEqual(Object.keys(io.engine.clients), ["same"]);
  io.engine.clients.same.close(true);
  assert.equal(io.engine.clientsCount, 0);
});

for (const id of [undefined, null, ""]) {
  beyond(`the id ${JSON.stringify(id)} is none`, async (t) => {
    const { io, port } = await serve(t);
    io.engine.generateId = () => id;
    const failing = once(io.engine, "connection_error");
    assert.equal((await request(port, POLLING)).status, 400);
    assert.equal((await failing)[0].context.name, "ID_GENERATION_ERROR");
    assert.equal(io.engine.clientsCount, 0);
  });
}

eachTransport("generateId may return a number", async (t, open) => {
  const { io, port } = await serve(t);
  io.engine.generateId = () => 12345;
  const session = await open(port);
  assert.equal(String(session.sid), "12345");
  await session.join();
  assert.deepEqual(Object.keys(io.engine.clients), ["12345"]);
});

// --- header events -------------------------------------------------------------------------------

eachOptions("headers with several values, on a 101", async (t, options) => {
  const { io, port } = await serve(t, options);
  io.engine.on("initial_headers", (headers) => {
    headers["set-cookie"] = ["a=1", "b=2"];
    headers["X-Number"] = 5;
  });
  const { response } = await Ws.open(t, port);
  assert.equal(response.headers["x-number"], "5");
  const cookies = response.headers["set-cookie"].join().split(",");
  assert.deepEqual(cookies, ["a=1", "b=2"]);
});

eachOptions("headers gets what initial_headers has set", async (t, options) => {
  const { io, port } = await serve(t, options);
  const seen = [];
  io.engine.on("initial_headers", (headers, req) => {
    headers["x-first"] = "1";
    seen.push(req);
  });
  io.engine.on("headers", (headers, req) => {
    seen.push(headers["x-first"], req);
    headers["x-first"] = "2";
  });
  const { response } = await Ws.open(t, port);
  assert.equal(response.headers["x-first"], "2");
  assert.equal(seen[1], "1");
  assert.equal(seen[0], seen[2]);
});

eachOptions(
  "a header that would forge the 101 refuses the upgrade",
  async (t, options) => {
    const { io, port } = await serve(t, options);
    const failing = once(io.engine, "connection_error");
    io.engine.on("headers", (headers) => {
      headers["x-bad"] = "a\r\nx-forged: 1";
    });
    const answer = await exchange(t, port, opening());
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.doesNotMatch(answer, /forged/);
    assert.equal((await failing)[0].context.name, "TRANSPORT_HANDSHAKE_ERROR");
    assert.equal(io.engine.clientsCount, 0);
  },
  beyond,
);

// --- connection_error ----------------------------------------------------------------------------

eachOptions(
  "every refusal of an upgrade request is reported with its request",
  async (t, given) => {
    let verdict = [null, true];
    const allowRequest = (_req, done) => done(...verdict);
    const { io, port } = await serve(t, { ...given, allowRequest });
    const { sid } = await Ws.open(t, port);
    const polled = await Polling.open(t, port);
    const rows = [
      ["EIO=4", 0, { transport: undefined }],
      ["EIO=4&transport=webtransport", 0, { transport: "webtransport" }],
      ["EIO=4&transport=websocket&sid=none", 1, { sid: "none" }],
      [
        `EIO=3&transport=websocket&sid=${sid}`,
        3,
        { name: "PROTOCOL_MISMATCH", protocol: 3, previousProtocol: 4 },
      ],
      [
        `EIO=3&transport=websocket&sid=${polled.sid}`,
        3,
        { name: "PROTOCOL_MISMATCH", protocol: 3, previousProtocol: 4 },
      ],
      ["EIO=3&transport=websocket", 5, { protocol: 3 }],
      ["EIO=4&transport=websocket", 4, { message: "not you" }, ["not you", false]],
      ["EIO=4&transport=websocket", 4, { message: null }, [null, false]],
    ];
    for (const [query, code, context, answer] of rows) {
      verdict = answer ?? [null, true];
      const failing = once(io.engine, "connection_error");
      // Anywhere: upstream tells of the wrong protocol after its 101.
      assert.match(await exchange(t, port, opening(query)), /HTTP\/1\.1 400 Bad Request\r\n/);
      const [error] = await failing;
      assert.deepEqual(Object.keys(error).sort(), ["code", "context", "message", "req"]);
      assert.equal(error.code, code, query);
      assert.deepEqual(error.context, context, query);
      assert.equal(error.req.url, `/socket.io/?${query}`);
      assert.equal(error.message, io.engine.constructor.errorMessages[code]);
    }
  },
);

eachOptions("a middleware's failure on an upgrade request is reported", async (t, options) => {
  const { io, port } = await serve(t, options);
  for (const fail of [
    (_req, _res, next) => next(new Error("secret")),
    () => {
      throw new Error("secret");
    },
    () => Promise.reject(new Error("secret")),
  ]) {
    io.engine.middlewares = [fail];
    const failing = once(io.engine, "connection_error");
    const answer = await exchange(t, port, opening());
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.doesNotMatch(answer, /secret/);
    const [{ code, context }] = await failing;
    assert.equal(code, 3);
    assert.equal(context.name, "MIDDLEWARE_FAILURE");
  }
  assert.equal(io.engine.clientsCount, 0);
});
