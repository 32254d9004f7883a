// Koa: an application's callback serves what is not ours.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import Koa from "koa";
import { client, eachWay, join } from "../support/clients.mjs";
import { answering, exercise, HANDLER_ERROR } from "../support/exercise.mjs";
import { listening } from "../support/forms.mjs";
import { request } from "../support/raw.mjs";
import { Server } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

const MADE = {
  "an application's HTTP server": (app) => {
    const httpServer = http.createServer(app.callback());
    const io = new Server(httpServer);
    httpServer.listen(0);
    return io;
  },
  "the server that app.listen() returns": (app) => new Server(app.listen(0)),
};
for (const [title, make] of Object.entries(MADE)) {
  eachWay(title, async (t, options, way) => {
    const app = new Koa();
    const seen = [];
    app.use(async (ctx, next) => {
      seen.push(ctx.url);
      await next();
      ctx.set("x-app", "1");
    });
    app.use((ctx) => {
      if (ctx.path === "/hello") ctx.body = "hello";
    });
    const { io, port } = await listening(t, make(app));
    answering(io);
    await exercise(io, client(t, port, options), way);
    const hello = await request(port, "/hello");
    assert.deepEqual([hello.status, hello.text, hello.headers["x-app"]], [200, "hello", "1"]);
    assert.equal((await request(port, "/other")).status, 404);
    assert.deepEqual(seen, ["/hello", "/other"]);
  });
}

test("a middleware may use the server", async (t) => {
  const app = new Koa();
  app.use((ctx) => {
    ctx.io.emit("visited", ctx.path);
    ctx.body = { ok: true };
  });
  const { io, port } = await listening(t, new Server(app.listen(0)));
  app.context.io = io;
  const { client: one } = await join(t, io, port);
  const visited = once(one, "visited");
  assert.equal((await request(port, "/page")).text, '{"ok":true}');
  assert.deepEqual(await visited, ["/page"]);
});

test("a failing middleware harms nobody", async (t) => {
  const app = new Koa();
  const errors = [];
  app.on("error", (error) => errors.push(error.message));
  app.use(() => {
    throw new Error("of the middleware");
  });
  const { io, port } = await listening(t, new Server(app.listen(0)));
  answering(io);
  assert.equal((await request(port, "/")).status, 500);
  assert.deepEqual(errors, ["of the middleware"]);
  await exercise(io, client(t, port), "websocket");
});

test("a callback is no server", () => {
  const error = { name: "Error", message: HANDLER_ERROR };
  assert.throws(() => new Server(new Koa().callback()), error);
  assert.throws(() => new Server().attach(new Koa().callback()), error);
});
