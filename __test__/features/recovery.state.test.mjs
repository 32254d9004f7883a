// The state that a client has again when it comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eachWay } from "../support/clients.mjs";
import {
  comeBack,
  credentials,
  guest,
  lose,
  pretend,
  RECOVERY,
  welcome,
} from "../support/recovery.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

eachWay("id, pid, rooms and data are those of before", async (t, options, way) => {
  const { io, socket, client } = await guest(t, options);
  await settled(client, way);
  const { id } = socket;
  const { pid } = credentials(client);
  socket.join(["a", "b"]);
  socket.leave("b");
  socket.data.user = { name: "zoë" };
  const { data } = socket;
  await lose(socket, client);
  assert.equal(io.sockets.adapter.rooms.size, 0);

  const again = await comeBack(io, client);
  assert.notEqual(again, socket);
  assert.equal(again.recovered, true);
  assert.equal(client.recovered, true);
  assert.equal(again.id, id);
  assert.equal(client.id, id);
  assert.equal(credentials(client).pid, pid);
  assert.deepEqual([...again.rooms].sort(), [id, "a"].sort());
  assert.equal(again.data, data);
  assert.equal(io.sockets.sockets.get(id), again);
  assert.equal(io.sockets.sockets.size, 1);
});

test("a recovered socket is a whole one: broadcasts, acknowledgements, rooms", async (t) => {
  const { io, socket, client, log } = await guest(t);
  socket.join("a");
  io.to("a").emit("before");
  io.emit("before");
  await lose(socket, client);
  const again = await comeBack(io, client);
  log.length = 0;
  client.on("ask", (value, answer) => answer(value + 1));
  again.on("ask", (value, answer) => answer(value * 2));
  io.to("a").emit("to a", 1);
  io.emit("to all", 2);
  io.to(again.id).emit("to the id", 3);
  again.emit("to it", 4);
  again.broadcast.emit("to others");
  io.except("a").emit("not to a");
  again.leave("a");
  io.to("a").emit("to a");
  io.except("a").emit("to who is not in a", 5);
  assert.equal(await again.timeout(5000).emitWithAck("ask", 1), 2);
  assert.deepEqual(await io.timeout(5000).emitWithAck("ask", 2), [3]);
  assert.equal(await client.emitWithAck("ask", 3), 6);
  const events = log.filter(([name]) => name !== "ask");
  assert.deepEqual(events, [
    ["to a", 1],
    ["to all", 2],
    ["to the id", 3],
    ["to it", 4],
    ["to who is not in a", 5],
  ]);
});

test("a session is recovered three times in a row", async (t) => {
  const { io, client, log, ...first } = await guest(t);
  let { socket } = first;
  socket.join("a");
  for (let i = 0; i < 3; i++) {
    await lose(socket, client);
    io.to("a").emit("missed", i);
    socket = await comeBack(io, client);
    assert.equal(socket.recovered, true);
    io.to("a").emit("live", i);
  }
  io.to("a").emit("end");
  await once(client, "end");
  const expected = [0, 1, 2].flatMap((i) => [
    ["missed", i],
    ["live", i],
  ]);
  assert.deepEqual(log, [...expected, ["end"]]);
});

// reason → how the connection ends
const RECOVERABLE = {
  "transport close": (_socket, client) => client.io.engine.close(),
  "forced close": (socket) => socket.conn.close(),
  "ping timeout": (_socket, client) => {
    client.io.engine.transport.send = () => {};
  },
};
for (const [reason, end] of Object.entries(RECOVERABLE)) {
  test(`${reason}: the session is kept`, async (t) => {
    const server = { pingInterval: 50, pingTimeout: 700 };
    const { io, socket, client } = await guest(t, { server });
    const left = once(client, "disconnect");
    const gone = once(socket, "disconnect");
    end(socket, client);
    assert.equal((await gone)[0], reason);
    client.io.engine.close();
    await left;
    assert.equal((await comeBack(io, client)).recovered, true);
  });
}

const FINAL = {
  "client namespace disconnect": (_socket, client) => client.disconnect(),
  "server namespace disconnect": (socket) => socket.disconnect(),
};
for (const [reason, end] of Object.entries(FINAL)) {
  test(`${reason}: the session is over`, async (t) => {
    const { io, socket, client } = await guest(t);
    const left = once(client, "disconnect");
    const gone = once(socket, "disconnect");
    end(socket, client);
    assert.equal((await gone)[0], reason);
    await left;
    const again = await comeBack(io, client);
    assert.equal(again.recovered, false);
    assert.notEqual(again.id, socket.id);
  });
}

test("socket.disconnect(true) ends the session", async (t) => {
  const { io, socket, client } = await guest(t);
  const left = once(client, "disconnect");
  socket.disconnect(true);
  await left;
  assert.equal((await comeBack(io, client)).recovered, false);
});

test("after maxDisconnectionDuration the session is gone", async (t) => {
  const server = { connectionStateRecovery: { maxDisconnectionDuration: 30 } };
  const { io, socket, client } = await guest(t, { server });
  socket.join("a");
  await lose(socket, client);
  await sleep(60);
  const again = await comeBack(io, client);
  assert.equal(again.recovered, false);
  assert.notEqual(again.id, socket.id);
  assert.deepEqual([...again.rooms], [again.id]);
});

test("wrong credentials recover nothing", async (t) => {
  const served = await guest(t);
  const { socket, client } = served;
  await lose(socket, client);
  const { pid, offset } = credentials(client);
  const wrong = [
    { pid: "nobody", offset },
    { pid: socket.id, offset },
    { pid, offset: 1 },
    { pid, offset: null },
    { pid: [pid], offset },
    { pid: { toString: () => pid }, offset },
    { offset },
    { pid: "__proto__", offset },
  ];
  for (const auth of wrong) {
    const one = await pretend(t, served, auth);
    assert.equal(one.socket.recovered, false);
    assert.notEqual(one.socket.id, socket.id);
  }
  const right = await pretend(t, served, { pid, offset });
  assert.equal(right.socket.recovered, true);
});

for (const offset of ["unknown", "", "x".repeat(100_000), "abcdef"]) {
  test(`an offset that was never given is none: ${offset.slice(0, 10)}`, async (t) => {
    const served = await guest(t);
    await lose(served.socket, served.client);
    const { pid } = credentials(served.client);
    assert.equal((await pretend(t, served, { pid, offset })).socket.recovered, false);
  });
}

beyond("an offset that is not given yet is none", async (t) => {
  const served = await guest(t);
  await lose(served.socket, served.client);
  const { pid, offset } = credentials(served.client);
  const later = `${offset.split(".")[0]}.zz`;
  assert.equal((await pretend(t, served, { pid, offset: later })).socket.recovered, false);
});

beyond("a session is recovered once", async (t) => {
  const served = await guest(t);
  await lose(served.socket, served.client);
  const auth = credentials(served.client);
  const both = await Promise.all([pretend(t, served, auth), pretend(t, served, auth)]);
  const sockets = [...served.io.sockets.sockets.values()];
  assert.equal(both.length, 2);
  assert.deepEqual(sockets.map(({ recovered }) => recovered).sort(), [false, true]);
});

test("middlewares are skipped, or not", async (t) => {
  for (const [option, expected] of [
    [{}, 1],
    [{ skipMiddlewares: true }, 1],
    [{ skipMiddlewares: false }, 2],
    [{ skipMiddlewares: undefined }, 2],
  ]) {
    const { io, socket, client, log } = await guest(t, {
      server: { connectionStateRecovery: option },
      greet: true,
    });
    let ran = 1;
    io.use((one, next) => {
      ran++;
      assert.equal(one.recovered, true);
      setTimeout(next, 10);
    });
    await lose(socket, client);
    io.emit("missed");
    const again = await comeBack(io, client);
    assert.equal(again.recovered, true);
    assert.equal(ran, expected);
    assert.deepEqual(log, [["missed"]]);
  }
});

beyond("a client that a middleware has refused may try again", async (t) => {
  const server = { connectionStateRecovery: { skipMiddlewares: false } };
  const { io, socket, client, log } = await guest(t, { server });
  let refusing = true;
  io.use((_one, next) => next(refusing ? new Error("not now") : undefined));
  socket.join("a");
  await lose(socket, client);
  io.to("a").emit("missed");
  const refused = once(client, "connect_error");
  client.connect();
  assert.equal((await refused)[0].message, "not now");
  assert.deepEqual([...io.sockets.adapter.rooms], []);
  refusing = false;
  const again = await comeBack(io, client);
  assert.equal(again.recovered, true);
  assert.deepEqual(log, [["missed"]]);
});

test("each namespace of a client has a session of its own", async (t) => {
  const { io, ...main } = await guest(t);
  const other = main.client.io.socket("/other");
  const [accepted] = await Promise.all([
    once(io.of("/other"), "connection"),
    once(other, "connect"),
  ]);
  const [there] = accepted;
  const heard = once(other, "welcome");
  there.emit("welcome");
  await heard;
  there.join("a");
  main.socket.join("b");
  const gone = once(there, "disconnect");
  await lose(main.socket, main.client);
  await gone;
  const news = once(other, "news");
  io.of("/other").to("a").emit("news", 1);
  io.to("a").emit("not for it");
  const [[again], hereAgain] = await Promise.all([
    once(io.of("/other"), "connection"),
    comeBack(io, main.client),
    other.connect(),
  ]);
  assert.ok(again.recovered && hereAgain.recovered);
  assert.equal(again.id, there.id);
  assert.notEqual(again.id, hereAgain.id);
  assert.deepEqual([...again.rooms], [there.id, "a"]);
  assert.equal((await news)[0], 1);
  assert.deepEqual(main.log, []);
  other.disconnect();
});

test("dynamic namespaces recover; their broadcasts reach every child once", async (t) => {
  const { io, port } = await serve(t, RECOVERY);
  const parent = io.of(/^\/dynamic-\d+$/);
  parent.on("connection", (socket) => !socket.recovered && socket.join("a"));
  // the namespace has to be there before somebody listens for its connections
  io.of("/dynamic-1");
  const { socket, client, log } = await welcome(t, { io, port }, { nsp: "/dynamic-1" });
  await lose(socket, client);
  parent.emit("to all", 1);
  const again = await comeBack(io, client, "/dynamic-1");
  assert.equal(again.recovered, true);
  assert.equal(again.id, socket.id);
  assert.deepEqual(log, [["to all", 1]]);
});
