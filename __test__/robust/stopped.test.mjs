// The server's process is stopped while a deadline passes, as on a machine that has no time for it.
// Everything that the client has done before the deadline counts.
import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { spawnChild } from "../support/child.mjs";
import { Polling, SESSIONS } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";
const HOST = "Host: 127.0.0.1\r\n";
/** The deadlines of the servers under test, in ms. */
const DEADLINE = 8000;

/** Starts a server, and opens a connection to it that has been answered once. */
async function scene(t, form, properties, options = {}) {
  const args = [form, JSON.stringify(properties), JSON.stringify(options)];
  const server = spawnChild(t, "stopped-server.mjs", args);
  const { port } = await server.message("listening");
  const tcp = await Tcp.open(t, port);
  tcp.socket.setNoDelay(true);
  return {
    port,
    tcp,
    /** Sends a whole request and reads the answer, of which the length is told. */
    async ask(text) {
      tcp.write(text);
      const head = await tcp.head();
      const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]);
      await until(() => tcp.received.length >= length || tcp.ended, "the body arrives");
      const body = tcp.received.subarray(0, length).toString();
      tcp.received = tcp.received.subarray(length);
      return { head, body };
    },
    /** Stops the process, calls `act`, and continues it once `ms` milliseconds have passed. */
    async stopped(act, ms) {
      process.kill(server.pid, "SIGSTOP");
      const acted = act();
      await pause(ms);
      process.kill(server.pid, "SIGCONT");
      await acted;
    },
    async end() {
      server.send("end");
      assert.equal(await server.exit(), 0);
    },
  };
}

const GET = `GET ${HANDSHAKE} HTTP/1.1\r\n${HOST}\r\n`;

describe("while the process is stopped", { concurrency: true }, () => {
  beyond("answers a request that came before the idle time was over (port)", async (t) => {
    const s = await scene(t, "port", { keepAliveTimeout: DEADLINE });
    await s.ask(GET);
    // A second is what Node waits longer than it announces.
    await s.stopped(() => s.tcp.write(GET), DEADLINE + 1500);
    assert.match(await s.tcp.head(), /^HTTP\/1\.1 200 /);
    await s.end();
  });

  for (const [form, kind] of [
    ["port", "polling"],
    ["port", "websocket"],
    ["attached", "websocket"],
  ]) {
    beyond(`takes a pong that came in time (${form}, ${kind})`, async (t) => {
      const options = { pingInterval: 300, pingTimeout: DEADLINE };
      const s = await scene(t, form, { keepAliveTimeout: 60_000 }, options);
      const session = await SESSIONS[kind].open(t, s.port);
      assert.equal(await session.next(), "2");
      await s.stopped(() => session.send("3"), DEADLINE + 500);
      assert.equal(await session.next(), "2");
      await s.end();
    });
  }

  const times = { headersTimeout: DEADLINE, requestTimeout: DEADLINE };

  test("answers a first request whose head was completed in time (port)", async (t) => {
    const s = await scene(t, "port", times);
    s.tcp.write(GET.slice(0, 20));
    await s.stopped(() => s.tcp.write(GET.slice(20)), DEADLINE + 500);
    assert.match(await s.tcp.head(), /^HTTP\/1\.1 200 /);
    await s.end();
  });

  test("answers a later request whose head was completed in time (port)", async (t) => {
    const s = await scene(t, "port", { ...times, keepAliveTimeout: 60_000 });
    await s.ask(GET);
    s.tcp.write(GET.slice(0, 20));
    // Another request, answered behind this one's first bytes: they have been read.
    await Polling.open(t, s.port);
    await s.stopped(() => s.tcp.write(GET.slice(20)), DEADLINE + 500);
    assert.match(await s.tcp.head(), /^HTTP\/1\.1 200 /);
    await s.end();
  });

  for (const length of [20, 100_000]) {
    test(`takes a body of ${length} bytes that was completed in time (port)`, async (t) => {
      const s = await scene(t, "port", { ...times, keepAliveTimeout: 60_000 });
      const { body } = await s.ask(GET);
      const { sid } = JSON.parse(body.slice(1));
      const text = `42["x","${"x".repeat(length - 10)}"]`;
      assert.equal(text.length, length);
      await s.ask(`POST ${HANDSHAKE}&sid=${sid} HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n40`);
      const head = `POST ${HANDSHAKE}&sid=${sid} HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n`;
      s.tcp.write(head + text.slice(0, 5));
      await Polling.open(t, s.port);
      await s.stopped(() => s.tcp.write(text.slice(5)), DEADLINE + 500);
      assert.match(await s.tcp.head(), /^HTTP\/1\.1 200 /);
      await s.end();
    });
  }

  test("goes on with an answer that its client has read in time (port)", async (t) => {
    const s = await scene(t, "port", { requestTimeout: DEADLINE, keepAliveTimeout: 60_000 });
    const { body } = await s.ask(GET);
    const { sid } = JSON.parse(body.slice(1));
    const path = `${HANDSHAKE}&sid=${sid}`;
    const post = (text) =>
      s.ask(`POST ${path} HTTP/1.1\r\n${HOST}Content-Length: ${text.length}\r\n\r\n${text}`);
    await post("40");
    await s.ask(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
    await post('42["much",16]');
    const slow = net.connect(s.port, "127.0.0.1");
    defer(t, () => slow.destroy());
    let received = 0;
    slow.on("data", (chunk) => {
      received += chunk.length;
    });
    await once(slow, "connect");
    slow.pause().write(`GET ${path} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    // More is to be sent than sockets hold.
    await until(() => slow.readableLength > 0, "the answer begins");
    await pause(300);
    const ended = once(slow, "end");
    await s.stopped(() => {
      slow.resume();
      return until(() => received > 100_000, "what the kernel had is read");
    }, DEADLINE + 500);
    await ended;
    assert.ok(received > 16 << 20);
    await s.end();
  });
});

test("announces keepAliveTimeout, and keeps idle connections a buffer longer (port)", async (t) => {
  const s = await scene(t, "port", { keepAliveTimeout: 50 });
  const began = performance.now();
  const { head } = await s.ask(GET);
  assert.match(head, /^Keep-Alive: timeout=0\r$/m);
  await s.tcp.rest();
  assert.ok(performance.now() - began >= 1000);
  await s.end();
});

const [major] = process.versions.node.split(".").map(Number);
const buffered = { skip: major < 22 && "an option of Node 22 and later" };
test("keeps idle connections keepAliveTimeoutBuffer longer (port)", buffered, async (t) => {
  const s = await scene(t, "port", { keepAliveTimeout: 50, keepAliveTimeoutBuffer: 60_000 });
  await s.ask(GET);
  await pause(1500);
  const { head } = await s.ask(GET);
  assert.match(head, /^HTTP\/1\.1 200 /);
  await s.end();
});
