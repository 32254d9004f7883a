// cors: headers that let pages of other origins read the answers.
import assert from "node:assert/strict";
import { Polling, request, Ws } from "../support/raw.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { ALL, eachServer, POLLING } from "./support.mjs";

const A = "https://a.example";
const B = "https://b.example";

/** The headers of an answer that cors sets. */
function corsHeaders({ headers }) {
  const pairs = Object.entries(headers).filter(
    ([name]) => name.startsWith("access-control-") || name === "vary",
  );
  return Object.fromEntries(
    pairs.map(([name, value]) => [name.replace(/^.*-control-/, ""), value]),
  );
}

/** A promise beyond upstream. */
const beyondUpstream = isOracle ? beyond : eachServer;

const from = (origin) => ({ headers: origin === null ? {} : { origin } });

// origin option → [[Origin of the request, Access-Control-Allow-Origin, Vary] …]
const ORIGINS = [
  [
    "*",
    [
      [A, "*"],
      [null, "*"],
    ],
  ],
  [
    A,
    [
      [A, A, "Origin"],
      [B, A, "Origin"],
      [null, A, "Origin"],
    ],
  ],
  [
    [A, B],
    [
      [A, A, "Origin"],
      [B, B, "Origin"],
      ["https://c.example", undefined, "Origin"],
    ],
  ],
  [
    [A],
    [
      [`${A}:8080`, undefined, "Origin"],
      [A.toUpperCase(), undefined, "Origin"],
    ],
  ],
  [
    /\.example$/,
    [
      [A, A, "Origin"],
      ["https://a.test", undefined, "Origin"],
    ],
  ],
  [
    [/^https:/, "http://x"],
    [
      [B, B, "Origin"],
      ["http://x", "http://x", "Origin"],
    ],
  ],
  [
    true,
    [
      [A, A, "Origin"],
      [null, undefined, "Origin"],
    ],
  ],
  [undefined, [[A, undefined]]],
  [false, [[A, undefined]]],
  [[], [[A, undefined, "Origin"]]],
];
for (const [origin, expected] of ORIGINS) {
  const title = origin instanceof RegExp ? String(origin) : JSON.stringify(origin);
  eachServer(
    `origin: ${title}`,
    async (t, start) => {
      const { io, port } = await start({ cors: { origin } });
      // a second time: by then an origin is known
      for (const [asked, allowed, vary] of [...expected, ...expected]) {
        const headers = {
          ...(allowed !== undefined && { "allow-origin": allowed }),
          ...(vary && { vary }),
        };
        // every answer is given, to whomever; only the headers differ
        const handshake = await request(port, POLLING, from(asked));
        assert.equal(handshake.status, 200);
        assert.deepEqual(corsHeaders(handshake), headers, `handshake of ${asked}`);
        const { response } = await Ws.open(t, port, from(asked));
        assert.deepEqual(corsHeaders(response), headers, `101 of ${asked}`);
        const file = await request(port, "/socket.io/socket.io.js", from(asked));
        assert.equal(file.status, 200);
        assert.deepEqual(corsHeaders(file), headers, `file for ${asked}`);
        const refused = await request(port, "/socket.io/?EIO=4&transport=x", from(asked));
        assert.equal(refused.status, 400);
        assert.deepEqual(corsHeaders(refused), headers, `refusal of ${asked}`);
      }
      assert.equal(io.engine.clientsCount, expected.length * 4);
    },
    ALL,
  );
}

eachServer("an origin function decides about each origin", async (_t, start) => {
  const asked = [];
  const origin = (value, done) => {
    asked.push(value);
    setImmediate(done, null, value === A);
  };
  const { port } = await start({ cors: { origin } });
  const allowed = await request(port, POLLING, from(A));
  assert.deepEqual(corsHeaders(allowed), { "allow-origin": A, vary: "Origin" });
  const refused = await request(port, POLLING, from(B));
  assert.equal(refused.status, 200);
  assert.equal(refused.headers["access-control-allow-origin"], undefined);
  await request(port, POLLING);
  assert.deepEqual(asked, [A, B, undefined]);
});

eachServer("origin: a function that fails is a bad request", async (t, start) => {
  const origin = (_value, done) => done(new Error("secret"));
  const { io, port } = await start({ cors: { origin } });
  const errors = [];
  io.engine.on("connection_error", ({ code, context }) => errors.push([code, context]));
  const { status, text } = await request(port, POLLING, from(A));
  assert.deepEqual([status, text], [400, '{"code":3,"message":"Bad request"}']);
  assert.match(await exchange(t, port, opening()), /^HTTP\/1.1 400 [\s\S]*\r\n\r\nBad request$/);
  const failure = [3, { name: "MIDDLEWARE_FAILURE" }];
  assert.deepEqual(errors, [failure, failure]);
  assert.equal(io.engine.clientsCount, 0);
});

eachServer("a delegate decides by request", async (t, start) => {
  const { port } = await start({
    cors: (req, done) => done(null, { origin: req.headers["x-origin"], credentials: true }),
  });
  const options = { headers: { origin: A, "x-origin": B } };
  const expected = { "allow-origin": B, vary: "Origin", "allow-credentials": "true" };
  assert.deepEqual(corsHeaders(await request(port, POLLING, options)), expected);
  assert.deepEqual(corsHeaders((await Ws.open(t, port, options)).response), expected);
  assert.deepEqual(corsHeaders(await request(port, "/socket.io/socket.io.js", options)), expected);
});

eachServer("a delegate that fails is a bad request", async (_t, start) => {
  const { port } = await start({ cors: (_req, done) => done(new Error("secret")) });
  const { status, text } = await request(port, POLLING, from(A));
  assert.deepEqual([status, text], [400, '{"code":3,"message":"Bad request"}']);
});

for (const cors of [true, {}, "yes", 1]) {
  eachServer(`cors: ${JSON.stringify(cors)} allows everybody`, async (_t, start) => {
    const { port } = await start({ cors });
    assert.deepEqual(corsHeaders(await request(port, POLLING, from(A))), { "allow-origin": "*" });
  });
}

for (const cors of [undefined, false, null, 0, ""]) {
  eachServer(`cors: ${JSON.stringify(cors)} sets no header`, async (t, start) => {
    const { port } = await start({ cors });
    assert.deepEqual(corsHeaders(await request(port, POLLING, from(A))), {});
    assert.deepEqual(corsHeaders((await Ws.open(t, port, from(A))).response), {});
    assert.deepEqual(corsHeaders(await request(port, "/socket.io/socket.io.js", from(A))), {});
    const preflight = await request(port, POLLING, { method: "OPTIONS", ...from(A) });
    assert.equal(preflight.status, 400);
    assert.equal(JSON.parse(preflight.text).code, 2);
  });
}

eachServer("the answers of a session have the headers, before the engine's", async (t, start) => {
  const { port } = await start({ cors: { origin: A, credentials: true, exposedHeaders: "X-Y" } });
  const session = await Polling.open(t, port, from(A));
  const expected = {
    "allow-origin": A,
    vary: "Origin",
    "allow-credentials": "true",
    "expose-headers": "X-Y",
  };
  const answers = [
    session.opening,
    await session.post("40", from(A)),
    await session.get(from(A)),
    await request(port, `${POLLING}&sid=x`, from(A)),
    await request(port, session.path, { method: "PUT", ...from(A) }),
    await session.post("x".repeat(1e6 + 1), from(A)),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 400, 500, 413],
  );
  for (const answer of answers) {
    assert.deepEqual(corsHeaders(answer), expected);
    assert.equal(answer.rawHeaders[0], "Access-Control-Allow-Origin");
  }
});

eachServer("the 101 of an upgrade has the headers", async (t, start) => {
  const { port } = await start({ cors: { origin: A } });
  const { sid } = await Polling.open(t, port);
  const { response } = await Ws.open(t, port, { query: `&sid=${sid}`, ...from(A) });
  assert.deepEqual(corsHeaders(response), { "allow-origin": A, vary: "Origin" });
});

beyondUpstream("an origin is answered without JavaScript once it is known", async (t, start) => {
  for (const origin of [true, /^https:/, [/^https:/, "http://x"]]) {
    const { io, port } = await start({ cors: { origin } });
    const opened = () => {
      const { polling, websocket } = io.engine.metrics().sessions;
      return [polling.native + websocket.native, polling.javascript + websocket.javascript];
    };
    await Polling.open(t, port, from(A));
    assert.deepEqual(opened(), [0, 1]);
    await Polling.open(t, port, from(A));
    await Ws.open(t, port, from(A));
    await Polling.open(t, port, from("http://refused"));
    await Ws.open(t, port, from("http://refused"));
    await Polling.open(t, port);
    assert.deepEqual(opened(), [4, 2]);
  }
});

eachServer("an expression with a state is asked for every request", async (t, start) => {
  const { port } = await start({ cors: { origin: /^https:/g } });
  const allowed = [];
  for (let i = 0; i < 4; i++) {
    const { opening } = await Polling.open(t, port, from(A));
    allowed.push(opening.headers["access-control-allow-origin"] === A);
  }
  assert.deepEqual(allowed, [true, false, true, false]);
});
