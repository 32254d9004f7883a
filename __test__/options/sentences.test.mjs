// A wrong value gets a sentence: it names the option, what is taken and what was given.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, differs, engine, Server } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";
import { optionsOf, REFUSED, WARNED } from "./values.mjs";

const bare = () => http.createServer();
const optionError = ({ option, takes, got, name = "TypeError" }) => ({
  name,
  code: "ERR_INVALID_OPTION",
  message: `options.${option} must be ${takes}, got ${got}`,
});

for (const row of REFUSED) {
  const { upstream, option, got } = row;
  const make = () => new Server(bare(), optionsOf(row));
  const run = upstream === "throws" ? test : beyond;
  run(`options.${option}: ${got} is refused`, () => {
    assert.throws(make, differs({ name: "TypeError" }, optionError(row)));
  });
}

for (const [option, value, sentence] of WARNED) {
  beyond(`options.${option}: ${String(value)} is served with a warning`, async () => {
    const warned = once(process, "warning");
    const io = new Server(bare(), optionsOf({ option, value }));
    const [warning] = await warned;
    assert.equal(warning.message, `options.${option} ${sentence}`);
    assert.equal(warning.code, "ERR_INVALID_OPTION");
    io.engine.close();
  });
}

const NATIVE = [
  [{ native: 5 }, "TypeError", "options.native must be an object of options, got 5"],
  [{ native: null }, "TypeError", "options.native must be an object of options, got null"],
  [
    { native: { maxBufferedBytes: -1 } },
    "RangeError",
    "options.native.maxBufferedBytes must be a positive integer of bytes, got -1",
  ],
  [
    { native: { maxBufferedBytes: "1e6" } },
    "TypeError",
    'options.native.maxBufferedBytes must be a positive integer of bytes, got "1e6"',
  ],
  [
    { connectionStateRecovery: { maxLogBytes: -1 } },
    "RangeError",
    "options.connectionStateRecovery.maxLogBytes must be a number of bytes from 0, got -1",
  ],
];
for (const [options, name, message] of NATIVE) {
  beyond(message, () => {
    const make = () => new Server(bare(), options);
    assert.throws(make, { name, code: "ERR_INVALID_OPTION", message });
  });
}

beyond("options.native: a name that is no option is refused", () => {
  const make = () => new Server(bare(), { native: { maxBytes: 1 } });
  const message = /^options\.native\.maxBytes is not an option: there are maxBufferedBytes, /;
  assert.throws(make, { name: "TypeError", code: "ERR_INVALID_OPTION", message });
});

test("each option of docs/options.md has a wrong value here", () => {
  const file = fileURLToPath(new URL("../../docs/options.md", import.meta.url));
  const sections = readFileSync(file, "utf8").split(/^## /m);
  // Those of `native` stand in native.test.mjs.
  const levels = /^(?!Native )[\w.-]+(?: [\w.-]+)? level\n/;
  const tables = sections.filter((one) => levels.test(one)).join("");
  const names = [...tables.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
  assert.ok(names.length >= 24);
  const shown = [
    ...REFUSED.map((row) => row.option),
    ...WARNED.map(([option]) => option),
    "native",
  ];
  const covered = new Set(shown.map((option) => option.split(".")[0]));
  assert.deepEqual(
    names.filter((name) => !covered.has(name)),
    [],
  );
});

beyond("a good value gets no warning", async () => {
  const warnings = [];
  const onwarning = (warning) => warnings.push(warning.message);
  process.on("warning", onwarning);
  const options = {
    path: "/x",
    serveClient: false,
    adapter: undefined,
    connectTimeout: 0,
    connectionStateRecovery: {},
    cleanupEmptyChildNamespaces: true,
    pingInterval: "300",
    pingTimeout: 200,
    upgradeTimeout: 100,
    maxHttpBufferSize: Number.POSITIVE_INFINITY,
    transports: ["polling", "websocket", "webtransport"],
    allowUpgrades: 1,
    allowEIO3: undefined,
    perMessageDeflate: { threshold: 5, clientMaxWindowBits: true, serverMaxWindowBits: 10 },
    httpCompression: { threshold: 5, level: 3 },
    cookie: true,
    cors: { origin: /x/, credentials: true, methods: ["GET"], maxAge: 5 },
    destroyUpgradeTimeout: null,
    addTrailingSlash: false,
  };
  new Server(bare(), options).engine.close();
  new Server(bare(), { cookie: { name: "a" }, cors: true, perMessageDeflate: true }).engine.close();
  new Server(bare()).engine.close();
  await new Promise(setImmediate);
  process.off("warning", onwarning);
  assert.deepEqual(warnings, []);
});

const argument = (message, code = "ERR_INVALID_ARG_TYPE") => ({ name: "TypeError", code, message });
const SERVER = "attach(): server must be an HTTP server or a port";

// Upstream throws a TypeError, too.
const ARGUMENTS = [
  [() => new Server(bare(), null), "new Server(): options must be an object, got null"],
  [() => new Server("localhost"), `${SERVER}, got "localhost"`],
  [() => new Server().listen(), `${SERVER}, got undefined`],
  [() => new Server().attach(null), `${SERVER}, got null`],
  [() => new Server().attach(Symbol("s")), `${SERVER}, got Symbol(s)`],
  [() => new Server().attach(new Date(Number.NaN)), `${SERVER}, got an instance of Date`],
  [() => new Server().attach(bare(), null), "attach(): options must be an object, got null"],
  [() => new Server().path(5), "path(): path must be a string, got 5"],
  [
    () => new Server().adapter({}),
    "adapter(): adapter must be a class, or a function that can be called with new, got an object",
  ],
  [
    () => new Server().bind({}),
    "bind(): engine must be an engine, which emits connections, got an object",
  ],
  [
    () => new Server().of(Symbol("s")),
    "of(): name must be a string, a regular expression or a function, got Symbol(s)",
  ],
  [() => new engine.Server(null), "new Server(): options must be an object, got null"],
  [() => new engine.Server().attach({}), `${SERVER}, got an object`],
  [() => new engine.Server().attach(bare(), null), "attach(): options must be an object, got null"],
  [() => engine.attach(5), `${SERVER}, got 5`],
];
for (const [act, message] of ARGUMENTS) {
  test(message, () => {
    assert.throws(act, differs({ name: "TypeError" }, argument(message)));
  });
}

// Upstream takes these, and no client can connect then: each attempt is an uncaught exception.
const LATE_ARGUMENTS = [
  [() => new Server().use(5), "use(): middleware must be a function, got 5"],
  [() => new Server().of("/x").use(null), "use(): middleware must be a function, got null"],
  [() => new engine.Server().use({}), "use(): middleware must be a function, got an object"],
  [
    () => new Server().connectTimeout(5n),
    "connectTimeout(): timeout must be a number of milliseconds from 1 to 2147483647, got 5n",
  ],
];
for (const [act, message] of LATE_ARGUMENTS) {
  beyond(message, () => assert.throws(act, argument(message)));
}

// Upstream takes it, and the first event of the client is an uncaught exception.
beyond("socket.use(): a middleware that is no function is refused", async (t) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await Ws.open(t, port);
  await session.join();
  const [socket] = await connecting;
  const message = "use(): middleware must be a function, got undefined";
  assert.throws(() => socket.use(), argument(message));
});

beyond("the error of a package is the cause", () => {
  const make = () => new Server(bare(), { cookie: { path: "a;b" } });
  assert.throws(make, (error) => error.cause instanceof TypeError);
});

beyond("a hostile value is shown without running its code", () => {
  const proxy = new Proxy(
    {},
    {
      get(_target, name) {
        if (name === "replace") return undefined;
        throw new Error("looked at");
      },
      getPrototypeOf() {
        throw new Error("looked at");
      },
    },
  );
  const long = "x".repeat(1000);
  assert.throws(() => new Server(bare(), { path: proxy }), { message: /, got an object$/ });
  const make = () => new Server(bare(), { parser: long });
  assert.throws(make, { message: /, got "x{60}…"$/ });
});
