// Connections that wait to be accepted together, most of them with their first request.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { attached, get } from "../support/attached.mjs";
import { beyond, engine } from "../support/subject.mjs";
import { defer, once, until } from "../support/wait.mjs";

const HANDSHAKE = get("/socket.io/?EIO=4&transport=polling");
const UPGRADE = get(
  "/socket.io/?EIO=4&transport=websocket",
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
);

/** Connects, and writes what is to come before anybody accepts; then tells all that was answered. */
function clients() {
  const net = require("node:net");
  const { parentPort, workerData } = require("node:worker_threads");
  const { port, plans, gate } = workerData;
  const state = new Int32Array(gate);
  let left = plans.length;
  const ready = () => {
    if (--left > 0) return;
    Atomics.store(state, 0, 1);
    Atomics.notify(state, 0);
  };
  const sockets = plans.map(({ before, isReset }) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      if (before === "") return ready();
      socket.write(before, () => {
        if (isReset) socket.resetAndDestroy();
        ready();
      });
    });
    socket.text = "";
    socket.on("error", () => {});
    return socket;
  });
  const answers = plans.map(({ isReset }, i) => {
    if (isReset) return null;
    return new Promise((resolve) => {
      const socket = sockets[i];
      socket.on("close", () => resolve(socket.text));
      socket.on("data", (data) => {
        socket.text += data.toString("latin1");
        if (/\r\n\r\n.*(app \/|"sid":)/s.test(socket.text)) resolve(socket.text);
      });
    });
  });
  parentPort.on("message", () => {
    for (const [i, { after }] of plans.entries()) if (after) sockets[i].write(after);
  });
  Promise.all(answers).then((all) => parentPort.postMessage(all));
}

/** Lets the clients of `plans` connect while this thread stands still. Returns their answers. */
async function crowd(t, port, plans) {
  const gate = new SharedArrayBuffer(4);
  const worker = new Worker(`(${clients})()`, { eval: true, workerData: { port, plans, gate } });
  defer(t, () => worker.terminate());
  const answered = once(worker, "message");
  assert.notEqual(Atomics.wait(new Int32Array(gate), 0, 0, 10_000), "timed-out");
  // The silent ones speak when the others have been accepted.
  setTimeout(() => worker.postMessage(null), 50);
  const [answers] = await answered;
  return answers;
}

const PLANS = {
  handshake: () => ({ before: HANDSHAKE, expected: /^HTTP\/1.1 200 .*\r\n\r\n0\{"sid":/s }),
  upgrade: () => ({ before: UPGRADE, expected: /^HTTP\/1.1 101 .*\r\n\r\n.+"sid":/s }),
  foreign: (i) => ({
    before: get(`/${i}`),
    expected: new RegExp(`^HTTP/1.1 200 .*app /${i}$`, "s"),
  }),
  half: () => ({
    ...PLANS.handshake(),
    before: HANDSHAKE.slice(0, 30),
    after: HANDSHAKE.slice(30),
  }),
  silent: () => ({ ...PLANS.handshake(), before: "", after: HANDSHAKE }),
  late: (i) => ({ ...PLANS.foreign(i), before: "", after: get(`/${i}`) }),
  gone: () => ({ before: UPGRADE, isReset: true }),
};

const ORDERS = {
  "that are all the engine's": ["upgrade", "handshake"],
  "that are all the application's": ["foreign"],
  "of both kinds": ["upgrade", "foreign", "handshake", "handshake"],
  "some of which are silent": ["upgrade", "silent", "upgrade", "late", "foreign", "half"],
  "some of which are gone": ["gone", "upgrade", "gone", "gone", "foreign", "handshake"],
};

for (const [which, order] of Object.entries(ORDERS)) {
  for (const server of [{}, { keepAlive: true, keepAliveInitialDelay: 1000 }]) {
    const name = `a crowd of connections ${which} is served ${JSON.stringify(server)}`;
    test(name, async (t) => {
      const { httpServer, asked, port } = await attached(t, { server });
      const plans = Array.from({ length: 120 }, (_, i) => PLANS[order[i % order.length]](i));
      const answers = await crowd(
        t,
        port,
        plans.map(({ expected: _, ...plan }) => plan),
      );
      const foreign = [];
      for (const [i, { expected }] of plans.entries()) {
        if (expected) assert.match(answers[i], expected);
        if (String(expected).includes("app")) foreign.push(`/${i}`);
      }
      assert.deepEqual(asked.sort(), foreign.sort());
      assert.ok(httpServer.listening);
    });
  }
}

beyond("takes all connections of a crowd that ask for the engine from Node", async (t) => {
  const { io, port } = await attached(t);
  const plans = Array.from({ length: 120 }, (_, i) => ({ before: i % 2 ? HANDSHAKE : UPGRADE }));
  await crowd(t, port, plans);
  const { sessions } = io.engine.metrics();
  assert.deepEqual(sessions.polling, { native: 60, javascript: 0 });
  assert.deepEqual(sessions.websocket, { native: 60, javascript: 0 });
});

beyond("takes the connections of a crowd for two engines from Node", async (t) => {
  const { io, httpServer, port } = await attached(t);
  const other = engine.attach(httpServer, { path: "/other" });
  defer(t, () => other.close());
  const plans = Array.from({ length: 60 }, (_, i) => ({
    before: i % 2 ? HANDSHAKE : HANDSHAKE.replace("/socket.io/", "/other/"),
  }));
  await crowd(t, port, plans);
  for (const { metrics } of [io.engine, other].map((one) => ({ metrics: one.metrics() }))) {
    assert.deepEqual(metrics.sessions.polling, { native: 30, javascript: 0 });
  }
});

test("each session of a crowd has a request of its own", async (t) => {
  const { io, port } = await attached(t);
  const seen = new Set();
  const check = ({ request: { url, headers } }) => {
    const n = new URL(url, "http://localhost").searchParams.get("n");
    assert.equal(headers["x-n"], n);
    assert.equal(headers["user-agent"], `agent ${n % 3}`);
    assert.equal(headers["x-odd"], n % 2 ? "yes" : undefined);
    seen.add(n);
  };
  let isFirst = true;
  const failures = [];
  io.engine.on("connection", (conn) => {
    try {
      // Those that are not told of yet are among the clients.
      if (isFirst) for (const one of Object.values(io.engine.clients)) check(one);
      isFirst = false;
      check(conn);
    } catch (error) {
      failures.push(error);
    }
  });
  const plans = Array.from({ length: 120 }, (_, i) => {
    const odd = i % 2 ? "X-Odd: yes\r\n" : "";
    const more = `X-N: ${i}\r\nUser-Agent: agent ${i % 3}\r\n${odd}`;
    return { before: get(`/socket.io/?EIO=4&transport=polling&n=${i}`, more) };
  });
  await crowd(t, port, plans);
  await until(() => seen.size === plans.length, "all are heard");
  assert.deepEqual(failures, []);
});
