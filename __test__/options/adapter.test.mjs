// adapter: what keeps rooms and delivers broadcasts.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { differs, Server } from "../support/subject.mjs";
import { ALL, eachServer, eachSession } from "./support.mjs";

const { Adapter } = createRequire(import.meta.url)("socket.io-adapter");

eachSession(
  "a class: one for each namespace, asked about everything",
  async (_t, start, open) => {
    const calls = [];
    class Spy extends Adapter {
      constructor(nsp) {
        super(nsp);
        calls.push(["new", nsp.name]);
      }
      init() {
        calls.push(["init"]);
      }
      addAll(id, rooms) {
        calls.push(["addAll", id, [...rooms]]);
        super.addAll(id, rooms);
      }
      broadcast(packet, opts) {
        calls.push(["broadcast", packet.data, [...opts.rooms]]);
        super.broadcast(packet, opts);
      }
      delAll(id) {
        calls.push(["delAll", id]);
        super.delAll(id);
      }
    }
    const { io, port } = await start({ adapter: Spy });
    assert.deepEqual(calls.splice(0), [["new", "/"], ["init"]]);
    io.of("/other");
    assert.deepEqual(calls.splice(0), [["new", "/other"], ["init"]]);
    const session = await open(port);
    const sid = await session.join();
    const [socket] = io.sockets.sockets.values();
    socket.join("room");
    io.to("room").emit("a", 1);
    assert.equal(await session.next(), '42["a",1]');
    socket.disconnect();
    assert.deepEqual(calls, [
      ["addAll", sid, [sid]],
      ["addAll", sid, ["room"]],
      ["broadcast", ["a", 1], ["room"]],
      ["delAll", sid],
    ]);
  },
  ALL,
);

eachSession("a function that returns an adapter", async (_t, start, open) => {
  const made = [];
  const { io, port } = await start({
    adapter: function adapter(nsp) {
      made.push(nsp.name);
      return new Adapter(nsp);
    },
  });
  io.of("/other");
  assert.deepEqual(made, ["/", "/other"]);
  const session = await open(port);
  await session.join();
  io.emit("a");
  assert.equal(await session.next(), '42["a"]');
});

eachServer("constructs the adapter before the namespace is returned", async (_t, start) => {
  let seen;
  const { io } = await start({
    adapter: function adapter(nsp) {
      seen = { sockets: nsp.server.sockets, mine: nsp.server._nsps.size };
      return new Adapter(nsp);
    },
  });
  assert.deepEqual(seen, { sockets: undefined, mine: 0 });
  assert.ok(io.sockets.adapter);
});

// no constructors
const WRONG = {
  "an arrow function": (nsp) => new Adapter(nsp),
  "an async function": async (nsp) => new Adapter(nsp),
  "an object": {},
  "a string": "redis",
  "a number": 5,
  "a symbol": Symbol("adapter"),
};
for (const [title, adapter] of Object.entries(WRONG)) {
  test(`${title} is no adapter`, () => {
    assert.throws(() => new Server({ adapter }), {
      name: "TypeError",
      message: differs(/is not a constructor/, /^options\.adapter must be a class, /),
    });
  });
}

test("new Server throws what the constructor of the adapter throws", () => {
  function adapter() {
    throw new RangeError("no room");
  }
  assert.throws(() => new Server({ adapter }), { name: "RangeError", message: "no room" });
});

for (const adapter of [undefined, null, false, 0, ""]) {
  test(`adapter: ${JSON.stringify(adapter)} is the one in memory`, () => {
    const io = new Server({ adapter });
    assert.ok(io.sockets.adapter instanceof Adapter);
    assert.equal(io.adapter(), io.sockets.adapter.constructor);
  });
}

eachSession("io.adapter() while running: newcomers get the new one", async (_t, start, open) => {
  const { io, port } = await start();
  const before = await open(port);
  await before.join();
  class Mine extends Adapter {}
  io.adapter(Mine);
  const after = await open(port);
  const sid = await after.join();
  assert.ok(io.sockets.adapter instanceof Mine);
  assert.deepEqual([...io.sockets.adapter.sids.keys()], [sid]);
  io.emit("a");
  assert.equal(await after.next(), '42["a"]');
});
