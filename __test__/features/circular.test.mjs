// Data that JSON cannot express: who sends it hears of it at once, and the client gets nothing.
import assert from "node:assert/strict";
import { eachPair, settle, take } from "./support.mjs";

const circular = (value) => Object.assign(value, { self: value });
function inItself(array) {
  array.push(array);
  return array;
}

/** Values that are sent, and the error of each. */
const DATA = {
  "a circular object": [() => circular({ a: 1 }), RangeError],
  "a circular array": [() => inItself([1]), RangeError],
  "a circular object with binary": [() => circular({ a: Buffer.from("a") }), RangeError],
  "a BigInt": [() => 1n, TypeError],
};

/** By title: sends `data`; may throw, or give a promise that is rejected. */
const WAYS = {
  "socket.emit": ({ socket }, data) => socket.emit("e", data),
  "socket.emit with an acknowledgement": ({ socket }, data) => socket.emit("e", data, () => {}),
  "socket.volatile.emit": ({ socket }, data) => socket.volatile.emit("e", data),
  "socket.emitWithAck": ({ socket }, data) => socket.emitWithAck("e", data),
  "socket.timeout().emitWithAck": ({ socket }, data) => socket.timeout(10).emitWithAck("e", data),
  "socket.send": ({ socket }, data) => socket.send(data),
  "io.emit": ({ io }, data) => io.emit("e", data),
  "io.volatile.emit": ({ io }, data) => io.volatile.emit("e", data),
  "io.to(room)": ({ io, socket }, data) => io.to(socket.id).emit("e", data),
  "io.to(rooms)": ({ io, socket }, data) => io.to([socket.id, "x"]).emit("e", data),
  "io.timeout().emitWithAck": ({ io }, data) => io.timeout(10).emitWithAck("e", data),
  "socket.broadcast": ({ socket }, data) => socket.broadcast.emit("e", data),
};

for (const [title, connectionStateRecovery] of [
  ["", undefined],
  [", with recovery", {}],
]) {
  eachPair(`emit throws when an argument is circular${title}`, async (_t, connect) => {
    const pair = await connect({ connectionStateRecovery });
    const { session, socket } = pair;
    // The answers are the only packets, so that none of the others came between them.
    let answer;
    socket.on("question", (_name, ack) => {
      answer = ack;
    });
    const sent = [];
    for (const [what, [make, error]] of Object.entries(DATA)) {
      for (const [way, send] of Object.entries(WAYS)) {
        await assert.rejects(async () => send(pair, make()), error, `${what} by ${way}`);
      }
      await session.send('427["question",1]');
      await settle(session, socket);
      assert.throws(() => answer(make()), error, `${what} as an answer`);
      // who has failed to answer may try again
      answer(what);
      sent.push(`437${JSON.stringify([what])}`);
    }
    assert.deepEqual(await take(session, sent.length), sent);
  });
}
