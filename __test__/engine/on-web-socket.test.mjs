// engine.onWebSocket(): WebSockets that a framework's own server has opened.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { listen } from "../support/server.mjs";
import { beyond, engine, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { closeAfter, meet, PATH, Polling, Ws } from "./support.mjs";

/** An engine that gets its requests and its WebSockets from others. */
async function serveByHand(t, options) {
  const eio = new engine.Server(options);
  const sockets = new WebSocketServer({ noServer: true });
  const httpServer = http.createServer((req, res) => eio.handleRequest(req, res));
  httpServer.on("upgrade", (req, socket, head) => {
    sockets.handleUpgrade(req, socket, head, (ws) => {
      eio.prepare(req);
      eio.onWebSocket(req, socket, ws);
    });
  });
  closeAfter(t, eio, httpServer);
  return { eio, port: await listen(httpServer) };
}

test("a session begins on a foreign WebSocket", async (t) => {
  const { eio, port } = await serveByHand(t);
  const { client, conn } = await meet(t, eio, port, Ws, { query: "&x=1" });
  assert.equal(conn.transport.name, "websocket");
  assert.equal(conn.id, client.sid);
  assert.equal(conn.request._query.x, "1");
  assert.match(conn.remoteAddress, /127\.0\.0\.1$/);
  assert.equal(typeof conn.transport.socket.send, "function");
  conn.on("message", (data) => conn.send(data));
  await client.send("4hello", Buffer.from([1, 2]));
  assert.equal(await client.next(), "4hello");
  assert.deepEqual(await client.next(), Buffer.from([1, 2]));
  const closing = once(conn, "close");
  client.ws.close();
  assert.equal((await closing)[0], "transport close");
  assert.equal(eio.clientsCount, 0);
});

test("a polling session moves to a foreign WebSocket", async (t) => {
  const { eio, port } = await serveByHand(t);
  const { client, conn } = await meet(t, eio, port, Polling);
  const ws = await Ws.open(t, port, { path: PATH, query: `&sid=${client.sid}` });
  const upgraded = once(conn, "upgrade");
  await ws.send("2probe");
  assert.equal(await ws.next(), "3probe");
  await ws.send("5");
  assert.equal((await upgraded)[0].name, "websocket");
  const received = once(conn, "message");
  await ws.send("4over");
  assert.deepEqual(await received, ["over"]);
  conn.send("back");
  assert.equal(await ws.next(), "4back");
});

for (const [run, title, query] of [
  [test, "an unknown session", "&sid=nobody"],
  [beyond, "an unknown session, by a name of Object", "&sid=constructor"],
]) {
  run(`it is closed: ${title}`, async (t) => {
    const { eio, port } = await serveByHand(t);
    const client = await Ws.open(t, port, { path: PATH, query });
    await client.closed;
    assert.equal(eio.clientsCount, 0);
  });
}

test("a session on a WebSocket takes no second one", async (t) => {
  const { eio, port } = await serveByHand(t, { upgradeTimeout: 50 });
  const { client, conn } = await meet(t, eio, port, Ws);
  const second = await Ws.open(t, port, { path: PATH, query: `&sid=${client.sid}` });
  await second.closed;
  assert.equal(conn.readyState, "open");
});

test("a Socket.IO server on such an engine", async (t) => {
  const { eio, port } = await serveByHand(t);
  const io = new Server();
  io.bind(eio);
  const connecting = once(io, "connection");
  const client = await Ws.open(t, port, { path: PATH });
  await client.join();
  const [socket] = await connecting;
  socket.on("echo", (data, callback) => callback(data));
  await client.send('420["echo",{"a":1}]');
  assert.equal(await client.next(), '430[{"a":1}]');
  io.emit("all", 1);
  assert.equal(await client.next(), '42["all",1]');
  client.ws.terminate();
  await until(() => io.sockets.sockets.size === 0);
});
