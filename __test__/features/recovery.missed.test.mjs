// The packets that a client has missed: which ones, in which order, written when.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, eachWay, join, client as open } from "../support/clients.mjs";
import { eachTransport } from "../support/raw.mjs";
import {
  comeBack,
  credentials,
  guest,
  lose,
  RECOVERY,
  record,
  welcome,
} from "../support/recovery.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { deferred, once, until } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

const BYTES = Buffer.from([0, 1, 2, 255]);

eachWay("missed packets come in order, once, and before live ones", async (t, options, way) => {
  const { io, socket, client, log } = await guest(t, options);
  await settled(client, way);
  io.on("connection", (again) => again.emit("live"));
  socket.join("a");
  io.emit("received", 0);
  io.to("a").emit("received", 1);
  await until(() => log.length === 2, "the packets before");
  await lose(socket, client);
  const expected = [
    ["received", 0],
    ["received", 1],
  ];
  for (let i = 0; i < 20; i++) {
    io.emit("to all", i, "zoë €😀", { deep: [null, i] });
    io.to("a").emit("to a", i, BYTES);
    io.to(socket.id).emit("to the id", i);
    expected.push(["to all", i, "zoë €😀", { deep: [null, i] }]);
    expected.push(["to a", i, BYTES], ["to the id", i]);
  }
  const live = once(client, "live");
  await comeBack(io, client);
  await live;
  assert.deepEqual(log, [...expected, ["live"]]);
});

test("packets in flight when the connection is lost are missed ones", async (t) => {
  const { io, socket, client, log } = await guest(t);
  const gone = once(socket, "disconnect");
  // Nothing is read any more; the server does not know it yet.
  client.io.engine.transport.ws.removeAllListeners("message");
  client.io.engine.transport.ws.onmessage = null;
  io.emit("on its way", 1);
  io.emit("on its way", 2);
  client.io.engine.close();
  await gone;
  io.emit("later", 3);
  await comeBack(io, client);
  assert.deepEqual(log, [
    ["on its way", 1],
    ["on its way", 2],
    ["later", 3],
  ]);
});

test("selections: rooms, several of them, exceptions, flags", async (t) => {
  const { io, port, socket, client, log } = await guest(t);
  const other = await join(t, io, port);
  socket.join(["a", "b"]);
  await lose(socket, client);
  io.to("a").emit("1");
  io.to("c").emit("no");
  io.to("a").to("b").emit("2");
  io.to(["b", "c"]).emit("3");
  io.except("a").emit("no");
  io.to("b").except("a").emit("no");
  io.except("c").emit("4");
  io.except(socket.id).emit("no");
  io.local.emit("5");
  io.compress(false).emit("6");
  io.to("a").compress(true).local.emit("7");
  io.send("8");
  io.to(socket.id).emit("9");
  other.socket.broadcast.emit("10");
  other.socket.to("a").emit("11");
  other.socket.to(other.socket.id).emit("no");
  socket.broadcast.emit("no");
  io.of("/other").emit("no");
  await comeBack(io, client);
  const names = log.map(([name, value]) => value ?? name);
  assert.deepEqual(names, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
});

test("volatile events and events with an ack are not kept for recovery", async (t) => {
  const { io, socket, client, log } = await guest(t);
  await lose(socket, client);
  io.emit("1");
  io.volatile.emit("volatile", 1);
  io.to(socket.id).volatile.emit("volatile", 2);
  socket.emit("to a socket that is gone");
  await assert.rejects(
    io
      .timeout(20)
      .to("nobody")
      .emitWithAck("ask")
      .then(() => {
        throw new Error("nobody was there to be asked");
      }),
  );
  io.emit("2");
  await comeBack(io, client);
  assert.deepEqual(
    log.filter(([name]) => name !== "to a socket that is gone"),
    [["1"], ["2"]],
  );
});

test("the offset is the last argument of events, and of nothing else", async (t) => {
  const { io, socket, client } = await guest(t);
  const heard = [];
  client.onAny((...args) => heard.push(args));
  const outgoing = [];
  socket.onAnyOutgoing((...args) => outgoing.push(args));
  socket.emit("plain", 1);
  io.emit("broadcast");
  // A volatile event is dropped while another one is being written.
  await until(() => heard.length === 2, "both events");
  socket.volatile.emit("volatile", 1);
  await until(() => heard.length === 3, "the first volatile event");
  io.volatile.emit("volatile", { a: 1 });
  await until(() => heard.length === 4, "the second volatile event");
  client.on("ask", (...args) => args.at(-1)(args.length));
  assert.equal(await socket.timeout(5000).emitWithAck("ask", 1), 2);
  assert.deepEqual(await io.timeout(5000).emitWithAck("ask", 1), [2]);
  socket.on("question", (answer) => answer("answered"));
  assert.equal(await client.emitWithAck("question"), "answered");
  const offsets = heard.slice(0, 2).map((args) => args.at(-1));
  for (const offset of offsets) assert.match(offset, /^[\w.-]{7,20}$/);
  assert.notEqual(offsets[0], offsets[1]);
  assert.deepEqual(heard.slice(0, 4), [
    ["plain", 1, offsets[0]],
    ["broadcast", offsets[1]],
    ["volatile", 1],
    ["volatile", { a: 1 }],
  ]);
  assert.deepEqual(outgoing.slice(0, 2), heard.slice(0, 2));
});

test("a missed packet has the offset it was sent with", async (t) => {
  const { io, port, socket, client } = await guest(t);
  const witness = await join(t, io, port);
  const seen = [];
  const caught = [];
  witness.client.onAny((...args) => seen.push(args));
  client.onAny((...args) => caught.push(args));
  await lose(socket, client);
  io.emit("a", 1);
  io.emit("b", BYTES);
  await until(() => seen.length === 2, "the witness has both");
  await comeBack(io, client);
  assert.deepEqual(caught, seen);
});

eachTransport("missed packets are written before the CONNECT packet", async (t, openSession) => {
  const { io, port, socket, client } = await guest(t);
  await lose(socket, client);
  io.emit("a", 1);
  io.to(socket.id).emit("b", BYTES);
  const session = await openSession(port);
  await session.send(`40${JSON.stringify(credentials(client))}`);
  assert.match(await session.next(), /^42\["a",1,"[\w.-]+"\]$/);
  assert.match(await session.next(), /^451-\["b",\{"_placeholder":true,"num":0\},"[\w.-]+"\]$/);
  assert.deepEqual(await session.next(), BYTES);
  const { sid, pid } = JSON.parse((await session.next()).slice(2));
  assert.equal(sid, socket.id);
  assert.equal(pid, credentials(client).pid);
});

test("a client comes back on polling and upgrades", async (t) => {
  const { io, port, socket, client, log } = await guest(t);
  const auth = credentials(client);
  await lose(socket, client);
  for (let i = 0; i < 100; i++) io.emit("missed", i);
  const heir = open(t, port, { auth, transports: ["polling", "websocket"] });
  const caught = record(heir);
  const upgraded = until(() => heir.io.engine?.transport?.name === "websocket", "the upgrade");
  await connected(heir);
  for (let i = 100; i < 200; i++) io.emit("missed", i);
  await upgraded;
  io.emit("missed", 200);
  await until(() => caught.length >= 201, "everything");
  assert.deepEqual(
    caught.map(([, i]) => i),
    Array.from({ length: 201 }, (_, i) => i),
  );
  assert.deepEqual(log, []);
});

test("two clients in one room miss the same and get it both", async (t) => {
  const served = await serve(t, RECOVERY);
  const guests = [await welcome(t, served), await welcome(t, served), await welcome(t, served)];
  const [one, two, stays] = guests;
  for (const { socket } of guests) socket.join("a");
  for (const { socket, client } of [one, two]) await lose(socket, client);
  for (let i = 0; i < 3; i++) served.io.to("a").emit("news", i);
  for (const { client } of [one, two]) await comeBack(served.io, client);
  served.io.to("a").emit("news", 3);
  for (const { log } of guests) await until(() => log.length === 4, "four packets");
  for (const { log } of guests) assert.deepEqual(log, stays.log);
});

// Upstream sends what was missed before the middlewares run, and drops what is sent while they do.
beyond("events sent while middlewares run are not lost", async (t) => {
  const server = { connectionStateRecovery: { skipMiddlewares: false } };
  const { io, socket, client, log } = await guest(t, { server });
  const waiting = deferred("the middleware");
  const goOn = deferred("the end of the middleware");
  io.use((_one, next) => {
    waiting.resolve();
    goOn.promise.then(() => next());
  });
  socket.join("a");
  await lose(socket, client);
  io.to("a").emit("missed", 1);
  const back = comeBack(io, client);
  await waiting.promise;
  io.to("a").emit("missed", 2);
  io.emit("missed", 3);
  goOn.resolve();
  await back;
  io.emit("live", 4);
  await until(() => log.length >= 4, "everything");
  assert.deepEqual(log, [
    ["missed", 1],
    ["missed", 2],
    ["missed", 3],
    ["live", 4],
  ]);
});

beyond("a buffer that is used again is not what was missed", async (t) => {
  const { io, socket, client, log } = await guest(t);
  await lose(socket, client);
  const buffer = Buffer.from("before");
  const object = { text: "before" };
  io.emit("missed", buffer, object);
  buffer.fill("x");
  object.text = "after";
  await comeBack(io, client);
  assert.deepEqual(log, [["missed", Buffer.from("before"), { text: "before" }]]);
});

beyond("a broadcast through a dynamic namespace has one offset", async (t) => {
  const { io, port } = await serve(t, RECOVERY);
  const parent = io.of(/^\/d-\d+$/);
  const heard = [];
  for (const nsp of ["/d-1", "/d-2"]) {
    io.of(nsp);
    const { client } = await join(t, io, port, { nsp });
    client.on("news", (...args) => heard.push(args));
  }
  parent.to([]).emit("news", 1);
  await until(() => heard.length === 2, "both have it");
  for (const args of heard) assert.equal(args.length, 2);
});
