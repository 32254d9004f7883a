// A session ends, or moves to a WebSocket, while one of its POSTs is half received: the POST is
// given up, its connection closed without an answer, and nobody waits for the rest of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { Tcp } from "../support/tcp.mjs";
import { once, until, within } from "../support/wait.mjs";

const ABORTED = "data request connection closed prematurely";

/** A session of which half a POST has been received, in a server of this form. */
async function scene(t, form, { polls = false, ...options } = {}) {
  const { io, port } = await SERVE[form](t, options);
  const joined = once(io, "connection");
  const session = await Polling.open(t, port);
  await session.send("40");
  await session.next();
  const [socket] = await joined;
  const poll = polls ? (await session.hold(socket.conn)).answer : undefined;
  const tcp = await Tcp.open(t, port);
  tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n42["x`);
  // Other requests, which came later, are answered: that one is under way.
  for (const path of ["/elsewhere", "/socket.io/?EIO=4&transport=polling"]) {
    await request(port, path);
  }
  const closed = once(socket.conn, "close");
  /** The reason of the session's end, and what its description says. */
  const end = async () => {
    const [reason, description] = await closed;
    return [reason, description?.message];
  };
  return { io, port, session, socket, conn: socket.conn, poll, tcp, end };
}

for (const form of FORMS) {
  for (const [title, close, reason] of [
    ["conn.close()", ({ conn }) => conn.close(), "transport error"],
    ["conn.close(true)", ({ conn }) => conn.close(true), "forced close"],
    ["transport.close()", ({ conn }) => conn.transport.close(), "transport error"],
    ["engine.close()", ({ io }) => io.engine.close(), "forced close"],
  ]) {
    test(`${title} gives up a POST in progress (${form})`, async (t) => {
      const s = await scene(t, form);
      close(s);
      assert.equal(await s.tcp.rest(), "");
      const description = reason === "transport error" ? ABORTED : undefined;
      assert.deepEqual(await s.end(), [reason, description]);
      const { status, text } = await s.session.get();
      assert.equal(status, 400);
      assert.deepEqual(JSON.parse(text), { code: 1, message: "Session ID unknown" });
    });
  }

  for (const [title, close, reason] of [
    ["conn.close()", ({ conn }) => conn.close(), "forced close"],
    ["conn.close(true)", ({ conn }) => conn.close(true), "forced close"],
    ["transport.close()", ({ conn }) => conn.transport.close(), "transport close"],
  ]) {
    test(`${title} with a poll gives up a POST in progress (${form})`, async (t) => {
      const s = await scene(t, form, { polls: true });
      close(s);
      assert.equal(await s.tcp.rest(), "");
      assert.equal((await s.poll).text, "1");
      assert.deepEqual(await s.end(), [reason, undefined]);
    });
  }

  test(`socket.disconnect(true) delivers its packet before the POST is given up (${form})`, async (t) => {
    const s = await scene(t, form);
    s.socket.disconnect(true);
    assert.equal((await s.session.get()).text, "41");
    assert.equal(await s.tcp.rest(), "");
    assert.deepEqual(await s.end(), ["transport error", ABORTED]);
  });

  test(`a POST goes on while what was sent before the end waits (${form})`, async (t) => {
    const s = await scene(t, form);
    s.socket.disconnect(true);
    s.tcp.write('aaaaaaaaaaaaa"]');
    assert.match(await s.tcp.head(), /^HTTP\/1\.1 200 /);
    assert.equal((await s.session.get()).text, "41");
  });

  test(`io.close() calls back though a POST is half received (${form})`, async (t) => {
    const s = await scene(t, form);
    await within(new Promise((resolve) => s.io.close(resolve)), "the server to close");
    assert.equal(await s.tcp.rest(), "");
    assert.deepEqual(await s.end(), ["forced close", undefined]);
  });

  test(`the end of a heartbeat gives up a POST in progress (${form})`, async (t) => {
    const s = await scene(t, form, { pingInterval: 1500, pingTimeout: 500 });
    assert.equal(await s.tcp.rest(), "");
    assert.deepEqual(await s.end(), ["ping timeout", undefined]);
  });

  test(`an upgrade gives up a POST in progress (${form})`, async (t) => {
    const s = await scene(t, form);
    const ws = await Ws.open(t, s.port, { query: `&sid=${s.session.sid}` });
    await ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    await ws.send("5");
    assert.equal(await s.tcp.rest(), "");
    await until(() => s.conn.upgraded, "the session has moved");
    s.socket.emit("hello");
    assert.equal(await ws.next(), '42["hello"]');
    assert.equal(s.conn.readyState, "open");
  });
}
