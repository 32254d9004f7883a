// io.close() with options: it ends in bounded time, or leaves the HTTP server open.
import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { test } from "node:test";
import { Adapter } from "socket.io-adapter";
import { io as connect } from "socket.io-client";
import { WebSocket, WebSocketServer } from "ws";
import { connected } from "../support/clients.mjs";
import { certificate, secureBeyond } from "../support/secure.mjs";
import { listen } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { defer, once, until, within } from "../support/wait.mjs";

const fetching = { http, https };

/** Answers `/long` with a response that never ends, and all else with the URL. */
function application(req, res) {
  if (req.url === "/long") res.write("begun");
  else res.end(`application: ${req.url}`);
}

/** Each form of a server: `{ io, httpServer, port, scheme }`, which the test closes. */
const FORMS = {
  attached: (_t, options) => {
    const httpServer = http.createServer(application);
    return { httpServer, io: new Server(httpServer, options), scheme: "http" };
  },
  port: (_t, options) => {
    const io = new Server(0, options);
    // The listener that answers 404 comes behind this one.
    io.httpServer.prependListener("request", (req, res) => {
      if (req.url.startsWith("/socket.io/")) return;
      application(req, res);
      res.writeHead = res.end = () => res;
    });
    return { io, httpServer: io.httpServer, scheme: "http" };
  },
  TLS: (_t, options) => {
    const httpServer = https.createServer(certificate, application);
    return { httpServer, io: new Server(httpServer, options), scheme: "https" };
  },
};

/** Closes a server with a short timeout: it ends, and without an error. */
async function closeInTime(io) {
  let error = "not called";
  await within(
    io.close({ timeout: 30 }, (given) => {
      error = given;
    }),
    "the server to close",
  );
  assert.equal(error, undefined);
}

function eachForm(title, fn) {
  for (const [form, make] of Object.entries(FORMS)) {
    const declare = form === "TLS" ? secureBeyond : beyond;
    declare(`${title} [${form}]`, async (t) => {
      const served = make(t, undefined);
      const { httpServer } = served;
      if (form !== "port") await listen(httpServer);
      else if (!httpServer.listening) await once(httpServer, "listening");
      served.port = httpServer.address().port;
      defer(t, async () => {
        httpServer.closeAllConnections();
        if (httpServer.listening) await new Promise((resolve) => httpServer.close(resolve));
      });
      await fn(t, { ...served, form });
    });
  }
}

/** One request: `{ status, body, ended }`; with `partial`, resolved at the first bytes. */
function get(t, { scheme, port }, path, { partial = false, agent, headers } = {}) {
  const { request } = fetching[scheme];
  const options = { host: "127.0.0.1", port, path, agent, headers, ca: certificate.cert };
  const answered = new Promise((resolve, reject) => {
    const req = request(options, (res) => {
      let body = "";
      const ended = new Promise((done) => {
        res.on("end", () => done("end"));
        res.on("error", () => done("error"));
      });
      const answer = () => resolve({ status: res.statusCode, body, ended });
      res.on("data", (chunk) => {
        body += chunk;
        if (partial) answer();
      });
      res.on("end", answer);
    });
    req.on("error", reject);
    req.end();
    defer(t, () => req.destroy());
  });
  return within(answered, `the answer to ${path}`);
}

/** A client that is connected. */
async function join(t, { scheme, port, io }, transports = ["websocket"]) {
  const accepted = once(io, "connection");
  const client = connect(`${scheme}://127.0.0.1:${port}`, {
    forceNew: true,
    reconnection: false,
    transports,
    ca: certificate.cert,
  });
  defer(t, () => client.disconnect());
  await connected(client);
  return { client, socket: (await accepted)[0] };
}

eachForm("close({ timeout }) ends although a response is open", async (t, served) => {
  const { io, httpServer } = served;
  const { client } = await join(t, served);
  const left = once(client, "disconnect");
  const { ended } = await get(t, served, "/long", { partial: true });
  await closeInTime(io);
  assert.equal(httpServer.listening, false);
  assert.equal(await within(ended, "the end of the response"), "error");
  await left;
});

eachForm("close({ timeout }) ends although ws has a WebSocket", async (_t, served) => {
  const { io, httpServer, scheme, port } = served;
  const others = new WebSocketServer({ server: httpServer, path: "/other" });
  const socket = new WebSocket(`${scheme === "https" ? "wss" : "ws"}://127.0.0.1:${port}/other`, {
    ca: certificate.cert,
  });
  await once(socket, "open");
  const closed = once(socket, "close");
  await closeInTime(io);
  await closed;
  await until(() => others.clients.size === 0);
});

eachForm("close({ timeout }) lets a response end that does so in time", async (t, served) => {
  const { io, httpServer } = served;
  let finish;
  httpServer.removeAllListeners("request");
  httpServer.on("request", (_req, res) => {
    res.write("begun, ");
    finish = () => res.end("and ended");
  });
  const answer = get(t, served, "/soon", { agent: false });
  await until(() => finish);
  const closing = io.close({ timeout: 2 ** 31 - 1 });
  await until(() => !httpServer.listening);
  finish();
  assert.equal((await answer).body, "begun, and ended");
  await closing;
});

beyond("close({ timeout }) does not wait for an adapter that hangs", async () => {
  class Hanging extends Adapter {
    close() {
      return new Promise(() => {});
    }
  }
  const io = new Server(0, { adapter: Hanging });
  await within(io.close({ timeout: 20 }), "the server to close");
  assert.equal(io.httpServer.listening, false);
});

beyond("close({ timeout }) ends sessions of HTTP/2", async (t) => {
  const httpServer = http2.createServer(application);
  const io = new Server(httpServer);
  const port = await listen(httpServer);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  defer(t, () => session.destroy());
  const stream = session.request({ ":path": "/long" });
  stream.on("error", () => {});
  await once(stream, "data");
  const closed = once(session, "close");
  await within(io.close({ timeout: 30 }), "the server to close");
  await closed;
});

beyond("close() of a server that does not close tells ERR_CLOSE_TIMEOUT", async () => {
  const httpServer = http.createServer();
  const io = new Server(httpServer);
  httpServer.close = () => httpServer;
  const [error] = await within(
    new Promise((resolve) => io.close({ timeout: 5 }, (...args) => resolve(args))),
    "the callback",
  );
  assert.equal(error.code, "ERR_CLOSE_TIMEOUT");
});

eachForm("close({ keepHttpServer }) leaves the HTTP server", async (t, served) => {
  const { io, httpServer, form } = served;
  const { client } = await join(t, served);
  const polling = await join(t, served, ["polling"]);
  const left = [once(client, "disconnect"), once(polling.client, "disconnect")];
  const { ended } = await get(t, served, "/long", { partial: true });
  let args;
  await io.close({ keepHttpServer: true }, (...given) => {
    args = given;
  });
  assert.deepEqual(args, []);
  await Promise.all(left);
  assert.equal(httpServer.listening, true);
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  assert.equal((await get(t, served, "/page")).body, "application: /page");
  for (const path of ["/socket.io/?EIO=4&transport=polling", "/socket.io/socket.io.js"]) {
    const { status, body } = await get(t, served, path);
    if (form === "port") assert.equal(status, 404, body);
    else assert.equal(body, `application: ${path}`);
  }
  const upgrading = get(t, served, "/socket.io/?EIO=4&transport=websocket", {
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  // Node serves it as a request where nobody listens to upgrades.
  assert.equal((await upgrading).status, form === "port" ? 404 : 200);
  assert.equal(isOver, false);
});

beyond("close({ keepHttpServer }) leaves the listeners that the server had", async () => {
  const httpServer = http.createServer(application);
  const later = () => {};
  httpServer.on("upgrade", later);
  const events = ["request", "upgrade", "close", "listening", "connection", "newListener"];
  const listeners = () => events.map((event) => httpServer.rawListeners(event));
  const before = listeners();
  const io = new Server(httpServer);
  await new Promise(setImmediate);
  assert.notDeepEqual(listeners(), before);
  await io.close({ keepHttpServer: true });
  assert.deepEqual(listeners(), before);
});

beyond("close({ keepHttpServer }) leaves a second Socket.IO server on it", async (t) => {
  const httpServer = http.createServer(application);
  const first = new Server(httpServer);
  const second = new Server(httpServer, { path: "/second" });
  const third = new Server(httpServer, { path: "/third" });
  const port = await listen(httpServer);
  await second.close({ keepHttpServer: true });
  for (const [io, path] of [
    [first, "/socket.io"],
    [third, "/third"],
  ]) {
    for (const transport of ["polling", "websocket"]) {
      const client = connect(`http://127.0.0.1:${port}`, {
        path,
        forceNew: true,
        transports: [transport],
      });
      await connected(client);
      assert.equal(io.engine.clientsCount, 1);
      client.disconnect();
      await until(() => io.engine.clientsCount === 0);
    }
  }
  const served = { scheme: "http", port };
  assert.equal((await get(t, served, "/second/x")).body, "application: /second/x");
  await first.close({ keepHttpServer: true });
  assert.equal((await get(t, served, "/socket.io/x")).body, "application: /socket.io/x");
  await third.close();
  assert.equal(httpServer.listening, false);
});

beyond("a new server can be attached after close({ keepHttpServer })", async (t) => {
  const httpServer = http.createServer(application);
  const port = await listen(httpServer);
  await new Server(httpServer).close({ keepHttpServer: true });
  const io = new Server(httpServer);
  defer(t, () => io.close({ timeout: 0 }));
  await join(t, { io, port, scheme: "http" });
  await join(t, { io, port, scheme: "http" }, ["polling"]);
});

beyond("a connection of a port goes on after close({ keepHttpServer })", async (t) => {
  const io = new Server(0);
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  const { port } = io.httpServer.address();
  defer(t, () => {
    io.httpServer.closeAllConnections();
    io.httpServer.close();
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  defer(t, () => agent.destroy());
  const served = { scheme: "http", port };
  const path = "/socket.io/?EIO=4&transport=polling";
  assert.equal((await get(t, served, path, { agent })).status, 200);
  await io.close({ keepHttpServer: true });
  assert.equal((await get(t, served, path, { agent })).status, 404);
});

beyond("an engine that was bound is detached by close({ keepHttpServer })", async (t) => {
  const { attach } = await import("../../engine.mjs");
  const httpServer = http.createServer(application);
  const port = await listen(httpServer);
  defer(t, () => httpServer.close());
  const io = new Server().bind(attach(httpServer, { path: "/orders" }));
  await io.close({ keepHttpServer: true });
  assert.equal((await get(t, { scheme: "http", port }, "/orders/")).body, "application: /orders/");
});

beyond("close() refuses a timeout that is none", async () => {
  const io = new Server(http.createServer());
  await assert.rejects(io.close({ timeout: "soon" }), { name: "TypeError" });
  await assert.rejects(io.close({ timeout: Number.NaN }), {
    code: "ERR_INVALID_ARG_TYPE",
    message: "close(): timeout must be a number of milliseconds, got NaN",
  });
  await assert.rejects(io.close({ keepHttpServer: 1 }), { name: "TypeError" });
  await io.close({}, null);
});

test("plain close() waits for a response that is open", async (t) => {
  const httpServer = http.createServer(application);
  const io = new Server(httpServer);
  const port = await listen(httpServer);
  await get(t, { scheme: "http", port }, "/long", { partial: true });
  let isClosed = false;
  const closing = io.close().then(() => {
    isClosed = true;
  });
  await until(() => !httpServer.listening);
  // It is answered by a process that has nothing else to do.
  const probe = net.createServer().listen(0);
  await once(probe, "listening");
  probe.close();
  assert.equal(isClosed, false);
  httpServer.closeAllConnections();
  await closing;
});

test("close(null) has no callback", async () => {
  const io = new Server(http.createServer());
  await io.close(null);
});
