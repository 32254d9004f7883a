// io.engine.use(): Express-style middlewares for every request and upgrade.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, join } from "../support/clients.mjs";
import { eachTransport, Polling, request } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { once } from "../support/wait.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";

test("use returns nothing and keeps the list", async (t) => {
  const { io } = await serve(t);
  const fn = (_req, _res, next) => next();
  assert.equal(io.engine.use(fn), undefined);
  assert.equal(io.engine.middlewares.at(-1), fn);
});

test("middlewares run for every request with the path prefix, before any check", async (t) => {
  const { io, httpServer, port } = await serve(t);
  const seen = [];
  io.engine.use((req, _res, next) => {
    seen.push(`${req.method} ${req._query.transport}`);
    next();
  });
  const session = await Polling.open(t, port);
  await session.post("40");
  await session.get();
  await request(port, "/socket.io/?transport=nonsense", { method: "OPTIONS" });
  await exchange(t, port, opening("EIO=4&transport=x"));
  await request(port, "/elsewhere?transport=polling");
  assert.equal(httpServer.listening, true);
  assert.deepEqual(seen, [
    "GET polling",
    "POST polling",
    "GET polling",
    "OPTIONS nonsense",
    "GET x",
  ]);
});

eachWay("a real client passes through them in order", async (t, way) => {
  const { io, port } = await serve(t);
  const order = [];
  for (const name of ["first", "second"]) {
    io.engine.use((req, _res, next) => {
      if (!req._query.sid) order.push(name);
      req.user = { name };
      setImmediate(next);
    });
  }
  const { socket } = await join(t, io, port, way);
  assert.deepEqual(order, ["first", "second"]);
  assert.deepEqual(socket.request.user, { name: "second" });
});

eachTransport("headers set by a middleware are in the answer", async (t, open) => {
  const { io, port } = await serve(t);
  io.engine.use((_req, res, next) => {
    res.setHeader("x-mw", "yes");
    assert.equal(res.getHeader("x-mw"), "yes");
    res.setHeader("x-gone", "no");
    res.removeHeader("x-gone");
    next();
  });
  const session = await open(port);
  const { headers } = session.opening ?? session.response;
  assert.equal(headers["x-mw"], "yes");
  assert.equal(headers["x-gone"], undefined);
});

eachTransport("headers set when the head is due are in it, before other news", async (t, open) => {
  const { io, port } = await serve(t);
  const order = [];
  io.engine.use((_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = function (...args) {
      order.push("head");
      this.setHeader("x-mw", "at last");
      return writeHead.apply(this, args);
    };
    res.setHeader("x-mw", "at first");
    next();
  });
  io.engine.once("connection", () => order.push("connection"));
  const session = await open(port);
  const { headers } = session.opening ?? session.response;
  assert.equal(headers["x-mw"], "at last");
  assert.deepEqual(order, ["head", "connection"]);
});

test("the head of a refused upgrade is never due", async (t) => {
  const { io, port } = await serve(t, { allowRequest: (_req, allow) => allow(null, false) });
  let due = false;
  io.engine.use((_req, res, next) => {
    res.writeHead = () => {
      due = true;
    };
    next();
  });
  assert.match(await exchange(t, port, opening()), /^HTTP\/1.1 400 /);
  assert.equal(due, false);
});

const FAILURES = {
  "next(error)": (_req, _res, next) => next(new Error("secret")),
  "next(anything truthy)": (_req, _res, next) => next("secret"),
  "a throw": () => {
    throw new Error("secret");
  },
  "a rejection": () => Promise.reject(new Error("secret")),
};
for (const [title, middleware] of Object.entries(FAILURES)) {
  test(`${title} is a bad request, without details`, async (t) => {
    const { io, port } = await serve(t);
    io.engine.use(middleware);
    const failing = once(io.engine, "connection_error");
    const { status, text } = await request(port, POLLING);
    assert.equal(status, 400);
    assert.equal(text, '{"code":3,"message":"Bad request"}');
    const [{ code, context }] = await failing;
    assert.equal(code, 3);
    assert.deepEqual({ ...context }, { name: "MIDDLEWARE_FAILURE" });
    assert.match(await exchange(t, port, opening()), /^HTTP\/1.1 400 [\s\S]*\r\n\r\nBad request$/);
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("a middleware may answer itself", async (t) => {
  const { io, port } = await serve(t);
  let later = false;
  io.engine.use((_req, res) => {
    res.writeHead(418);
    res.end("teapot");
  });
  io.engine.use((_req, _res, next) => {
    later = true;
    next();
  });
  const { status, text } = await request(port, POLLING);
  assert.equal(status, 418);
  assert.equal(text, "teapot");
  assert.equal(later, false);
  assert.equal(io.engine.clientsCount, 0);
});

test("ending an upgrade destroys its connection", async (t) => {
  const { io, port } = await serve(t);
  io.engine.use((_req, res) => res.end());
  assert.equal(await exchange(t, port, opening()), "");
  assert.equal(io.engine.clientsCount, 0);
});

test("further next() calls are ignored", async (t) => {
  const { io, port } = await serve(t);
  io.engine.use((_req, _res, next) => {
    next();
    next();
    next(new Error("too late"));
  });
  await Polling.open(t, port);
  assert.equal(io.engine.clientsCount, 1);
});
