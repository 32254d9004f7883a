// The data of the page `socket.io-native/inspect`: what it says of a server, and of hostile clients.
import assert from "node:assert/strict";
import http from "node:http";
import { client, connected, join } from "../support/clients.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { query, served } from "./support.mjs";

const HOSTILE = [
  "</script><script>alert(1)</script>",
  "__proto__",
  "constructor",
  "",
  '"\u0000\u2028\ud800',
];

/** The data, once rooms have been counted again: at most one count in two seconds. */
const countedUntil = (get, isRight, what) =>
  until(async () => {
    const data = (await get("data")).json();
    return data.counted !== null && isRight(data.counted) && data;
  }, what);

beyond("data tells sessions by transport and namespace, and the largest rooms", async (t) => {
  const { io, port, get } = await served(t);
  io.of("/kitchen");
  const [ada] = await Promise.all([
    join(t, io, port),
    connected(client(t, port, { transports: ["polling"], upgrade: false })),
    connected(client(t, port, { nsp: "/kitchen" })),
  ]);
  ada.socket.join(["lobby", "table 1"]);
  io.of("/kitchen").socketsJoin("lobby");
  const data = (await get("data")).json();
  assert.deepEqual(data.engine.sessions, io.engine.metrics().sessions);
  assert.equal(data.engine.sessions.websocket.native, 2);
  assert.equal(data.sessions, 3);
  assert.equal(data.process.pid, process.pid);
  const { namespaces, rooms, sockets } = data.counted;
  assert.equal(sockets, 3);
  assert.deepEqual(namespaces, {
    total: 2,
    top: [
      { name: "/", sockets: 2, rooms: 2 },
      { name: "/kitchen", sockets: 1, rooms: 1 },
    ],
  });
  assert.equal(rooms.total, 3);
  assert.deepEqual(rooms.top.map(({ nsp, name, sockets }) => `${nsp} ${name} ${sockets}`).sort(), [
    "/ lobby 1",
    "/ table 1 1",
    "/kitchen lobby 1",
  ]);
});

beyond("data tells rates, the queues, and the lag of the event loop and of dispatch", async (t) => {
  const { io, port, get } = await served(t);
  const { client: ada } = await join(t, io, port);
  const [first] = (await get("data")).json().samples;
  assert.equal(first.messagesIn, null);
  ada.emit("order", "soup");
  // A message is counted when it comes in, and its batch when it is taken: in two samples, perhaps.
  const samples = await until(async () => {
    const { samples } = (await get(`data${query({ since: first.n })}`)).json();
    const isThere = (name) => samples.some((sample) => sample[name] > 0);
    return ["messagesIn", "bytesIn", "dispatch"].every(isThere) && samples;
  }, "samples with a message");
  for (const sample of samples) {
    assert.ok(sample.n > first.n);
    assert.equal(sample.sessions, 1);
    for (const name of [
      "bytesOut",
      "messagesOut",
      "queuedIn",
      "queuedOut",
      "loopMean",
      "loopMax",
    ]) {
      assert.ok(sample[name] >= 0, name);
    }
  }
  const { engine } = (await get("data")).json();
  assert.deepEqual(Object.keys(engine.queues.outbound), ["bytes", "deepestBytes"]);
  assert.equal(engine.panics, 0);
  assert.ok(engine.memory.buffers >= 0);
  assert.ok(engine.dispatchLag.batches > 0);
});

beyond("samples are those behind the number that is asked for", async (t) => {
  const { get } = await served(t);
  const [first] = (await get("data")).json().samples;
  const more = await until(async () => {
    const { samples } = (await get(`data${query({ since: first.n })}`)).json();
    return samples.length > 0 && samples;
  });
  assert.ok(more.every(({ n }) => n > first.n));
  const all = (await get(`data${query({ since: "x" })}`)).json().samples;
  assert.equal(all[0].n, first.n);
  // A page that has seen a former process.
  assert.ok((await get(`data${query({ since: 1e6 })}`)).json().samples.length > 0);
});

beyond("data tells refused handshakes and bounds by reason", async (t) => {
  const { port, get, io } = await served(t, { server: { maxHttpBufferSize: 1000 } });
  await new Promise((resolve) =>
    http.get({ port, path: "/socket.io/?EIO=4&transport=carrier", agent: false }, (res) =>
      res.resume().on("end", resolve),
    ),
  );
  const { client: ada } = await join(t, io, port);
  const left = once(ada, "disconnect");
  ada.emit("order", "x".repeat(2000));
  await left;
  const engine = await until(async () => {
    const { engine } = (await get("data")).json();
    return engine.bounds.length > 0 && engine.refused.length > 0 && engine;
  });
  assert.deepEqual(engine.refused, [["unknownTransport", 1]]);
  assert.ok(engine.bounds.every(([name, count]) => typeof name === "string" && count > 0));
  assert.equal(engine.ended.length, 1);
});

beyond("connections are listed by namespace, room, transport, id and address", async (t) => {
  const { io, port, get } = await served(t);
  io.of("/kitchen");
  const ada = await join(t, io, port);
  const grace = await join(t, io, port, { transports: ["polling"], upgrade: false });
  const linus = await join(t, io, port, { nsp: "/kitchen" });
  ada.socket.join("lobby");
  const ids = async (values) =>
    (await get(`connections${query(values)}`)).json().rows.map(({ id }) => id);
  assert.deepEqual(await ids({}), [ada.socket.id, grace.socket.id, linus.socket.id]);
  assert.deepEqual(await ids({ nsp: "/kitchen" }), [linus.socket.id]);
  assert.deepEqual(await ids({ nsp: "/nowhere" }), []);
  assert.deepEqual(await ids({ nsp: "/", room: "lobby" }), [ada.socket.id]);
  assert.deepEqual(await ids({ room: "nowhere" }), []);
  assert.deepEqual(await ids({ transport: "polling" }), [grace.socket.id]);
  assert.deepEqual(await ids({ find: grace.socket.id }), [grace.socket.id]);
  assert.deepEqual(await ids({ find: grace.socket.id.slice(3, 12) }), [grace.socket.id]);
  assert.equal((await ids({ find: "127.0.0.1" })).length, 3);
  assert.deepEqual(await ids({ find: "192.0.2.1" }), []);
  const [row] = (await get("connections")).json().rows;
  assert.equal(row.transport, "websocket");
  assert.match(row.address, /127\.0\.0\.1$/);
  assert.equal(row.rooms, 2);
  assert.equal(row.since, ada.socket.handshake.issued);
});

beyond("one connection is told in detail, and its secrets are not", async (t) => {
  const { io, port, get } = await served(t, { server: { pingInterval: 20_000 } });
  io.of("/kitchen");
  const secrets = {
    authorization: "Bearer hush",
    cookie: "sid=hush",
    "x-api-key": "hush",
    "x-session": "hush",
    referer: "http://shop.example/page?token=hush",
  };
  const { socket, client: ada } = await join(t, io, port, {
    extraHeaders: { ...secrets, "x-table": "7", "x-long": "y".repeat(2000) },
    query: { token: "hush", table: "7" },
    auth: { password: "hush" },
    transports: ["polling", "websocket"],
  });
  await until(() => ada.io.engine.transport.name === "websocket" && socket.conn.upgraded);
  const second = ada.io.socket("/kitchen");
  await once(second, "connect");
  socket.join(Array.from({ length: 60 }, (_, i) => `table ${i}`));
  const res = await get(`connection${query({ nsp: "/", id: socket.id })}`);
  assert.equal(res.status, 200);
  assert.doesNotMatch(res.text, /hush/);
  assert.ok(!res.text.includes(socket.conn.id), "the id of the session is a secret");
  const one = res.json();
  assert.equal(one.transport, "websocket");
  assert.equal(one.upgraded, true);
  assert.equal(one.protocol, 4);
  assert.equal(one.state, "open");
  assert.match(one.address, /127\.0\.0\.1$/);
  assert.ok(one.bytes.read > 0 && one.bytes.written > 0);
  assert.ok(one.waiting >= 0);
  assert.equal(one.heartbeat.interval, 20_000);
  const { pingIn, answerBy } = one.heartbeat;
  assert.ok(pingIn === null ? answerBy > 0 : pingIn <= 20_000);
  assert.equal(one.rooms.total, 61);
  assert.equal(one.rooms.list.length, 50);
  assert.deepEqual(one.namespaces.list.map(({ nsp }) => nsp).sort(), ["/", "/kitchen"]);
  const headers = Object.fromEntries(one.headers);
  assert.equal(headers.authorization, null);
  assert.equal(headers.cookie, null);
  assert.equal(headers["x-table"], "7");
  assert.equal(headers.referer, "http://shop.example/page");
  assert.equal(headers["x-long"].length, 500);
  assert.ok(one.query.includes("token") && one.query.includes("EIO=4"));
});

beyond("a connection over polling has a heartbeat and no bytes of its own", async (t) => {
  const { io, port, get } = await served(t);
  const { socket } = await join(t, io, port, { transports: ["polling"], upgrade: false });
  const one = (await get(`connection${query({ nsp: "/", id: socket.id })}`)).json();
  assert.equal(one.transport, "polling");
  assert.equal(one.upgraded, false);
  assert.equal(one.bytes, null);
  assert.ok(one.waiting >= 0);
  const { pingIn, answerBy } = one.heartbeat;
  assert.ok((pingIn ?? answerBy) > 0);
});

beyond("a connection that is not there is not found", async (t) => {
  const { get } = await served(t);
  for (const values of [
    {},
    { nsp: "/", id: "x" },
    { nsp: "/nowhere", id: "x" },
    { nsp: "__proto__" },
  ]) {
    assert.equal((await get(`connection${query(values)}`)).status, 404);
  }
});

beyond("hostile names are told as they are, and long ones are cut", async (t) => {
  const { io, port, get } = await served(t);
  const { socket } = await join(t, io, port);
  const long = "r".repeat(100_000);
  socket.join([...HOSTILE, long, 7, Symbol("seven"), { toString: () => assert.fail() }]);
  const { counted } = await countedUntil(get, ({ rooms }) => rooms.total === HOSTILE.length + 4);
  const names = counted.rooms.top.map(({ name }) => name);
  for (const name of [...HOSTILE, "7", "Symbol(seven)", "[object]"]) {
    assert.ok(names.includes(name), JSON.stringify(name));
  }
  assert.ok(names.includes(`${"r".repeat(199)}…`));
  const res = await get(`connection${query({ nsp: "/", id: socket.id })}`);
  assert.ok(res.text.length < 5000);
  assert.match(res.headers["content-type"], /^application\/json/);
  const room = (await get(`connections${query({ nsp: "/", room: HOSTILE[0] })}`)).json();
  assert.equal(room.rows.length, 1);
});

beyond(
  "an adapter without maps of rooms, and an engine without metrics, are told as such",
  async (t) => {
    const { io, get, port } = await served(t);
    const { socket } = await join(t, io, port);
    const { adapter } = io.sockets;
    const { rooms, sids } = adapter;
    t.after(() => Object.assign(adapter, { rooms, sids }));
    Object.assign(adapter, { rooms: undefined, sids: undefined });
    const { counted } = (await get("data")).json();
    assert.equal(counted.rooms.total, 0);
    assert.equal(counted.sockets, 1);
    assert.equal((await get("connections")).json().rows[0].rooms, 0);
    assert.equal(
      (await get(`connection${query({ nsp: "/", id: socket.id })}`)).json().rooms.total,
      0,
    );
  },
);
