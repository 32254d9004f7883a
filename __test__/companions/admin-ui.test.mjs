// @socket.io/admin-ui: what its page is told of the server, and what it has the server do.
import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { instrument } from "@socket.io/admin-ui";
import { client, connected } from "../support/clients.mjs";
import { startServer } from "../support/forms.mjs";
import { closeServer } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";

const { hashSync } = createRequire(import.meta.url)("bcryptjs");
const auth = { type: "basic", username: "me", password: hashSync("secret", 4) };
const CREDENTIALS = { username: "me", password: "secret" };

/** A server of the given form with the admin namespace, and a page that is logged in. */
async function start(t, form, options) {
  const io = await startServer(form);
  defer(t, () => closeServer(io));
  instrument(io, { auth, serverId: "this one", ...options });
  io.on("connection", (socket) => {
    socket.data.name = "observed";
    socket.on("hello", (_name, answer) => answer("hi"));
    socket.join("room");
  });
  const { port } = io.httpServer.address();
  const page = client(t, port, { nsp: "/admin", auth: CREDENTIALS });
  const log = [];
  page.onAny((...event) => log.push(event));
  await connected(page);
  /** Waits for an event that the page is told, and gives its arguments. */
  const told = (event, matches = () => true) => {
    const fits = ([name, ...args]) => name === event && matches(...args);
    return until(() => log.find(fits)?.slice(1), `the page is told ${event}`);
  };
  return { io, port, page, log, told };
}

/** The counts of what has happened since the start, by kind. */
function totals(log) {
  const sums = {};
  for (const [event, stats] of log) {
    if (event !== "server_stats") continue;
    for (const { type, subType, count } of stats.aggregatedEvents) {
      const name = subType ? `${type}: ${subType}` : type;
      sums[name] = (sums[name] ?? 0) + count;
    }
  }
  return sums;
}

for (const form of ["port", "attached"]) {
  test(`refuses wrong credentials and lets a known session in [${form}]`, async (t) => {
    const { port, told } = await start(t, form, {});
    const [session] = await told("session");
    for (const wrong of [{}, { username: "me", password: "wrong" }, { sessionId: "none" }]) {
      const other = client(t, port, { nsp: "/admin", auth: wrong });
      assert.equal((await once(other, "connect_error"))[0].message, "invalid credentials");
    }
    await connected(client(t, port, { nsp: "/admin", auth: { sessionId: session } }));
  });

  for (const way of Object.keys(WAYS)) {
    test(`development: the life of a socket [${form}, ${way}]`, async (t) => {
      const { io, port, told } = await start(t, form, { mode: "development" });
      const [{ supportedFeatures }] = await told("config");
      assert.deepEqual(
        [...supportedFeatures].sort(),
        "AGGREGATED_EVENTS ALL_EVENTS DISCONNECT EMIT JOIN LEAVE MDISCONNECT MJOIN MLEAVE".split(
          " ",
        ),
      );
      const one = client(t, port, { ...WAYS[way], query: { a: "b" } });
      await connected(one);
      const mine = (socket) => socket.id === one.id && socket.nsp === "/";
      const [shown, time] = await told("socket_connected", mine);
      assert.ok(Date.parse(time) > 0);
      assert.equal(shown.transport, way === "default" ? "polling" : way);
      assert.equal(shown.handshake.address, io.sockets.sockets.get(one.id).handshake.address);
      assert.equal(shown.handshake.query.a, "b");
      assert.equal(shown.handshake.secure, false);
      assert.deepEqual(shown.rooms, [one.id]);
      assert.equal(shown.clientId, io.sockets.sockets.get(one.id).client.id.substring(0, 12));
      await told("socket_updated", ({ id, data }) => id === one.id && data?.name === "observed");
      await told("room_joined", (nsp, room, id) => nsp === "/" && room === "room" && id === one.id);
      if (way === "default") {
        await settled(one, way);
        await told("socket_updated", (socket) => mine(socket) && socket.transport === "websocket");
      }

      assert.equal(await one.emitWithAck("hello", "ü"), "hi");
      const [, , received] = await told(
        "event_received",
        (nsp, id) => nsp === "/" && id === one.id,
      );
      assert.deepEqual(received, ["hello", "ü"]);
      io.to("room").emit("news", 1);
      const [, , sent] = await told("event_sent", (nsp, id) => nsp === "/" && id === one.id);
      assert.deepEqual(sent, ["news", 1]);

      const { id } = one;
      one.disconnect();
      const [, , reason] = await told(
        "socket_disconnected",
        (nsp, gone) => nsp === "/" && gone === id,
      );
      assert.equal(reason, "client namespace disconnect");
      await told("room_left", (nsp, room, left) => nsp === "/" && room === "room" && left === id);
    });
  }

  test(`the page has sockets addressed, moved and disconnected [${form}]`, async (t) => {
    const { io, port, page, told } = await start(t, form, { mode: "development" });
    const two = [client(t, port), client(t, port, WAYS.polling)];
    for (const one of two) await connected(one);
    const [one, other] = two;
    const heard = two.map((each) => once(each, "from the page"));
    page.emit("emit", "/", undefined, "from the page", { deep: [1] });
    for (const each of heard) assert.deepEqual(await each, [{ deep: [1] }]);
    page.emit("join", "/", "more", one.id);
    await told("room_joined", (nsp, room, id) => nsp === "/" && room === "more" && id === one.id);
    const alone = once(one, "more");
    page.emit("emit", "/", "more", "more");
    assert.deepEqual(await alone, []);
    page.emit("leave", "/", "room");
    await until(() => !io.sockets.adapter.rooms.has("room"), "all have left the room");
    const gone = once(other, "disconnect");
    page.emit("_disconnect", "/", true, other.id);
    assert.ok(["io server disconnect", "transport close"].includes((await gone)[0]));
    const all = await io.fetchSockets();
    assert.deepEqual(
      all.map(({ id }) => id),
      [one.id],
    );
  });
}

// each waits for the numbers of some seconds
test("production: the page gets numbers alone", { concurrency: true }, async (t) => {
  const all = ["port", "attached"].flatMap((form) => Object.keys(WAYS).map((way) => [form, way]));
  const run = ([form, way]) => t.test(`${form}, ${way}`, (t) => numbersAlone(t, form, way));
  await Promise.all(all.map(run));
});

async function numbersAlone(t, form, way) {
  const { io, port, log, told } = await start(t, form, { mode: "production" });
  const [{ supportedFeatures }] = await told("config");
  assert.ok(supportedFeatures.includes("AGGREGATED_EVENTS"));
  const one = client(t, port, WAYS[way]);
  await connected(one);
  await settled(one, way);
  assert.equal(await one.emitWithAck("hello", "ü"), "hi");
  const polling = way === "polling" ? 1 : 0;
  const [stats] = await told(
    "server_stats",
    ({ clientsCount, namespaces }) => clientsCount === 2 && namespaces[0].socketsCount === 1,
  );
  assert.equal(stats.serverId, "this one");
  assert.equal(stats.pid, process.pid);
  assert.equal(stats.pollingClientsCount, polling);
  assert.deepEqual(stats.namespaces, [
    { name: "/", socketsCount: 1 },
    { name: "/admin", socketsCount: 1 },
  ]);
  one.disconnect();
  await told("server_stats", ({ clientsCount }) => clientsCount === 1);
  await until(() => totals(log)["rawDisconnection: transport close"] === 1, "it is counted");
  const sums = totals(log);
  const said = ["0", '20["hello","ü"]', "1", `0/admin,${JSON.stringify(CREDENTIALS)}`];
  assert.equal(sums.rawConnection, 2);
  assert.equal(sums.packetsIn, said.length);
  assert.equal(sums.bytesIn, Buffer.byteLength(said.join("")));
  assert.ok(sums.packetsOut >= 2 && sums.bytesOut > sums.packetsOut);
  assert.equal(io._pollingClientsCount, 0);
  const seldom = log.filter(([event]) => !["session", "config", "server_stats"].includes(event));
  assert.deepEqual(seldom, []);
}

test("a read-only page cannot change anything", async (t) => {
  const { io, page, told } = await start(t, "attached", { readonly: true });
  const [{ supportedFeatures }] = await told("config");
  assert.deepEqual([...supportedFeatures].sort(), ["AGGREGATED_EVENTS", "ALL_EVENTS"]);
  page.emit("join", "/admin", "more");
  // what comes later over the same connection has been heard
  await connected(page.io.socket("/"));
  assert.ok(!io.of("/admin").adapter.rooms.has("more"));
});

test("before the server is bound, without a password, elsewhere", async (t) => {
  const io = new Server();
  instrument(io, { auth: false, namespaceName: "/elsewhere" });
  const httpServer = http.createServer();
  io.attach(httpServer);
  defer(t, () => closeServer(io));
  await once(httpServer.listen(0, "127.0.0.1"), "listening");
  const page = client(t, httpServer.address().port, { nsp: "/elsewhere" });
  const stats = once(page, "server_stats");
  await connected(page);
  assert.equal((await stats)[0].clientsCount, 1);
  assert.equal((await stats)[0].aggregatedEvents[0].type, "rawConnection");
});
