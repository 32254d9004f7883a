// The same load over every way bytes arrive: nothing lost, nothing reordered, input in bounds.
import assert from "node:assert/strict";
import { connected } from "../support/clients.mjs";
import { LINES } from "../support/lines.mjs";
import { secureTest, secureWire, serveSecure } from "../support/secure.mjs";
import { frame } from "../support/tcp.mjs";
import { deferred, until } from "../support/wait.mjs";
import { WAYS } from "../support/ways.mjs";
import { joinByHand } from "../support/wire.mjs";

const CLIENTS = 100;
const MESSAGES = 200;
const NUMBERS = Array.from({ length: MESSAGES }, (_, n) => n);

/** Every tenth message carries binary, so that both kinds of frames keep their common order. */
const extra = (n) => (n % 10 ? `text ${n}` : Buffer.from([n]));

/** Numbers that arrived, each checked against what it came with. */
function ledger(emitter) {
  const seen = [];
  emitter.on("n", (n, given) => {
    assert.deepEqual(given, extra(n));
    seen.push(n);
  });
  return seen;
}

/** Sends all numbers, in bursts with a turn of the loop between them. */
async function sendAll(emitter) {
  for (const n of NUMBERS) {
    emitter.emit("n", n, extra(n));
    if (n % 20 === 19) await new Promise(setImmediate);
  }
}

for (const [line, { test, serve, client }] of Object.entries(LINES)) {
  for (const way of ["websocket", "default"]) {
    const title = `${CLIENTS} clients × ${MESSAGES} messages each way, ${line}`;
    test(`${title} [${way}]`, async (t) => {
      const { io, port } = await serve(t);
      const there = [];
      io.on("connection", (socket) => {
        there.push(ledger(socket));
        sendAll(socket);
      });
      const here = await Promise.all(
        Array.from({ length: CLIENTS }, async () => {
          const one = client(t, port, WAYS[way]);
          const seen = ledger(one);
          await connected(one);
          sendAll(one);
          return seen;
        }),
      );
      const all = () => [...here, ...there];
      await until(() => all().every((seen) => seen.length >= MESSAGES), "every message arrives");
      assert.equal(there.length, CLIENTS);
      for (const seen of all()) assert.deepEqual(seen, NUMBERS);
    });
  }
}

secureTest("a flood is not read much faster than it is dispatched", async (t) => {
  const { io, port } = await serveSecure(t);
  const size = 16 << 10;
  const count = 512;
  const wires = 16;
  const total = wires * count;
  let dispatched = 0;
  let backlog = 0;
  const done = deferred("the end of the flood");
  const bytesRead = () =>
    [...io.sockets.sockets.values()].reduce(
      (sum, { request }) => sum + request.socket.bytesRead,
      0,
    );
  io.on("connection", (socket) => {
    socket.on("n", () => {
      dispatched++;
      for (const end = performance.now() + 0.3; performance.now() < end; );
      if (dispatched % 64 === 0) backlog = Math.max(backlog, bytesRead() - dispatched * size);
      if (dispatched === total) done.resolve();
    });
  });
  const message = frame(1, `42["n","${"x".repeat(size)}"]`);
  const open = await Promise.all(
    Array.from({ length: wires }, async () => {
      const wire = await secureWire(t, port);
      await joinByHand(wire);
      return wire;
    }),
  );
  for (const { socket } of open) {
    let left = count;
    const send = () => {
      while (left-- > 0) if (!socket.write(message)) return void socket.once("drain", send);
    };
    send();
  }
  await done.promise;
  const mebibytes = backlog / (1 << 20);
  assert.ok(mebibytes < 48, `${mebibytes.toFixed(1)} MiB were read and not dispatched`);
});
