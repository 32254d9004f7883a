// Limits on what one client sends: native.maxEventsPerSecond and maxBytesPerSecond. What exceeds is
// delayed, and nothing is lost.
import assert from "node:assert/strict";
import http from "node:http";
import { FORMS, SERVE } from "../support/forms.mjs";
import { frame } from "../support/frames.mjs";
import { Polling, RS, Ws } from "../support/raw.mjs";
import { secureBeyond, secureWire, serveSecure } from "../support/secure.mjs";
import { serve } from "../support/server.mjs";
import { beyond, engine } from "../support/subject.mjs";
import { closeFrame, opening, Tcp } from "../support/tcp.mjs";
import { defer, until } from "../support/wait.mjs";
import { Wt } from "../support/webtransport.mjs";
import { joinByHand } from "../support/wire.mjs";
import { plainEngine, WsServer } from "../support/ws-engines.mjs";

const event = (n) => `42["n",${n}]`;
const numbers = (count) => Array.from({ length: count }, (_, n) => n);

/** How a client comes in: `(t, options) => { io, send }`, with `send` for many packets at once. */
const SOURCES = { ...Object.fromEntries(FORMS.map((form) => [form, overTcp(form)])) };

function overTcp(form) {
  return async (t, options) => {
    const { io, port } = await SERVE[form](t, options);
    return { io, port, ...(await overWire(await Tcp.open(t, port))) };
  };
}

async function overWire(wire) {
  await joinByHand(wire);
  // Reads and answers pings.
  const closed = wire.nextText();
  const leave = () => wire.write(closeFrame(1000));
  return { send: (packets) => wire.sendText(...packets), closed, leave };
}

SOURCES.wsEngine = async (t, options) => {
  const { io, port } = await serve(t, { ...options, wsEngine: WsServer });
  return { io, port, ...(await overWire(await Tcp.open(t, port))) };
};

SOURCES.webtransport = async (t, options) => {
  const { io, port } = await serve(t, options);
  const session = await Wt.open(t, io.engine);
  await session.join();
  answerPings(session);
  const leave = () => session.transport.close();
  return { io, port, send: (packets) => session.send(...packets), leave };
};

async function answerPings(session) {
  for (;;) {
    const packet = await session.next();
    if (packet === null) return;
    if (packet === "2") session.send("3");
  }
}

const tls = async (t, options) => {
  const { io, port } = await serveSecure(t, options);
  return { io, port, ...(await overWire(await secureWire(t, port))) };
};

/** Notes what the sockets of a server hear, and when. */
function listen(io) {
  const heard = [];
  const reasons = [];
  const follow = (socket) => {
    socket.on("n", (n, ...rest) => heard.push({ n, at: performance.now(), rest }));
    socket.on("disconnect", (reason) => reasons.push(reason));
  };
  for (const socket of io.sockets.sockets.values()) follow(socket);
  io.on("connection", follow);
  return { heard, reasons };
}

/** A client of a source, and what the server hears. */
async function meet(t, open, options) {
  const opened = await open(t, options);
  return { ...opened, ...listen(opened.io) };
}

/**
 * Checks that all came, in order, and at no time more than a burst and the rate since `begin` allow: one
 * more, as the server counts whole milliseconds.
 */
function assertPaced(heard, begin, rate, slack) {
  heard.forEach(({ n, at }, i) => {
    assert.equal(n, i);
    const most = rate + (rate * (at - begin)) / 1000 + slack + 1;
    assert.ok(i + 1 <= most, `event ${i + 1} came when there may be ${most}`);
  });
}

for (const [name, open] of [...Object.entries(SOURCES), ["tls", tls]]) {
  const run = name === "tls" ? secureBeyond : beyond;

  run(`delays the events of a client beyond the rate, in order (${name})`, async (t) => {
    const rate = 100;
    const { send, heard, reasons } = await meet(t, open, { native: { maxEventsPerSecond: rate } });
    const begin = performance.now() - 100;
    send(numbers(300).map(event));
    await until(() => heard.length === 300, "all is heard");
    // The clock of the engine counts whole ms.
    assertPaced(heard, begin, rate, 2);
    assert.deepEqual(reasons, []);
  });

  run(`delays the messages of a client beyond the rate of bytes (${name})`, async (t) => {
    const rate = 100_000;
    const { send, heard } = await meet(t, open, { native: { maxBytesPerSecond: rate } });
    const begin = performance.now() - 100;
    const size = 20_000;
    send(numbers(15).map((n) => `42["n",${n},"${"x".repeat(size)}"]`));
    await until(() => heard.length === 15, "all is heard");
    heard.forEach(({ n, at, rest }, i) => {
      assert.equal(n, i);
      assert.equal(rest[0].length, size);
      // The last message may owe what it is longer than the rest of the burst.
      const most = rate + (rate * (at - begin)) / 1000 + 1000;
      assert.ok(i * size <= most, `message ${i + 1} came when there may be ${most} bytes`);
    });
  });

  run(`keeps a client whose pong waits behind its own flood (${name})`, async (t) => {
    const options = { native: { maxEventsPerSecond: 50 }, pingInterval: 100, pingTimeout: 200 };
    const { send, heard, reasons } = await meet(t, open, options);
    send(numbers(200).map(event));
    await until(() => heard.length === 200 || reasons.length > 0, "all is heard");
    assert.deepEqual(reasons, []);
    assertPaced(heard, 0, Number.MAX_SAFE_INTEGER, 0);
  });

  run(`has a client go on at once when the limit is taken back (${name})`, async (t) => {
    const { io, send, heard } = await meet(t, open, { native: { maxEventsPerSecond: 1 } });
    send(numbers(1_000).map(event));
    await until(() => heard.length > 0, "the first is heard");
    io.engine.opts.native = {};
    await until(() => heard.length === 1_000, "all is heard");
    assertPaced(heard, 0, Number.MAX_SAFE_INTEGER, 0);
  });

  run(`serves others while a client is too fast (${name})`, async (t) => {
    const { io, port, send, heard, reasons } = await meet(t, open, {
      native: { maxEventsPerSecond: 5 },
    });
    send(numbers(1_000).map(event));
    await until(() => heard.length > 0, "the flood has begun");
    if (name !== "tls") {
      const other = await Ws.open(t, port);
      await other.join();
    }
    io.disconnectSockets(true);
    await until(() => reasons.length > 0, "the flooder is closed");
    assert.equal(reasons[0], "server namespace disconnect");
    await until(() => io.engine.clientsCount === 0, "no session is left");
  });
}

for (const form of FORMS) {
  beyond(`answers a POST once the rate has let all its packets pass (${form})`, async (t) => {
    const rate = 100;
    const { io, port } = await SERVE[form](t, { native: { maxEventsPerSecond: rate } });
    const { heard, reasons } = listen(io);
    const session = await Polling.open(t, port);
    await session.join();
    const begin = performance.now() - 100;
    const first = session.post(numbers(150).map(event).join(RS));
    assert.equal((await first).text, "ok");
    // A port answers when the engine has passed the packets on.
    await until(() => heard.length === 150, "all of the first is heard");
    const rest = numbers(250).slice(150).map(event);
    assert.equal((await session.post(rest.join(RS))).text, "ok");
    await until(() => heard.length === 250, "all is heard");
    assertPaced(heard, begin, rate, 2);
    assert.deepEqual(reasons, []);
  });

  beyond(`ends a session while its POST waits for the rate (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t, { native: { maxEventsPerSecond: 1 } });
    const { heard, reasons } = listen(io);
    const session = await Polling.open(t, port);
    await session.join();
    const answer = session.post(numbers(1_000).map(event).join(RS));
    await until(() => heard.length > 0, "the first is heard");
    io.disconnectSockets(true);
    // The first poll gets what was sent before the end, the second one the end.
    await session.get();
    await session.get();
    assert.equal((await answer).text, "ok");
    await until(() => reasons.length > 0, "it has ended");
    await until(() => io.engine.clientsCount === 0, "no session is left");
  });

  beyond(`keeps the order of a delayed POST and the WebSocket behind it (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t, { native: { maxEventsPerSecond: 100 } });
    const { heard } = listen(io);
    const session = await Polling.open(t, port);
    await session.join();
    const posted = session.post(numbers(150).map(event).join(RS));
    const wire = await Tcp.websocket(t, port, {
      query: `EIO=4&transport=websocket&sid=${session.sid}`,
    });
    wire.sendText("2probe");
    assert.equal(await wire.nextText(), "3probe");
    assert.equal((await posted).text, "ok");
    wire.sendText("5", ...numbers(250).slice(150).map(event));
    await until(() => heard.length === 250, "all is heard");
    assertPaced(heard, 0, Number.MAX_SAFE_INTEGER, 0);
  });
}

for (const [what, see] of Object.entries({
  "a packet": () => {},
  "a packet that listeners see": (io) =>
    io.engine.on("connection", (conn) => conn.on("packet", () => {})),
})) {
  beyond(`counts ${what} with attachments as one event`, async (t) => {
    // At one event per second the test would not live to see the attachments if they counted.
    const count = 500;
    const native = { maxEventsPerSecond: 1, maxAttachments: count };
    const { io, port } = await serve(t, { native });
    see(io);
    const { heard } = listen(io);
    const wire = await Tcp.open(t, port);
    await joinByHand(wire);
    const places = numbers(count).map((num) => `{"_placeholder":true,"num":${num}}`);
    const text = frame(1, `45${count}-["n",0,${places}]`);
    await wire.write(Buffer.concat([text, ...numbers(count).map((n) => frame(2, Buffer.of(n)))]));
    await until(() => heard.length === 1, "it is heard");
    assert.deepEqual(
      heard[0].rest,
      numbers(count).map((n) => Buffer.of(n)),
    );
  });
}

beyond("counts the messages of an engine without a Socket.IO server", async (t) => {
  const rate = 50;
  const eio = engine.attach(http.createServer(), { native: { maxEventsPerSecond: rate } });
  defer(t, () => eio.close());
  const heard = [];
  eio.on("connection", (conn) => {
    conn.on("message", (data) => {
      const n = typeof data === "string" ? Number(data) : data[0];
      heard.push({ n, at: performance.now() });
    });
  });
  const session = await Wt.open(t, eio);
  const begin = performance.now() - 100;
  const messages = numbers(120).map((n) => (n % 2 ? Buffer.from([n]) : `4${n}`));
  while (messages.length > 0) {
    session.send(...messages.splice(0, 10));
    // JavaScript reads this session: what comes in the turn in which it is told to stop is still heard.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => heard.length === 120, "all is heard");
  assertPaced(heard, begin, rate, 40);
});

/** Counts how often the WebSockets of an engine are paused. */
function countingPauses() {
  return class extends WsServer {
    static pauses = 0;

    completeUpgrade(extensions, key, protocols, req, socket, head, callback) {
      const counter = this.constructor;
      super.completeUpgrade(extensions, key, protocols, req, socket, head, (ws, ...rest) => {
        const { pause } = ws;
        ws.pause = () => {
          counter.pauses++;
          pause.call(ws);
        };
        callback(ws, ...rest);
      });
    }
  };
}

beyond("pauses a WebSocket of wsEngine of which more than maxPendingBytes waits", async (t) => {
  const wsEngine = countingPauses();
  const { io, port } = await serve(t, { wsEngine, native: { maxPendingBytes: 1 } });
  const { heard } = listen(io);
  const { send } = await overWire(await Tcp.open(t, port));
  send(numbers(50).map((n) => `42["n",${n},"${"x".repeat(20_000)}"]`));
  await until(() => heard.length === 50, "all is heard");
  assertPaced(heard, 0, Number.MAX_SAFE_INTEGER, 0);
  assert.ok(wsEngine.pauses > 0);
});

beyond("gives all that a client sent before it left (wsEngine, webtransport)", async (t) => {
  for (const open of [SOURCES.wsEngine, SOURCES.webtransport]) {
    const { io, send, heard, reasons, leave } = await meet(t, open, {
      native: { maxEventsPerSecond: 100 },
    });
    await send(numbers(200).map(event));
    await leave();
    await until(() => reasons.length === 1, "it has left");
    assert.equal(reasons[0], "transport close");
    assertPaced(heard, 0, Number.MAX_SAFE_INTEGER, 0);
    assert.equal(heard.length, 200);
    await until(() => io.engine.clientsCount === 0, "no session is left");
  }
});

beyond("does not delay a WebSocket of wsEngine that cannot be paused", async (t) => {
  const Plain = plainEngine();
  const { io, port } = await serve(t, { wsEngine: Plain, native: { maxEventsPerSecond: 1 } });
  const { heard } = listen(io);
  const tcp = await Tcp.open(t, port);
  tcp.write(opening());
  await until(() => Plain.sockets.length === 1, "there is a WebSocket");
  const [ws] = Plain.sockets;
  await until(() => io.engine.clientsCount === 1, "there is a session");
  ws.emit("message", "40", false);
  await until(() => io.sockets.sockets.size === 1, "it has joined");
  for (const text of numbers(500).map(event)) ws.emit("message", text, false);
  await until(() => heard.length === 500, "all is heard");
  assertPaced(heard, 0, Number.MAX_SAFE_INTEGER, 0);
});
