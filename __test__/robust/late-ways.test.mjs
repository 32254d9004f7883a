// The requests of a session come over several connections. On a port, some of those are served
// natively, others were handed to Node: their order is one, however late the JavaScript thread is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { FORMS } from "../support/forms.mjs";
import { scene } from "../support/late.mjs";
import { RS, request } from "../support/raw.mjs";
import { frame, opening, Tcp } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const HOST = "Host: 127.0.0.1\r\n";
const POLLING = "/socket.io/?EIO=4&transport=polling";

/** The text of a POST to a session. */
const post = (path, body, more = "") =>
  `POST ${path} HTTP/1.1\r\n${HOST}${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A connection that Node has: its first request was for a path of nobody. */
async function nodes(t, port) {
  const tcp = await Tcp.open(t, port);
  tcp.socket.setNoDelay(true);
  tcp.write(`GET /elsewhere HTTP/1.1\r\n${HOST}\r\n`);
  await answer(tcp);
  return tcp;
}

const NOISE = Array(5000).fill('42["noise"]').join(RS);

/**
 * A client that says so much that the thread takes turns of its loop to hear it: what comes over
 * connections of Node meanwhile is read before what came natively behind the noise.
 */
async function noisy(s) {
  const session = await s.polling();
  await session.join("/", { name: "noise" });
  return {
    async makes() {
      for (let i = 0; i < 4; i++) await session.send(NOISE);
    },
    leaves: () => session.send("1"),
  };
}

/** Resolves when the server has dealt with what was written before. */
async function begun(s, session) {
  // Bytes of another connection that came later were answered, by either way.
  for (const path of ["/elsewhere", `${POLLING}&sid=${session.sid}x`]) {
    for (let i = 0; i < 3; i++) await request(s.port, path);
  }
}

/** A chronicle without the noise. */
const without = (chronicle) => chronicle.filter((line) => !line.startsWith("noise"));

/** The next answer on a connection: its status and its body. */
async function answer(tcp) {
  const head = await tcp.head();
  const status = Number(head.split(" ")[1]);
  const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? Number.NaN);
  const chunked = /^transfer-encoding: chunked\r$/im.test(head);
  const size = () => (chunked ? tcp.received.indexOf("0\r\n\r\n") + 5 : length || 0);
  await until(() => tcp.received.length >= size() && (!chunked || size() > 4), "a body arrives");
  const body = tcp.received.subarray(0, size()).toString();
  tcp.received = tcp.received.subarray(size());
  return { status, body };
}

for (const form of FORMS) {
  test(`a goodbye over a connection of Node does not overtake events (${form})`, async (t) => {
    const s = await scene(t, form);
    const noise = await noisy(s);
    const session = await s.polling();
    await session.join("/", { name: "A" });
    const other = await nodes(t, s.port);
    await s.late(async () => {
      await noise.makes();
      await session.send('42["say","1"]');
      await session.send('42["say","2"]');
      other.write(post(session.path, "1"));
      assert.equal((await answer(other)).status, 200);
    });
    assert.deepEqual(without(await s.chronicle("A left: transport close")), [
      "A connected",
      "A said say 1",
      "A said say 2",
      "A left: transport close",
    ]);
    await noise.leaves();
    await s.end();
  });

  test(`events over a connection of Node come behind those before them (${form})`, async (t) => {
    const s = await scene(t, form);
    const noise = await noisy(s);
    const session = await s.polling();
    await session.join("/", { name: "A" });
    await session.send('42["ask"]');
    assert.equal(await session.next(), '420["question"]');
    const other = await nodes(t, s.port);
    await s.late(async () => {
      await noise.makes();
      await session.send('42["slow"]');
      other.write(post(session.path, "430[]"));
      assert.equal((await answer(other)).status, 200);
      other.write(post(session.path, '42["say","1"]'));
      assert.equal((await answer(other)).status, 200);
    });
    await session.send("1");
    assert.deepEqual(without(await s.chronicle("A left: transport close")), [
      "A connected",
      "A said ask",
      "A said slow",
      "A had a microtask",
      "A answered",
      "A said say 1",
      "A left: transport close",
    ]);
    await noise.leaves();
    await s.end();
  });

  for (const ends of [false, true]) {
    const how = ends ? ", which then ends" : "";
    test(`a connection of Node${how} may talk for a session that is new (${form})`, async (t) => {
      const s = await scene(t, form);
      const noise = await noisy(s);
      const first = await s.polling();
      await first.join("/", { name: "A" });
      const other = await nodes(t, s.port);
      let session;
      await s.late(async () => {
        await noise.makes();
        for (let i = 0; i < 3; i++) await first.send(`42["say","${i}"]`);
        session = await s.polling();
        const text = post(session.path, '40{"name":"B"}');
        if (ends) other.socket.end(text);
        else other.write(text);
        if (!ends) assert.equal((await answer(other)).status, 200);
      });
      const chronicle = await s.chronicle("B connected");
      assert.ok(chronicle.includes("A said say 2"));
      for (const one of [first, session]) await one.send("1");
      await noise.leaves();
      await s.end();
    });
  }

  test(`a connection of Node may upgrade a session that is new (${form})`, async (t) => {
    const s = await scene(t, form);
    const noise = await noisy(s);
    const first = await s.polling();
    await first.join("/", { name: "A" });
    const other = await nodes(t, s.port);
    await s.late(async () => {
      await noise.makes();
      for (let i = 0; i < 3; i++) await first.send(`42["say","${i}"]`);
      const { sid } = await s.polling();
      other.write(opening(`EIO=4&transport=websocket&sid=${sid}`));
      assert.match(await other.head(), /^HTTP\/1\.1 101 /);
      other.write(Buffer.concat([frame(1, "2probe"), frame(1, "5"), frame(1, '40{"name":"B"}')]));
    });
    await s.chronicle("B connected");
    other.socket.end();
    await first.send("1");
    await noise.leaves();
    await s.end();
  });

  for (const [connections, isLate] of [
    ["known connections", false],
    ["new connections", true],
  ]) {
    test(`a POST that ends its session comes before a poll behind it, over ${connections} (${form})`, async (t) => {
      const s = await scene(t, form);
      const session = await s.polling();
      await session.join("/", { name: "A" });
      const two = async () => [await Tcp.open(t, s.port), await Tcp.open(t, s.port)];
      let known;
      if (!isLate) {
        known = await two();
        // The server has accepted them when it has answered those that came later.
        await begun(s, session);
      }
      let wrong;
      let poll;
      await s.late(async () => {
        [wrong, poll] = known ?? (await two());
        // Of content that protocol 4 does not have: Node answers it.
        wrong.write(post(session.path, "4x", "Content-Type: application/octet-stream\r\n"));
        await pause(100);
        poll.write(`GET ${session.path} HTTP/1.1\r\n${HOST}\r\n`);
      });
      assert.equal((await answer(wrong)).status, 400);
      const { status, body } = await answer(poll);
      assert.equal(status, 400);
      assert.match(body, /"Session ID unknown"/);
      const chronicle = await s.chronicle("A left: transport error");
      assert.deepEqual(chronicle, ["A connected", "A left: transport error"]);
      await s.end();
    });
  }

  for (const [order, first, second] of [
    ["before", nodes, Tcp.open],
    ["behind", Tcp.open, nodes],
  ]) {
    test(`a POST of Node's ${order} another one overlaps it (${form})`, async (t) => {
      const s = await scene(t, form);
      const session = await s.polling();
      await session.join("/", { name: "A" });
      const one = await first(t, s.port);
      const other = await second(t, s.port);
      one.write(post(session.path, '42["say"]').slice(0, -3));
      if (first === nodes) await s.underway();
      else await begun(s, session);
      other.write(post(session.path, '42["say"]'));
      assert.equal((await answer(other)).status, 400);
      assert.equal(await one.rest(), "");
      const chronicle = await s.chronicle("A left: transport error");
      assert.deepEqual(chronicle, ["A connected", "A left: transport error"]);
      await s.end();
    });

    test(`a poll of Node's ${order} another one overlaps it (${form})`, async (t) => {
      const s = await scene(t, form);
      const session = await s.polling();
      await session.join("/", { name: "A" });
      const one = await first(t, s.port);
      const other = await second(t, s.port);
      const poll = `GET ${session.path} HTTP/1.1\r\n${HOST}\r\n`;
      one.write(poll);
      if (first === nodes) await s.underway();
      else await begun(s, session);
      other.write(poll);
      assert.equal((await answer(other)).status, 400);
      assert.deepEqual(await answer(one), { status: 200, body: "1" });
      const chronicle = await s.chronicle("A left: transport error");
      assert.deepEqual(chronicle, ["A connected", "A left: transport error"]);
      await s.end();
    });
  }
}
