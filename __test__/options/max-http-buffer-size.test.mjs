// maxHttpBufferSize: the largest message and the largest request body.
import assert from "node:assert/strict";
import { Polling, Ws } from "../support/raw.mjs";
import { once } from "../support/wait.mjs";
import { ALL, eachServer, eachSession } from "./support.mjs";

/** An engine that keeps the messages it gets. */
function record(io) {
  const messages = [];
  io.engine.on("connection", (conn) => conn.on("message", (data) => messages.push(data)));
  return messages;
}

/** A Socket.IO event that is `size` bytes as a packet of the engine. */
const event = (size, unit = "x") => {
  const room = size - '42["a",""]'.length;
  const units = unit.repeat(Math.floor(room / Buffer.byteLength(unit)));
  return `42["a","${units}${"x".repeat(room - Buffer.byteLength(units))}"]`;
};

for (const [limit, unit] of [
  [100, "x"],
  [1000, "€"],
  [70_000, "x"],
]) {
  eachServer(
    `maxHttpBufferSize: ${limit}: a body of "${unit}" up to the limit, in bytes`,
    async (t, start) => {
      const { io, port } = await start({ maxHttpBufferSize: limit });
      const session = await Polling.open(t, port);
      assert.equal(session.handshake.maxPayload, limit);
      await session.join();
      const [socket] = io.sockets.sockets.values();
      const arriving = once(socket, "a");
      await session.send(event(limit, unit));
      const [text] = await arriving;
      assert.equal(Buffer.byteLength(text), limit - '42["a",""]'.length);
      const leaving = once(socket, "disconnect");
      const refused = await session.post(event(limit + 1, unit)).catch((error) => error);
      // The connection ends at once: a client that is still writing may miss the answer.
      if (refused.code !== "ECONNRESET") {
        assert.deepEqual([refused.status, refused.text], [413, ""]);
      }
      const [reason, { message }] = await leaving;
      assert.deepEqual([reason, message], ["transport error", "payload too large"]);
      assert.equal((await session.post('42["a","after"]')).status, 400);
    },
    ALL,
  );

  eachServer(
    `maxHttpBufferSize: ${limit}: a message of "${unit}" up to the limit, in bytes`,
    async (t, start) => {
      const { io, port } = await start({ maxHttpBufferSize: limit });
      const session = await Ws.open(t, port);
      await session.join();
      const [socket] = io.sockets.sockets.values();
      const arriving = once(socket, "a");
      await session.send(event(limit, unit));
      await arriving;
      const leaving = once(socket, "disconnect");
      await session.send(event(limit + 1, unit));
      assert.equal((await session.closed).code, 1009);
      assert.equal((await leaving)[0], "transport error");
    },
    ALL,
  );
}

eachServer("binary messages and messages in fragments count whole", async (t, start) => {
  const { port } = await start({ maxHttpBufferSize: 1000 });
  for (const send of [
    (ws) => ws.send(Buffer.alloc(1001)),
    (ws) => {
      ws.send("4".padEnd(600, "x"), { fin: false });
      ws.send("y".repeat(401), { fin: true });
    },
  ]) {
    const session = await Ws.open(t, port);
    send(session.ws);
    assert.equal((await session.closed).code, 1009);
  }
});

eachSession("the limit is for what comes in alone", async (_t, start, open) => {
  const { io, port } = await start({ maxHttpBufferSize: 50 });
  const session = await open(port);
  await session.join();
  io.emit("a", "x".repeat(5000));
  assert.equal((await session.next()).length, 5000 + '42["a",""]'.length);
});

eachSession("maxHttpBufferSize: Infinity has no limit", async (_t, start, open) => {
  const { io, port } = await start({ maxHttpBufferSize: Number.POSITIVE_INFINITY });
  const messages = record(io);
  const session = await open(port);
  assert.equal(session.handshake.maxPayload, null);
  await session.join();
  const size = 3_000_000;
  const connected = [...io.sockets.sockets.values()][0];
  const arriving = once(connected, "a");
  await session.send(event(size));
  await arriving;
  assert.equal(messages.at(-1).length, size - 1);
});

eachServer("maxHttpBufferSize: 0 takes no body, and any message", async (t, start) => {
  const { io, port } = await start({ maxHttpBufferSize: 0 });
  const polling = await Polling.open(t, port);
  assert.equal(polling.handshake.maxPayload, 0);
  assert.equal((await polling.post("40")).status, 413);
  const session = await Ws.open(t, port);
  await session.join();
  const arriving = once([...io.sockets.sockets.values()][0], "a");
  await session.send(event(2_000_000));
  await arriving;
});

eachServer("the default is a million bytes", async (t, start) => {
  const { port } = await start();
  const polling = await Polling.open(t, port);
  assert.equal((await polling.post(`4${"x".repeat(1e6)}`)).status, 413);
  const session = await Ws.open(t, port);
  await session.join();
  await session.send(event(1e6));
  await session.send('42["alive"]', event(1e6 + 1));
  assert.equal((await session.closed).code, 1009);
});
