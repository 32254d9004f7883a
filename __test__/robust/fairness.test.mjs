// A client at full speed does not make the others wait, and loses nothing itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { client } from "../support/clients.mjs";
import { compressed, deflated, NAME } from "../support/deflate.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { frame } from "../support/frames.mjs";
import { Polling, RS } from "../support/raw.mjs";
import { certificate, secureBeyond, secureWire } from "../support/secure.mjs";
import { beyond } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

/** Events of a flooder: a few bytes each, so that all fit into 32 MiB. */
const FLOOD = 200_000;
/** Events of the flooder that may be dispatched before an event of somebody else, by far. */
const FEW = 20_000;

const event = (n) => `42["n",${n}]`;
const numbers = (count) => Array.from({ length: count }, (_, n) => n);

async function start(t, form, options = {}) {
  const settings = [form, JSON.stringify(options)];
  if (form === "tls") {
    const { key, cert } = certificate;
    settings.push(JSON.stringify({ key: `${key}`, cert: `${cert}` }));
  }
  const server = spawnChild(t, "fair-server.mjs", settings, "robust", { gate: true });
  const { port } = await server.message("listening");
  const open = () => (form === "tls" ? secureWire(t, port) : Tcp.open(t, port));
  return {
    server,
    port,
    async client(headers) {
      const wire = await open();
      await wire.upgrade({ headers });
      await wire.nextText();
      await wire.join();
      return wire;
    },
    async stop() {
      server.send("block");
      await server.message("blocking");
      await server.stopped();
    },
    async end() {
      server.send("end");
      assert.equal(await server.exit(), 0);
    },
  };
}

/**
 * Lets the server go on: the event of `other` comes behind fewer than `few` events of the flooder, and `all`
 * of those are heard, in order.
 */
async function assertFair(s, { flooder, flooded, other, few, all }) {
  await other.sendText('42["other"]');
  s.server.release();
  const { before } = await s.server.message("other");
  assert.ok(before < few, `${before} events of the flooder came before`);
  await flooded;
  flooder.sendText('42["total"]');
  const { numbers: heard, fault } = await s.server.message("total");
  assert.deepEqual([heard, fault], [all, null]);
  for (const wire of [flooder, other]) wire.destroy();
  await s.end();
}

for (const form of [...FORMS, "tls"]) {
  const run = form === "tls" ? secureBeyond : beyond;
  run(`dispatches an event behind few of a WebSocket that floods (${form})`, async (t) => {
    const s = await start(t, form);
    const [flooder, other] = [await s.client(), await s.client()];
    await s.stop();
    const flooded = flooder.write(Buffer.concat(numbers(FLOOD).map((n) => frame(1, event(n)))));
    await assertFair(s, { flooder, flooded, other, few: FEW, all: FLOOD });
  });
}

/** An extension that leaves short messages as they are, and has each long one stand by itself. */
const OFFER = `${NAME}; client_no_context_takeover; server_no_context_takeover`;

for (const form of [...FORMS, "tls"]) {
  const run = form === "tls" ? secureBeyond : beyond;
  run(`dispatches an event behind few messages that were small before (${form})`, async (t) => {
    const s = await start(t, form, { perMessageDeflate: { threshold: 1024 } });
    const flooder = await s.client({ "Sec-WebSocket-Extensions": OFFER });
    const other = await s.client();
    const long = "x".repeat(400_000);
    const all = 300;
    const flood = numbers(all).map((n) => compressed(1, deflated(`42["n",${n},"${long}"]`)));
    s.server.send("stopAtFirst");
    await s.server.message("ready");
    const flooded = flooder.write(Buffer.concat(flood));
    await s.server.stopped();
    await assertFair(s, { flooder, flooded, other, few: all / 4, all });
  });
}

for (const form of FORMS) {
  beyond(`dispatches an event behind few of a POST with many (${form})`, async (t) => {
    const s = await start(t, form);
    const session = await Polling.open(t, s.port);
    await session.join();
    const other = await s.client();
    const all = 70_000;
    const body = numbers(all).map(event).join(RS);
    assert.ok(body.length < 1_000_000);
    if (form === "port") await s.stop();
    const posted = session.post(body);
    await other.sendText('42["other"]');
    if (form === "port") s.server.release();
    const { before } = await s.server.message("other");
    // The two race on different connections: both orders are right, but for what lies between.
    assert.ok(before < FEW, `${before} events of the POST came before`);
    assert.equal((await posted).text, "ok");
    await session.send('42["total"]');
    assert.equal((await s.server.message("total")).numbers, all);
    await session.send("41");
    const { reason, fault } = await s.server.message("left");
    assert.deepEqual([reason, fault], ["client namespace disconnect", null]);
    other.destroy();
    await s.end();
  });

  test(`answers a POST whose last packet ends the session (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const reasons = [];
    io.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));
    const session = await Polling.open(t, port);
    await session.join();
    const body = [...numbers(20_000).map(event), "1"].join(RS);
    assert.equal((await session.post(body)).text, "ok");
    await until(() => reasons.length > 0, "the session has ended");
    assert.deepEqual(reasons, ["transport close"]);
  });

  test(`answers a POST whose session the server closes meanwhile (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    let heard = 0;
    let left = null;
    io.on("connection", (socket) => {
      socket.on("n", (n) => {
        heard++;
        if (n === 10) socket.disconnect(true);
      });
      socket.on("disconnect", (reason) => {
        left = reason;
      });
    });
    const session = await Polling.open(t, port);
    await session.join();
    assert.equal((await session.post(numbers(20_000).map(event).join(RS))).text, "ok");
    await until(() => left !== null, "the session has ended");
    assert.equal(left, "server namespace disconnect");
    assert.equal(heard, 11);
  });

  test(`keeps the order of a POST with many packets and the WebSocket behind it (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const heard = [];
    io.on("connection", (socket) => socket.on("n", (n) => heard.push(n)));
    const session = await Polling.open(t, port);
    await session.join();
    assert.equal((await session.post(numbers(20_000).map(event).join(RS))).text, "ok");
    const wire = await Tcp.websocket(t, port, {
      query: `EIO=4&transport=websocket&sid=${session.sid}`,
    });
    wire.sendText("2probe");
    assert.equal(await wire.nextText(), "3probe");
    wire.sendText("5", event(20_000));
    await until(() => heard.length === 20_001, "all is heard");
    assert.deepEqual(heard, numbers(20_001));
  });

  beyond(`answers one poll with about 1 MB of what waits (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const session = await Polling.open(t, port);
    await session.join();
    const count = 60;
    for (let n = 0; n < count; n++) io.emit("large", n, "x".repeat(500_000));
    const heard = [];
    while (heard.length < count) {
      const { status, text } = await session.get();
      assert.equal(status, 200);
      assert.ok(text.length <= 2_000_000, `an answer of ${text.length} bytes`);
      heard.push(...text.split(RS));
    }
    assert.deepEqual(
      heard.map((packet) => JSON.parse(packet.slice(2))[1]),
      numbers(count),
    );
  });

  test(`gives a client that upgrades all that waited for its polls (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const count = 60;
    io.on("connection", (socket) => {
      for (let n = 0; n < count; n++) socket.emit("large", n, "x".repeat(500_000));
    });
    const one = client(t, port, { transports: ["polling", "websocket"] });
    const heard = [];
    one.on("large", (n) => heard.push(n));
    await until(() => heard.length === count, "all is heard");
    assert.deepEqual(heard, numbers(count));
    await until(() => one.io.engine.transport.name === "websocket", "the upgrade");
  });
}
