// cors: what a preflight is answered.
import assert from "node:assert/strict";
import { request } from "../support/raw.mjs";
import { eachServer, POLLING } from "./support.mjs";

const A = "https://a.example";
const METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE";

const PATHS = [POLLING, "/socket.io/socket.io.js", "/socket.io/?EIO=4&transport=x"];

/** A preflight; resolves with `{ status, text, fields }`, without Node's own header lines. */
async function preflight(port, path, headers = {}) {
  const answer = await request(port, path, {
    method: "OPTIONS",
    headers: { origin: A, ...headers },
  });
  const { date: _, connection: __, "keep-alive": ___, ...fields } = answer.headers;
  return { status: answer.status, text: answer.text, fields };
}

// option, more headers of the request → header fields of the answer
const ALLOWED = { "access-control-allow-origin": A };
const ASKED = "Access-Control-Request-Headers";
const BOTH = "Origin, Access-Control-Request-Headers";
const CASES = [
  ["origin", { origin: A }, {}, { ...ALLOWED, vary: BOTH }],
  ["every origin", { origin: "*" }, {}, { "access-control-allow-origin": "*", vary: ASKED }],
  ["another origin", { origin: ["https://b.example"] }, {}, { vary: BOTH }],
  [
    "credentials",
    { origin: A, credentials: true },
    {},
    { ...ALLOWED, vary: BOTH, "access-control-allow-credentials": "true" },
  ],
  [
    "headers that are asked for",
    { origin: "*" },
    { "access-control-request-headers": "x-one, x-two" },
    {
      "access-control-allow-origin": "*",
      vary: ASKED,
      "access-control-allow-headers": "x-one, x-two",
    },
  ],
  [
    "headers that are allowed",
    { origin: A, allowedHeaders: ["x-one", "X-Three"] },
    { "access-control-request-headers": "x-two" },
    { ...ALLOWED, vary: "Origin", "access-control-allow-headers": "x-one,X-Three" },
  ],
  [
    "methods",
    { origin: A, methods: ["GET", "POST"] },
    {},
    { ...ALLOWED, vary: BOTH, "access-control-allow-methods": "GET,POST" },
  ],
  [
    "maxAge",
    { origin: A, maxAge: 600 },
    {},
    { ...ALLOWED, vary: BOTH, "access-control-max-age": "600" },
  ],
  [
    "exposedHeaders",
    { origin: A, exposedHeaders: ["x-a", "x-b"] },
    {},
    { ...ALLOWED, vary: BOTH, "access-control-expose-headers": "x-a,x-b" },
  ],
];
for (const [title, cors, headers, expected] of CASES) {
  eachServer(`preflight: ${title}`, async (_t, start) => {
    const { io, port } = await start({ cors });
    for (const path of PATHS) {
      assert.deepEqual(
        await preflight(port, path, headers),
        {
          status: 204,
          text: "",
          fields: {
            "access-control-allow-methods": METHODS,
            "content-length": "0",
            ...expected,
          },
        },
        path,
      );
    }
    assert.equal(io.engine.clientsCount, 0);
  });
}

eachServer("optionsSuccessStatus", async (_t, start) => {
  const { port } = await start({ cors: { origin: A, optionsSuccessStatus: 200 } });
  for (const path of PATHS) assert.equal((await preflight(port, path)).status, 200);
});

eachServer("preflightContinue leaves the answer to the engine", async (_t, start) => {
  const { port } = await start({ cors: { origin: A, preflightContinue: true } });
  const { status, text, fields } = await preflight(port, POLLING);
  assert.deepEqual([status, text], [400, '{"code":2,"message":"Bad handshake method"}']);
  assert.equal(fields["access-control-allow-origin"], A);
  assert.equal(fields["access-control-allow-methods"], METHODS);
});

eachServer("origin: false leaves the answer to the engine, without a header", async (_t, start) => {
  const { port } = await start({ cors: { origin: false } });
  const { status, text, fields } = await preflight(port, POLLING);
  assert.deepEqual([status, text], [400, '{"code":2,"message":"Bad handshake method"}']);
  assert.equal(fields["access-control-allow-origin"], undefined);
});

eachServer("no middleware of the application sees a preflight", async (_t, start) => {
  const { io, port } = await start({ cors: { origin: A } });
  const seen = [];
  io.engine.use((req, _res, next) => {
    seen.push(req.method);
    next();
  });
  assert.equal((await preflight(port, POLLING)).status, 204);
  await request(port, POLLING);
  assert.deepEqual(seen, ["GET"]);
});

eachServer("allowRequest is not asked about a preflight", async (_t, start) => {
  let asked = 0;
  const { port } = await start({
    cors: { origin: A },
    allowRequest(_req, done) {
      asked++;
      done(null, false);
    },
  });
  assert.equal((await preflight(port, POLLING)).status, 204);
  assert.equal(asked, 0);
  const refused = await request(port, POLLING, { headers: { origin: A } });
  assert.equal(refused.status, 403);
  assert.equal(refused.headers["access-control-allow-origin"], A);
});
