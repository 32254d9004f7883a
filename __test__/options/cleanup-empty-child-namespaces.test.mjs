// cleanupEmptyChildNamespaces: whether a child of a dynamic namespace goes with its last socket.
// Children in general: lib/parent-namespace.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { ALL, eachSession } from "./support.mjs";

/** Names of the namespaces there are. */
const names = (io) => [...io._nsps.keys()];

eachSession(
  "with the option a child goes with its last socket, and comes back",
  async (_t, start, open) => {
    const { io, port } = await start({ cleanupEmptyChildNamespaces: true });
    const parent = io.of(/^\/room-\d$/);
    let closed = 0;
    io.on("new_namespace", (nsp) => {
      nsp.adapter.close = () => closed++;
    });
    for (let turn = 1; turn <= 2; turn++) {
      const [one, two] = [await open(port), await open(port)];
      await one.join("/room-1");
      await two.join("/room-1");
      await one.send("41/room-1,");
      await until(() => io._nsps.get("/room-1").sockets.size === 1);
      assert.equal(parent.children.size, 1);
      await two.send("41/room-1,");
      await until(() => parent.children.size === 0);
      assert.deepEqual(names(io), ["/"]);
      assert.equal(closed, turn);
    }
  },
  ALL,
);

eachSession("a closed connection empties its children", async (_t, start, open) => {
  const { io, port } = await start({ cleanupEmptyChildNamespaces: true });
  io.of(/^\/room-\d$/);
  const session = await open(port);
  for (let n = 0; n < 5; n++) await session.join(`/room-${n}`);
  assert.equal(io._nsps.size, 6);
  const conn = io.engine.clients[session.sid];
  const closing = once(conn, "close");
  conn.close(true);
  await closing;
  assert.deepEqual(names(io), ["/"]);
});

eachSession("a namespace that is no child stays", async (_t, start, open) => {
  const { io, port } = await start({ cleanupEmptyChildNamespaces: true });
  io.of("/fixed");
  const session = await open(port);
  await session.join("/fixed");
  await session.send("41/fixed,");
  await until(() => io.of("/fixed").sockets.size === 0);
  assert.deepEqual(names(io), ["/", "/fixed"]);
});

for (const given of [undefined, false, 0, null, ""]) {
  eachSession(`${JSON.stringify(given)}: a child stays`, async (_t, start, open) => {
    const { io, port } = await start({ cleanupEmptyChildNamespaces: given });
    io.of(/^\/room-\d$/);
    const session = await open(port);
    await session.join("/room-1");
    await session.send("41/room-1,");
    await until(() => io._nsps.get("/room-1").sockets.size === 0);
    assert.deepEqual(names(io), ["/", "/room-1"]);
  });
}

test("the option is read as a boolean, and always there", () => {
  for (const [given, held] of [
    [undefined, false],
    [0, false],
    ["", false],
    [1, true],
    ["no", true],
    [{}, true],
  ]) {
    const options = { cleanupEmptyChildNamespaces: given };
    new Server(options);
    assert.equal(options.cleanupEmptyChildNamespaces, held);
  }
  const none = {};
  new Server(none);
  assert.deepEqual(none, { cleanupEmptyChildNamespaces: false });
});
