// A real client finds its server again after a restart on the same port.
import assert from "node:assert/strict";
import { client, connected, eachWay } from "../support/clients.mjs";
import { closeServer, serveHttp } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

/** A server that greets with the name of its generation. */
async function start(t, generation, port) {
  const httpServer = await serveHttp(t, port);
  const io = new Server(httpServer);
  io.on("connection", (socket) => socket.emit("hello", generation));
  return io;
}

eachWay("a client reconnects after a restart of the server", async (t, way) => {
  const first = await start(t, "first");
  const { port } = first.httpServer.address();
  const one = client(t, port, {
    ...way,
    reconnection: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
  });
  const greeting = once(one, "hello");
  await connected(one);
  assert.deepEqual(await greeting, ["first"]);
  const { id } = one;

  const left = once(one, "disconnect");
  await closeServer(first);
  await left;
  const greetingAgain = once(one, "hello");
  const second = await start(t, "second", port);
  defer(t, () => closeServer(second));
  assert.deepEqual(await greetingAgain, ["second"]);
  assert.notEqual(one.id, id);
  assert.equal(second.sockets.sockets.get(one.id).connected, true);
  // the client gives up first, or it would look for a third server
  one.disconnect();
});

eachWay("a connection that the server closed is opened again", async (t, way) => {
  const httpServer = await serveHttp(t);
  const io = new Server(httpServer);
  defer(t, () => closeServer(io));
  const { port } = httpServer.address();
  const settings = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 };
  const one = client(t, port, { ...way, ...settings });
  await connected(one);
  const [{ conn }] = io.sockets.sockets.values();
  const again = once(io, "connection");
  const left = once(one, "disconnect");
  conn.close();
  await left;
  const [socket] = await again;
  await connected(one);
  assert.equal(socket.id, one.id);
  one.disconnect();
});
