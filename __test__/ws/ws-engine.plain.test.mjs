// wsEngine: a class written by hand with no more than upstream needs, and classes that misbehave.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { closeServer, listen, serve } from "../support/server.mjs";
import { beyond, differs, Server } from "../support/subject.mjs";
import { opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { PlainSocket, plainEngine } from "../support/ws-engines.mjs";

const HANDSHAKE = opening("EIO=4&transport=websocket");

/** A server on a hand-written engine, and a client that has asked it for a WebSocket. */
async function asked(t, behaviour, options = {}) {
  const wsEngine = plainEngine(behaviour);
  const { io, port } = await serve(t, { wsEngine, ...options });
  const tcp = await Tcp.open(t, port);
  tcp.write(HANDSHAKE);
  return { io, port, tcp, wsEngine };
}

/** The same, with the session and its WebSocket object. */
async function opened(t, behaviour, options) {
  const wsEngine = plainEngine(behaviour);
  const { io, port } = await serve(t, { wsEngine, ...options });
  const connecting = once(io.engine, "connection");
  const tcp = await Tcp.open(t, port);
  tcp.write(HANDSHAKE);
  const [conn] = await connecting;
  const [ws] = wsEngine.sockets;
  return { io, port, tcp, wsEngine, conn, ws };
}

/** The same, connected to the main namespace. */
async function joined(t, behaviour, options) {
  const made = await opened(t, behaviour, options);
  const accepted = once(made.io, "connection");
  made.ws.emit("message", "40");
  const [socket] = await accepted;
  return { ...made, socket };
}

test("constructed with the options, and again when the server listens", async (t) => {
  const wsEngine = plainEngine();
  const httpServer = http.createServer();
  const io = new Server(httpServer, { wsEngine, maxHttpBufferSize: 5, perMessageDeflate: true });
  defer(t, () => closeServer(io));
  assert.equal(wsEngine.constructed.length, 1);
  await listen(httpServer);
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: { threshold: 1024 },
    maxPayload: 5,
    maxBufferedChunks: 10_000,
  };
  assert.deepEqual(wsEngine.constructed, [options, options]);
  assert.equal(wsEngine.closed, 1);
  assert.ok(io.engine.ws instanceof wsEngine);
});

for (const [given, expected] of [
  [false, false],
  [
    { threshold: 9, zlibDeflateOptions: {} },
    { threshold: 9, zlibDeflateOptions: {} },
  ],
  [{ serverNoContextTakeover: true }, { threshold: 1024, serverNoContextTakeover: true }],
]) {
  test(`perMessageDeflate ${JSON.stringify(given)} is handed on`, async (t) => {
    const wsEngine = plainEngine();
    await serve(t, { wsEngine, perMessageDeflate: given });
    assert.deepEqual(wsEngine.constructed[0].perMessageDeflate, expected);
  });
}

for (const wsEngine of ["ws", null, 5, {}, () => {}]) {
  test(`${JSON.stringify(wsEngine) ?? "an arrow function"} is no constructor`, () => {
    const message = differs(
      "this.opts.wsEngine is not a constructor",
      /^options\.wsEngine must be a class of WebSocket servers, got /,
    );
    assert.throws(() => new Server(http.createServer(), { wsEngine }), { message });
    new Server(http.createServer(), { wsEngine, transports: ["polling"] });
    new Server({ wsEngine });
  });
}

test("an exception of the constructor is the caller's", () => {
  const wsEngine = plainEngine({
    construct() {
      throw new Error("no engine today");
    },
  });
  const message = "no engine today";
  assert.throws(() => new Server(http.createServer(), { wsEngine }), { message });
});

test("text and binary go out as they are, each with a callback", async (t) => {
  const callbacks = [];
  const send = (_data, callback) => {
    callbacks.push(typeof callback);
    setImmediate(callback);
  };
  const { ws, socket } = await joined(t, { send });
  await until(() => ws.sent.length === 2);
  assert.match(ws.sent[0], /^0\{"sid":/);
  assert.match(ws.sent[1], /^40\{"sid":/);
  socket.emit("a", 1, Buffer.from([1, 2]));
  socket.emit("b");
  await until(() => ws.sent.length === 5);
  assert.equal(ws.sent[2], '451-["a",1,{"_placeholder":true,"num":0}]');
  assert.deepEqual(Buffer.from(ws.sent[3]), Buffer.from([1, 2]));
  assert.equal(ws.sent[4], '42["b"]');
  assert.deepEqual([...new Set(callbacks)], ["function"]);
});

test("messages may come as strings or as bytes", async (t) => {
  const { ws, socket } = await joined(t);
  const got = [];
  socket.on("n", (value) => got.push(value));
  ws.emit("message", '42["n",1]');
  ws.emit("message", Buffer.from('42["n","é"]'));
  ws.emit("message", Buffer.from('42["n",3]'), false);
  ws.emit("message", '42["n",4]', false);
  ws.emit("message", '451-["n",{"_placeholder":true,"num":0}]', false);
  ws.emit("message", Buffer.from([0, 255]), true);
  await until(() => got.length === 5);
  assert.deepEqual(got, [1, "é", 3, 4, Buffer.from([0, 255])]);
});

test("an acknowledgement within the same tick", async (t) => {
  const { ws, socket } = await joined(t);
  socket.on("ask", (done) => done("answer"));
  ws.emit("message", '420["ask"]');
  await until(() => ws.sent.at(-1) === '430["answer"]');
});

test("a message that answers a send synchronously", async (t) => {
  const { ws, socket } = await joined(t);
  ws.on("sent", (data) => {
    if (data === '42["ping"]') ws.emit("message", '42["pong"]');
  });
  const seen = [];
  socket.on("pong", () => seen.push("pong"));
  socket.emit("ping");
  seen.push("emitted");
  await until(() => seen.length === 2);
  assert.deepEqual(seen, ["emitted", "pong"]);
});

test("close: transport close, and nothing after it counts", async (t) => {
  const { io, ws, socket } = await joined(t);
  const seen = [];
  socket.on("n", () => seen.push("n"));
  socket.on("disconnect", (reason) => seen.push(reason));
  ws.emit("close", 1001, Buffer.from("bye"));
  await until(() => seen.length > 0);
  ws.emit("message", '42["n"]');
  ws.emit("message", Buffer.from([1]), true);
  ws.emit("error", new Error("late"));
  ws.emit("close", 1006);
  await sleep(20);
  assert.deepEqual(seen, ["transport close"]);
  assert.equal(io.engine.clientsCount, 0);
});

test("error: transport error, with the error as text", async (t) => {
  const { ws, conn } = await joined(t);
  const closed = once(conn, "close");
  ws.emit("error", new RangeError("boom"));
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "RangeError: boom");
  assert.equal(ws.closes, 1);
});

test("a send that fails: transport error", async (t) => {
  const send = (data, callback) => {
    setImmediate(callback, data === '42["bad"]' ? new Error("not sent") : undefined);
  };
  const { io, socket, conn } = await joined(t, { send });
  const closed = once(conn, "close");
  socket.emit("bad");
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "write error");
  assert.equal(io.engine.clientsCount, 0);
});

test("the server's close calls close without arguments", async (t) => {
  const { ws, socket } = await joined(t);
  const calls = [];
  const { close } = ws;
  ws.close = (...args) => {
    calls.push(args);
    close.call(ws);
  };
  socket.emit("last");
  socket.disconnect(true);
  await until(() => calls.length > 0);
  assert.deepEqual(calls, [[]]);
  assert.deepEqual(ws.sent.slice(-2), ['42["last"]', "41"]);
});

test("no pong: ping timeout, and the WebSocket is closed", async (t) => {
  const { ws, conn } = await opened(t, {}, { pingInterval: 30, pingTimeout: 30 });
  assert.equal((await once(conn, "close"))[0], "ping timeout");
  assert.ok(ws.sent.includes("2"));
  assert.equal(ws.closes, 1);
});

test("volatile packets are dropped while the connection handler runs", async (t) => {
  const wsEngine = plainEngine();
  const { io, port } = await serve(t, { wsEngine });
  io.on("connection", (socket) => {
    socket.volatile.emit("lost");
    socket.emit("kept");
  });
  const connecting = once(io.engine, "connection");
  (await Tcp.open(t, port)).write(HANDSHAKE);
  await connecting;
  const [ws] = wsEngine.sockets;
  ws.emit("message", "40");
  await until(() => ws.sent.includes('42["kept"]'));
  assert.ok(!ws.sent.includes('42["lost"]'));
});

test("volatile packets are dropped while much waits for the peer", async (t) => {
  let slow = null;
  const send = (data, callback) => {
    if (data.length > 100_000) slow = callback;
    else setImmediate(callback);
  };
  const { ws, socket } = await joined(t, { send });
  await until(() => ws.sent.length === 2);
  socket.emit("large", "x".repeat(200_000));
  await until(() => slow !== null);
  socket.volatile.emit("lost");
  await sleep(10);
  slow();
  await sleep(10);
  socket.volatile.emit("kept");
  await until(() => ws.sent.length === 4);
  assert.equal(ws.sent[3], '42["kept"]');
});

// --- engines that misbehave ----------------------------------------------------------------------

beyond("a peer that takes nothing is given up", async (t) => {
  let terminated = false;
  const send = () => {};
  const native = { keepReadersMs: 200 };
  const { io, ws, conn } = await opened(t, { send }, { native });
  ws.terminate = () => {
    terminated = true;
  };
  const closed = once(conn, "close");
  const chunk = "x".repeat(8 << 20);
  for (let n = 0; n < 9; n++) conn.send(chunk);
  const [reason, description] = await closed;
  assert.equal(reason, "transport error");
  assert.equal(description.message, "too many bytes are waiting for the client");
  assert.ok(terminated);
  assert.equal(io.engine.clientsCount, 0);
});

for (const [title, upgrade] of [
  ["gives nothing", ({ callback }) => callback()],
  ["gives null", ({ callback }) => callback(null)],
  ["gives an object without on", ({ callback }) => callback({ send() {}, close() {} })],
  [
    "throws",
    () => {
      throw new Error("handleUpgrade throws");
    },
  ],
]) {
  beyond(`an engine that ${title}: that connection ends, the server lives`, async (t) => {
    const { io, tcp } = await asked(t, { upgrade });
    await tcp.rest();
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("an engine that never calls back: no session", async (t) => {
  const { io, tcp } = await asked(t, { upgrade() {} });
  await sleep(20);
  assert.equal(io.engine.clientsCount, 0);
  tcp.destroy?.();
});

beyond("an engine that calls back twice: one session", async (t) => {
  const upgrade = ({ callback }, make) => {
    const ws = make();
    callback(ws);
    callback(ws);
    callback(make());
  };
  const { io, wsEngine } = await opened(t, { upgrade });
  assert.equal(io.engine.clientsCount, 1);
  const [first, second] = wsEngine.sockets;
  assert.equal(first.closes, 0);
  assert.equal(second.closes, 1);
  assert.equal(second.sent.length, 0);
});

beyond("a send that throws: transport error", async (t) => {
  const send = (data, callback) => {
    if (data === '42["bad"]') throw new Error("send throws");
    setImmediate(callback);
  };
  const { socket, conn } = await joined(t, { send });
  const closed = once(conn, "close");
  socket.emit("bad");
  assert.equal((await closed)[0], "transport error");
});

beyond("a close() of the engine that throws harms nobody", async (t) => {
  const { io, ws, conn } = await opened(t);
  ws.close = () => {
    throw new Error("close throws");
  };
  const closed = once(conn, "close");
  conn.close();
  assert.equal((await closed)[0], "forced close");
  assert.equal(io.engine.clientsCount, 0);
});

for (const [title, data] of [
  ["undefined", undefined],
  ["a number as binary", 5],
  ["an object that is no text", Object.create(null)],
]) {
  beyond(`a message that is ${title} ends its session only`, async (t) => {
    const { io, ws, conn } = await opened(t);
    const closed = once(conn, "close");
    ws.emit("message", data, typeof data === "number");
    assert.match((await closed)[0], /^(parse|transport) error$/);
    assert.equal(io.engine.clientsCount, 0);
  });
}

beyond("callbacks called twice, late or never are harmless", async (t) => {
  const late = [];
  const send = (_data, callback) => {
    callback();
    callback(new Error("again"));
    late.push(callback);
  };
  const { ws, socket, conn } = await joined(t, { send });
  socket.emit("a");
  await until(() => ws.sent.includes('42["a"]'));
  const closed = once(conn, "close");
  ws.emit("close", 1000);
  assert.equal((await closed)[0], "transport close");
  for (const callback of late) callback(new Error("late"));
});

beyond("an engine that fails when it is made again: upgrades are refused", async (t) => {
  const construct = (count) => {
    if (count === 2) throw new Error("only once");
  };
  const wsEngine = plainEngine({ construct });
  const warned = once(process, "warning");
  const httpServer = http.createServer();
  const io = new Server(httpServer, { wsEngine });
  defer(t, () => closeServer(io));
  const port = await listen(httpServer);
  assert.equal((await warned)[0].message, "only once");
  const tcp = await Tcp.open(t, port);
  tcp.write(HANDSHAKE);
  assert.match(String(await tcp.rest()), /^HTTP\/1.1 503 /);
  assert.ok(wsEngine.sockets.every((ws) => ws instanceof PlainSocket));
});
