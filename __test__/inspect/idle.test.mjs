// The page `socket.io-native/inspect` costs nothing while nobody looks at it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { join } from "../support/clients.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { inspect, query, requestsTo, served } from "./support.mjs";

const require = createRequire(import.meta.url);
const { Sampler } = require("../../dist/inspect/sampler.js");
const { inSlices } = require("../../dist/inspect/slices.js");

/** The listeners on the objects of a server, by their events. */
const listeners = ({ io, socket }) =>
  [io.engine, io.sockets, socket, socket.conn].map((emitter) =>
    emitter.eventNames().map((event) => [String(event), emitter.listenerCount(event)]),
  );

/** Runs `fn` and returns the timers and immediates that it made. */
function timersOf(fn) {
  const made = [];
  const names = ["setTimeout", "setInterval", "setImmediate"];
  const before = names.map((name) => globalThis[name]);
  names.forEach((name, i) => {
    globalThis[name] = (...args) => {
      made.push(name);
      return before[i](...args);
    };
  });
  try {
    fn();
  } finally {
    names.forEach((name, i) => {
      globalThis[name] = before[i];
    });
  }
  return made;
}

beyond("mounting it adds no timer, and no listener but one for requests", async (t) => {
  const { io, httpServer, port } = await serve(t);
  const { socket } = await join(t, io, port);
  const before = { resources: process.getActiveResourcesInfo(), on: listeners({ io, socket }) };
  const events = httpServer.eventNames().map((name) => httpServer.listenerCount(name));
  let page;
  assert.deepEqual(
    timersOf(() => {
      page = inspect(io, { path: "/inspect" });
    }),
    [],
  );
  t.after(() => page.close());
  assert.deepEqual(process.getActiveResourcesInfo(), before.resources);
  assert.deepEqual(listeners({ io, socket }), before.on);
  const now = httpServer.eventNames().map((name) => httpServer.listenerCount(name));
  assert.deepEqual(now.sort(), events.sort());
});

beyond("looking at it changes no count of the server", async (t) => {
  const { io, port, get } = await served(t, { server: { pingInterval: 300_000 } });
  const { socket } = await join(t, io, port);
  const counts = () => {
    const { traffic, sessions, opened, ended, refused, bounds } = io.engine.metrics();
    return { traffic, sessions, opened, ended, refused, bounds };
  };
  // Sent bytes are counted when the kernel has taken them.
  const settled = await until(async () => {
    const now = counts();
    await sleep(100);
    return isDeepStrictEqual(counts(), now) && now;
  });
  const before = listeners({ io, socket });
  for (let i = 0; i < 10; i++) {
    for (const path of ["data", "connections", `connection${query({ nsp: "/", id: socket.id })}`]) {
      assert.equal((await get(path)).status, 200);
    }
  }
  assert.deepEqual(counts(), settled);
  assert.deepEqual(listeners({ io, socket }), before);
});

beyond("sampling ends some seconds after the last question, and begins anew", async (t) => {
  const { io } = await serve(t);
  let idle = 0;
  const sampler = new Sampler(io, () => idle++);
  t.after(() => sampler.end());
  assert.equal(sampler.metrics, null);
  assert.equal(sampler.since(0).length, 1);
  assert.equal(sampler.timer.hasRef(), false);
  assert.ok(sampler.metrics !== null);
  const [{ n }] = sampler.since(0);
  await until(() => idle === 1, "sampling to end");
  assert.equal(sampler.timer, null);
  assert.equal(sampler.delay, null);
  assert.equal(sampler.metrics, null);
  const [again, ...more] = sampler.since(n);
  assert.ok(again.n > n + 1, "it went on for some seconds");
  assert.deepEqual(more, []);
});

beyond("close() ends sampling at once", async (t) => {
  const { io, port } = await serve(t);
  const page = inspect(io, { path: "/inspect" });
  const get = requestsTo(port);
  await get("data");
  page.close();
  const page2 = inspect(io, { path: "/inspect" });
  t.after(() => page2.close());
  assert.equal((await get("data")).json().samples[0].n, 1);
});

beyond("a process whose page was looked at ends when its server is closed", async () => {
  const code = `
    import { Server } from "./index.mjs";
    import { inspect } from "./inspect.mjs";
    const io = new Server(0);
    inspect(io, { path: "/inspect" });
    io.httpServer.once("listening", async () => {
      const { port } = io.httpServer.address();
      const res = await fetch(\`http://127.0.0.1:\${port}/inspect/data\`);
      console.log(res.status);
      await res.arrayBuffer();
      await io.close();
    });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.equal(text.trim(), "200");
});

beyond("a long walk lets the event loop turn, and a failing one ends", async () => {
  function* walk() {
    for (let step = 0; step < 640; step++) {
      const end = performance.now() + 0.1;
      while (performance.now() < end);
      yield;
    }
    return "over";
  }
  let turns = 0;
  const result = new Promise((resolve, reject) => inSlices(walk(), resolve, reject));
  let isOver = false;
  result.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  assert.equal(await result, "over");
  assert.ok(turns > 3, `${turns} turns`);
  const failing = (function* () {
    yield;
    throw new Error("broken");
  })();
  await assert.rejects(
    new Promise((resolve, reject) => inSlices(failing, resolve, reject)),
    /broken/,
  );
});
