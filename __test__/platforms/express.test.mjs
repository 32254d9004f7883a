// Express: an application's HTTP server is shared, its routes and middlewares stay its own.
import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import express from "express";
import { client, eachWay, join } from "../support/clients.mjs";
import { answering, exercise, HANDLER_ERROR } from "../support/exercise.mjs";
import { listening } from "../support/forms.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

/** An application with its server and its sockets: `{ app, io, httpServer, port }`. */
async function serveApp(t, app = express(), options = undefined) {
  const httpServer = http.createServer(app);
  const io = new Server(httpServer, options);
  await listen(httpServer);
  return { app, ...(await listening(t, io)) };
}

const MADE = {
  "an application's HTTP server": () => {
    const app = express();
    const httpServer = http.createServer(app);
    const io = new Server(httpServer);
    httpServer.listen(0);
    return { app, io };
  },
  "the server that app.listen() returns": () => {
    const app = express();
    return { app, io: new Server(app.listen(0)) };
  },
  "the server that app.listen() returns, attached later": () => {
    const app = express();
    return { app, io: new Server().attach(app.listen(0)) };
  },
  "an application that handles requests afterwards": () => {
    const app = express();
    const httpServer = http.createServer();
    const io = new Server(httpServer);
    // called for every request: it has to leave those alone that are not its own
    httpServer.on("request", (req, res) => {
      if (!req.url.startsWith("/socket.io/")) app(req, res);
    });
    httpServer.listen(0);
    return { app, io };
  },
};
for (const [title, make] of Object.entries(MADE)) {
  eachWay(title, async (t, options, way) => {
    const { app, io } = make();
    app.get("/before", (_req, res) => res.send("before"));
    const { port } = await listening(t, io);
    answering(io);
    app.get("/after", (_req, res) => res.send("after"));
    await exercise(io, client(t, port, options), way);
    for (const route of ["before", "after"]) {
      assert.equal((await request(port, `/${route}`)).text, route);
    }
    assert.equal((await request(port, "/neither")).status, 404);
  });
}

test("neither middlewares nor routes of the application see our requests", async (t) => {
  const { app, port } = await serveApp(t);
  const seen = [];
  app.use((req, res, next) => {
    seen.push(req.url);
    res.setHeader("x-app", "1");
    next();
  });
  app.all("/socket.io/{*rest}", (_req, res) => res.send("never"));
  const session = await Polling.open(t, port);
  assert.equal(session.opening.headers["x-app"], undefined);
  assert.equal(session.opening.headers["x-powered-by"], undefined);
  await session.join();
  await Ws.open(t, port);
  await request(port, "/socket.io/socket.io.js", { headers: { "if-none-match": '"4.8.4"' } });
  assert.deepEqual(seen, []);
  assert.equal((await request(port, "/mine")).headers["x-app"], "1");
  assert.deepEqual(seen, ["/mine"]);
});

test("a route may use the server, and bodies are parsed for routes alone", async (t) => {
  const { app, io, port } = await serveApp(t);
  app.set("io", io);
  app.use(express.json());
  app.post("/publish", (req, res) => {
    req.app.get("io").emit("published", req.body);
    res.status(202).json({ clients: io.engine.clientsCount });
  });
  const { client: one } = await join(t, io, port, { transports: ["polling"] });
  const published = once(one, "published");
  const answer = await request(port, "/publish", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"deep":["é",1]}',
  });
  assert.deepEqual([answer.status, answer.text], [202, '{"clients":1}']);
  assert.deepEqual(await published, [{ deep: ["é", 1] }]);
});

test("static files of the application, the client's among them", async (t) => {
  const app = express();
  const entry = createRequire(import.meta.url).resolve("socket.io-client");
  const root = entry.slice(0, entry.lastIndexOf("socket.io-client") + "socket.io-client".length);
  app.use("/files", express.static(path.join(root, "dist")));
  const { port } = await serveApp(t, app);
  const [theirs, ours] = await Promise.all(
    ["/files/socket.io.min.js", "/socket.io/socket.io.min.js"].map((url) => request(port, url)),
  );
  assert.deepEqual([theirs.status, ours.status], [200, 200]);
  assert.ok(theirs.body.equals(ours.body));
});

test("a failing route harms nobody", async (t) => {
  const { app, io, port } = await serveApp(t);
  answering(io);
  app.get("/fails", async () => {
    throw new Error("of the route");
  });
  app.use((error, _req, res, _next) => res.status(500).send(error.message));
  const answer = await request(port, "/fails");
  assert.deepEqual([answer.status, answer.text], [500, "of the route"]);
  await exercise(io, client(t, port), "websocket");
});

test("middlewares made for Express run in the engine", async (t) => {
  const { io, port } = await serveApp(t);
  const parse = express.urlencoded({ extended: false });
  io.engine.use((req, _res, next) => {
    req.user = { name: "Ada" };
    next();
  });
  io.engine.use(parse);
  for (const transports of [["polling"], ["websocket"]]) {
    const { socket } = await join(t, io, port, { transports });
    assert.deepEqual(socket.request.user, { name: "Ada" });
  }
});

test("an engine middleware may answer as an Express one does", async (t) => {
  const { io, port } = await serveApp(t);
  io.engine.use((req, res, next) => {
    if (req._query.token === "secret") return next();
    res.writeHead(401, { "x-why": "no token" });
    res.end("who are you?");
  });
  const url = "/socket.io/?EIO=4&transport=polling";
  const refused = await request(port, url);
  assert.deepEqual(
    [refused.status, refused.text, refused.headers["x-why"]],
    [401, "who are you?", "no token"],
  );
  assert.equal((await request(port, `${url}&token=secret`)).status, 200);
});

test("an application is no server", () => {
  const app = express();
  const error = { name: "Error", message: HANDLER_ERROR };
  assert.throws(() => new Server(app), error);
  assert.throws(() => new Server().attach(app), error);
  assert.throws(() => new Server().listen(app), error);
  assert.throws(() => new Server().attach(express.Router()), error);
});

test("applications below one another, each with a server", async (t) => {
  const { app, httpServer, io, port } = await serveApp(t);
  const below = express();
  below.get("/hello", (_req, res) => res.send("below"));
  app.use("/below", below);
  const other = new Server(httpServer, { path: "/below/socket.io" });
  defer(t, () => other.engine.close());
  answering(io);
  answering(other);
  await exercise(io, client(t, port), "websocket");
  await exercise(other, client(t, port, { path: "/below/socket.io" }), "websocket");
  assert.equal((await request(port, "/below/hello")).text, "below");
});
