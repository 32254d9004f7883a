// Limits on new sessions: native.maxConnections, maxConnectionsPerAddress and maxHandshakesPerSecond.
import assert from "node:assert/strict";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { WebSocketServer } from "ws";
import { spawnChild } from "../support/child.mjs";
import { client, connected } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, request, SESSIONS, Ws } from "../support/raw.mjs";
import { secureBeyond, secureWire, serveSecure } from "../support/secure.mjs";
import { closeServer, serve } from "../support/server.mjs";
import { beyond, engine, Server } from "../support/subject.mjs";
import { opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { Wt } from "../support/webtransport.mjs";
import { joinByHand } from "../support/wire.mjs";
import { WsServer } from "../support/ws-engines.mjs";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";
const UPGRADE = { query: "EIO=4&transport=websocket" };

/** The refusals: the options that cause each after one session, its status and its message. */
const LIMITS = {
  maxConnections: [503, "too many connections"],
  maxConnectionsPerAddress: [429, "too many connections of this address"],
  maxHandshakesPerSecond: [429, "too many handshakes"],
};

/** The answer to an upgrade request. */
async function askUpgrade(wire) {
  wire.write(opening(UPGRADE.query));
  const text = await wire.rest();
  const [head, body] = text.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, body };
}

const bodyOf = (message) => `{"code":4,"message":"${message}"}`;

function assertRefusedUpgrade({ status, head, body }, [expected, message]) {
  assert.equal(status, expected);
  assert.match(head, /\r\nRetry-After: 1(\r\n|$)/);
  assert.match(head, /\r\nContent-Type: application\/json\r\n/);
  assert.equal(body, bodyOf(message));
}

/** Opens a session once there is a place for it: its predecessor is about to end. */
async function opensAgain(port) {
  let answer;
  await until(async () => {
    answer = await request(port, HANDSHAKE);
    return answer.status === 200;
  }, "there is a place");
  return JSON.parse(answer.text.slice(1)).sid;
}

for (const form of FORMS) {
  for (const [limit, refusal] of Object.entries(LIMITS)) {
    const [status, message] = refusal;

    beyond(`refuses a handshake beyond ${limit} with ${status} (${form})`, async (t) => {
      const cors = { origin: "http://a.example", credentials: true };
      const { io, port } = await SERVE[form](t, { native: { [limit]: 1 }, cors });
      const seen = [];
      io.engine.on("connection", () => seen.push("connection"));
      await Polling.open(t, port);
      const refused = await request(port, HANDSHAKE, { headers: { origin: "http://a.example" } });
      assert.equal(refused.status, status);
      assert.equal(refused.text, bodyOf(message));
      assert.equal(refused.headers["retry-after"], "1");
      assert.equal(refused.headers["content-type"], "application/json");
      assert.equal(refused.headers["access-control-allow-origin"], "http://a.example");
      assert.equal(refused.headers["access-control-allow-credentials"], "true");
      assertRefusedUpgrade(await askUpgrade(await Tcp.open(t, port)), refusal);
      assert.equal(io.engine.clientsCount, 1);
      await until(() => seen.length === 1, "the session is told of");
    });

    beyond(`tells connection_error of a handshake beyond ${limit} (${form})`, async (t) => {
      const { io, port } = await SERVE[form](t, { native: { [limit]: 1 } });
      const told = [];
      io.engine.on("connection_error", (error) => told.push(error));
      await Polling.open(t, port);
      assert.equal((await request(port, HANDSHAKE)).status, status);
      assertRefusedUpgrade(await askUpgrade(await Tcp.open(t, port)), refusal);
      await until(() => told.length === 2, "both are told");
      for (const { req, code, message: text, context } of told) {
        assert.equal(req._query.EIO, "4");
        assert.equal(code, 4);
        assert.equal(text, message);
        assert.equal(context.limit, limit);
      }
    });

    beyond(`refuses beyond ${limit} before any code of the application (${form})`, async (t) => {
      let asked = 0;
      const allowRequest = (_req, done) => {
        asked++;
        done(null, true);
      };
      const { io, port } = await SERVE[form](t, { native: { [limit]: 1 }, allowRequest });
      io.engine.use((_req, _res, next) => {
        asked++;
        next();
      });
      io.engine.generateId = () => {
        asked++;
        return "one";
      };
      await Polling.open(t, port);
      assert.equal(asked, 3);
      assert.equal((await request(port, HANDSHAKE)).status, status);
      assertRefusedUpgrade(await askUpgrade(await Tcp.open(t, port)), refusal);
      assert.equal(asked, 3);
    });
  }

  for (const transport of Object.keys(SESSIONS)) {
    beyond(`counts a session until it has ended [${transport}] (${form})`, async (t) => {
      const native = { maxConnections: 1, maxConnectionsPerAddress: 1 };
      const { io, port } = await SERVE[form](t, { native });
      const open = async () => {
        const accepted = once(io, "connection");
        const session = await SESSIONS[transport].open(t, port);
        await session.join();
        const [socket] = await accepted;
        assert.equal((await request(port, HANDSHAKE)).status, 503);
        return { session, socket, left: once(socket, "disconnect") };
      };
      const ends = {
        "the server disconnects it": ({ socket }) => socket.disconnect(true),
        "the engine closes it": ({ socket }) => socket.conn.close(true),
        "it sends no packet": ({ session }) => session.send("4x"),
        "it breaks the heartbeat": ({ session }) => session.send("2"),
        "all are disconnected": () => io.disconnectSockets(true),
        "it goes": ({ session }) =>
          transport === "polling" ? session.send("1") : session.ws.close(),
        "it is lost": async ({ session, socket }) => {
          if (transport === "websocket") return session.ws.terminate();
          const wire = await Tcp.open(t, port);
          wire.write(session.requestText("GET"));
          await until(() => socket.conn.transport.writable, "the poll is pending");
          wire.destroy();
        },
      };
      for (const [name, end] of Object.entries(ends)) {
        const one = await open();
        // The server waits for a poll before it closes a session.
        const polls = transport === "polling" && name !== "it is lost";
        // The first poll may get a packet, and the next one the end.
        const held = polls ? await one.session.hold(one.socket.conn) : null;
        held?.answer.then(() => one.session.get()).catch(() => {});
        await Promise.all([end(one), one.left]);
        const sid = await opensAgain(port);
        const next = new Polling();
        Object.assign(next, { port, path: `${HANDSHAKE}&sid=${sid}` });
        await next.send("1");
        await until(() => io.engine.clientsCount === 0, `no session is left after ${name}`);
      }
    });
  }

  beyond(`frees the places of sessions that do not answer a ping (${form})`, async (t) => {
    const settings = { native: { maxConnections: 2 }, pingInterval: 50, pingTimeout: 50 };
    const { port } = await SERVE[form](t, settings);
    await Polling.open(t, port);
    await Ws.open(t, port);
    await opensAgain(port);
  });

  beyond(`serves the sessions that there are beyond all limits (${form})`, async (t) => {
    const native = { maxConnections: 1, maxConnectionsPerAddress: 1, maxHandshakesPerSecond: 1 };
    const { io, port } = await SERVE[form](t, { native });
    io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
    const one = client(t, port, { transports: ["polling", "websocket"] });
    await connected(one);
    await until(() => one.io.engine.transport.name === "websocket", "the upgrade");
    for (let n = 0; n < 20; n++) assert.equal(await one.emitWithAck("echo", n), n);
    const poller = await request(port, HANDSHAKE);
    assert.equal(poller.status, 503);
    for (let n = 0; n < 20; n++) assert.equal(await one.emitWithAck("echo", n), n);
  });

  beyond(`counts limits that are set and taken back while the server runs (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    await Polling.open(t, port);
    await Ws.open(t, port);
    io.engine.opts.native = { maxConnections: 2 };
    assert.equal((await request(port, HANDSHAKE)).status, 503);
    io.engine.opts.native = { maxConnectionsPerAddress: 2 };
    assert.equal((await request(port, HANDSHAKE)).status, 429);
    io.engine.opts.native = { maxConnectionsPerAddress: 3 };
    await Polling.open(t, port);
    assert.equal((await request(port, HANDSHAKE)).status, 429);
    io.engine.opts.native = { maxHandshakesPerSecond: 1_000 };
    await Polling.open(t, port);
    io.engine.opts.native = {};
    await Polling.open(t, port);
    assert.equal(io.engine.clientsCount, 5);
  });

  beyond(`takes no more sessions than there are places from a crowd (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t, { native: { maxConnections: 7 } });
    const crowd = Array.from({ length: 60 }, () => request(port, HANDSHAKE));
    const statuses = (await Promise.all(crowd)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 7);
    assert.equal(statuses.filter((status) => status === 503).length, 53);
    assert.equal(io.engine.clientsCount, 7);
  });

  beyond(`admits handshakes again as time goes by (${form})`, async (t) => {
    const { port } = await SERVE[form](t, { native: { maxHandshakesPerSecond: 5 } });
    const begin = performance.now();
    let admitted = 0;
    await until(async () => {
      if ((await request(port, HANDSHAKE)).status === 200) admitted++;
      return admitted === 12;
    }, "twelve are admitted");
    const most = 5 + (5 * (performance.now() - begin)) / 1000;
    assert.ok(admitted <= most + 1, `no more than ${most}`);
  });

  beyond(`does not count preflights and other requests as handshakes (${form})`, async (t) => {
    const native = { maxHandshakesPerSecond: 1 };
    const { port } = await SERVE[form](t, { native, cors: { origin: "*" } });
    for (let n = 0; n < 3; n++) {
      const preflight = await request(port, HANDSHAKE, { method: "OPTIONS" });
      assert.equal(preflight.status, 204);
      assert.equal((await request(port, HANDSHAKE, { method: "POST" })).status, 400);
      assert.equal((await request(port, `${HANDSHAKE}&sid=nobody`)).status, 400);
    }
    await Polling.open(t, port);
    assert.equal((await request(port, HANDSHAKE)).status, 429);
  });
}

beyond("refuses a handshake on a port while JavaScript stands still", async (t) => {
  const options = JSON.stringify({ native: { maxConnections: 1 } });
  const server = spawnChild(t, "limited-server.mjs", [options], "options", { gate: true });
  const { port } = await server.message("listening");
  const session = await Polling.open(t, port);
  server.send("block");
  await server.message("blocking");
  await server.stopped();
  const refused = await request(port, HANDSHAKE);
  assert.equal(refused.status, 503);
  assert.equal(refused.text, bodyOf("too many connections"));
  const answer = await askUpgrade(await Tcp.open(t, port));
  assertRefusedUpgrade(answer, LIMITS.maxConnections);
  server.release();
  await session.join();
  server.send("end");
  assert.equal(await server.exit(), 0);
});

secureBeyond("limits the sessions of an HTTPS server", async (t) => {
  const { io, port } = await serveSecure(t, { native: { maxConnections: 1 } });
  const first = await secureWire(t, port);
  await joinByHand(first);
  const refused = await secureWire(t, port);
  assertRefusedUpgrade(await askUpgrade(refused), LIMITS.maxConnections);
  const left = once(io.engine.clients[first.handshake.sid], "close");
  first.destroy();
  await left;
  await joinByHand(await secureWire(t, port));
});

beyond("counts all clients of UNIX sockets as one address", async (t) => {
  const httpServer = http.createServer();
  const io = new Server(httpServer, { native: { maxConnectionsPerAddress: 1 } });
  defer(t, () => closeServer(io));
  const socketPath = path.join(tmpdir(), `limits-${process.pid}.sock`);
  httpServer.listen(socketPath);
  await once(httpServer, "listening");
  const ask = () =>
    new Promise((resolve, reject) => {
      const req = http.get({ socketPath, path: HANDSHAKE, agent: false }, (res) => {
        res.resume().on("end", () => resolve(res.statusCode));
      });
      req.on("error", reject);
    });
  assert.deepEqual([await ask(), await ask()], [200, 429]);
});

beyond("counts addresses of their own apart", async (t) => {
  const httpServer = http.createServer();
  const io = new Server(httpServer, { native: { maxConnectionsPerAddress: 1 } });
  defer(t, () => closeServer(io));
  httpServer.listen(0, "0.0.0.0");
  await once(httpServer, "listening");
  const { port } = httpServer.address();
  const ask = (localAddress) =>
    new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, path: HANDSHAKE, agent: false, localAddress };
      const req = http.get(options, (res) => {
        res.resume().on("end", () => resolve(res.statusCode));
      });
      req.on("error", reject);
    });
  assert.deepEqual([await ask("127.0.0.1"), await ask("127.0.0.1")], [200, 429]);
  if (process.platform === "linux") {
    assert.deepEqual([await ask("127.0.0.2"), await ask("127.0.0.2")], [200, 429]);
  }
});

beyond("limits the sessions of an engine with the option wsEngine", async (t) => {
  const native = { maxConnections: 1 };
  const { io, port } = await serve(t, { native, wsEngine: WsServer });
  const first = await Ws.open(t, port);
  assertRefusedUpgrade(await askUpgrade(await Tcp.open(t, port)), LIMITS.maxConnections);
  first.ws.close();
  await until(() => io.engine.clientsCount === 0, "it has ended");
  await Ws.open(t, port);
});

beyond("limits the WebSockets that a framework has opened", async (t) => {
  const eio = new engine.Server({ native: { maxConnections: 1 } });
  const sockets = new WebSocketServer({ noServer: true });
  const httpServer = http.createServer();
  httpServer.on("upgrade", (req, socket, head) => {
    sockets.handleUpgrade(req, socket, head, (ws) => eio.onWebSocket(req, socket, ws));
  });
  defer(t, () => {
    eio.close();
    httpServer.close();
  });
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  const { port } = httpServer.address();
  const told = once(eio, "connection_error");
  const first = await Ws.open(t, port);
  const second = await Tcp.websocket(t, port, UPGRADE);
  const [{ code, context }] = await told;
  assert.deepEqual([code, context.limit], [4, "maxConnections"]);
  assert.equal(await second.nextText(), null);
  first.ws.close();
  await until(() => eio.clientsCount === 0, "it has ended");
  await Ws.open(t, port);
});

for (const [limit, [, message]] of Object.entries(LIMITS)) {
  if (limit === "maxConnectionsPerAddress") continue;
  beyond(`closes a WebTransport session beyond ${limit}`, async (t) => {
    const eio = new engine.Server({ native: { [limit]: 1 } });
    defer(t, () => eio.close());
    const first = await Wt.open(t, eio);
    const told = once(eio, "connection_error");
    const second = await Wt.connect(t, eio);
    await second.send("0");
    const [error] = await told;
    assert.deepEqual([error.code, error.message, error.context.limit], [4, message, limit]);
    await second.closed;
    await first.send("4hello");
    assert.equal(eio.clientsCount, 1);
  });
}

beyond("counts a session that is restored as a new one", async (t) => {
  const native = { maxConnections: 1 };
  const { io, port } = await serve(t, { native, connectionStateRecovery: {} });
  const one = client(t, port, { reconnection: true, reconnectionDelay: 10 });
  await connected(one);
  await connected(one);
  const heard = once(one, "first");
  io.emit("first");
  await heard;
  const again = once(one, "connect");
  one.io.engine.close();
  await again;
  assert.equal(one.recovered, true);
  assert.equal((await request(port, HANDSHAKE)).status, 503);
});
