// express-session and passport in front of the engine: one session for pages and sockets.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import express from "express";
import session from "express-session";
import passport from "passport";
import { Strategy } from "passport-custom";
import { client, connected, eachWay } from "../support/clients.mjs";
import { startServer } from "../support/forms.mjs";
import { closeHttp, closeServer, listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

const settings = { secret: "changeit", resave: false, saveUninitialized: false };

/** An application and a server on one port; `pages(app)` and `sockets(io)` set them up. */
async function start(t, { pages, sockets }) {
  const app = express();
  const httpServer = http.createServer(app);
  defer(t, () => closeHttp(httpServer));
  const io = new Server(httpServer);
  defer(t, () => closeServer(io));
  pages(app);
  sockets(io);
  const port = await listen(httpServer);
  const get = async (path, cookie, method = "GET") => {
    const headers = cookie ? { cookie } : {};
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
    const set = answer.headers.get("set-cookie")?.split(";")[0];
    return { status: answer.status, text: await answer.text(), cookie: set };
  };
  return { io, port, get };
}

const withCookie = (cookie, options) => ({ ...options, extraHeaders: cookie ? { cookie } : {} });

/** Promises of what a session does by callbacks. */
const done = (call) =>
  new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));

/** Pages and sockets that count in the session they share. */
function counting(middleware) {
  return {
    pages(app) {
      app.use(middleware);
      app.get("/count", (req, res) => {
        req.session.count = (req.session.count ?? 0) + 1;
        res.send(`${req.session.count}`);
      });
      app.post("/leave", (req, res) => {
        const { id } = req.session;
        req.session.destroy(() => {
          req.app.io.in(`session ${id}`).disconnectSockets();
          res.status(204).end();
        });
      });
    },
    sockets(io) {
      io.engine.use(middleware);
      io.on("connection", (socket) => {
        const req = socket.request;
        socket.join(`session ${req.session.id}`);
        socket.on("count", async (answer) => {
          await done((call) => req.session.reload(call));
          req.session.count = (req.session.count ?? 0) + 1;
          await done((call) => req.session.save(call));
          answer(req.session.count);
        });
        socket.on("still there?", (answer) =>
          req.session.reload((error) => answer(error ? error.message : "yes")),
        );
      });
    },
  };
}

eachWay("one session for pages and sockets", async (t, options, way) => {
  const parts = counting(session(settings));
  let application;
  const { io, port, get } = await start(t, {
    ...parts,
    pages(app) {
      application = app;
      parts.pages(app);
    },
  });
  application.io = io;
  const { text, cookie } = await get("/count");
  assert.equal(text, "1");
  assert.match(cookie, /^connect\.sid=s%3A/);
  const one = await connected(client(t, port, withCookie(cookie, options)));
  await settled(one, way);
  assert.equal(await one.emitWithAck("count"), 2);
  assert.equal((await get("/count", cookie)).text, "3");
  assert.equal(await one.emitWithAck("count"), 4);

  // another session of the same server
  const other = await get("/count");
  assert.equal(other.text, "1");
  const two = await connected(client(t, port, withCookie(other.cookie, options)));
  assert.equal(await two.emitWithAck("count"), 2);
  assert.equal(await one.emitWithAck("count"), 5);

  const gone = once(one, "disconnect");
  await get("/leave", cookie, "POST");
  assert.deepEqual((await gone)[0], "io server disconnect");
  assert.equal(await two.emitWithAck("still there?"), "yes");
  assert.equal((await get("/count", cookie)).text, "1");
});

eachWay("a session that another request ends", async (t, options) => {
  const store = new session.MemoryStore();
  const { port, get } = await start(t, counting(session({ ...settings, store })));
  const { cookie } = await get("/count");
  const one = await connected(client(t, port, withCookie(cookie, options)));
  assert.equal(await one.emitWithAck("still there?"), "yes");
  await done((call) => store.clear(call));
  assert.equal(await one.emitWithAck("still there?"), "failed to load session");
});

for (const form of ["port", "attached"]) {
  test(`a handshake gives a new session its cookie [${form}]`, async (t) => {
    const io = await startServer(form);
    defer(t, () => closeServer(io));
    counting(session({ ...settings, saveUninitialized: true })).sockets(io);
    const { port } = io.httpServer.address();
    const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
    const answer = await fetch(url);
    const [cookie] = answer.headers.get("set-cookie").split(";");
    assert.match(cookie, /^connect\.sid=s%3A/);
    const { sid } = JSON.parse((await answer.text()).slice(1));
    const again = await fetch(`${url}&sid=${sid}`, {
      method: "POST",
      headers: { cookie },
      body: "40",
    });
    assert.equal(await again.text(), "ok");
    assert.equal(again.headers.get("set-cookie"), null);

    const req = http.get(url.replace("polling", "websocket"), {
      headers: {
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": 13,
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    const [res, socket] = await once(req, "upgrade");
    defer(t, () => socket.destroy());
    assert.equal(res.statusCode, 101);
    assert.match(`${res.headers["set-cookie"]}`, /^connect\.sid=s%3A/);

    for (const transports of [["polling"], ["websocket"]]) {
      const one = await connected(client(t, port, withCookie(cookie, { transports })));
      const count = transports[0] === "polling" ? 1 : 2;
      assert.equal(await one.emitWithAck("count"), count);
    }
  });
}

/** Runs a middleware for the first request of a session alone. */
const onlyForHandshake = (middleware) => (req, res, next) =>
  req._query.sid === undefined ? middleware(req, res, next) : next();

/** Logins by name, kept in the session; sockets only for those who are logged in. */
function logins() {
  const authenticator = new passport.Passport();
  authenticator.use(
    new Strategy((req, found) => {
      const { name } = req.query;
      found(null, name === "nobody" ? false : { name, rights: ["talk"] });
    }),
  );
  authenticator.serializeUser((user, kept) => kept(null, JSON.stringify(user)));
  authenticator.deserializeUser((text, user) => user(null, JSON.parse(text)));
  const middleware = session(settings);
  return {
    pages(app) {
      app.use(middleware, authenticator.session());
      app.post("/login", authenticator.authenticate("custom"), (req, res) =>
        res.send(req.user.name),
      );
      app.post("/logout", (req, res, next) =>
        req.logout((error) => (error ? next(error) : res.send("bye"))),
      );
    },
    sockets(io) {
      io.engine.use(onlyForHandshake(middleware));
      io.engine.use(onlyForHandshake(authenticator.session()));
      io.engine.use(
        onlyForHandshake((req, res, next) => {
          if (req.user) return next();
          res.writeHead(401);
          res.end();
        }),
      );
      io.on("connection", (socket) => {
        const { user } = socket.request;
        socket.join(`user ${user.name}`);
        socket.on("who am I?", (answer) => answer(user, socket.request.isAuthenticated()));
      });
    },
  };
}

eachWay("passport: sockets know the user of the session", async (t, options, way) => {
  const { io, port, get } = await start(t, logins());
  assert.equal((await get("/login?name=nobody", "", "POST")).status, 401);
  const users = {};
  for (const name of ["Ada", "Grace"]) {
    const { text, cookie } = await get(`/login?name=${name}`, "", "POST");
    assert.equal(text, name);
    const one = await connected(client(t, port, withCookie(cookie, options)));
    await settled(one, way);
    const answer = new Promise((resolve) => one.emit("who am I?", (...args) => resolve(args)));
    assert.deepEqual(await answer, [{ name, rights: ["talk"] }, true]);
    users[name] = { one, cookie };
  }
  const heard = once(users.Grace.one, "for you");
  io.to("user Ada").emit("for you", "Ada");
  io.to("user Grace").emit("for you", "Grace");
  assert.deepEqual(await heard, ["Grace"]);

  for (const cookie of ["", "connect.sid=s%3Aforged.signature"]) {
    const stranger = client(t, port, withCookie(cookie, options));
    const [error] = await once(stranger, "connect_error");
    assert.match(error.message, /xhr poll error|websocket error/);
  }
  await get("/logout", users.Ada.cookie, "POST");
  const late = client(t, port, withCookie(users.Ada.cookie, options));
  await once(late, "connect_error");
  assert.ok(users.Grace.one.connected);
});
