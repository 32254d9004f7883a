// WebSocket servers of other packages on the same HTTP server, whichever came first.
import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { test } from "node:test";
import { io as connect } from "socket.io-client";
import * as ws8 from "ws";
import ws7 from "ws-v7";
import { connected } from "../support/clients.mjs";
import { certificate, secureBeyond } from "../support/secure.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { beyond, engine, isOracle, Server } from "../support/subject.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { defer, once, until, within } from "../support/wait.mjs";

const { WebSocket, WebSocketServer } = ws8;

/** The servers of `ws` by major version. */
const WS = { 8: WebSocketServer, 7: ws7.Server };

const notFound = (_req, res) => res.writeHead(404).end();

/** Starts an HTTP server to which each function has attached something, in that order. */
async function serveAll(t, attachments, { secure = false } = {}) {
  const httpServer = secure
    ? https.createServer(certificate, notFound)
    : http.createServer(notFound);
  for (const attach of attachments) attach(httpServer);
  const port = await listen(httpServer);
  defer(t, () => closeHttp(httpServer));
  return { httpServer, port, base: `${secure ? "s" : ""}://127.0.0.1:${port}` };
}

/** Attaches a Socket.IO server that echoes. */
function socketIo(t, options, use = () => {}) {
  return (httpServer) => {
    const io = new Server(httpServer, options);
    io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
    defer(t, () => {
      io.disconnectSockets(true);
      io.engine.close();
    });
    use(io);
  };
}

/** Adds an echo to a server of `ws`. */
function echoing(t, server) {
  server.on("connection", (one) => {
    one.on("message", (data) => one.send(`echo ${data}`));
  });
  defer(t, () => {
    for (const one of server.clients) one.terminate();
  });
  return server;
}

/** Connects a client of Socket.IO that knows WebSockets alone, and has an event answered. */
async function talkSocketIo(t, base, path = "/socket.io") {
  const client = connect(`http${base}`, {
    path,
    forceNew: true,
    reconnection: false,
    transports: ["websocket"],
    ca: certificate.cert,
  });
  defer(t, () => client.disconnect());
  await connected(client);
  assert.equal(await within(client.emitWithAck("echo", "hello"), "the answer"), "hello");
  assert.equal(client.io.engine.transport.name, "websocket");
  return client;
}

/** Connects a WebSocket to another server, and has a message answered. */
async function talkOther(t, base, path) {
  const socket = new WebSocket(`ws${base}${path}`, { ca: certificate.cert });
  defer(t, () => socket.terminate());
  const failed = new Promise((_, reject) => socket.once("error", reject));
  await Promise.race([once(socket, "open"), failed]);
  const answered = once(socket, "message");
  socket.send("hello");
  assert.equal(String((await answered)[0]), "echo hello");
  return socket;
}

async function talkBoth(t, { base }, path = "/other") {
  const sockets = [await talkSocketIo(t, base), await talkOther(t, base, path)];
  // Neither is ended by the other's answer.
  await talkSocketIo(t, base);
  await talkOther(t, base, path);
  assert.equal(sockets[0].connected, true);
  assert.equal(sockets[1].readyState, WebSocket.OPEN);
}

/** Other servers of WebSockets, each as a function that attaches it. */
const OTHERS = {
  "ws 8 with a path": (t) => (server) => echoing(t, new WS[8]({ server, path: "/other" })),
  "ws 7 with a path": (t) => (server) => echoing(t, new WS[7]({ server, path: "/other" })),
  "ws 8 without a path": (t) => (server) => echoing(t, new WS[8]({ server })),
  "ws 7 without a path": (t) => (server) => echoing(t, new WS[7]({ server })),
  "ws 8 that asks verifyClient": (t) => (server) => {
    const verifyClient = (_info, done) => setImmediate(done, true);
    echoing(t, new WS[8]({ server, path: "/other", verifyClient }));
  },
  "a listener that hands all over to ws": (t) => (httpServer) => {
    const server = echoing(t, new WS[8]({ noServer: true, path: "/other" }));
    httpServer.on("upgrade", (req, socket, head) => {
      server.handleUpgrade(req, socket, head, (one) => server.emit("connection", one, req));
    });
  },
  "a listener that does more": (t) => (httpServer) => {
    for (const version of [7, 8]) {
      const path = version === 8 ? "/other" : "/seven";
      const server = echoing(t, new WS[version]({ noServer: true, path }));
      httpServer.on("upgrade", (req, socket, head) => {
        if (version === 7 && req.url === "/other") return;
        if (version === 8 && req.url === "/seven") return;
        req.seenBy = version;
        server.handleUpgrade(req, socket, head, (one) => {
          server.emit("connection", one, req);
        });
      });
    }
  },
};

for (const [name, other] of Object.entries(OTHERS)) {
  beyond(`both work when ${name} came first`, async (t) => {
    await talkBoth(t, await serveAll(t, [other(t), socketIo(t)]));
  });

  beyond(`both work when ${name} came later`, async (t) => {
    await talkBoth(t, await serveAll(t, [socketIo(t), other(t)]));
  });

  // A middleware and allowRequest answer later.
  const slow = { allowRequest: (_req, done) => setTimeout(done, 20, null, true) };
  beyond(`both work when ${name} came first and allowRequest waits`, async (t) => {
    await talkBoth(t, await serveAll(t, [other(t), socketIo(t, slow)]));
  });

  for (const order of ["first", "later"]) {
    secureBeyond(`both work over TLS when ${name} came ${order}`, async (t) => {
      const all = [other(t), socketIo(t)];
      await talkBoth(
        t,
        await serveAll(t, order === "first" ? all : all.reverse(), { secure: true }),
      );
    });
  }
}

beyond("both work when ws is added to a server that listens", async (t) => {
  const served = await serveAll(t, [socketIo(t)]);
  await talkSocketIo(t, served.base);
  OTHERS["ws 8 with a path"](t)(served.httpServer);
  await talkBoth(t, served);
});

beyond("both work on the HTTP server of a port", async (t) => {
  const io = new Server(0);
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  defer(t, () => {
    io.httpServer.closeAllConnections();
    return io.close();
  });
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  const { port } = io.httpServer.address();
  OTHERS["ws 8 with a path"](t)(io.httpServer);
  await talkBoth(t, { base: `://127.0.0.1:${port}` });
});

for (const order of ["first", "later"]) {
  test(`two Socket.IO servers with paths of their own both work: /other came ${order}`, async (t) => {
    const all = [socketIo(t, { path: "/other" }), socketIo(t)];
    const { base } = await serveAll(t, order === "first" ? all : all.reverse());
    await talkSocketIo(t, base);
    await talkSocketIo(t, base, "/other");
  });
}

beyond("a second Socket.IO server may take longer than destroyUpgradeTimeout", async (t) => {
  let ended;
  const slow = {
    path: "/other",
    allowRequest: async (req, done) => {
      // The first server would have ended the connection by then.
      ended = new Promise((resolve) => req.socket.once("end", resolve).once("close", resolve));
      const late = new Promise((resolve) => setTimeout(resolve, 60));
      await Promise.race([ended, late]);
      done(null, true);
    },
  };
  const { base } = await serveAll(t, [
    socketIo(t, { destroyUpgradeTimeout: 5 }),
    socketIo(t, slow),
  ]);
  await talkSocketIo(t, base, "/other");
  assert.ok(ended);
});

beyond("ws may take longer than destroyUpgradeTimeout", async (t) => {
  const verifyClient = (_info, done) => setTimeout(done, 60, true);
  const other = (server) => echoing(t, new WS[8]({ server, path: "/other", verifyClient }));
  const { base } = await serveAll(t, [socketIo(t, { destroyUpgradeTimeout: 5 }), other]);
  await talkOther(t, base, "/other");
});

test("an engine of another package works beside", { skip: isOracle && "the same" }, async (t) => {
  const { attach } = await import("engine.io");
  const foreign = (server) => {
    const other = attach(server, { path: "/other" });
    other.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
    defer(t, () => other.close());
  };
  assert.notEqual(attach, engine.attach);
  for (const all of [
    [foreign, socketIo(t)],
    [socketIo(t), foreign],
  ]) {
    const { base } = await serveAll(t, all);
    await talkSocketIo(t, base);
    const socket = new WebSocket(`ws${base}/other/?EIO=4&transport=websocket`);
    defer(t, () => socket.terminate());
    const received = [];
    socket.on("message", (data) => received.push(String(data)));
    await once(socket, "open");
    socket.send("4hello");
    await until(() => received.includes("4hello"));
  }
});

// --- what stays as it is ----------------------------------------------------------------------

test("listeners of the application see every upgrade request", async (t) => {
  const seen = [];
  const logger = (req) => seen.push(req.url.split("?")[0]);
  const other = (server) => {
    server.on("upgrade", logger);
    echoing(t, new WS[8]({ noServer: true }));
  };
  const { httpServer, base } = await serveAll(t, [
    other,
    socketIo(t),
    (server) => server.on("upgrade", (req) => logger(req)),
  ]);
  await talkSocketIo(t, base);
  assert.deepEqual(seen, ["/socket.io/", "/socket.io/"]);
  assert.ok(httpServer.listeners("upgrade").includes(logger));
  httpServer.removeListener("upgrade", logger);
  assert.equal(httpServer.listeners("upgrade").includes(logger), false);
  await talkSocketIo(t, base);
  assert.equal(seen.length, 3);
});

for (const answer of [
  "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n",
  "HTTP/1.1 400 Bad Request\r\n\r\n",
]) {
  test(`a listener that came first refuses with ${answer.slice(9, 12)}`, async (t) => {
    const refuse = (server) => server.on("upgrade", (_req, socket) => socket.end(answer));
    const { port } = await serveAll(t, [refuse, socketIo(t)]);
    assert.equal(String(await exchange(t, port, opening())), answer);
  });
}

test("a listener that came first destroys the connection", async (t) => {
  const refuse = (server) => server.on("upgrade", (_req, socket) => socket.destroy());
  const { base } = await serveAll(t, [refuse, socketIo(t)]);
  await assert.rejects(talkSocketIo(t, base), /websocket error/);
});

test("ws without a path serves the path once Socket.IO's listeners are removed", async (t) => {
  const { httpServer, base } = await serveAll(t, [socketIo(t)]);
  httpServer.removeAllListeners("upgrade");
  const server = echoing(t, new WS[8]({ server: httpServer }));
  await talkOther(t, base, "/socket.io/?EIO=4&transport=websocket");
  assert.equal(server.clients.size, 1);
});

test("an upgrade request that nobody takes is ended, beside listeners too", async (t) => {
  let seen = 0;
  const { port } = await serveAll(t, [
    socketIo(t, { destroyUpgradeTimeout: 5 }),
    (server) => server.on("upgrade", () => seen++),
  ]);
  assert.equal(String(await exchange(t, port, opening(undefined, {}, "/nobody"))), "");
  assert.equal(seen, 1);
});
