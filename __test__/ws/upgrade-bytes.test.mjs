// The bytes around an upgrade request on its connection: answers before it, frames right behind it,
// frames that arrive while the application still thinks about it. Nothing is lost.
import assert from "node:assert/strict";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { eachLine, eachLineBeyond } from "../support/lines.mjs";
import { frame, opening } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";
import { ask, joinByHand } from "../support/wire.mjs";

const NUMBERS = Array.from({ length: 100 }, (_, n) => n);
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const text = (...messages) => bytes(...messages.map((message) => frame(1, message)));

/** Starts a server that keeps what it is told: `{ io, port, seen }`. */
async function served(t, line, options) {
  const { io, port, httpServer } = await line.serve(t, options);
  const seen = [];
  io.on("connection", (socket) => {
    socket.on("n", (n, padding, ack) => {
      seen.push(n);
      ack?.(padding.length);
    });
  });
  return { io, port, httpServer, seen };
}

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const POLLING = "/socket.io/?EIO=4&transport=polling";

/** Reads an HTTP answer with a Content-Length; resolves with its body. */
async function answer(wire) {
  const length = Number(/content-length: (\d+)/i.exec(await wire.head())[1]);
  await until(() => wire.received.length >= length, "the body has arrived");
  const body = wire.received.subarray(0, length).toString();
  wire.received = wire.received.subarray(length);
  return body;
}

/** A session on polling that has joined the main namespace, made by hand; resolves with its id. */
async function pollingSession(t, line, port) {
  const wire = await line.wire(t, port);
  wire.write(get(POLLING));
  const { sid } = JSON.parse((await answer(wire)).slice(1));
  wire.write(
    `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n40${get(`${POLLING}&sid=${sid}`)}`,
  );
  assert.equal(await answer(wire), "ok");
  assert.match(await answer(wire), /^40\{/);
  return sid;
}

const upgradeOf = (sid) => opening(`EIO=4&transport=websocket&sid=${sid}`);
const numbers = (padding = "") => text(...NUMBERS.map((n) => `42["n",${n},"${padding}"]`));
const CHANGE = text("2probe", "5");

for (const size of [10, 100_000, 8 << 20]) {
  eachLine(
    `an answer of ${size} bytes pipelined before the upgrade is complete`,
    async (t, line) => {
      const { httpServer, port, io } = await line.serve(t);
      io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
      const body = "x".repeat(size);
      let waiting;
      // before the engine hears of it
      httpServer.prependListener("upgrade", (_req, socket) => {
        waiting = socket.writableLength;
      });
      httpServer.removeAllListeners("request");
      httpServer.on("request", (_req, res) => {
        res.writeHead(200, { "Content-Length": size });
        res.end(body);
      });
      const wire = await line.wire(t, port);
      wire.socket.pause(); // what does not fit the socket has to wait in the server
      wire.write(bytes(get("/before"), opening()));
      await until(() => waiting !== undefined, "the upgrade request has been seen");
      if (size > 1 << 20) assert.ok(waiting > 0, "the answer is still on its way");
      await pause(50);
      wire.socket.resume();
      assert.equal(await answer(wire), body);
      assert.match(await wire.head(), /^HTTP\/1\.1 101 /);
      assert.match(await wire.nextText(), /^0\{/);
      wire.write(frame(1, "40"));
      assert.match(await wire.nextText(), /^40\{/);
      assert.deepEqual(await ask(wire, 1, "echo", "x"), ["x"]);
    },
  );
}

eachLine("a client that leaves while such an answer is on its way", async (t, line) => {
  const { httpServer, port, io } = await line.serve(t);
  httpServer.removeAllListeners("request");
  httpServer.on("request", (_req, res) => res.end("x".repeat(8 << 20)));
  const wire = await line.wire(t, port);
  wire.socket.pause();
  const upgraded = once(httpServer, "upgrade");
  wire.write(bytes(get("/before"), opening()));
  const [, socket] = await upgraded;
  wire.socket.destroy();
  await until(() => socket.destroyed, "the server has noticed");
  await until(() => io.engine.clientsCount === 0, "no session is left");
  const next = await line.wire(t, port);
  await joinByHand(next);
});

eachLineBeyond("a polling handshake pipelined before a WebSocket handshake", async (t, line) => {
  const { io, port } = await served(t, line);
  const wire = await line.wire(t, port);
  wire.write(bytes(get(POLLING), opening()));
  const { sid, upgrades } = JSON.parse((await answer(wire)).slice(1));
  assert.deepEqual(upgrades, ["websocket"]);
  assert.match(await wire.head(), /^HTTP\/1\.1 101 /);
  const other = JSON.parse((await wire.nextText()).slice(1));
  assert.notEqual(other.sid, sid);
  assert.equal(io.engine.clientsCount, 2);
});

eachLine("frames in the segment of the upgrade request", async (t, line) => {
  const { io, port, seen } = await served(t, line);
  const sid = await pollingSession(t, line, port);
  const wire = await line.wire(t, port);
  wire.write(bytes(upgradeOf(sid), CHANGE, numbers(), text('427["n",100,""]')));
  await wire.head();
  assert.equal(await wire.nextText(), "3probe");
  assert.equal(await wire.nextText(), "437[0]");
  assert.deepEqual(seen, [...NUMBERS, 100]);
  assert.equal(io.engine.clients[sid].transport.name, "websocket");
});

eachLineBeyond("frames in the segment of a WebSocket handshake", async (t, line) => {
  const { io, port } = await served(t, line);
  io.of("/a");
  io.of("/b");
  const wire = await line.wire(t, port);
  wire.write(bytes(opening(), text("40", "40/a,", "40/b,")));
  await wire.head();
  assert.match(await wire.nextText(), /^0\{/);
  const replies = [await wire.nextText(), await wire.nextText(), await wire.nextText()];
  const joined = replies.map((reply) => reply.replace(/\{.*/, ""));
  assert.deepEqual(joined, ["40", "40/a,", "40/b,"]);
});

eachLine("an upgrade and its frames, byte by byte", async (t, line) => {
  const { port, seen } = await served(t, line);
  const sid = await pollingSession(t, line, port);
  const wire = await line.wire(t, port);
  const all = bytes(upgradeOf(sid), CHANGE, text('42["n",1,"é€😀"]', '427["n",2,"é€😀"]'));
  for (const byte of all) {
    await new Promise((resolve) => wire.socket.write(Uint8Array.of(byte), resolve));
    await turn();
  }
  await wire.head();
  assert.equal(await wire.nextText(), "3probe");
  assert.equal(await wire.nextText(), "437[4]");
  assert.deepEqual(seen, [1, 2]);
});

eachLine("a WebSocket handshake and its session, byte by byte", async (t, line) => {
  const { port, seen } = await served(t, line);
  const wire = await line.wire(t, port);
  const trickle = async (all) => {
    for (const byte of all) {
      await new Promise((resolve) => wire.socket.write(Uint8Array.of(byte), resolve));
      await turn();
    }
  };
  await trickle(Buffer.from(opening()));
  await wire.head();
  await wire.nextText();
  await trickle(text("40"));
  await wire.nextText();
  await trickle(
    bytes(text('42["n",1,""]'), frame(9, "ping"), text(`427["n",2,"${"x".repeat(200)}"]`)),
  );
  const pong = await wire.frame();
  assert.deepEqual([pong.opcode, pong.payload.toString()], [10, "ping"]);
  assert.equal(await wire.nextText(), "437[200]");
  assert.deepEqual(seen, [1, 2]);
});

/**
 * Ways to keep an upgrade request waiting. Each gets the server and a function to be called with
 * what lets the request go on.
 */
const DELAYS = {
  "an engine middleware": (io, hold) => {
    io.engine.use((req, _res, next) => (isUpgrade(req) ? hold(next) : next()));
  },
  "two engine middlewares": (io, hold) => {
    for (let i = 0; i < 2; i++) {
      io.engine.use(async (req, _res, next) => {
        if (isUpgrade(req)) await new Promise(hold);
        next();
      });
    }
  },
  allowRequest: (io, hold) => {
    io.engine.opts.allowRequest = (req, callback) => {
      if (!isUpgrade(req)) return callback(null, true);
      hold(() => callback(null, true));
    };
  },
  generateId: (io, hold) => {
    let serial = 0;
    io.engine.generateId = (req) => {
      const id = `id${++serial}`;
      return isUpgrade(req) ? new Promise((resolve) => hold(() => resolve(id))) : id;
    };
  },
};
const isUpgrade = (req) => req.headers.upgrade !== undefined;

for (const [name, install] of Object.entries(DELAYS)) {
  // an upgrade of a session asks neither allowRequest nor generateId
  const asked = name.includes("middleware");

  for (const size of [0, 5000]) {
    const amount = `${NUMBERS.length} frames of ${size} more bytes`;

    if (asked) {
      eachLine(`${name} waits while ${amount} arrive for a session`, async (t, line) => {
        const { io, port, seen } = await served(t, line);
        const held = [];
        install(io, (proceed) => held.push(proceed));
        const sid = await pollingSession(t, line, port);
        const wire = await line.wire(t, port);
        const rest = numbers("x".repeat(size));
        const half = Math.floor(rest.length / 2) + 3;
        wire.write(bytes(upgradeOf(sid), CHANGE.subarray(0, 5)));
        for (const more of [CHANGE.subarray(5), rest.subarray(0, half), rest.subarray(half)]) {
          await pause(20);
          wire.write(more);
        }
        wire.write(text('427["n",100,"!"]'));
        await letGo(held);
        await wire.head();
        assert.equal(await wire.nextText(), "3probe");
        assert.equal(await wire.nextText(), "437[1]");
        assert.deepEqual(seen, [...NUMBERS, 100]);
      });
    }

    // upstream says 101 before it has the id, and loses what is sent in between
    const each = name === "generateId" ? eachLineBeyond : eachLine;
    each(`${name} waits while ${amount} arrive for a handshake`, async (t, line) => {
      const { io, port } = await line.serve(t);
      const held = [];
      install(io, (proceed) => held.push(proceed));
      const joined = [];
      io.of(/^\/n\d+$/).on("connection", ({ nsp, handshake }) => {
        joined.push(nsp.name);
        assert.equal(handshake.auth.padding.length, size);
      });
      const wire = await line.wire(t, port);
      wire.write(opening());
      await until(() => held.length > 0, "the request waits");
      // of all packets, only those that join a namespace may come this early
      const padding = "x".repeat(size);
      const all = text(...NUMBERS.map((n) => `40/n${n},{"padding":"${padding}"}`));
      for (let at = 0; at < all.length; at += 10_001) {
        wire.write(all.subarray(at, at + 10_001));
        await turn();
      }
      await letGo(held);
      await wire.head();
      assert.match(await wire.nextText(), /^0\{/);
      for (const n of NUMBERS) {
        assert.match(await wire.nextText(), new RegExp(`^40/n${n},\\{"sid":`));
      }
      assert.deepEqual(
        joined,
        NUMBERS.map((n) => `/n${n}`),
      );
    });
  }
}

/** Lets held requests go on, one after the other, after their bytes had time to arrive. */
async function letGo(held) {
  await until(() => held.length > 0, "the request waits");
  await pause(50);
  for (let next = held.shift(); next !== undefined; next = held.shift()) {
    next();
    await pause(10);
  }
}

eachLineBeyond("a client that leaves while a middleware waits", async (t, line) => {
  const { io, port } = await served(t, line);
  const held = [];
  io.engine.use((req, _res, next) => (isUpgrade(req) ? held.push(next) : next()));
  const sid = await pollingSession(t, line, port);
  for (const request of [opening(), upgradeOf(sid)]) {
    const wire = await line.wire(t, port);
    wire.write(bytes(request, CHANGE));
    await until(() => held.length > 0, "the request waits");
    const { tcp = wire.socket } = wire;
    tcp.resetAndDestroy();
    await letGo(held);
  }
  await until(() => io.engine.clientsCount === 1, "only the polling session is left");
  const wire = await line.wire(t, port);
  wire.write(bytes(upgradeOf(sid), CHANGE));
  await letGo(held);
  await wire.head();
  assert.equal(await wire.nextText(), "3probe");
});
