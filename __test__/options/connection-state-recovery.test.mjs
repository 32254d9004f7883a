// connectionStateRecovery: how the option is resolved, and what a client is told of it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client, connected, eachWay, pair } from "../support/clients.mjs";
import { serve } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { ALL, eachSession } from "./support.mjs";

const { Adapter, SessionAwareAdapter } = createRequire(import.meta.url)("socket.io-adapter");

const DEFAULTS = { maxDisconnectionDuration: 120_000, skipMiddlewares: true };

// given → held
const RESOLVED = [
  [{}, DEFAULTS],
  [true, DEFAULTS],
  [1, DEFAULTS],
  [{ maxDisconnectionDuration: 5 }, { ...DEFAULTS, maxDisconnectionDuration: 5 }],
  [{ maxDisconnectionDuration: 0 }, { ...DEFAULTS, maxDisconnectionDuration: 0 }],
  [{ skipMiddlewares: false }, { ...DEFAULTS, skipMiddlewares: false }],
  [{ skipMiddlewares: undefined }, { ...DEFAULTS, skipMiddlewares: undefined }],
  [{ more: 1 }, { ...DEFAULTS, more: 1 }],
];
for (const [given, held] of RESOLVED) {
  test(`connectionStateRecovery: ${JSON.stringify(given)}`, () => {
    const options = { connectionStateRecovery: given };
    const copy = typeof given === "object" ? { ...given } : given;
    const io = new Server(options);
    assert.equal(io._opts, options);
    assert.deepEqual(options.connectionStateRecovery, held);
    assert.notEqual(options.connectionStateRecovery, given);
    assert.deepEqual(given, copy);
    assert.ok(io.sockets.adapter instanceof SessionAwareAdapter);
  });
}

for (const given of [undefined, null, false, 0, ""]) {
  test(`connectionStateRecovery: ${JSON.stringify(given)} is off`, () => {
    const options = { connectionStateRecovery: given };
    const io = new Server(options);
    assert.equal(options.connectionStateRecovery, given);
    assert.ok(io.sockets.adapter instanceof Adapter);
    assert.ok(!(io.sockets.adapter instanceof SessionAwareAdapter));
  });
}

test("an adapter of the application is not replaced", () => {
  class Mine extends Adapter {}
  const io = new Server({ connectionStateRecovery: {}, adapter: Mine });
  assert.equal(io.sockets.adapter.constructor, Mine);
});

test("every namespace has an adapter that remembers", () => {
  const io = new Server({ connectionStateRecovery: {} });
  assert.ok(io.of("/other").adapter instanceof SessionAwareAdapter);
});

eachSession(
  "the CONNECT answer has a pid with the option, and none without",
  async (_t, start, open) => {
    for (const [options, keys] of [
      [{ connectionStateRecovery: {} }, ["sid", "pid"]],
      [{}, ["sid"]],
    ]) {
      const { port } = await start(options);
      const session = await open(port);
      await session.send("40");
      const answer = JSON.parse((await session.next()).slice(2));
      assert.deepEqual(Object.keys(answer), keys);
      for (const key of keys) assert.match(answer[key], /^[\w-]{20}$/);
      assert.equal(new Set(Object.values(answer)).size, keys.length);
    }
  },
  ALL,
);

eachWay("events have an offset with the option, and none without", async (t, way) => {
  for (const [server, length] of [
    [{ connectionStateRecovery: {} }, 2],
    [{}, 1],
  ]) {
    const { socket, client: one } = await pair(t, { server, ...way });
    const arriving = new Promise((resolve) => one.once("a", (...args) => resolve(args)));
    socket.emit("a", 1);
    assert.equal((await arriving).length, length);
    assert.equal(socket.recovered, false);
  }
});

test("an unknown pid is a new socket", async (t) => {
  const { io, port } = await serve(t, { connectionStateRecovery: {} });
  const one = client(t, port, { auth: { pid: "nobody", offset: "nothing" } });
  await connected(one);
  assert.equal(one.recovered, false);
  assert.equal(io.sockets.sockets.size, 1);
});
