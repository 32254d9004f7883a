// Acknowledgements that a client owes when it leaves.
import assert from "node:assert/strict";
import { test } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";
import { eachWay, pair } from "../support/clients.mjs";
import { comeBack, guest, lose } from "../support/recovery.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { once, until, within } from "../support/wait.mjs";

/** The Error that a promise is rejected with; fails if it is fulfilled. */
const failure = (promise) =>
  within(
    promise.then(
      (value) => assert.fail(`answered with ${value}`),
      (error) => error,
    ),
    "the promise to be rejected",
  );

function assertDisconnected(error) {
  assert.ok(error instanceof Error);
  assert.equal(error.message, "socket has been disconnected");
  assert.equal(error.code, "ERR_SOCKET_DISCONNECTED");
}

const collectGarbage = (() => {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc");
})();

if (!isOracle) {
  eachWay("emitWithAck() is rejected when the client leaves", async (t, way) => {
    const { socket, client } = await pair(t, way);
    const asked = once(client, "taste");
    const answers = [socket.emitWithAck("taste"), socket.emitWithAck("smell")];
    const failures = Promise.all(answers.map(failure));
    await asked;
    client.disconnect();
    for (const error of await failures) assertDisconnected(error);
  });
}

const ENDINGS = {
  "the server disconnects it": ({ socket }) => socket.disconnect(),
  "the server closes its connection": ({ socket }) => socket.disconnect(true),
  "its connection is lost": ({ client }) => client.io.engine.close(),
  "the server closes": ({ io }) => void io.close(),
  "a broadcast disconnects it": ({ io }) => io.disconnectSockets(),
};
for (const [name, end] of Object.entries(ENDINGS)) {
  beyond(`emitWithAck() is rejected when ${name}`, async (t) => {
    const all = await pair(t);
    const order = [];
    all.socket.on("disconnecting", () => {
      failure(all.socket.emitWithAck("asked while leaving")).then(() => order.push("asked late"));
    });
    all.socket.on("disconnect", () => order.push("disconnect"));
    const answer = failure(all.socket.emitWithAck("taste"));
    end(all);
    assertDisconnected(await answer);
    await until(() => order.length === 2);
    assert.deepEqual(order, ["disconnect", "asked late"]);
    assert.equal(all.socket.acks.size, 0);
  });
}

beyond("emitWithAck() is rejected when the client has left before", async (t) => {
  const { socket, client } = await pair(t);
  const gone = once(socket, "disconnect");
  client.disconnect();
  await gone;
  assertDisconnected(await failure(socket.emitWithAck("taste")));
  assert.equal(socket.acks.size, 0);
});

beyond("emitWithAck() of a socket that a middleware refuses is rejected", async (t) => {
  const { io, client } = await pair(t);
  let answer;
  io.of("/kitchen").use((socket, next) => {
    answer = failure(socket.emitWithAck("taste"));
    next(new Error("no"));
  });
  client.io.socket("/kitchen");
  await until(() => answer);
  assertDisconnected(await answer);
});

test("an answer that comes before the client leaves counts", async (t) => {
  const { socket, client } = await pair(t);
  client.on("taste", (ack) => {
    ack("good");
    client.disconnect();
  });
  const gone = once(socket, "disconnect");
  assert.equal(await socket.emitWithAck("taste"), "good");
  await gone;
});

beyond("a promise that nobody awaits does not end the process", async (t) => {
  const { socket, client } = await pair(t);
  let unhandled = 0;
  const count = () => unhandled++;
  process.on("unhandledRejection", count);
  t.after(() => process.off("unhandledRejection", count));
  socket.emitWithAck("taste");
  const answer = failure(socket.emitWithAck("smell"));
  client.disconnect();
  await answer;
  socket.emitWithAck("taste");
  await failure(socket.emitWithAck("smell"));
  await new Promise(setImmediate);
  assert.equal(unhandled, 0);
});

test("a callback without a timeout is not called when the client leaves", async (t) => {
  const { socket, client } = await pair(t);
  let calls = 0;
  const gone = once(socket, "disconnect");
  socket.emit("taste", () => calls++);
  client.disconnect();
  await gone;
  socket.emit("taste", () => calls++);
  await new Promise(setImmediate);
  assert.equal(calls, 0);
});

beyond("callbacks are forgotten when the client leaves", async (t) => {
  const { socket, client } = await pair(t);
  const kept = [];
  const callback = () => {
    const one = () => assert.fail("called");
    kept.push(new WeakRef(one));
    return one;
  };
  socket.emit("taste", callback());
  socket.on("disconnect", () => socket.emit("taste", callback()));
  const gone = once(socket, "disconnect");
  client.disconnect();
  await gone;
  assert.equal(socket.acks.size, 0);
  await until(() => {
    collectGarbage();
    return kept.every((one) => one.deref() === undefined);
  });
});

beyond("one callback that throws does not keep the others waiting", async (t) => {
  const { socket, client } = await pair(t);
  const thrown = new Promise((resolve) => {
    process.setUncaughtExceptionCaptureCallback(resolve);
  });
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  socket.timeout(2 ** 31 - 1).emit("taste", () => {
    throw new Error("of the application");
  });
  const answer = failure(socket.emitWithAck("taste"));
  client.disconnect();
  assert.equal((await within(thrown, "the exception")).message, "of the application");
  assertDisconnected(await answer);
});

beyond("a client that comes back with its state recovered has not answered", async (t) => {
  const { io, socket, client } = await guest(t);
  const answer = failure(socket.emitWithAck("taste"));
  await lose(socket, client);
  assertDisconnected(await answer);
  const again = await comeBack(io, client);
  assert.equal(again.recovered, true);
  client.on("smell", (ack) => ack("good"));
  assert.equal(await again.emitWithAck("smell"), "good");
});
