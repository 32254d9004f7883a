// A refused client is told the error, for every kind of error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client as connectTo } from "../support/clients.mjs";
import { Polling } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";
import { eachPair } from "./support.mjs";

const failure = (properties, error = new Error("no")) => Object.assign(error, properties);

// [what next() is given, what the packet holds]
const REFUSALS = [
  [failure({}), '{"message":"no"}'],
  [
    failure({ data: { code: 1, deep: [1, null] }, other: 2 }),
    '{"message":"no","data":{"code":1,"deep":[1,null]}}',
  ],
  [failure({ data: null }), '{"message":"no","data":null}'],
  [failure({ data: 0 }), '{"message":"no","data":0}'],
  [failure({ data: Buffer.from("x") }), '{"message":"no","data":{"type":"Buffer","data":[120]}}'],
  [failure({ data: "t" }, new TypeError("typed")), '{"message":"typed","data":"t"}'],
  [new Error(""), '{"message":""}'],
  [{ message: "plain", data: 5, more: 6 }, '{"message":"plain","data":5}'],
  ["text", "{}"],
  [true, "{}"],
  [5, "{}"],
];

eachPair("connect_error by what next() was given", async (_t, connect) => {
  const { io, session } = await connect();
  for (const [i, [given, data]] of REFUSALS.entries()) {
    const nsp = `/refuses-${i}`;
    io.of(nsp).use((_socket, next) => next(given));
    await session.send(`40${nsp},`);
    assert.equal(await session.next(), `44${nsp},${data}`);
    assert.equal(io.of(nsp).sockets.size, 0);
  }
});

eachPair("a real client gets message and data", async (t, connect, transport) => {
  const { io, port } = await connect();
  io.of("/no").use((_socket, next) => next(failure({ data: { code: 7 } })));
  const refused = connectTo(t, port, { nsp: "/no", transports: [transport] });
  const [error] = await once(refused, "connect_error");
  assert.equal(error.message, "no");
  assert.deepEqual(error.data, { code: 7 });
  assert.equal(refused.connected, false);
});

eachPair(
  "middlewares of each namespace are its own, in order, async or not",
  async (_t, connect) => {
    const { io, session } = await connect();
    const seen = [];
    io.use((_socket, next) => next(new Error("the main namespace has nothing to do with it")));
    const nsp = io.of("/mine");
    for (const n of [1, 2, 3]) {
      nsp.use(async (socket, next) => {
        seen.push([n, socket.nsp.name, socket.connected]);
        await null;
        next();
      });
    }
    nsp.on("connection", () => seen.push("connection"));
    await session.join("/mine");
    assert.deepEqual(seen, [
      [1, "/mine", false],
      [2, "/mine", false],
      [3, "/mine", false],
      "connection",
    ]);
  },
);

eachPair("properties that a middleware puts on the socket stay", async (_t, connect) => {
  const { io, session } = await connect();
  const nsp = io.of("/users");
  nsp.use((socket, next) => {
    socket.user = socket.handshake.auth.user;
    socket.data.user = socket.user;
    socket.request.seen = true;
    next();
  });
  const accepted = once(nsp, "connection");
  await session.join("/users", { user: "joe" });
  const [socket] = await accepted;
  assert.equal(socket.user, "joe");
  assert.equal(socket.request.seen, true);
  const [fetched] = await nsp.fetchSockets();
  assert.equal(fetched.data.user, "joe");
});

for (const [title, reason, message] of [
  ["an error", failure({ data: 5 }, new Error("not found")), '{"message":"not found","data":5}'],
  ["no reason", undefined, '{"message":"the middleware was rejected"}'],
]) {
  beyond(`a namespace middleware that rejects with ${title} refuses the client`, async (t) => {
    const { io, port } = await serve(t);
    io.of("/rejects").use(async () => {
      await null;
      throw reason;
    });
    const session = await Polling.open(t, port);
    await session.send("40/rejects,");
    assert.equal(await session.next(), `44/rejects,${message}`);
    assert.equal(io.of("/rejects").sockets.size, 0);
  });
}

beyond("a socket middleware that rejects refuses the event", async (t) => {
  const { io, port } = await serve(t);
  const heard = [];
  const refused = new Promise((resolve) => {
    io.on("connection", (socket) => {
      socket.use(async ([name]) => {
        throw new Error(`no ${name}`);
      });
      socket.on("event", () => heard.push("event"));
      socket.on("error", resolve);
    });
  });
  const session = await Polling.open(t, port);
  await session.join();
  await session.send('42["event"]');
  assert.equal((await refused).message, "no event");
  assert.deepEqual(heard, []);
});

test("a middleware that rejects after next() is an unhandled rejection", async (t) => {
  const { io, port } = await serve(t);
  const unhandled = new Promise((resolve) => {
    process.once("unhandledRejection", resolve);
  });
  const others = process.listeners("unhandledRejection").slice(0, -1);
  for (const listener of others) process.removeListener("unhandledRejection", listener);
  t.after(() => {
    for (const listener of others) process.on("unhandledRejection", listener);
  });
  io.use(async (_socket, next) => {
    next();
    throw new Error("too late");
  });
  const session = await Polling.open(t, port);
  await session.join();
  assert.equal((await unhandled).message, "too late");
});
