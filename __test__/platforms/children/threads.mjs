// A server whose I/O threads are as many as the environment says, with clients of its own: checks
// the order of what they hear. Argument: "attached", "port" or "tls".
import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import { io as connect } from "socket.io-client";
import { certificate } from "../../support/secure.mjs";

const require = createRequire(import.meta.url);
const { Server } = require("../../../index.js");
const { Engine } = require("../../../binding.js");

const CLIENTS = 12;
const EVENTS = 200;

const form = process.argv[2];
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

async function serve() {
  if (form === "port") {
    const io = new Server(0);
    if (!io.httpServer.listening) await once(io.httpServer, "listening");
    return io;
  }
  const httpServer = form === "tls" ? https.createServer(certificate) : http.createServer();
  const io = new Server(httpServer);
  httpServer.listen(0);
  await once(httpServer, "listening");
  return io;
}

const io = await serve();
const heard = new Map();
const after = [];
io.on("connection", (socket) => {
  const list = [];
  heard.set(socket.id, list);
  socket.on("count", (n) => list.push(n));
  socket.on("relay", (n, ack) => {
    after.push(n);
    ack();
  });
});

const { port } = io.httpServer.address();
const url = `${form === "tls" ? "https" : "http"}://127.0.0.1:${port}`;
const clients = [];
for (let i = 0; i < CLIENTS; i++) {
  const transports = i % 3 === 0 ? ["polling", "websocket"] : ["websocket"];
  const client = connect(url, { transports, ca: certificate.cert, forceNew: true });
  await once(client, "connect");
  client.got = [];
  client.on("all", (n) => client.got.push(n));
  clients.push(client);
}

// what one client says is heard in order
for (let n = 0; n < EVENTS; n++) for (const client of clients) client.emit("count", n);
await Promise.all(clients.map((client) => client.timeout(30_000).emitWithAck("relay", -1)));
const all = Array.from({ length: EVENTS }, (_, n) => n);
for (const list of heard.values()) assert.deepEqual(list, all);

// what a client says after another one was answered is heard after it
after.length = 0;
for (const n of all) await clients[n % CLIENTS].timeout(30_000).emitWithAck("relay", n);
assert.deepEqual(after, all);

// every client gets broadcasts in order, and what was sent to it alone among them
for (const n of all) {
  io.emit("all", n);
  for (const socket of io.sockets.sockets.values()) socket.emit("all", n + 0.5);
}
await Promise.all(
  [...io.sockets.sockets.values()]
    .map((socket) => new Promise((resolve) => socket.timeout(30_000).emit("done", resolve)))
    .concat(
      clients.map(
        (client) =>
          new Promise((resolve) =>
            client.once("done", (ack) => {
              ack();
              resolve();
            }),
          ),
      ),
    ),
);
const both = all.flatMap((n) => [n, n + 0.5]);
for (const client of clients) assert.deepEqual(client.got, both);

const { threads } = new Engine(() => {}).stats();
process.send({ type: "done", threads, clients: heard.size });
process.exit();
