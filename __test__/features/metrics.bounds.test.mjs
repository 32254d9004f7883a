// io.engine.metrics(): the bounds that clients reach, and what waits.
import assert from "node:assert/strict";
import { spawnChild } from "../support/child.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { frame } from "../support/frames.mjs";
import { Polling, RS, Ws } from "../support/raw.mjs";
import { secureBeyond, secureWire, serveSecure } from "../support/secure.mjs";
import { beyond } from "../support/subject.mjs";
import { openFrames } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";
import { Wt } from "../support/webtransport.mjs";
import { joinByHand } from "../support/wire.mjs";
import { WsServer } from "../support/ws-engines.mjs";

/** Waits until a bound was reached, and checks that no other one was. */
async function reached(io, bound, times = 1) {
  const bounds = () => io.engine.metrics().bounds;
  await until(() => bounds()[bound] >= times, `${bound} is reached`);
  const others = Object.entries(bounds()).filter(([name, count]) => count > 0 && name !== bound);
  assert.deepEqual([bounds()[bound], others], [times, []]);
}

/** The loop stands still until the I/O thread has done something. */
function blockUntil(condition) {
  const end = Date.now() + 60_000;
  while (!condition() && Date.now() < end);
}

for (const form of FORMS) {
  beyond(`messageBytes: a message exceeds maxHttpBufferSize, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, { maxHttpBufferSize: 1000 });
    const session = await Ws.open(t, port);
    await session.send(`4${"x".repeat(1001)}`);
    assert.equal((await session.closed).code, 1009);
    await reached(io, "messageBytes");
  });

  beyond(`messageBytes: a POST exceeds maxHttpBufferSize, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t, { maxHttpBufferSize: 1000 });
    const session = await Polling.open(t, port);
    const { status } = await session.post(`4${"x".repeat(1001)}`);
    assert.equal(status, 413);
    await reached(io, "messageBytes");
  });

  beyond(`fragments: a message has too many, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const tcp = await openFrames(t, port);
    const more = frame(0, "", { fin: false });
    await tcp.write(Buffer.concat([frame(1, "4", { fin: false }), ...Array(16_385).fill(more)]));
    await reached(io, "fragments");
  });

  beyond(`attachments: a packet announces too many, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t);
    for (const Session of [Ws, Polling]) {
      const session = await Session.open(t, port);
      await session.join();
      await session.send('4511-["x"]');
    }
    await reached(io, "attachments", 2);
  });

  for (const [transport, Session] of Object.entries({ polling: Polling, websocket: Ws })) {
    beyond(`pendingOfClient: one client sends too fast, ${transport}, ${form}`, async (t) => {
      const { io, port } = await SERVE[form](t);
      const session = await Session.open(t, port);
      await session.join();
      let events = 0;
      io.sockets.sockets
        .values()
        .next()
        .value.on("n", () => events++);
      const packets = Array.from({ length: 20_000 }, (_, n) => `42["n",${n}]`);
      if (transport === "polling") await session.post(packets.join(RS));
      else await session.send(...packets);
      await until(() => events === packets.length);
      assert.ok(io.engine.metrics().bounds.pendingOfClient > 0);
      const { inbound } = io.engine.metrics().queues;
      await until(() => io.engine.metrics().queues.inbound.deepestCost === 0);
      assert.ok(inbound.bytes >= 0 && inbound.cost >= 0);
    });
  }

  beyond(
    `shows what waits for a client that reads nothing, until it is closed, ${form}`,
    async (t) => {
      const { io, port } = await SERVE[form](t, {
        native: { maxBufferedBytes: 30_000_000, keepReadersMs: 100 },
      });
      const session = await Ws.open(t, port);
      await session.join();
      session.ws.pause();
      const text = "x".repeat(1_000_000);
      for (let n = 0; n < 29; n++) io.emit("large", text);
      const outbound = () => io.engine.metrics().queues.outbound;
      await until(() => outbound().bytes > 15_000_000);
      const { bytes, deepestBytes } = outbound();
      assert.equal(bytes, deepestBytes);
      assert.ok(bytes < 30_000_000);
      for (let n = 0; n < 20; n++) io.emit("large", text);
      await reached(io, "bufferedOfClient");
      await until(() => outbound().bytes === 0);
      assert.equal(io.engine.metrics().ended.transportError, 1);
    },
  );

  beyond(`shows what waits for a poll, ${form}`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const session = await Polling.open(t, port);
    await session.join();
    io.emit("large", "x".repeat(100_000));
    const outbound = () => io.engine.metrics().queues.outbound;
    await until(() => outbound().bytes > 100_000);
    assert.equal(outbound().deepestBytes, outbound().bytes);
    await session.next();
    await until(() => outbound().bytes === 0);
  });

  beyond(
    `pendingOfClient: shows the cost of a client that floods a busy loop, ${form}`,
    async (t) => {
      const { io, port } = await SERVE[form](t, { native: { maxPendingBytes: 20_000 } });
      const session = await Ws.open(t, port);
      await session.join();
      const text = "x".repeat(10_000);
      for (let n = 0; n < 20; n++) session.ws._socket.write(frame(1, `42["n","${text}"]`));
      // The bytes are in the kernel, as far as it takes them; this thread takes no event meanwhile.
      const queues = () => io.engine.metrics().queues;
      blockUntil(() => io.engine.metrics().bounds.pendingOfClient > 0);
      const { inbound } = queues();
      assert.ok(inbound.deepestCost > 20_000, `${inbound.deepestCost}`);
      assert.ok(inbound.bytes > 20_000 && inbound.cost >= inbound.bytes);
      assert.ok(io.engine.metrics().memory.inbound === inbound.cost);
      await until(() => queues().inbound.cost === 0);
    },
  );
}

for (const form of FORMS) {
  beyond(`pendingOfAll: all clients together send too fast, ${form}`, async (t) => {
    const server = spawnChild(t, "full-server.mjs", [form], "features");
    const { port } = await server.message("listening");
    const sessions = [];
    for (let n = 0; n < 45; n++) {
      sessions.push(await Ws.open(t, port));
      await sessions[n].join();
    }
    await sessions[0].send('42["block"]');
    await server.message("blocking");
    const packet = `42["large","${"x".repeat(900_000)}"]`;
    for (const session of sessions) await session.send(packet);
    const { queues, bounds } = await server.message("full");
    assert.ok(bounds.pendingOfAll > 0);
    assert.ok(queues.inbound.cost > 32 << 20, String(queues.inbound.cost));
    // Nothing is lost.
    for (let n = 1; n <= sessions.length; n++) await server.message("large");
    server.send("end");
    assert.equal(await server.exit(), 0);
  });
}

secureBeyond("messageBytes: a message over TLS exceeds maxHttpBufferSize", async (t) => {
  const { io, port } = await serveSecure(t, { maxHttpBufferSize: 1000 });
  const wire = await secureWire(t, port);
  await joinByHand(wire);
  await wire.write(frame(1, `4${"x".repeat(1001)}`));
  await reached(io, "messageBytes");
});

beyond("messageBytes: a message exceeds maxHttpBufferSize on wsEngine", async (t) => {
  const { io, port } = await SERVE.attached(t, { wsEngine: WsServer, maxHttpBufferSize: 1000 });
  const session = await Ws.open(t, port);
  await session.send(`4${"x".repeat(1001)}`);
  assert.equal((await session.closed).code, 1009);
  await reached(io, "messageBytes");
});

beyond("messageBytes: a packet of WebTransport exceeds maxHttpBufferSize", async (t) => {
  const { io } = await SERVE.attached(t, {
    transports: ["webtransport"],
    maxHttpBufferSize: 1000,
  });
  const session = await Wt.open(t, io.engine);
  await session.send(`4${"x".repeat(1001)}`);
  await reached(io, "messageBytes");
});

beyond("attachments: a packet that is decoded in JavaScript announces too many", async (t) => {
  const { io, port } = await SERVE.port(t);
  io.engine.on("connection", (conn) => conn.on("packet", () => {}));
  const session = await Ws.open(t, port);
  await session.join();
  await session.send('4511-["x"]');
  await reached(io, "attachments");
});
