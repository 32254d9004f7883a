// A server made from options alone, and what can be done with it before it is attached.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { client, eachWay, join } from "../support/clients.mjs";
import { answering, exercise } from "../support/exercise.mjs";
import { listening } from "../support/forms.mjs";
import { Polling, request } from "../support/raw.mjs";
import { io as callable, Server } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

const OPTIONS = () => ({ path: "/mine", serveClient: false, pingInterval: 12_345 });
const MADE = {
  "require(package)(options)": () => callable(OPTIONS()),
  "new Server(options)": () => new Server(OPTIONS()),
  "new Server(undefined, options)": () => new Server(undefined, OPTIONS()),
  "new Server(null, options)": () => new Server(null, OPTIONS()),
};
const LISTENING = {
  "listen(port)": (io) => io.listen(0),
  "attach(port)": (io) => io.attach(0),
  "listen(httpServer)": (io) => io.listen(http.createServer().listen(0)),
};
for (const [made, make] of Object.entries(MADE)) {
  for (const [title, start] of Object.entries(LISTENING)) {
    eachWay(`${made}, then ${title}`, async (t, options, way) => {
      const io = make();
      answering(io);
      assert.deepEqual([io.httpServer, io.engine], [undefined, undefined]);
      assert.equal(start(io), io);
      const { port } = await listening(t, io);
      await exercise(io, client(t, port, { ...options, path: "/mine" }), way);
      const { handshake } = await Polling.open(t, port, { path: "/mine/" });
      assert.equal(handshake.pingInterval, 12_345);
      const file = await request(port, "/mine/socket.io.js");
      assert.deepEqual([file.status, file.text], [400, '{"code":0,"message":"Transport unknown"}']);
    });
  }
}

eachWay("namespaces, middlewares and listeners set before it listens", async (t, options) => {
  const io = new Server();
  const order = [];
  io.use((_socket, next) => {
    order.push("middleware");
    next();
  });
  io.on("connection", () => order.push("connection"));
  io.of("/own").on("connection", () => order.push("own"));
  io.of(/^\/dynamic-\d$/).on("connection", (socket) => order.push(socket.nsp.name));
  const { port } = await listening(t, io.listen(0));
  for (const nsp of ["/", "/own", "/dynamic-1"]) await join(t, io, port, { ...options, nsp });
  assert.deepEqual(order, ["middleware", "connection", "own", "/dynamic-1"]);
});

test("emitting before a server is attached reaches no client and throws nothing", async (t) => {
  const io = new Server();
  io.emit("early", 1);
  io.to("room").volatile.emit("early", 2);
  io.socketsJoin("room");
  io.disconnectSockets(true);
  assert.deepEqual(await io.fetchSockets(), []);
  assert.deepEqual(await io.timeout(10).emitWithAck("early"), []);
  const { port } = await listening(t, io.listen(0));
  const { client: one } = await join(t, io, port);
  const first = once(one, "late");
  one.once("early", () => assert.fail("that was before"));
  io.emit("late", 3);
  assert.deepEqual(await first, [3]);
});

test("settings made by methods count when it is attached later", async (t) => {
  const io = new Server().path("/set/").serveClient(false).connectTimeout(10_000);
  const { port } = await listening(t, io.listen(0));
  await join(t, io, port, { path: "/set" });
  assert.equal((await request(port, "/set/socket.io.js")).status, 400);
  assert.equal((await request(port, "/socket.io/socket.io.js")).status, 404);
});

test("options of listen() are used as those of the engine", async (t) => {
  const { port } = await listening(
    t,
    new Server().listen(0, { path: "/later", pingTimeout: 54_321 }),
  );
  const { handshake } = await Polling.open(t, port, { path: "/later/" });
  assert.equal(handshake.pingTimeout, 54_321);
});
