// An application's own HTTP server: attached before or after it listens, by every method, on TCP or not.
import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { client, eachWay } from "../support/clients.mjs";
import { answering, exercise, statuses } from "../support/exercise.mjs";
import { listening } from "../support/forms.mjs";
import { request } from "../support/raw.mjs";
import { ask, HANDSHAKE, upgrade } from "../support/requests/text.mjs";
import {
  certificate,
  eachSecureWay,
  secureClient,
  secureTest,
  secureWire,
} from "../support/secure.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { io as callable, Server } from "../support/subject.mjs";
import { defer } from "../support/wait.mjs";

const app = (req, res) => {
  res.setHeader("x-app", "1");
  res.end(`app ${req.url}`);
};

/** Ways to attach a server; each returns the server, `listen` starts the HTTP server. */
const TOGETHER = {
  "attached in the constructor, before it listens": async (httpServer) => {
    const io = new Server(httpServer);
    await listen(httpServer);
    return io;
  },
  "attached in the constructor, while it listens": async (httpServer) => {
    await listen(httpServer);
    return new Server(httpServer);
  },
  "attached later": async (httpServer) => {
    const io = new Server({ pingInterval: 20_000 });
    await listen(httpServer);
    io.attach(httpServer, { pingTimeout: 10_000 });
    return io;
  },
  "given to listen()": async (httpServer) => {
    const io = new Server();
    io.listen(httpServer);
    await listen(httpServer);
    return io;
  },
  "given to the callable export": async (httpServer) => {
    await listen(httpServer);
    return callable(httpServer);
  },
  "attached and listening in one tick": async (httpServer) => {
    httpServer.listen(0, "127.0.0.1");
    return new Server(httpServer);
  },
};

for (const [title, bring] of Object.entries(TOGETHER)) {
  eachWay(`http: ${title}`, async (t, options, way) => {
    const httpServer = http.createServer(app);
    defer(t, () => closeHttp(httpServer));
    const { io, port } = await listening(t, await bring(httpServer));
    answering(io);
    assert.equal(io.httpServer, httpServer);
    await exercise(io, client(t, port, options), way);
    assert.equal((await request(port, "/x?y=1")).text, "app /x?y=1");
  });

  eachSecureWay(`https: ${title}`, async (t, options, way) => {
    const httpServer = https.createServer(certificate, app);
    defer(t, () => closeHttp(httpServer));
    const { io, port } = await listening(t, await bring(httpServer));
    answering(io);
    await exercise(io, secureClient(t, port, options), way);
  });
}

secureTest("raw requests over TLS, one connection for ours and others", async (t) => {
  const httpServer = https.createServer(certificate, app);
  defer(t, () => closeHttp(httpServer));
  const { port } = await listening(t, await TOGETHER["given to listen()"](httpServer));
  const wire = await secureWire(t, port);
  const last = ask("GET /elsewhere", { Connection: "close" });
  wire.write(ask(`GET ${HANDSHAKE}`) + ask("GET /elsewhere") + ask("GET /socket.io/") + last);
  const answers = await wire.rest();
  assert.deepEqual(statuses(answers), [200, 200, 400, 200]);
  assert.match(answers, /app \/elsewhere[\s\S]*Transport unknown[\s\S]*app \/elsewhere/);
});

secureTest("upgrades over TLS are refused as over TCP", async (t) => {
  const httpServer = https.createServer(certificate, app);
  defer(t, () => closeHttp(httpServer));
  const { port } = await listening(t, await TOGETHER["given to listen()"](httpServer));
  for (const headers of [{ "Sec-WebSocket-Key": null }, { Upgrade: "h2c" }]) {
    const wire = await secureWire(t, port);
    wire.write(upgrade(headers));
    assert.deepEqual(statuses(await wire.rest()), [400]);
  }
});

eachWay("a server with options of its own for requests", async (t, options, way) => {
  const httpServer = http.createServer({
    keepAlive: true,
    noDelay: false,
    insecureHTTPParser: true,
  });
  defer(t, () => closeHttp(httpServer));
  const { io, port } = await listening(t, await TOGETHER["given to listen()"](httpServer));
  answering(io);
  await exercise(io, client(t, port, options), way);
});

eachWay(
  "a subclass of the HTTP server, with requests and responses of its own",
  async (t, options, way) => {
    class Request extends http.IncomingMessage {}
    class Response extends http.ServerResponse {}
    class Mine extends http.Server {}
    const httpServer = new Mine({ IncomingMessage: Request, ServerResponse: Response });
    defer(t, () => closeHttp(httpServer));
    const { io, port } = await listening(t, await TOGETHER["given to listen()"](httpServer));
    let given;
    io.engine.use((req, _res, next) => {
      given = req;
      next();
    });
    answering(io);
    await exercise(io, client(t, port, options), way);
    assert.ok(given instanceof Request);
  },
);
