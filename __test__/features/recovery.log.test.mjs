// The log of packets: what is kept, what goes first, and what is told of a loss.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { comeBack, guest, lose } from "../support/recovery.mjs";
import { beyond, isOracle, Server } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";

const require = createRequire(import.meta.url);
const { PacketLog } = isOracle ? {} : require("../../dist/packet-log.js");

const MANY = 1e9;

/** Adds packets called by their texts, at times 1, 2, 3 …; `to` and `except` are rooms. */
function fill(log, packets) {
  for (const { text, to = [], except = [] } of packets) {
    log.append({ time: log.last + 1, parts: [text], rooms: to, except });
  }
}

const texts = (entries) => entries?.map(({ parts }) => parts.join()) ?? null;
const numbered = (count, to) => Array.from({ length: count }, (_, i) => ({ text: `${i + 1}`, to }));

beyond("packets after a position, by room, in order, once", () => {
  const log = new PacketLog(MANY);
  fill(log, [
    { text: "all" },
    { text: "a", to: ["a"] },
    { text: "b", to: ["b"] },
    { text: "a and b", to: ["a", "b"] },
    { text: "not a", except: ["a"] },
    { text: "b, not a", to: ["b"], except: ["a"] },
    { text: "all again" },
  ]);
  const missed = (position, ...rooms) => texts(log.missed(position, rooms, 0));
  assert.deepEqual(missed(0, "a"), ["all", "a", "a and b", "all again"]);
  assert.deepEqual(missed(0, "b", "c"), ["all", "b", "a and b", "not a", "b, not a", "all again"]);
  assert.deepEqual(missed(0, "a", "b"), ["all", "a", "b", "a and b", "all again"]);
  assert.deepEqual(missed(0), ["all", "not a", "all again"]);
  assert.deepEqual(missed(4, "a", "b"), ["all again"]);
  assert.deepEqual(missed(7, "a", "b"), []);
});

beyond("beyond the bytes the oldest packets go first", () => {
  const log = new PacketLog(10_000);
  fill(log, numbered(1000));
  const kept = texts(log.missed(990, [], 0));
  assert.deepEqual(
    kept,
    numbered(1000)
      .slice(990)
      .map(({ text }) => text),
  );
  assert.equal(log.missed(0, [], 0), null);
  assert.ok(log.bytes <= 10_000);
  assert.ok(log.entries.size < 50);
});

beyond("a packet larger than the whole log is not kept, and is missed", () => {
  const log = new PacketLog(1000);
  fill(log, [{ text: "small" }, { text: "x".repeat(2000) }]);
  assert.equal(log.entries.size, 0);
  assert.equal(log.missed(1, [], 0), null);
  assert.deepEqual(log.missed(2, [], 0), []);
});

beyond("a loss concerns the rooms of the packet only", () => {
  const log = new PacketLog(MANY);
  fill(log, [
    { text: "1", to: ["a"] },
    { text: "2", to: ["b", "c"] },
    { text: "3", to: ["a"] },
  ]);
  assert.equal(log.expire(3, 100), false);
  assert.equal(log.missed(0, ["a"], 0), null);
  assert.equal(log.missed(0, ["c"], 0), null);
  assert.deepEqual(texts(log.missed(1, ["a"], 0)), ["3"]);
  assert.deepEqual(texts(log.missed(0, ["d"], 0)), []);
  // Whatever was sent before time 2 has arrived.
  assert.deepEqual(texts(log.missed(0, ["a"], 2)), ["3"]);
  assert.equal(log.missed(0, ["b"], 2), null);
});

beyond("a loss is forgotten in time", () => {
  const log = new PacketLog(MANY);
  fill(log, numbered(10, ["a"]));
  log.expire(100, 100);
  assert.equal(log.missed(0, ["a"], 0), null);
  assert.equal(log.empty, false);
  log.forget(100);
  assert.deepEqual(log.missed(0, ["a"], 0), []);
  assert.equal(log.empty, true);
});

beyond("expiry takes no more than it may at once", () => {
  const log = new PacketLog(MANY);
  fill(log, numbered(100));
  assert.equal(log.expire(51, 30), true);
  assert.equal(log.entries.size, 70);
  assert.equal(log.expire(51, 30), false);
  assert.equal(log.entries.size, 50);
});

beyond("rooms leave nothing behind but a bounded number of losses", () => {
  const log = new PacketLog(5_000);
  fill(
    log,
    Array.from({ length: 30_000 }, (_, i) => ({ text: "x", to: [`room ${i}`] })),
  );
  assert.ok(log.byRoom.size < 50);
  assert.ok(log.losses.size <= 10_000);
  // A packet whose rooms are forgotten counts for every room.
  assert.equal(log.missed(0, ["room -1"], 0), null);
  assert.deepEqual(log.missed(25_000, ["room -1"], 0), []);
  assert.equal(log.missed(25_000, ["room 29000"], 0), null);
});

beyond("the packets examined for a client do not grow with the log", () => {
  const log = new PacketLog(MANY);
  fill(log, numbered(100_000, ["busy"]));
  fill(log, [{ text: "mine", to: ["quiet"] }]);
  let looked = 0;
  const queue = log.byRoom.get("busy");
  queue.after = () => {
    looked++;
    return [];
  };
  assert.deepEqual(texts(log.missed(0, ["quiet"], 0)), ["mine"]);
  assert.equal(looked, 0);
  const after = [...log.entries.after(100_000)];
  assert.deepEqual(texts(after), ["mine"]);
});

beyond("maxLogBytes: a client that needs what was dropped is connected anew", async (t) => {
  const server = { connectionStateRecovery: { maxLogBytes: 20_000 } };
  const { io, socket, client, log } = await guest(t, { server });
  socket.join("a");
  await lose(socket, client);
  for (let i = 0; i < 200; i++) io.to("a").emit("too much", "x".repeat(100));
  const again = await comeBack(io, client);
  assert.equal(again.recovered, false);
  assert.equal(client.recovered, false);
  assert.notEqual(again.id, socket.id);
  assert.deepEqual(log, []);
});

beyond("maxLogBytes: a client that does not need it recovers", async (t) => {
  const server = { connectionStateRecovery: { maxLogBytes: 20_000 } };
  const { io, socket, client, log } = await guest(t, { server });
  for (let i = 0; i < 200; i++) io.emit("received", "x".repeat(100));
  await until(() => log.length === 200, "all of them");
  await lose(socket, client);
  for (let i = 0; i < 200; i++) io.to("other").emit("not for it", "x".repeat(100));
  io.emit("missed");
  assert.equal((await comeBack(io, client)).recovered, true);
  assert.deepEqual(log.slice(200), [["missed"]]);
});

beyond("maxLogBytes: wrong values", () => {
  for (const maxLogBytes of [-1, Number.NaN, "1000", null, {}]) {
    assert.throws(() => new Server({ connectionStateRecovery: { maxLogBytes } }), {
      name: typeof maxLogBytes === "number" ? "RangeError" : "TypeError",
      message:
        /^options\.connectionStateRecovery\.maxLogBytes must be a number of bytes from 0, got /,
    });
  }
  for (const maxLogBytes of [undefined, 0, 1, Number.POSITIVE_INFINITY]) {
    assert.ok(new Server({ connectionStateRecovery: { maxLogBytes } }));
  }
});
