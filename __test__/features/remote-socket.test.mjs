// RemoteSocket: what fetchSockets() gives for a socket that another server tells about.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { once } from "../support/wait.mjs";
import { eachPair, take } from "./support.mjs";

const { Adapter } = createRequire(import.meta.url)("socket.io-adapter");

/** Tells of its own sockets as if they were elsewhere. */
class Elsewhere extends Adapter {
  async fetchSockets(options) {
    const sockets = await super.fetchSockets(options);
    return sockets.map(({ id, handshake, rooms, data }) => ({
      id,
      handshake,
      rooms: [...rooms],
      data,
    }));
  }
}

/** A pair with the remote side of its socket. */
async function remotely(connect) {
  const pair = await connect({ adapter: Elsewhere });
  pair.socket.join("a");
  pair.socket.data.name = "one";
  const [remote] = await pair.io.fetchSockets();
  return { ...pair, remote };
}

eachPair("a RemoteSocket has upstream's members", async (_t, connect) => {
  const { remote, socket } = await remotely(connect);
  assert.equal(remote.constructor.name, "RemoteSocket");
  assert.deepEqual(Object.keys(remote), ["id", "handshake", "rooms", "data", "operator"]);
  assert.equal(remote.id, socket.id);
  assert.equal(remote.handshake, socket.handshake);
  assert.deepEqual(remote.data, { name: "one" });
  assert.deepEqual(remote.rooms, new Set([socket.id, "a"]));
  for (const absent of ["emitWithAck", "nsp", "client", "conn", "request", "to", "on"]) {
    assert.equal(remote[absent], undefined, absent);
  }
});

eachPair("join and leave act on the socket, the copy of its rooms stays", async (_t, connect) => {
  const { remote, socket } = await remotely(connect);
  assert.equal(remote.join("b"), undefined);
  assert.equal(remote.join(["c", "d"]), undefined);
  assert.equal(remote.leave("a"), undefined);
  assert.deepEqual(socket.rooms, new Set([socket.id, "b", "c", "d"]));
  assert.deepEqual(remote.rooms, new Set([socket.id, "a"]));
});

eachPair("emit reaches that client alone", async (_t, connect) => {
  const { io, join, remote, session } = await remotely(connect);
  const other = await join();
  assert.equal(remote.emit("hi", 1, Buffer.from([7])), true);
  io.emit("all");
  assert.deepEqual(await take(session, 3), [
    '451-["hi",1,{"_placeholder":true,"num":0}]',
    Buffer.from([7]),
    '42["all"]',
  ]);
  assert.deepEqual(await take(other.session, 1), ['42["all"]']);
  for (const name of ["connect", "disconnect", "disconnecting"]) {
    assert.throws(() => remote.emit(name), { message: `"${name}" is a reserved event name` });
  }
});

eachPair("an answer is one answer, and its first argument", async (_t, connect) => {
  const { remote, session } = await remotely(connect);
  const called = new Promise((resolve) => {
    remote.timeout(20_000).emit("q", (...args) => resolve(args));
  });
  assert.equal(await session.next(), '420["q"]');
  await session.send('430["one","two"]');
  assert.deepEqual(await called, [null, "one"]);

  const promised = remote.timeout(20_000).emitWithAck("q");
  assert.equal(await session.next(), '421["q"]');
  await session.send('431["three","four"]');
  assert.equal(await promised, "three");
});

eachPair("no answer: an Error and null", async (_t, connect) => {
  const { remote } = await remotely(connect);
  const [error, response] = await new Promise((resolve) => {
    remote.timeout(20).emit("q", (...args) => resolve(args));
  });
  assert.equal(error.message, "operation has timed out");
  assert.equal(response, null);
  const rejected = await remote
    .timeout(20)
    .emitWithAck("q")
    .catch((reason) => reason);
  assert.equal(rejected.message, "operation has timed out");
  assert.equal(rejected.responses, null);
});

eachPair("disconnect() leaves the connection open", async (_t, connect) => {
  const { remote, session, socket } = await remotely(connect);
  const gone = once(socket, "disconnect");
  assert.equal(remote.disconnect(), remote);
  assert.equal((await gone)[0], "server namespace disconnect");
  assert.equal(await session.next(), "41");
  assert.notEqual(await session.join(), socket.id);
});

eachPair("disconnect(true) closes it", async (_t, connect) => {
  const { io, remote, socket } = await remotely(connect);
  const gone = once(socket, "disconnect");
  assert.equal(remote.disconnect(true), remote);
  assert.equal((await gone)[0], "server namespace disconnect");
  assert.notEqual(socket.conn.readyState, "open");
  assert.deepEqual(await io.fetchSockets(), []);
});
