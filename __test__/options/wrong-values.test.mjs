// Wrong values: what is told at once, what is served nevertheless, and that no process dies of one.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, differs, Server } from "../support/subject.mjs";
import { opening, Tcp } from "../support/tcp.mjs";
import { once } from "../support/wait.mjs";
import { POLLING } from "./support.mjs";

const FALSY = { undefined, null: null, NaN: Number.NaN, 0: 0, "-0": -0, '""': "", false: false };
const NUMBERS = {
  "-1": -1,
  1.5: 1.5,
  "2 ** 31": 2 ** 31,
  "3e9": 3e9,
  "1e300": 1e300,
  Infinity: Number.POSITIVE_INFINITY,
};
const OTHERS = {
  '"x"': "x",
  true: true,
  "{}": {},
  "[]": [],
  "a date": new Date(0),
  "a function": () => {},
};
/** Values that become no number and no text. */
const UNCONVERTIBLE = {
  "a symbol": Symbol("s"),
  "an object that throws": {
    valueOf() {
      throw new TypeError("not today");
    },
    toString() {
      throw new TypeError("not today");
    },
  },
};
const ALL = { ...FALSY, ...NUMBERS, ...OTHERS, '"5"': "5" };
const EVERYTHING = { ...ALL, ...UNCONVERTIBLE };

const keep = (values, ...names) => Object.fromEntries(names.map((name) => [name, values[name]]));
const drop = (values, ...names) =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));

/** A new session on each transport gets an answer to its CONNECT; pings may come before. */
async function joins(t, port) {
  for (const kind of [Polling, Ws]) {
    const session = await kind.open(t, port);
    await session.send("40");
    let packet = await session.next();
    while (packet === "2") packet = await session.next();
    assert.match(packet, /^40\{"sid":"[\w-]{20}"/);
  }
}

// Values that make no difference to what is served.
const SERVED = {
  pingInterval: ALL,
  pingTimeout: ALL,
  upgradeTimeout: ALL,
  maxHttpBufferSize: drop(
    ALL,
    "true",
    "1.5",
    "null",
    "false",
    "0",
    "-0",
    '""',
    "-1",
    "[]",
    "a date",
  ),
  connectTimeout: { ...FALSY, 1e9: 1e9, '"50000"': "50000" },
  destroyUpgrade: EVERYTHING,
  destroyUpgradeTimeout: ALL,
  addTrailingSlash: drop(EVERYTHING, "false"),
  serveClient: EVERYTHING,
  path: FALSY,
  adapter: FALSY,
  parser: FALSY,
  cookie: FALSY,
  allowUpgrades: EVERYTHING,
  allowRequest: FALSY,
  httpCompression: EVERYTHING,
  cors: drop(EVERYTHING, "a function"),
  initialPacket: FALSY,
  cleanupEmptyChildNamespaces: EVERYTHING,
};
for (const [option, values] of Object.entries(SERVED)) {
  for (const [title, value] of Object.entries(values)) {
    test(`${option}: ${title} is served`, async (t) => {
      const { port } = await serve(t, { [option]: value });
      await joins(t, port);
    });
  }
}

for (const [title, value] of Object.entries(EVERYTHING)) {
  test(`connectionStateRecovery: ${title} is on if it is truthy`, async (t) => {
    const { port } = await serve(t, { connectionStateRecovery: value });
    const session = await Ws.open(t, port);
    await session.send("40");
    assert.equal((await session.next()).includes('"pid":'), Boolean(value));
  });
}

// Values that the constructor refuses: message of its TypeError.
const NOT_FALSY = { ...NUMBERS, ...OTHERS, ...UNCONVERTIBLE };
const sentenceOf = (option) => new RegExp(`^options\\.${option} must be .*, got `);
const REFUSED = [
  ["path", drop(NOT_FALSY, '"x"'), differs(/replace is not a function/, sentenceOf("path"))],
  ["adapter", NOT_FALSY, differs(/is not a constructor/, sentenceOf("adapter"))],
  ["parser", NOT_FALSY, differs(/Encoder is not a constructor/, sentenceOf("parser"))],
  [
    "transports",
    keep(FALSY, "undefined", "null"),
    differs(/reading 'indexOf'/, sentenceOf("transports")),
  ],
  [
    "transports",
    { ...drop(NOT_FALSY, '"x"', "[]"), ...keep(FALSY, "NaN", "0", "false") },
    differs(/indexOf is not a function/, sentenceOf("transports")),
  ],
];
for (const [option, values, message] of REFUSED) {
  for (const [title, value] of Object.entries(values)) {
    test(`${option}: ${title} is refused`, () => {
      const make = () => new Server(http.createServer(), { [option]: value });
      assert.throws(make, { name: "TypeError", message });
    });
  }
}

// Upstream serves nobody with these: each request is an uncaught exception, or unhandled rejection.
const TOLD_AT_ONCE = [
  ["pingInterval", UNCONVERTIBLE],
  ["pingTimeout", UNCONVERTIBLE],
  ["upgradeTimeout", UNCONVERTIBLE],
  ["maxHttpBufferSize", UNCONVERTIBLE],
  ["connectTimeout", UNCONVERTIBLE],
  ["destroyUpgradeTimeout", UNCONVERTIBLE],
  ["allowRequest", drop(NOT_FALSY, "a function")],
  ["initialPacket", keep(UNCONVERTIBLE, "an object that throws")],
  ["httpCompression", { "a level of 99": { level: 99 }, "a chunk of 1": { chunkSize: 1 } }],
  ["httpCompression", { "a symbol as threshold": { threshold: Symbol("s") } }],
];
for (const [option, values] of TOLD_AT_ONCE) {
  for (const [title, value] of Object.entries(values)) {
    beyond(`${option}: ${title} is refused at once`, () => {
      const make = () => new Server(http.createServer(), { [option]: value });
      assert.throws(make, { name: /^(Type|Range)Error$/ });
    });
  }
}

test("path: a text that is no prefix of any URL is never asked for", async (t) => {
  const { port } = await serve(t, { path: "x" });
  assert.equal((await request(port, POLLING)).status, 404);
});

for (const transports of ["", "x", []]) {
  test(`transports: ${JSON.stringify(transports)} refuses everybody`, async (t) => {
    const { port } = await serve(t, { transports });
    const { status, text } = await request(port, POLLING);
    assert.deepEqual([status, text], [400, '{"code":0,"message":"Transport unknown"}']);
  });
}

// value → is a body of two bytes taken, does a message of two bytes pass
const SIZES = [
  [null, false, true],
  ["", false, true],
  [-1, false, true],
  [[], false, true],
  [true, false, false],
  [1.5, false, false],
  ["1", false, false],
  ["2", true, true],
  ["x", true, true],
  [Number.NaN, true, true],
  [2 ** 31, true, true],
  [1e300, true, true],
];
for (const [maxHttpBufferSize, body, message] of SIZES) {
  test(`maxHttpBufferSize: ${JSON.stringify(maxHttpBufferSize)}`, async (t) => {
    const { port } = await serve(t, { maxHttpBufferSize });
    const polling = await Polling.open(t, port);
    assert.equal((await polling.post("40")).status, body ? 200 : 413);
    const ws = await Ws.open(t, port);
    await ws.send("40");
    if (message) assert.match(await ws.next(), /^40\{/);
    else assert.equal((await ws.closed).code, 1009);
  });
}

// Timers read these as 1 ms.
const SHORTEST = [null, Number.NaN, -1, 0.5, 2 ** 31, Number.POSITIVE_INFINITY, "x", {}];
for (const value of SHORTEST) {
  test(`pingInterval and pingTimeout: ${value} end a session that does not answer`, async (t) => {
    const { io, port } = await serve(t, { pingInterval: value, pingTimeout: value });
    const connecting = once(io.engine, "connection");
    // by hand: it may be closed before it has read anything
    const tcp = await Tcp.open(t, port);
    tcp.write(opening());
    const [conn] = await connecting;
    if (conn.readyState !== "closed") await once(conn, "close");
    assert.equal(io.engine.clientsCount, 0);
  });
}

for (const connectTimeout of [true, -5, "x", {}, 2 ** 31, Number.POSITIVE_INFINITY]) {
  test(`connectTimeout: ${connectTimeout} closes who does not join at once`, async (t) => {
    const { port } = await serve(t, { connectTimeout });
    const ws = await Ws.open(t, port);
    assert.equal((await ws.closed).code, 1005);
  });
}

test("a text is as good as the number it spells", async (t) => {
  const options = { pingInterval: "30", pingTimeout: "20000", maxHttpBufferSize: "100" };
  const { port } = await serve(t, options);
  const ws = await Ws.open(t, port);
  assert.equal(await ws.next(), "2");
  await ws.send("3");
  assert.equal(await ws.next(), "2");
});

// Upstream tells clients what it was given, whatever that is.
beyond("the handshake tells the numbers that are kept to", async (t) => {
  const { port } = await serve(t, {
    pingInterval: "5000",
    pingTimeout: Number.NaN,
    maxHttpBufferSize: "x",
  });
  const { handshake } = await Polling.open(t, port);
  const { pingInterval, pingTimeout, maxPayload } = handshake;
  assert.deepEqual(
    { pingInterval, pingTimeout, maxPayload },
    {
      pingInterval: 5000,
      pingTimeout: 1,
      maxPayload: null,
    },
  );
});

test("a getter that throws is thrown, and nothing is left behind", () => {
  for (const option of ["path", "cors", "adapter", "parser", "connectTimeout", "cookie"]) {
    const options = {
      get [option]() {
        throw new RangeError(option);
      },
    };
    const make = () => new Server(http.createServer(), options);
    assert.throws(make, { name: "RangeError", message: option });
  }
});
