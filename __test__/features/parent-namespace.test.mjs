// Dynamic namespaces from the application's side: handlers, broadcasts, what has no effect.
import assert from "node:assert/strict";
import { eachPair, take } from "./support.mjs";

/** A pair whose client is in two children of a RegExp parent. */
async function withChildren(connect) {
  const pair = await connect();
  const parent = pair.io.of(/^\/d\d$/);
  for (const nsp of ["/d1", "/d2"]) await pair.session.join(nsp);
  return { ...pair, parent };
}

/** The packets of an event in both children. */
const both = (json) => [`42/d1,${json}`, `42/d2,${json}`];

eachPair(
  "the handler of of(): for clients, not for of() of a matching name",
  async (_t, connect) => {
    const { io, session } = await connect();
    const seen = [];
    const parent = io.of(/^\/h/, (socket) => seen.push(socket.nsp.name));
    assert.equal(parent.listenerCount("connect"), 1);
    await session.join("/h1");
    io.of("/h2", () => seen.push("dropped"));
    await session.join("/h2");
    assert.deepEqual(seen, ["/h1", "/h2"]);
    // a namespace that exists takes the handler
    io.of("/h1", () => {});
    assert.equal(io.of("/h1").listenerCount("connect"), 2);
  },
);

eachPair("the handler of a function parent", async (_t, connect) => {
  const { io, session } = await connect();
  const seen = [];
  const parent = io.of(
    (name, _auth, next) => next(null, name === "/fn"),
    (socket) => seen.push(socket.nsp.name),
  );
  await session.join("/fn");
  assert.deepEqual(seen, ["/fn"]);
  assert.deepEqual([...parent.children], [io.of("/fn")]);
  await session.send("40/fm,");
  assert.equal(await session.next(), '44/fm,{"message":"Invalid namespace"}');
});

eachPair("emit, send and write on a parent", async (_t, connect) => {
  const { parent, session } = await withChildren(connect);
  assert.equal(parent.emit("e", 1), true);
  assert.deepEqual(await take(session, 2), both('["e",1]'));
  assert.equal(parent.send("s"), parent);
  assert.equal(parent.write("w"), parent);
  assert.deepEqual(await take(session, 4), [
    ...both('["message","s"]'),
    ...both('["message","w"]'),
  ]);
});

eachPair("operators of a parent reach its children", async (_t, connect) => {
  const { io, parent, session } = await withChildren(connect);
  for (const socket of io.of("/d1").sockets.values()) socket.join("room");
  parent.to("room").emit("to");
  parent.in("room").emit("in");
  parent.except("room").emit("except");
  parent.to("nobody").emit("nobody");
  parent.local.emit("local");
  parent.compress(false).emit("compress");
  const got = await take(session, 7);
  assert.deepEqual(got.slice(0, 3), ['42/d1,["to"]', '42/d1,["in"]', '42/d2,["except"]']);
  assert.deepEqual(got.slice(3), [...both('["local"]'), ...both('["compress"]')]);
  for (const target of [parent, parent.to("room")]) {
    assert.throws(() => target.emit("connect"), { message: '"connect" is a reserved event name' });
  }
});

eachPair("a parent asks nobody, and has nobody", async (_t, connect) => {
  const { io, parent } = await withChildren(connect);
  const answer = new Promise((resolve) => {
    parent.timeout(10_000).emit("q", (...args) => resolve(args));
  });
  assert.deepEqual(await answer, [null, []]);
  assert.deepEqual(await parent.to("room").timeout(10_000).emitWithAck("q"), []);
  assert.throws(() => parent.fetchSockets(), {
    message: "fetchSockets() is not supported on parent namespaces",
  });
  assert.deepEqual(await parent.to("room").fetchSockets(), []);
  assert.deepEqual(await parent.allSockets(), new Set());
  assert.equal(parent.socketsJoin("x"), undefined);
  assert.equal(parent.socketsLeave("x"), undefined);
  assert.equal(parent.disconnectSockets(true), undefined);
  assert.equal(parent.sockets.size, 0);
  for (const name of ["/d1", "/d2"]) {
    const [socket] = io.of(name).sockets.values();
    assert.deepEqual(socket.rooms, new Set([socket.id]));
    assert.equal(socket.connected, true);
  }
});
