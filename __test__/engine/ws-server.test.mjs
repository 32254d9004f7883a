// `io.engine.ws`: what applications read from it, listen to, change, and put in its place.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { client, connected } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { serve, serveHttp } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

const BAD_UPGRADE =
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" +
  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n";

/** A server of this form that has told of its listening: that makes a new `engine.ws`. */
async function served(t, form) {
  const server = await SERVE[form](t);
  // The event comes in the tick after the call.
  await new Promise(setImmediate);
  return server;
}

/** A session over a WebSocket in which a message goes each way. */
async function talk(t, io, port, options) {
  const joined = once(io, "connection");
  const session = await Ws.open(t, port, options);
  await session.join();
  const [socket] = await joined;
  const heard = once(socket, "hello");
  await session.send('42["hello","there"]');
  assert.deepEqual(await heard, ["there"]);
  socket.emit("hello", "you");
  assert.equal(await session.next(), '42["hello","you"]');
  return { session, socket };
}

test("engine.ws is a WebSocket server without an HTTP server of its own", async (t) => {
  const { io } = await serve(t, { maxHttpBufferSize: 1234, perMessageDeflate: { threshold: 99 } });
  const { ws } = io.engine;
  assert.equal(io.engine.ws, ws);
  assert.equal(ws.constructor.name, "WebSocketServer");
  assert.equal(ws.options.noServer, true);
  assert.equal(ws.options.maxPayload, 1234);
  assert.equal(ws.options.perMessageDeflate.threshold, 99);
  assert.equal(ws.options.clientTracking, false);
  assert.equal(ws.clients, undefined);
  assert.equal(ws.listenerCount("headers"), 1);
  assert.throws(() => ws.address(), /noServer/);
});

test("engine.ws is undefined without the transport websocket", async (t) => {
  const { io } = await serve(t, { transports: ["polling"] });
  assert.equal(io.engine.ws, undefined);
});

for (const form of FORMS) {
  test(`engine.ws tells of the headers of each upgrade (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    io.engine.on("headers", (headers) => {
      headers["x-engine"] = "1";
    });
    const seen = [];
    io.engine.ws.on("headers", (lines, req) => {
      seen.push([lines[0], lines.includes("x-engine: 1"), req.url.split("?")[0]]);
      lines.push("X-Ws: 2");
    });
    const { session } = await talk(t, io, port);
    assert.deepEqual(seen, [["HTTP/1.1 101 Switching Protocols", true, "/socket.io/"]]);
    assert.equal(session.response.headers["x-ws"], "2");
    assert.equal(session.response.headers["x-engine"], "1");
  });

  test(`engine.ws tells of a bad upgrade request and leaves the answer to its listeners (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    const told = once(io.engine.ws, "wsClientError");
    const tcp = await Tcp.open(t, port);
    tcp.write(BAD_UPGRADE);
    const [error, socket, req] = await told;
    assert.match(error.message, /Sec-WebSocket-Key/);
    assert.ok(socket instanceof net.Socket);
    assert.ok(req instanceof http.IncomingMessage);
    socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n");
    assert.match(await tcp.rest(), /^HTTP\/1\.1 418 /);
  });

  test(`a bad upgrade request is refused without listeners of engine.ws (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    assert.equal(io.engine.ws.listenerCount("wsClientError"), 0);
    const tcp = await Tcp.open(t, port);
    tcp.write(BAD_UPGRADE);
    assert.match(await tcp.rest(), /^HTTP\/1\.1 400 /);
  });

  test(`engine.ws.handleUpgrade may be replaced (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    const { ws } = io.engine;
    const { handleUpgrade } = ws;
    const urls = [];
    ws.handleUpgrade = function (req, ...rest) {
      urls.push(req.url.split("?")[0]);
      return handleUpgrade.call(this, req, ...rest);
    };
    await talk(t, io, port);
    assert.deepEqual(urls, ["/socket.io/"]);
  });

  test(`options of engine.ws may be changed (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    io.engine.ws.options.handleProtocols = (protocols) => [...protocols].at(-1);
    const { session } = await talk(t, io, port, { protocols: ["soup", "stew"] });
    assert.equal(session.ws.protocol, "stew");
  });

  test(`engine.ws.close() refuses WebSockets, and polling goes on (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    const { session } = await talk(t, io, port);
    await new Promise((resolve) => io.engine.ws.close(resolve));
    await assert.rejects(Ws.open(t, port), /503/);
    const polling = await Polling.open(t, port);
    await polling.join();
    await session.send('42["still"]');
    assert.equal(session.ws.readyState, 1);
  });

  test(`engine.ws = new WebSocketServer() serves what is opened later (${form})`, async (t) => {
    const { io, port } = await served(t, form);
    const { session: before } = await talk(t, io, port);
    const mine = new WebSocketServer({ noServer: true });
    let upgrades = 0;
    const { handleUpgrade } = mine;
    mine.handleUpgrade = (...args) => {
      upgrades++;
      handleUpgrade.apply(mine, args);
    };
    io.engine.ws = mine;
    assert.equal(io.engine.ws, mine);
    const { socket } = await talk(t, io, port);
    assert.equal(upgrades, 1);
    assert.equal(socket.conn.transport.socket.constructor.name, "WebSocket");
    assert.equal(before.ws.readyState, 1);
    const one = await connected(client(t, port, { transports: ["polling", "websocket"] }));
    await until(() => one.io.engine.transport.name === "websocket", "the upgrade");
    assert.equal(upgrades, 2);
  });
}

test("a server that listens makes a new engine.ws", async (t) => {
  const httpServer = http.createServer();
  const io = new Server(httpServer);
  defer(t, () => io.close());
  const { ws } = io.engine;
  const mine = new WebSocketServer({ noServer: true });
  io.engine.ws = mine;
  await once(httpServer.listen(0, "127.0.0.1"), "listening");
  assert.notEqual(io.engine.ws, ws);
  assert.notEqual(io.engine.ws, mine);
  await talk(t, io, httpServer.address().port);
});

test("engine.close() closes engine.ws", async (t) => {
  const { io } = await serve(t);
  const closed = once(io.engine.ws, "close");
  io.engine.close();
  await closed;
});

test("engine.ws.handleUpgrade() opens a WebSocket by hand", async (t) => {
  const { io } = await serve(t);
  const other = await serveHttp(t);
  other.on("upgrade", (req, socket, head) => {
    io.engine.prepare(req);
    io.engine.ws.handleUpgrade(req, socket, head, (ws) => ws.send("by hand"));
  });
  const ws = await Ws.open(t, other.address().port, { query: "&sid=none" });
  assert.equal(await ws.next(), "by hand");
});
