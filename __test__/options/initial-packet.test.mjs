// initialPacket: a message right after the open packet.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { RS, request } from "../support/raw.mjs";
import { openFrames, opening, Tcp } from "../support/tcp.mjs";
import { ALL, eachServer, eachSession, POLLING } from "./support.mjs";

// option → the message, and how polling writes it
const PACKETS = [
  ["hello", "4hello", "4hello"],
  ["ü €", "4ü €", "4ü €"],
  ["x".repeat(70_000), `4${"x".repeat(70_000)}`, `4${"x".repeat(70_000)}`],
  [Buffer.from([1, 2, 3]), Buffer.from([1, 2, 3]), "bAQID"],
  [Uint8Array.of(4, 5).subarray(1), Buffer.from([5]), "bBQ=="],
  [Uint8Array.of(1, 2).buffer, Buffer.from([1, 2]), "bAQI="],
  [new DataView(Uint8Array.of(1, 2, 3).buffer, 1, 1), Buffer.from([2]), "bAg=="],
  [Uint16Array.of(257), Buffer.from([1, 1]), "bAQE="],
  // whatever else there is becomes text
  [5, "45", "45"],
  [true, "4true", "4true"],
  [["a", 1], "4a,1", "4a,1"],
];
for (const [initialPacket, message, coded] of PACKETS) {
  const title = `initialPacket: ${initialPacket.constructor.name} ${message.length}`;
  eachSession(
    title,
    async (_t, start, open, transport) => {
      const { port } = await start({ initialPacket });
      const session = await open(port);
      if (transport === "polling") assert.equal(session.opening.text.split(RS)[1], coded);
      const got = await session.next();
      assert.deepEqual(got, message);
      await session.join();
    },
    ALL,
  );
}

for (const initialPacket of [undefined, null, "", 0, false]) {
  eachSession(
    `initialPacket: ${JSON.stringify(initialPacket)} is none`,
    async (_t, start, open) => {
      const { port } = await start({ initialPacket });
      await (await open(port)).join();
    },
  );
}

eachServer("on polling it is part of the handshake's answer", async (_t, start) => {
  const { port } = await start({ initialPacket: "hello" });
  const { text, headers } = await request(port, POLLING);
  const [open, ...rest] = text.split(RS);
  assert.match(open, /^0\{"sid":.*\}$/);
  assert.deepEqual(rest, ["4hello"]);
  assert.equal(headers["content-length"], String(text.length));
});

eachServer("on a websocket it is a frame of its own", async (t, start) => {
  const { port } = await start({ initialPacket: "hello" });
  const tcp = await openFrames(t, port);
  const { opcode, payload } = await tcp.frame();
  assert.deepEqual([opcode, payload.toString()], [1, "4hello"]);
  const binary = await start({ initialPacket: Buffer.from([9]) });
  const other = await Tcp.open(t, binary.port);
  other.write(opening());
  await other.head();
  await other.frame();
  const second = await other.frame();
  assert.deepEqual([second.opcode, [...second.payload]], [2, [9]]);
});

eachServer("each connection gets it, upgraded ones once", async (t, start) => {
  const { io, port } = await start({ initialPacket: '0{"x":1}' });
  const seen = [];
  for (const transports of [["websocket"], ["polling", "websocket"]]) {
    const one = client(t, port, { transports });
    one.io.engine.on("message", (data) => seen.push(data));
    // it is no packet a Socket.IO client knows
    one.io.on("error", () => {});
    await connected(one).catch(() => {});
  }
  assert.equal(seen.filter((data) => data === '0{"x":1}').length, 2);
  assert.ok(io.engine.clientsCount <= 2);
});
