// An HTTP server on a UNIX socket: raw and real clients, on every transport.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { connected, client as plainClient } from "../support/clients.mjs";
import { RS } from "../support/raw.mjs";
import { closeHttp, closeServer } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { frame, Tcp } from "../support/tcp.mjs";
import { defer, once, until, within } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";
import { ask, joinByHand } from "../support/wire.mjs";

/** A Socket.IO server on a socket file: `{ io, httpServer, socketPath }`. */
async function serveUnix(t, options) {
  const folder = mkdtempSync(path.join(tmpdir(), "unix-"));
  defer(t, () => rmSync(folder, { recursive: true }));
  const socketPath = path.join(folder, "io.sock");
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end("elsewhere"));
  defer(t, () => closeHttp(httpServer));
  await once(httpServer.listen(socketPath), "listening");
  const io = new Server(httpServer, options);
  defer(t, () => closeServer(io));
  io.on("connection", (socket) => socket.on("echo", (...args) => args.pop()(...args)));
  return { io, httpServer, socketPath };
}

/** One request over the socket file: `{ status, text }`. */
function request(socketPath, { query = "", method = "GET", body } = {}) {
  const answered = new Promise((resolve, reject) => {
    const url = `/socket.io/?EIO=4&transport=polling${query}`;
    const req = http.request({ socketPath, path: url, method, agent: false }, async (res) => {
      const chunks = await res.toArray();
      resolve({ status: res.statusCode, text: Buffer.concat(chunks).toString() });
    });
    req.on("error", reject);
    req.end(body);
  });
  return within(answered, `the answer to ${method} ${query}`);
}

/** Opens a polling session by hand; resolves with its query. */
async function openPolling(socketPath) {
  const { text } = await request(socketPath);
  const query = `&sid=${JSON.parse(text.slice(1)).sid}`;
  const joined = request(socketPath, { query });
  await request(socketPath, { query, method: "POST", body: "40" });
  assert.match((await joined).text, /^40\{"sid":/);
  return query;
}

test("a session by hand polls over a UNIX socket", async (t) => {
  const { io, socketPath } = await serveUnix(t);
  const query = await openPolling(socketPath);
  const poll = request(socketPath, { query });
  const body = ['420["echo","a"]', '421["echo","b"]'].join(RS);
  assert.equal((await request(socketPath, { query, method: "POST", body })).text, "ok");
  let { text } = await poll;
  // the second answer may have missed the first poll
  if (!text.includes(RS)) text += RS + (await request(socketPath, { query })).text;
  assert.deepEqual(text.split(RS), ['430["a"]', '431["b"]']);
  await request(socketPath, { query, method: "POST", body: "1" });
  await until(() => io.engine.clientsCount === 0);
  const { status } = await request(socketPath, { query });
  assert.equal(status, 400);
});

test("WebSocket with a client library", async (t) => {
  const { io, socketPath } = await serveUnix(t);
  const ws = new WebSocket(`ws+unix:${socketPath}:/socket.io/?EIO=4&transport=websocket`);
  defer(t, () => ws.terminate());
  const messages = [];
  ws.on("message", (data, binary) => messages.push(binary ? data : data.toString()));
  await once(ws, "open");
  ws.send("40");
  await until(() => messages.length === 2);
  assert.match(messages.join(""), /^0\{.*\}40\{"sid":".*"\}$/);
  ws.send('451-7["echo",{"_placeholder":true,"num":0}]');
  ws.send(Buffer.from([1, 2, 3]));
  await until(() => messages.length === 4);
  assert.deepEqual(messages.slice(2), [
    '461-7[{"_placeholder":true,"num":0}]',
    Buffer.from([1, 2, 3]),
  ]);
  ws.close();
  await until(() => io.engine.clientsCount === 0);
});

test("a session upgraded from polling to WebSocket by hand", async (t) => {
  const { io, socketPath } = await serveUnix(t);
  const query = await openPolling(socketPath);
  const [conn] = Object.values(io.engine.clients);
  const ws = new WebSocket(`ws+unix:${socketPath}:/socket.io/?EIO=4&transport=websocket${query}`);
  defer(t, () => ws.terminate());
  const messages = [];
  ws.on("message", (data) => messages.push(data.toString()));
  await once(ws, "open");
  ws.send("2probe");
  await until(() => messages.includes("3probe"));
  ws.send("5");
  ws.send('421["echo","upgraded"]');
  await until(() => messages.length === 2);
  assert.equal(messages[1], '431["upgraded"]');
  assert.equal(conn.transport.name, "websocket");
});

for (const [way, options] of Object.entries(WAYS)) {
  test(`a real client connects over a UNIX socket [${way}]`, async (t) => {
    const { io, httpServer, socketPath } = await serveUnix(t);
    const agent = new http.Agent({ socketPath });
    const accepted = once(io, "connection");
    // the port is not looked at: the agent knows where to go
    const client = plainClient(t, 1, { agent, ...options });
    const [[socket]] = await Promise.all([accepted, connected(client)]);
    await settled(client, way);
    const large = Buffer.alloc(100_000, "x");
    assert.deepEqual(await client.emitWithAck("echo", large), large);
    assert.equal(socket.handshake.address, undefined);
    assert.equal(socket.conn.remoteAddress, undefined);
    assert.equal(socket.request.socket.remoteAddress, undefined);
    assert.equal(socket.handshake.secure, false);
    const gone = once(socket, "disconnect");
    client.disconnect();
    assert.equal((await gone)[0], "client namespace disconnect");
    await until(() => io.engine.clientsCount === 0);
    agent.destroy();
    const count = () =>
      new Promise((resolve) => httpServer.getConnections((_error, n) => resolve(n)));
    await until(async () => (await count()) === 0, "the connections have ended");
  });
}

test("a connection that is cut ends its session", async (t) => {
  const { io, socketPath } = await serveUnix(t);
  for (const half of ["", frame(1, '42["half"]').subarray(0, 9)]) {
    const wire = Tcp.over(t, net.connect(socketPath));
    const id = await joinByHand(wire);
    assert.deepEqual(await ask(wire, 1, "echo", 1), [1]);
    const gone = once(io.sockets.sockets.get(id), "disconnect");
    wire.write(half);
    wire.socket.destroy();
    assert.equal((await gone)[0], "transport close");
  }
  await until(() => io.engine.clientsCount === 0);
});
