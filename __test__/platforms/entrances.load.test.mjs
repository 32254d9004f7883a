// The same load over every way bytes arrive: nothing lost, nothing reordered, input in bounds.
import assert from "node:assert/strict";
import { connected } from "../support/clients.mjs";
import { secureTest, secureWire, serveSecure } from "../support/secure.mjs";
import { frame } from "../support/tcp.mjs";
import { deferred, HANG, until } from "../support/wait.mjs";
import { WAYS } from "../support/ways.mjs";
import { joinByHand } from "../support/wire.mjs";
import { ENTRANCES } from "./entrances.mjs";

const CLIENTS = 100;
const MESSAGES = 200;
// A busy machine may need long for a hundred upgrades.
const PATIENT = { upgradeTimeout: HANG, pingTimeout: HANG };
const NUMBERS = Array.from({ length: MESSAGES }, (_, n) => n);

/** Every tenth message carries binary, so that both kinds of frames keep their common order. */
const extra = (n) => (n % 10 ? `text ${n}` : Buffer.from([n]));

/** Every fourth message asks for an answer: half of the binary ones do. */
const isAsked = (n) => n % 4 === 0;
const ASKED = NUMBERS.filter(isAsked);

/** One end of a connection: the numbers that arrived, and the numbers that were answered. */
function ledger(emitter) {
  const book = { emitter, seen: [], answered: [] };
  emitter.on("n", (n, given, answer) => {
    assert.deepEqual(given, extra(n));
    book.seen.push(n);
    answer?.(n, given);
  });
  return book;
}

/** Sends all numbers, in bursts with a turn of the loop between them. */
async function sendAll({ emitter, answered }) {
  for (const n of NUMBERS) {
    const answer = (again, given) => {
      assert.deepEqual([again, given], [n, extra(n)]);
      answered.push(n);
    };
    emitter.emit("n", n, extra(n), ...(isAsked(n) ? [answer] : []));
    if (n % 20 === 19) await new Promise(setImmediate);
  }
}

for (const [entrance, { test, serve, client }] of Object.entries(ENTRANCES)) {
  for (const way of ["websocket", "default"]) {
    const title = `${CLIENTS} clients × ${MESSAGES} messages each way, ${entrance}`;
    test(`${title} [${way}]`, async (t) => {
      const served = await serve(t, PATIENT);
      const there = [];
      served.io.on("connection", (socket) => {
        const book = ledger(socket);
        there.push(book);
        sendAll(book);
      });
      const here = await Promise.all(
        Array.from({ length: CLIENTS }, async () => {
          const one = client(t, served, WAYS[way]);
          const book = ledger(one);
          await connected(one);
          sendAll(book);
          return book;
        }),
      );
      const full = ({ seen, answered }) =>
        seen.length >= MESSAGES && answered.length >= ASKED.length;
      await until(() => [...here, ...there].every(full), "every message and answer arrives");
      assert.equal(there.length, CLIENTS);
      for (const { seen, answered } of [...here, ...there]) {
        assert.deepEqual(seen, NUMBERS);
        assert.deepEqual(answered, ASKED);
      }
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
