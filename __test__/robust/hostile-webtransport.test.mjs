// Clients that misbehave over WebTransport: they lose their session, and nobody else notices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { spawnChild } from "../support/child.mjs";
import { row } from "../support/rows.mjs";
import { FACTOR, seeded } from "../support/seeded.mjs";
import { beyond } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";
import { FakeSession, frame, header, Wt } from "../support/webtransport.mjs";

const OPTIONS = {
  transports: ["polling", "websocket", "webtransport"],
  upgradeTimeout: 500,
  maxHttpBufferSize: 1000,
};

const start = (t, options) => arena(t, { options: { ...OPTIONS, ...options } });

/** A session ends that begins with these bytes. */
async function neverBegins({ io, alone }, t, cases) {
  for (const bytes of cases) {
    const wt = await Wt.connect(t, io.engine);
    for (const piece of bytes) await wt.write(piece);
    await wt.closed;
  }
  await alone();
}

/** Data of an open packet that name no session to go on with. */
const CRAFTED = [
  "{",
  "null",
  "5",
  '"x"',
  "[]",
  "{}",
  '{"sid":"nobody"}',
  '{"sid":""}',
  '{"sid":5}',
  '{"sid":null}',
  '{"sid":{"toString":"x"}}',
  '{"sid":["x"]}',
  '{"sid":"__proto__"}',
  '{"sid":"constructor"}',
  '{"__proto__":{"sid":"x"}}',
];

row(
  "GHSA-gr94-w7qr-f4j3",
  (a, t) =>
    neverBegins(
      a,
      t,
      CRAFTED.map((text) => [frame(`0${text}`)]),
    ),
  { options: OPTIONS },
);

row(
  "WebTransport handshake",
  async (a, t) => {
    await neverBegins(a, t, [
      [frame("4x")],
      [frame(Buffer.from([1]))],
      [frame("bAQID")],
      [frame("9")],
      [header(0)],
      [header(0, true)],
      [frame("2probe")],
      [header(1001)],
      [Buffer.alloc(9, 0xff)],
      [header(100), Buffer.from("0")],
      [Buffer.from([127, 0, 0])],
    ]);
    // neither a stream, nor a packet; upstream leaves the first one pending
    const silent = FakeSession.pair();
    a.io.engine.onWebTransportSession(silent.peer);
    const wt = await Wt.connect(t, a.io.engine);
    await Promise.all([silent.closed, wt.closed]);
    await a.alone();
  },
  { options: OPTIONS },
);

row(
  "WebTransport and middlewares",
  async (a) => {
    a.io.engine.use((_req, _res, next) => next());
    const session = FakeSession.pair();
    a.io.engine.onWebTransportSession(session.peer);
    await session.closed;
    await a.alone();
  },
  { options: OPTIONS },
);

beyond("closes a session that fails before it has begun, and emits nothing", async (t) => {
  const { io, alone, stillServes } = await start(t);
  const ways = [
    (session) => session.break(new Error("lost")),
    (session) => session.peer.incoming.error(new Error("lost")),
    (session) => session.peer.incoming.close(),
    (session) => session.peer.incoming.enqueue(5),
    (session) => session.peer.incoming.enqueue({ readable: {}, writable: {} }),
  ];
  for (const fail of ways) {
    const session = FakeSession.pair();
    const taken = io.engine.onWebTransportSession(session.peer);
    fail(session);
    assert.equal(await taken, undefined);
    await session.closed.catch(() => {});
  }
  for (const end of ["close", "abort"]) {
    const wt = await Wt.connect(t, io.engine);
    await wt.writer[end]();
    assert.equal(await wt.taken, undefined);
    await wt.closed;
  }
  await alone();
  await stillServes();
});

beyond("a session that breaks is one socket's end", async (t) => {
  const { io, accounts, alone, stillServes, gone } = await start(t);
  const wt = await Wt.open(t, io.engine);
  const id = await wt.join();
  wt.transport.break(new Error("the network is gone"));
  const { reason, description } = await gone(id);
  assert.equal(reason, "transport error");
  assert.match(description.message, /the network is gone/);
  assert.equal(accounts.get(id).errors.length, 0);
  await alone();
  await stillServes();
});

beyond("an object that fails whatever is asked of it", async (t) => {
  const { io, alone, stillServes } = await start(t);
  const fails = () => {
    throw new Error("broken");
  };
  for (const close of [fails, async () => fails()]) {
    const session = FakeSession.pair();
    session.peer.close = close;
    const taken = io.engine.onWebTransportSession(session.peer);
    session.peer.incoming.enqueue({
      readable: { getReader: () => ({ read: fails, cancel: fails }) },
      writable: {
        getWriter: () => ({ closed: Promise.reject(new Error("broken")), write: fails }),
      },
    });
    assert.equal(await taken, undefined);
  }
  await alone();
  await stillServes();
});

beyond("a client that does not read is given up", async (t) => {
  const native = { keepReadersMs: 200 };
  const { io, alone, stillServes, accounts, gone } = await start(t, { native });
  const wt = await Wt.open(t, io.engine);
  const id = await wt.join();
  const { socket } = accounts.get(id);
  const large = Buffer.alloc(1 << 20);
  for (let i = 0; i < 80 && socket.connected; i++) {
    socket.emit("large", large);
    await new Promise(setImmediate);
  }
  const { reason, description } = await gone(id);
  assert.equal(reason, "transport error");
  assert.match(description.message, /too many bytes/);
  await wt.closed;
  await alone();
  await stillServes();
});

test("many tiny pieces of a large packet", async (t) => {
  const { io, accounts, stillServes } = await start(t, { maxHttpBufferSize: 1e6 });
  const wt = await Wt.open(t, io.engine, { held: 1000 });
  const id = await wt.join();
  const bytes = frame(`42["large","${"x".repeat(20_000)}"]`);
  for (let at = 0; at < bytes.length; at++) await wt.write(bytes.subarray(at, at + 1));
  const { events } = accounts.get(id);
  await until(() => events.length === 1);
  assert.equal(events[0][1].length, 20_000);
  await stillServes();
});

test("random bytes, from the beginning or in a session", async (t) => {
  const { io, alone, stillServes } = await start(t);
  await seeded(t, async (random) => {
    for (let i = 0; i < 60 * FACTOR; i++) {
      const wt = await Wt.connect(t, io.engine);
      if (random.chance(0.5)) await wt.send("0", "40");
      const bytes = random.bytes(1 + random.below(300));
      // Some with a header that fits, so that the packet is looked at.
      await wt.write(random.chance(0.3) ? frame(bytes.toString("latin1")) : bytes);
      if (random.chance(0.5)) await new Promise(setImmediate);
      wt.transport.close();
    }
  });
  await alone();
  await stillServes();
});

test("listeners that throw: the process hears of it, and the session goes on", async (t) => {
  const child = spawnChild(t, "throwing-webtransport.mjs");
  await child.message("ready");
  child.send("run");
  const { answers, thrown } = await child.message("ran");
  assert.deepEqual(answers, ["431[1]", "432[2]"]);
  assert.deepEqual([...new Set(thrown)].sort(), ["a connection listener", "a listener"]);
});
