// Messages sent before a process ends reach the clients that read.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { io as connect } from "socket.io-client";
import { spawnChild } from "../support/child.mjs";
import { Ws } from "../support/raw.mjs";
import { secureTest } from "../support/secure.mjs";
import { beyond, isOracle, Server } from "../support/subject.mjs";
import { defer, once, within } from "../support/wait.mjs";

const CLIENTS = 3;
const GOODBYE = "io server disconnect";

/** A client of the child that notes what it hears; `left`: it has lost its connection. */
function listener(t, port, transport, ca) {
  const client = connect(`${ca ? "https" : "http"}://127.0.0.1:${port}`, {
    forceNew: true,
    reconnection: false,
    transports: [transport],
    ca,
  });
  defer(t, () => client.disconnect());
  const heard = [];
  client.on("asked", (answer) => answer());
  client.onAny((event, ...args) => heard.push([event, ...args]));
  return { client, heard, left: once(client, "disconnect") };
}

/** Has a process end; resolves with what each client has heard, and how the process ended. */
async function end(t, form, how, given = {}) {
  const { transport = "websocket", where = "process", silent = 0, threads } = given;
  // Node reports on some of these ends.
  const stdio = ["ignore", "inherit", "ignore", "ipc"];
  const env = threads ? { ...process.env, SOCKET_IO_NATIVE_THREADS: threads } : process.env;
  const child = spawnChild(t, "exit.mjs", [form, how, where], "platforms", { stdio, env });
  const ca = form === "TLS" ? (await child.message("certificate")).ca : undefined;
  const { port } = await child.message("listening");
  const clients = [];
  for (let i = 0; i < CLIENTS; i++) clients.push(listener(t, port, transport, ca));
  for (const { client } of clients) if (!client.connected) await once(client, "connect");
  for (let i = 0; i < CLIENTS; i++) await child.message("joined");
  for (let i = 0; i < silent; i++) {
    const ws = await Ws.open(t, port);
    await ws.join();
    ws.ws.pause();
    await child.message("joined");
  }
  child.send("end", { silent });
  const code = await (where === "thread" ? child.message("ended") : child.exit());
  await within(Promise.all(clients.map(({ left }) => left)), "the clients to lose their server");
  return { code, clients };
}

/** Why a client has lost its connection: `disconnect(true)` says goodbye to it. */
const reasons = (clients) => Promise.all(clients.map(async ({ left }) => (await left)[0]));

const last = ({ heard }) => heard.at(-1)?.[0];

/** All clients have heard the last word. */
function assertHeard(clients) {
  assert.deepEqual(clients.map(last), Array(CLIENTS).fill("bye"));
}

/** Ways to end, and the code or the signal that tells so. */
const ENDS = {
  exit: 0,
  "each by itself": 0,
  "a megabyte": 0,
  "io.close()": 0,
  "disconnectSockets(true)": 0,
  "disconnect(true) of each": 0,
  "a promise": 0,
  "process.nextTick": 0,
  setImmediate: 0,
  "a timer": 0,
  "a later tick": 0,
  "a signal handler": 0,
  "a signal to itself": "SIGUSR2",
  uncaughtException: 0,
  "an exception that nobody catches": 1,
  "a listener of exit": 0,
  "process.reallyExit": 0,
  "process.abort": "SIGABRT",
  "by itself": 7,
  "with a second server": 0,
  "disconnect listeners": 0,
};
for (const [how, code] of Object.entries(ENDS)) {
  test(`a WebSocket client hears the last word: ${how}`, async (t) => {
    const ended = await end(t, "attached", how);
    assertHeard(ended.clients);
    assert.equal(ended.code, code);
  });
}

for (const form of ["port", "wsEngine", "TLS"]) {
  const define = form === "TLS" ? secureTest : test;
  for (const how of ["exit", "a listener of exit", "disconnectSockets(true)"]) {
    define(`a WebSocket client hears the last word: ${how} [${form}]`, async (t) => {
      assertHeard((await end(t, form, how)).clients);
    });
  }
}

for (const form of ["attached", "port"]) {
  for (const how of ["exit", "a signal handler", "uncaughtException", "a listener of exit"]) {
    test(`a polling client hears the last word: ${how} [${form}]`, async (t) => {
      assertHeard((await end(t, form, how, { transport: "polling" })).clients);
    });
  }
}

for (const form of ["attached", "port"]) {
  beyond(
    `a polling client hears a long last word of a server with 3 I/O threads [${form}]`,
    async (t) => {
      const given = { transport: "polling", threads: "3" };
      assertHeard((await end(t, form, "a megabyte", given)).clients);
    },
  );
}

test("a client that is disconnected before the end of the process is told so", async (t) => {
  const { clients } = await end(t, "attached", "disconnectSockets(true)");
  assertHeard(clients);
  // upstream's goodbye waits for the last word to be written
  if (!isOracle) assert.deepEqual(await reasons(clients), Array(CLIENTS).fill(GOODBYE));
});

test("a client of a worker thread hears the last word", async (t) => {
  assertHeard((await end(t, "attached", "exit", { where: "thread" })).clients);
});

beyond("a binary last word to a room, with an acknowledgement", async (t) => {
  const { clients } = await end(t, "attached", "room, binary, acknowledgement");
  assertHeard(clients);
  for (const { heard } of clients) assert.deepEqual(heard[0][1], Buffer.from([1, 2, 3]));
});

test("clients that do not read keep the last word from nobody, and the process from no end", async (t) => {
  const { code, clients } = await end(t, "attached", "exit", { silent: 5 });
  assertHeard(clients);
  assert.equal(code, 0);
});

test("a process with many servers has no more listeners for its end than with one", async (t) => {
  const events = ["exit", "beforeExit", "uncaughtException", "SIGTERM"];
  const count = () => events.map((event) => process.listenerCount(event));
  const warnings = [];
  const onwarning = (warning) => warnings.push(warning);
  process.on("warning", onwarning);
  defer(t, () => process.off("warning", onwarning));
  new Server(http.createServer());
  const before = count();
  for (let i = 0; i < 20; i++) new Server(http.createServer());
  assert.deepEqual(count(), before);
  await new Promise(setImmediate);
  assert.deepEqual(warnings, []);
});

test("a server goes on after somebody has emitted the event of the end", async (t) => {
  const { code, clients } = await end(t, "attached", "an emitted event");
  assertHeard(clients);
  assert.equal(code, 0);
});

for (const form of ["attached", "port", "compressed"]) {
  for (const [how, count] of [
    ["many before", 50],
    ["30 megabytes", 30],
  ]) {
    beyond(`a client hears all that was said in the last turn: ${how} [${form}]`, async (t) => {
      const { clients } = await end(t, form, how);
      assertHeard(clients);
      for (const { heard } of clients) assert.equal(heard.length, count + 1);
    });
  }
}
