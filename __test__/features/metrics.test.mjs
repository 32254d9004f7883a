// io.engine.metrics(): sessions, connections, traffic, refusals and the dispatch lag.
import assert from "node:assert/strict";
import { join } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { secureBeyond, secureJoin, serveSecure } from "../support/secure.mjs";
import { closeServer } from "../support/server.mjs";
import { beyond, engine } from "../support/subject.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";
import { Wt } from "../support/webtransport.mjs";
import { WsServer } from "../support/ws-engines.mjs";

/** No ping comes between the packets of a test. */
const OPTIONS = { pingInterval: 300_000 };
/** Waits until a value of the metrics is the expected one. */
const becomes = (io, read, expected) =>
  until(
    () => {
      const value = read(io.engine.metrics());
      return JSON.stringify(value) === JSON.stringify(expected);
    },
    `${read} is ${JSON.stringify(expected)}`,
  );

const SERVED = { port: "native", attached: "native" };

for (const form of FORMS) {
  beyond(`counts a session that polls until it ends, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, OPTIONS);
    const session = await Polling.open(t, port);
    await session.join();
    const { sessions, opened } = io.engine.metrics();
    assert.deepEqual(sessions.polling, { native: 0, javascript: 0, [SERVED[form]]: 1 });
    assert.deepEqual(opened, { polling: 1, websocket: 0, webtransport: 0 });
    await session.send("1");
    await becomes(io, ({ sessions }) => sessions.polling, { native: 0, javascript: 0 });
    assert.equal(io.engine.metrics().ended.transportClose, 1);
  });

  beyond(`counts a WebSocket until it ends, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, OPTIONS);
    const session = await Ws.open(t, port);
    await session.join();
    const { sessions, connections, opened } = io.engine.metrics();
    assert.deepEqual(sessions.websocket, { native: 1, javascript: 0 });
    assert.deepEqual(connections.websocket, { native: 1, javascript: 0 });
    assert.deepEqual(connections.polling, { native: 0, javascript: 0 });
    assert.equal(opened.websocket, 1);
    session.ws.terminate();
    await becomes(io, ({ sessions }) => sessions.websocket.native, 0);
    await becomes(io, ({ connections }) => connections.websocket.native, 0);
    await becomes(io, ({ connections }) => connections.polling.native, 0);
  });

  beyond(`counts an upgrade, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, OPTIONS);
    const { client } = await join(t, io, port, WAYS.default);
    await settled(client, "default");
    await becomes(io, ({ upgraded }) => upgraded.websocket, 1);
    const { sessions, opened } = io.engine.metrics();
    assert.deepEqual(opened, { polling: 1, websocket: 0, webtransport: 0 });
    assert.deepEqual(sessions.polling, { native: 0, javascript: 0 });
    assert.deepEqual(sessions.websocket, { native: 1, javascript: 0 });
  });

  beyond(`counts the reasons for which sessions end, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, { pingInterval: 50, pingTimeout: 50 });
    await Ws.open(t, port);
    await becomes(io, ({ ended }) => ended.pingTimeout, 1);
    io.engine.opts.pingInterval = 60_000;
    const bad = await Ws.open(t, port);
    await bad.send("9");
    await becomes(io, ({ ended }) => ended.parseError, 1);
    const broken = await Ws.open(t, port);
    broken.ws._socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    await becomes(io, ({ ended }) => ended.transportError, 1);
    const { socket } = await join(t, io, port);
    socket.conn.close();
    await becomes(io, ({ ended }) => ended.forcedClose, 1);
    await becomes(io, ({ sessions }) => sessions.websocket.native, 0);
  });

  for (const [transport, Session] of Object.entries({ polling: Polling, websocket: Ws })) {
    beyond(`counts messages and bytes, ${transport}, ${form}`, async (t) => {
      const { io, port } = await SERVE[form](t, OPTIONS);
      io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
      const session = await Session.open(t, port);
      await session.join();
      const before = io.engine.metrics().traffic[transport];
      const text = "x".repeat(5000);
      for (let n = 0; n < 3; n++) {
        await session.send(`42${n}["echo","${text}"]`);
        assert.equal(await session.next(), `43${n}["${text}"]`);
      }
      const more = (name) => io.engine.metrics().traffic[transport][name] - before[name];
      assert.deepEqual([more("messagesIn"), more("messagesOut")], [3, 3]);
      assert.ok(more("bytesIn") >= 15_000 && more("bytesIn") < 17_000, String(more("bytesIn")));
      await until(() => more("bytesOut") >= 15_000);
      assert.ok(more("bytesOut") < 17_000, String(more("bytesOut")));
    });
  }

  beyond(
    `counts a broadcast for each session, and no dropped volatile message, ${form}`,
    async (t) => {
      const { io, port } = await SERVE[form](t, OPTIONS);
      const sessions = [
        await Ws.open(t, port),
        await Ws.open(t, port),
        await Polling.open(t, port),
      ];
      for (const session of sessions) await session.join();
      const { websocket, polling } = io.engine.metrics().traffic;
      io.emit("news", 1);
      await sessions[0].next();
      await sessions[2].next();
      await becomes(io, (m) => m.traffic.websocket.messagesOut, websocket.messagesOut + 2);
      assert.equal(io.engine.metrics().traffic.polling.messagesOut, polling.messagesOut + 1);
      // Nobody polls.
      io.volatile.emit("weather", 1);
      await sessions[0].next();
      assert.equal(io.engine.metrics().traffic.polling.messagesOut, polling.messagesOut + 1);
    },
  );

  beyond(`counts refused requests by their codes, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, {
      allowRequest: (req, done) => done(null, !req.url.includes("forbidden")),
    });
    const path = "/socket.io/?EIO=4&transport=polling";
    await request(port, "/socket.io/?EIO=4&transport=pigeon");
    await request(port, `${path}&sid=unknown`);
    await request(port, path, { method: "PUT" });
    await request(port, "/socket.io/?EIO=4&transport=websocket");
    await request(port, `${path}&forbidden=1`);
    await request(port, "/socket.io/?EIO=3&transport=polling");
    await exchange(t, port, opening("EIO=4&transport=websocket&forbidden=1"));
    await exchange(t, port, opening("EIO=4&transport=websocket", { "Sec-WebSocket-Key": "short" }));
    assert.deepEqual(io.engine.metrics().refused, {
      unknownTransport: 1,
      unknownSid: 1,
      badHandshakeMethod: 1,
      badRequest: 1,
      forbidden: 2,
      unsupportedProtocolVersion: 1,
      badWebSocketRequest: 1,
      closed: 0,
      aborted: 0,
    });
  });

  beyond(`counts upgrade requests of a closed engine, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t);
    // The engine opens again when its server begins to listen.
    await Ws.open(t, port);
    io.engine.close();
    // A port hears of the end at the end of the tick.
    await until(async () => {
      await Ws.open(t, port).catch(() => {});
      return io.engine.metrics().refused.closed > 0;
    });
  });

  beyond(`measures how long batches wait for the event loop, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const { client, socket } = await join(t, io, port);
    socket.on("echo", (value, ack) => ack(value));
    const before = io.engine.metrics().dispatchLag;
    await client.emitWithAck("echo", 1);
    const { count, buckets, sumSeconds, lastSeconds } = io.engine.metrics().dispatchLag;
    assert.ok(count > before.count);
    assert.ok(sumSeconds > before.sumSeconds && lastSeconds > 0);
    assert.deepEqual(buckets.at(-1), { le: Number.POSITIVE_INFINITY, count });
    // The client is in this process: its event waits as long as the loop stands still.
    client.emit("echo", 2, () => {});
    await new Promise((resolve) => setImmediate(resolve));
    const end = performance.now() + 300;
    while (performance.now() < end);
    await until(() => io.engine.metrics().dispatchLag.sumSeconds > sumSeconds + 0.25);
  });
}

secureBeyond("counts sessions and bytes over TLS", async (t) => {
  const { io, port } = await serveSecure(t);
  await secureJoin(t, io, port, { transports: ["websocket"] });
  const { sessions, connections, traffic } = io.engine.metrics();
  assert.equal(sessions.websocket.native, 1);
  assert.equal(connections.websocket.native, 1);
  assert.ok(traffic.websocket.bytesIn > 0 && traffic.websocket.messagesIn > 0);
});

for (const way of ["websocket", "default"]) {
  beyond(`counts sessions, messages and bytes of wsEngine, ${way}`, async (t) => {
    const { io, port } = await SERVE.attached(t, { wsEngine: WsServer });
    const { client, socket } = await join(t, io, port, WAYS[way]);
    await settled(client, way);
    await becomes(io, ({ sessions }) => sessions.websocket, { native: 0, javascript: 1 });
    assert.deepEqual(io.engine.metrics().connections.websocket, { native: 0, javascript: 1 });
    socket.on("echo", (value, ack) => ack(value));
    const { websocket: before } = io.engine.metrics().traffic;
    const text = "€".repeat(1000);
    for (let n = 0; n < 3; n++) await client.emitWithAck("echo", text);
    const { websocket: after } = io.engine.metrics().traffic;
    assert.equal(after.messagesIn - before.messagesIn, 3);
    assert.equal(after.messagesOut - before.messagesOut, 3);
    assert.ok(after.bytesIn - before.bytesIn >= 9000);
    assert.ok(after.bytesOut - before.bytesOut >= 9000);
    client.disconnect();
    await becomes(io, ({ sessions }) => sessions.websocket.javascript, 0);
    await becomes(io, ({ connections }) => connections.websocket.javascript, 0);
    await becomes(io, ({ queues }) => queues.outbound.bytes, 0);
  });
}

beyond("counts sessions of WebTransport, and those that move there", async (t) => {
  const { io, port } = await SERVE.attached(t, {
    transports: ["polling", "websocket", "webtransport"],
  });
  const { engine: one } = io;
  const opened = await Wt.open(t, one);
  await opened.join();
  assert.equal(one.metrics().sessions.webtransport.javascript, 1);
  assert.equal(one.metrics().connections.webtransport.javascript, 1);
  assert.ok(one.metrics().traffic.webtransport.messagesIn > 0);
  assert.ok(one.metrics().traffic.webtransport.bytesOut > 0);
  const polling = await Polling.open(t, port);
  await polling.join();
  const moving = await Wt.offer(t, one, polling.sid);
  const answer = polling.get();
  await moving.upgrade();
  await answer;
  await becomes(io, ({ sessions }) => sessions.webtransport.javascript, 2);
  assert.equal(one.metrics().upgraded.webtransport, 1);
  assert.equal(one.metrics().sessions.polling.javascript, 0);
});

beyond("shows each engine its own numbers", async (t) => {
  const [first, second] = [await SERVE.port(t), await SERVE.attached(t)];
  await Ws.open(t, first.port);
  await becomes(first.io, ({ sessions }) => sessions.websocket.native, 1);
  assert.equal(second.io.engine.metrics().sessions.websocket.native, 0);
  assert.equal(second.io.engine.metrics().traffic.websocket.bytesIn, 0);
});

beyond("is there on an engine without Socket.IO and before anything has happened", () => {
  const { sessions, panics, ioThreads, memory } = new engine.Server().metrics();
  assert.deepEqual(sessions.polling, { native: 0, javascript: 0 });
  assert.ok(panics >= 0 && ioThreads >= 1 && memory.buffers > 0);
});

beyond("goes on counting after the server was closed", async (t) => {
  const { io, port } = await SERVE.port(t);
  await Ws.open(t, port);
  await becomes(io, ({ sessions }) => sessions.websocket.native, 1);
  const { engine: one } = io;
  await closeServer(io);
  await until(() => one.metrics().sessions.websocket.native === 0);
  assert.equal(one.metrics().ended.forcedClose, 1);
});
