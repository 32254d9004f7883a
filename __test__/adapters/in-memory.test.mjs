// Adapters that others write for one process: on the base class of the companion package, on the
// server's own class, with a delivery of their own. All flags reach all clients, byte for byte.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { join } from "../support/clients.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

const { Adapter } = createRequire(import.meta.url)("socket.io-adapter");
const Default = new Server().adapter();

/** The sockets that a broadcast is for, found by the adapter's own maps. */
function* audience({ nsp, rooms, sids }, { rooms: to, except }) {
  const members = to.size ? [...to].flatMap((room) => [...(rooms.get(room) ?? [])]) : sids.keys();
  const out = [...(except ?? [])].flatMap((room) => [...(rooms.get(room) ?? [])]);
  for (const id of new Set(members)) {
    if (nsp.sockets.has(id) && !out.includes(id)) yield nsp.sockets.get(id);
  }
}

/** Encodes once and hands `send(socket, encoded, options)` every socket of the audience. */
const delivering = (send) =>
  class extends Adapter {
    broadcast(packet, options) {
      packet.nsp = this.nsp.name;
      const encoded = this.encoder.encode(packet);
      const { volatile, compress } = options.flags ?? {};
      for (const socket of audience(this, options)) {
        send(socket, encoded, { preEncoded: true, volatile, compress });
      }
    }
  };

const CLASSES = {
  "the base class": class extends Adapter {},
  "the server's own class": class extends Default {},
  "delivery by client.writeToEngine": delivering((socket, encoded, options) =>
    socket.client.writeToEngine(encoded, options),
  ),
  "delivery by client.writeToEngine, part by part": delivering((socket, encoded, options) => {
    for (const part of encoded) socket.client.writeToEngine(part, options);
  }),
  "delivery by socket.packet": delivering((socket, encoded, options) =>
    socket.packet(encoded, options),
  ),
};

/** A test for each class; `fn(t, served)` gets a server with it, as from `serve`. */
function eachClass(title, fn) {
  for (const [name, adapter] of Object.entries(CLASSES)) {
    test(`${title}: ${name}`, async (t) => {
      const served = await serve(t, { adapter });
      assert.ok(served.io.sockets.adapter instanceof adapter);
      await fn(t, served);
    });
  }
}

/** Raw clients of both transports in the main namespace, with their sockets on the server. */
async function both(t, { io, port }) {
  const sessions = [await Polling.open(t, port), await Ws.open(t, port)];
  const sockets = [];
  for (const session of sessions) sockets.push(io.sockets.sockets.get(await session.join()));
  return { sessions, sockets };
}

eachClass("exact bytes of text and binary events", async (t, served) => {
  const { sessions } = await both(t, served);
  const { io } = served;
  const bytes = Buffer.from([0, 1, 0x1e, 0xff]);
  io.emit("text", "ü€😀", 1, null);
  io.compress(false).emit("bytes", bytes, { deep: [bytes] });
  io.local.emit("end");
  for (const session of sessions) {
    assert.equal(await session.next(), '42["text","ü€😀",1,null]');
    assert.equal(
      await session.next(),
      '452-["bytes",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]',
    );
    assert.deepEqual([await session.next(), await session.next()], [bytes, bytes]);
    assert.equal(await session.next(), '42["end"]');
  }
});

eachClass("selects by rooms, exceptions and sender", async (t, served) => {
  const { sessions, sockets } = await both(t, served);
  const { io } = served;
  const [polling, websocket] = sockets;
  polling.join(["a", "b"]);
  websocket.join("b");
  io.to("a").emit("to a");
  io.to("b").except("a").emit("to b but a");
  io.in(["a", "b"]).emit("to a and b");
  polling.to("b").emit("from polling");
  websocket.broadcast.emit("from websocket");
  io.to(websocket.id).emit("to websocket");
  io.to("c").emit("to nobody");
  io.emit("end");
  const expected = [
    ["to a", "to a and b", "from websocket", "end"],
    ["to b but a", "to a and b", "from polling", "to websocket", "end"],
  ];
  for (const [i, session] of sessions.entries()) {
    for (const event of expected[i]) assert.equal(await session.next(), `42["${event}"]`);
  }
});

eachClass("volatile leaves out who cannot be written to", async (t, served) => {
  const { sessions, sockets } = await both(t, served);
  const { io } = served;
  await until(() => sockets[1].conn.transport.writable, "the WebSocket can be written to");
  // nobody polls: the polling client cannot be written to
  io.volatile.emit("missed");
  io.emit("kept");
  assert.equal(await sessions[0].next(), '42["kept"]');
  assert.equal(await sessions[1].next(), '42["missed"]');
  assert.equal(await sessions[1].next(), '42["kept"]');
  const { answer } = await sessions[0].hold(sockets[0].conn);
  io.volatile.emit("now");
  assert.equal((await answer).text, '42["now"]');
});

eachClass("acknowledgements of a broadcast", async (t, { io, port }) => {
  const { client: one } = await join(t, io, port, { transports: ["polling"] });
  const { client: two } = await join(t, io, port);
  one.on("ask", (value, answer) => answer(["one", value]));
  two.on("ask", (value, answer) => answer(["two", value]));
  const bytes = Buffer.from([1, 2]);
  const answers = await io.timeout(10_000).emitWithAck("ask", bytes);
  assert.deepEqual(
    answers.sort(([a], [b]) => a.localeCompare(b)),
    [
      ["one", bytes],
      ["two", bytes],
    ],
  );
});

eachClass("sockets that go are not delivered to", async (t, served) => {
  const { sessions, sockets } = await both(t, served);
  const gone = once(sockets[0], "disconnect");
  sockets[0].disconnect(true);
  await gone;
  served.io.emit("end");
  assert.equal(await sessions[1].next(), '42["end"]');
  assert.deepEqual([...served.io.sockets.adapter.sids.keys()], [sockets[1].id]);
});

test("the base class asks each socket: listeners first, then client.writeToEngine", async (t) => {
  const served = await serve(t, { adapter: CLASSES["the base class"] });
  const { sessions, sockets } = await both(t, served);
  const calls = [];
  for (const [i, socket] of sockets.entries()) {
    const { client } = socket;
    const { writeToEngine } = client;
    socket.onAnyOutgoing((...event) => calls.push([i, "listener", ...event]));
    client.writeToEngine = (encoded, options) => {
      const { preEncoded, volatile, compress } = options;
      calls.push([i, "write", encoded, { preEncoded, volatile, compress }]);
      writeToEngine.call(client, encoded, options);
    };
  }
  served.io.compress(false).emit("e", 1);
  const options = { preEncoded: true, volatile: undefined, compress: false };
  assert.deepEqual(
    calls,
    [0, 1].flatMap((i) => [
      [i, "listener", "e", 1],
      [i, "write", ['2["e",1]'], options],
    ]),
  );
  for (const session of sessions) assert.equal(await session.next(), '42["e",1]');
});

test("an adapter that changes the packet on its way", async (t) => {
  class Stamping extends Default {
    broadcast(packet, options) {
      super.broadcast({ ...packet, data: [...packet.data, "stamp"] }, options);
    }
  }
  const served = await serve(t, { adapter: Stamping });
  const { sessions } = await both(t, served);
  served.io.emit("e", 1);
  for (const session of sessions) assert.equal(await session.next(), '42["e",1,"stamp"]');
});

test("an adapter that delivers later, on a bus of its own", async (t) => {
  class Later extends Adapter {
    broadcast(packet, options) {
      packet.nsp = this.nsp.name;
      const copy = structuredClone({ packet, options });
      setImmediate(() => super.broadcast(copy.packet, copy.options));
    }
  }
  const served = await serve(t, { adapter: Later });
  const { sessions, sockets } = await both(t, served);
  sockets[0].join("a");
  served.io.to("a").emit("to a");
  served.io.emit("end", { deep: [1] });
  assert.equal(await sessions[0].next(), '42["to a"]');
  for (const session of sessions) assert.equal(await session.next(), '42["end",{"deep":[1]}]');
});
