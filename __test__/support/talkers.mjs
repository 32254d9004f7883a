// Hostile clients over both transports, for attacks that are packets.
import assert from "node:assert/strict";
import { frame } from "./tcp.mjs";

const asFrame = (packet) => frame(typeof packet === "string" ? 1 : 2, packet);
const asPolled = (packet) =>
  typeof packet === "string" ? packet : `b${packet.toString("base64")}`;

async function overWebSocket(a) {
  const ws = await a.websocket();
  return {
    ws,
    transport: "websocket",
    join: (nsp, auth) => ws.join(nsp, auth),
    /** Sends text packets and Buffers, all at once. */
    send: (...packets) => ws.write(Buffer.concat(packets.map(asFrame))),
    /** The next text packet; null once the session has ended. */
    next: () => ws.nextText(),
    /** The next packet that answers a CONNECT. */
    async joined() {
      for (;;) {
        const text = await ws.nextText();
        if (text === null || text.startsWith("4")) return text;
      }
    },
    /** Waits until the client has been told of the end of its session. */
    async closed() {
      assert.equal(await ws.closure(), null);
    },
    leave: () => ws.destroy(),
  };
}

async function overPolling(a) {
  const session = await a.polling();
  const next = async () => {
    while (session.queue.length === 0) {
      const { status, text } = await session.get();
      if (status !== 200) return null;
      session.queue.push(...text.split("\x1e"));
    }
    const packet = session.queue.shift();
    if (packet === "1") return null;
    if (packet !== "2" && packet !== "6") return packet;
    if (packet === "2") await session.post("3");
    return next();
  };
  return {
    session,
    transport: "polling",
    join: (nsp, auth) => session.join(nsp, auth && JSON.parse(auth)),
    async send(...packets) {
      assert.equal((await session.post(packets.map(asPolled).join("\x1e"))).text, "ok");
    },
    next,
    joined: next,
    async closed() {
      const last = await session.get();
      // The session may be gone already, or wait for this poll to say so; or the poll was there first.
      if (last.status === 200) assert.ok(["1", "6\x1e1"].includes(last.text), last.text);
      else assert.equal(JSON.parse(last.text).code, 1);
    },
    leave: () => session.post("1"),
  };
}

/** Calls `attack(talker)` with a client over WebSocket, and then with one over polling. */
export async function eachTalker(a, attack) {
  for (const open of [overWebSocket, overPolling]) await attack(await open(a));
}

/**
 * A joined client sends `packets`, over both transports, and is thrown out: an `error` event with
 * `message` (none if it is null), and no event for the application but those named "first".
 */
export function throwsOut(a, packets, message) {
  return eachTalker(a, async (client) => {
    const id = await client.join();
    const late = client.transport === "websocket" ? ['42["late"]'] : [];
    await client.send(...packets, ...late);
    await client.closed();
    const account = await a.gone(id);
    assert.match(account.reason, /^forced (server )?close$/);
    assert.deepEqual(
      account.events.filter(([name]) => name !== "first"),
      [],
    );
    assert.deepEqual(
      account.errors.map((error) => error.message),
      message === null ? [] : [message],
    );
  });
}

/** A client that is served still: an acknowledged event comes back. */
export async function isServed(client) {
  await client.send('4277["echo","there?"]');
  for (let text = await client.next(); text !== '4377["there?"]'; text = await client.next()) {
    assert.notEqual(text, null, "the session has ended");
  }
}
