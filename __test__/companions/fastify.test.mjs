// A Fastify plugin as applications write it: `fastify.io`, there when it is ready, gone with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import fastify from "fastify";
import plugin from "fastify-plugin";
import { client, connected, eachWay } from "../support/clients.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

const socketIo = plugin(
  async (app, { close = "onClose", ...options }) => {
    const io = new Server(app.server, options);
    app.decorate("io", io);
    app.addHook("preClose", (done) => {
      io.local.disconnectSockets(true);
      done();
    });
    if (close === "onClose") app.addHook("onClose", async () => io.close());
  },
  { name: "socket-io" },
);

/** An application with the plugin, a plugin that wants it, and routes that speak to its sockets. */
async function start(t, options) {
  const app = fastify();
  defer(t, () => app.close());
  await app.register(socketIo, options);
  await app.register(
    plugin(
      async (app) => {
        app.io.on("connection", (socket) => {
          socket.on("join", (room, answer) => answer(socket.join(room) ?? "joined"));
          socket.on("echo", (...args) => args.pop()(...args));
        });
      },
      { dependencies: ["socket-io"] },
    ),
  );
  app.addHook("onSend", async (_request, reply) => {
    reply.header("x-application", "yes");
  });
  app.get("/", async () => "a page");
  app.post("/news", async (request) => {
    app.io.to("readers").emit("news", request.body);
    return { readers: (await app.io.in("readers").fetchSockets()).length };
  });
  await app.ready();
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  return { app, address, port: app.server.address().port };
}

eachWay("Fastify serves routes and sockets on one port", async (t, options, way) => {
  const { app, address, port } = await start(t);
  const one = await connected(client(t, port, options));
  await settled(one, way);
  const large = Buffer.alloc(300_000, "large");
  assert.deepEqual(await one.emitWithAck("echo", large), large);
  assert.equal(await one.emitWithAck("join", "readers"), "joined");
  const heard = once(one, "news");
  const answer = await fetch(`${address}/news`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "zwölf €😀" }),
  });
  assert.equal(answer.headers.get("x-application"), "yes");
  assert.deepEqual(await answer.json(), { readers: 1 });
  assert.deepEqual(await heard, [{ text: "zwölf €😀" }]);

  assert.equal((await app.inject("/")).body, "a page");
  assert.equal((await fetch(`${address}/none`)).status, 404);
  const handshake = await fetch(`${address}/socket.io/?EIO=4&transport=polling`);
  assert.equal(handshake.headers.get("x-application"), null);
  assert.match(await handshake.text(), /^0\{/);

  const gone = once(one, "disconnect");
  await app.close();
  await gone;
  await assert.rejects(fetch(address));
});

eachWay("closing Fastify closes the clients that the plugin leaves open", async (t, options) => {
  const { app, port } = await start(t, { close: "never" });
  const one = await connected(client(t, port, options));
  const gone = once(one, "disconnect");
  await app.close();
  await gone;
  assert.equal(app.io.engine.clientsCount, 0);
});

test("the plugin passes path and options to the server", async (t) => {
  const { address, port } = await start(t, { path: "/live", cors: { origin: "*" } });
  const source = await fetch(`${address}/live/socket.io.js`);
  assert.equal(source.status, 200);
  await source.text();
  const handshake = await fetch(`${address}/live/?EIO=4&transport=polling`);
  assert.equal(handshake.headers.get("access-control-allow-origin"), "*");
  await handshake.text();
  assert.equal((await fetch(`${address}/socket.io/?EIO=4&transport=polling`)).status, 404);
  await connected(client(t, port, { path: "/live" }));
});
