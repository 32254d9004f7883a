// Acknowledgements at their edges: what is an ack, odd time-outs, partial answers, refusals.
import assert from "node:assert/strict";
import { differs } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { eachPair, settle, take, takeAll } from "./support.mjs";

const LATE = 20_000;

eachPair("the callback is called on the socket, with all arguments", async (_t, connect) => {
  const { session, socket } = await connect();
  for (const [flagged, error] of [
    [() => socket, []],
    [() => socket.timeout(LATE), [null]],
  ]) {
    const called = new Promise((resolve) => {
      flagged().emit("q", function (...args) {
        resolve([this, args]);
      });
    });
    const id = (await session.next()).match(/^42(\d+)/)[1];
    await session.send(`43${id}[1,null,{"a":1}]`);
    const [self, args] = await called;
    assert.equal(self, socket);
    assert.deepEqual(args, [...error, 1, null, { a: 1 }]);
    assert.equal(socket.acks.size, 0);
  }
});

eachPair("only a function in the last place is an acknowledgement", async (_t, connect) => {
  const { session, socket } = await connect();
  socket.emit("q", () => {}, 1);
  socket.emit("q", null);
  assert.equal(socket.acks.size, 0);
  socket.emit("q", 1, () => {});
  // without a name, too
  socket.emit(() => {});
  assert.equal(socket.acks.size, 2);
  assert.deepEqual(await take(session, 4), [
    '42["q",null,1]',
    '42["q",null]',
    '420["q",1]',
    "421[]",
  ]);
});

eachPair("a client asks with any id, and gets one answer", async (_t, connect) => {
  const { session, socket } = await connect();
  socket.on("e", (...args) => args.at(-1)(args.length));
  socket.on("twice", (ack) => {
    ack(1);
    ack(2);
  });
  socket.on("nothing", (...args) => assert.deepEqual(args, []));
  await session.send('420["e"]', '420["e",null]', '42999999["e",1,2]', '425["twice"]');
  await session.send('42["nothing"]');
  await settle(session, socket);
  assert.deepEqual(await takeAll(session, socket), ["430[1]", "430[2]", "43999999[3]", "435[1]"]);
});

eachPair(
  "an answer that cannot be sent throws, and another one may follow",
  async (_t, connect) => {
    const { session, socket } = await connect();
    const thrown = [];
    socket.on("big", (ack) => {
      try {
        ack(1n);
      } catch (error) {
        thrown.push(error.name);
      }
      ack("instead");
    });
    await session.send('421["big"]');
    await settle(session, socket);
    assert.deepEqual(thrown, ["TypeError"]);
    assert.deepEqual(await takeAll(session, socket), ['431["instead"]']);
  },
);

eachPair("timeout() with a value that is no delay times out at once", async (_t, connect) => {
  const { io, socket } = await connect();
  for (const delay of [0, -1, Number.NaN, "20", null, true]) {
    for (const target of [() => socket.timeout(delay), () => io.timeout(delay)]) {
      const [error] = await new Promise((resolve) =>
        target().emit("q", (...args) => resolve(args)),
      );
      assert.equal(error.message, "operation has timed out");
    }
  }
  assert.equal(socket.acks.size, 0);
});

eachPair("timeout(undefined) is none", async (_t, connect) => {
  const { session, socket } = await connect();
  const called = new Promise((resolve) => {
    socket.timeout(undefined).emit("q", (...args) => resolve(args));
  });
  assert.equal(await session.next(), '420["q"]');
  await session.send('430["no error in front"]');
  assert.deepEqual(await called, ["no error in front"]);
});

eachPair("emitWithAck: resolved, timed out, or without an answer", async (_t, connect) => {
  const { session, socket } = await connect();
  const first = socket.emitWithAck("q", 1);
  assert.equal(await session.next(), '420["q",1]');
  await session.send('430["first","second"]');
  assert.equal(await first, "first");

  const empty = socket.timeout(LATE).emitWithAck("q");
  assert.equal(await session.next(), '421["q"]');
  await session.send("431[]");
  assert.equal(await empty, undefined);

  await assert.rejects(socket.timeout(5).emitWithAck("q"), {
    message: "operation has timed out",
  });
  for (const name of ["connect", "disconnect"]) {
    await assert.rejects(socket.emitWithAck(name), {
      message: `"${name}" is a reserved event name`,
    });
  }

  let failure = null;
  socket.emitWithAck("never").catch((error) => {
    failure = error.code;
  });
  const gone = once(socket, "disconnect");
  await session.send("41");
  await gone;
  // after the disconnection a time-out still fires, and takes longer than a promise
  await assert.rejects(socket.timeout(5).emitWithAck("gone"), {
    message: "operation has timed out",
  });
  assert.equal(failure, differs(null, "ERR_SOCKET_DISCONNECTED"));
});

/** Two clients of one server, and the packets that a broadcast sends them. */
async function two(connect) {
  const { io, join, ...a } = await connect();
  const b = await join();
  const asked = () => Promise.all([a, b].map(({ session }) => session.next()));
  return { io, a, b, asked };
}

eachPair("a broadcast that some have answered", async (_t, connect) => {
  const { io, a, b, asked } = await two(connect);
  // the answer comes first: it is held against the time-out, not against a guess
  const called = new Promise((resolve) => {
    io.timeout(2000).emit("q", (...args) => resolve(args));
  });
  assert.deepEqual(await asked(), ['420["q"]', '420["q"]']);
  await a.session.send('430["a","second"]');
  const [error, responses] = await called;
  assert.equal(error.message, "operation has timed out");
  assert.deepEqual(responses, ["a"]);
  for (const { socket } of [a, b]) assert.equal(socket.acks.size, 0);

  const rejected = io
    .timeout(2000)
    .emitWithAck("q")
    .catch((reason) => reason);
  assert.deepEqual(await asked(), ['421["q"]', '421["q"]']);
  await b.session.send("431[7]");
  const reason = await rejected;
  assert.equal(reason.message, "operation has timed out");
  assert.deepEqual(reason.responses, [7]);
});

eachPair("empty answers count, in the order of their arrival", async (_t, connect) => {
  const { io, a, b, asked } = await two(connect);
  const answers = io.timeout(LATE).emitWithAck("q");
  await asked();
  await b.session.send("430[null]");
  await until(() => b.socket.acks.size === 0);
  await a.session.send("430[]");
  assert.deepEqual(await answers, [null, undefined]);
});

eachPair("a broadcast gathers the answers of its selection", async (_t, connect) => {
  const { io, a, b } = await two(connect);
  const others = a.socket.broadcast.timeout(LATE).emitWithAck("q", Buffer.of(1));
  assert.deepEqual(await take(b.session, 2), [
    '451-0["q",{"_placeholder":true,"num":0}]',
    Buffer.of(1),
  ]);
  await b.session.send("430[1]");
  assert.deepEqual(await others, [1]);

  const rest = io.to([a.socket.id, b.socket.id]).except(b.socket.id).timeout(LATE).emitWithAck("q");
  assert.equal(await a.session.next(), '421["q"]');
  await a.session.send("431[2]");
  assert.deepEqual(await rest, [2]);

  const nobody = new Promise((resolve) => {
    io.to("nobody").emit("q", function (...args) {
      resolve([this.constructor.name, args]);
    });
  });
  assert.deepEqual(await nobody, ["BroadcastOperator", [null, []]]);
  await assert.rejects(io.timeout(5).emitWithAck("q", 1n), TypeError);
  await assert.rejects(io.timeout(5).emitWithAck("connect"), {
    message: '"connect" is a reserved event name',
  });
});

eachPair("another client's answer to a broadcast counts for itself only", async (_t, connect) => {
  const { io, a, b, asked } = await two(connect);
  const answers = io.timeout(LATE).emitWithAck("q");
  await asked();
  await a.session.send("430[1]", "430[2]", "431[3]");
  await settle(a.session, a.socket);
  await b.session.send("430[4]");
  assert.deepEqual(await answers, [1, 4]);
});
