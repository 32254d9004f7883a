// Rooms of every kind of name, and sockets that leave even their own.
import assert from "node:assert/strict";
import { eachPair, takeAll } from "./support.mjs";

eachPair("any value is a room, and reached by the same value", async (_t, connect) => {
  const { io, session, socket } = await connect();
  const names = [5, "5", null, undefined, {}, ["x"], new Set(["s"]), Symbol("q"), "", Number.NaN];
  for (const [i, name] of names.entries()) {
    // an array is a list of rooms: one room that is an array is a list of one
    const room = Array.isArray(name) ? [name] : name;
    assert.equal(socket.join(room), undefined);
    assert.equal(socket.rooms.size, i + 2);
    assert.ok(socket.rooms.has(name));
    io.to(room).emit("e", i);
  }
  io.to({}).emit("another object");
  io.to("x").emit("not a room");
  socket.join([]);
  assert.equal(socket.rooms.size, names.length + 1);
  assert.deepEqual(
    await takeAll(session, socket),
    names.map((_, i) => `42["e",${i}]`),
  );
});

eachPair("a socket that has left its own room", async (_t, connect) => {
  const { io, session, socket } = await connect();
  socket.leave("never joined");
  socket.leave([socket.id]);
  assert.ok(socket.rooms.has(socket.id));
  socket.join("other");
  socket.leave(socket.id);
  assert.deepEqual(socket.rooms, new Set(["other"]));
  io.to(socket.id).emit("own");
  io.emit("everybody");
  io.to("other").emit("other");
  assert.deepEqual(await takeAll(session, socket), ['42["everybody"]', '42["other"]']);
  socket.leave("other");
  assert.deepEqual(socket.rooms, new Set());
  socket.join("again");
  io.to("again").emit("again");
  assert.deepEqual(await takeAll(session, socket), ['42["again"]']);
  assert.equal(io.sockets.sockets.get(socket.id), socket);
});
