// io.close(): what happens, in which order, to sockets, adapters, connections and the HTTP server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachWay, join, pair } from "../support/clients.mjs";
import { eachTransport, Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

eachWay("every socket is told at once, and the client sees the transport go", async (t, way) => {
  const { io, port, ...main } = await pair(t, way);
  const other = await join(t, io, port, { ...way, nsp: "/other" });
  const seen = [];
  for (const { socket } of [main, other]) {
    for (const event of ["disconnecting", "disconnect"]) {
      socket.on(event, (...args) => seen.push([socket.nsp.name, event, ...args]));
    }
  }
  const left = [once(main.client, "disconnect"), once(other.client, "disconnect")];
  const closing = io.close();
  assert.deepEqual(
    seen.map((line) => line.slice(0, 3)),
    [
      ["/", "disconnecting", "server shutting down"],
      ["/", "disconnect", "server shutting down"],
      ["/other", "disconnecting", "server shutting down"],
      ["/other", "disconnect", "server shutting down"],
    ],
  );
  // no DISCONNECT packet: the client would say "io server disconnect"
  for (const [reason] of await Promise.all(left)) assert.match(reason, /^transport (close|error)$/);
  await closing;
});

test("the HTTP server is closed, but not within the call", async (t) => {
  const { io, httpServer } = await serve(t);
  const closing = io.close();
  assert.equal(httpServer.listening, true);
  assert.equal(await closing, undefined);
  assert.equal(httpServer.listening, false);
});

test("the callback runs without an error", async (t) => {
  const { io } = await serve(t);
  const args = await new Promise((resolve) => io.close((...given) => resolve(given)));
  assert.equal(args[0], undefined);
});

test("closing twice: the callback gets Node's error, the promise resolves", async (t) => {
  const { io } = await serve(t);
  await io.close();
  let error;
  await io.close((given) => {
    error = given;
  });
  assert.equal(error.code, "ERR_SERVER_NOT_RUNNING");
});

test("a server that was never attached cannot be closed", async () => {
  const io = new Server();
  let called = false;
  const closing = io.close(() => {
    called = true;
  });
  await assert.rejects(closing, {
    name: "TypeError",
    message: "Cannot read properties of undefined (reading 'close')",
  });
  assert.equal(called, false);
});

test("the adapter of each namespace is closed; its failures are swallowed", async (t) => {
  const { io } = await serve(t);
  const closed = [];
  const failures = {
    "/": () => Promise.resolve(),
    "/rejects": () => Promise.reject(new Error("rejects")),
    "/throws": () => {
      throw new Error("throws");
    },
  };
  for (const [name, fail] of Object.entries(failures)) {
    io.of(name).adapter.close = () => {
      closed.push(name);
      return fail();
    };
  }
  await io.close();
  assert.deepEqual(closed, Object.keys(failures));
});

test("adapters are awaited before connections are closed", async (t) => {
  const { io, port } = await serve(t);
  await Ws.open(t, port);
  let finish;
  io.sockets.adapter.close = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const closing = io.close();
  await until(() => finish);
  assert.equal(io.engine.clientsCount, 1);
  finish();
  await closing;
  assert.equal(io.engine.clientsCount, 0);
  delete io.sockets.adapter.close;
});

eachTransport("connections are closed as forced, buffered packets dropped", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [{ conn }] = await connecting;
  const closed = once(conn, "close");
  const poll = session instanceof Polling ? await session.hold(conn) : undefined;
  const closing = io.close();
  assert.deepEqual((await closed)[0], "forced close");
  if (poll) assert.equal((await poll.answer).text, "1");
  else assert.deepEqual(await session.closed, { code: 1005, reason: "" });
  await closing;
});

test("after the close upgrades are answered 503, polling handshakes still succeed", async (t) => {
  const { io, httpServer, port } = await serve(t);
  // an application may keep its HTTP server up: only the engine closes here
  httpServer.close = (done) => {
    done?.();
    return httpServer;
  };
  await io.close();
  const answer = await exchange(t, port, opening());
  assert.equal(
    answer,
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/html\r\n" +
      "Content-Length: 19\r\n\r\nService Unavailable",
  );
  const { status } = await request(port, "/socket.io/?EIO=4&transport=polling");
  assert.equal(status, 200);
  delete httpServer.close;
});

test("engine.close() alone ends the connections", async (t) => {
  const { io, port, socket } = await pair(t);
  const polling = await Polling.open(t, port);
  const gone = once(socket, "disconnect");
  io.engine.close();
  assert.equal((await gone)[0], "forced close");
  assert.equal(io.engine.clientsCount, 0);
  assert.equal((await polling.get()).status, 400);
});
