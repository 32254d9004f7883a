// Connections that others have accepted: `httpServer.emit("connection", stream)`, as sticky-session
// balancers, port sharers and tunnels do it.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { connected, client as plainClient } from "../support/clients.mjs";
import { closeHttp, closeServer, listen } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { frame, opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";
import { ask, joinByHand, streamPair } from "../support/wire.mjs";

/** A Socket.IO server on an HTTP server that never listens. */
function serveNowhere(t, options) {
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end());
  defer(t, () => closeHttp(httpServer));
  const io = new Server(httpServer, options);
  defer(t, async () => {
    io.disconnectSockets(true);
    io.engine.close();
  });
  io.on("connection", (socket) => socket.on("echo", (...args) => args.pop()(...args)));
  return { io, httpServer };
}

/** The same behind a TCP server whose connections `accept(socket, httpServer)` hands on. */
async function serveBehind(t, accept, netOptions = {}) {
  const served = serveNowhere(t);
  const front = net.createServer(netOptions, (socket) => accept(socket, served.httpServer));
  const port = await listen(front);
  defer(t, () => new Promise((resolve) => front.close(resolve)));
  return { ...served, front, port };
}

/** The number of connections that a server counts. */
const connections = (server) =>
  new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));

test("a Duplex: events, a large message, the end", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const wire = Tcp.over(t, far);
  const id = await joinByHand(wire);
  const socket = io.sockets.sockets.get(id);
  for (let i = 0; i < 20; i++) assert.deepEqual(await ask(wire, i, "echo", i, "€"), [i, "€"]);
  const large = "x".repeat(900_000);
  assert.deepEqual(await ask(wire, 99, "echo", large), [large]);
  assert.equal(socket.handshake.address, undefined);
  assert.equal(socket.handshake.secure, false);
  assert.equal(socket.request.socket, near);
  const gone = once(socket, "disconnect");
  far.end();
  assert.equal((await gone)[0], "transport close");
  await until(() => near.destroyed, "the server lets go of the stream");
  assert.equal(io.engine.clientsCount, 0);
});

test("a Duplex that is destroyed with an error", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const socket = io.sockets.sockets.get(await joinByHand(Tcp.over(t, far)));
  const gone = once(socket, "disconnect");
  near.destroy(new Error("the tunnel collapsed"));
  assert.equal((await gone)[0], "transport close");
  assert.equal(io.engine.clientsCount, 0);
});

beyond(
  "a Duplex that falls behind does not keep what was sent to others with its bytes",
  async (t) => {
    const { io, httpServer } = serveNowhere(t);
    const pairs = Array.from({ length: 40 }, streamPair);
    for (const [near, far] of pairs) {
      httpServer.emit("connection", near);
      await joinByHand(Tcp.over(t, far));
    }
    const given = [];
    // what a stream has been given and has not written is kept
    for (const [near] of pairs) near._write = (chunk) => given.push(chunk);
    let n = 0;
    for (const socket of io.sockets.sockets.values()) socket.emit("own", `${n++}`.repeat(5_000));
    await until(() => given.length === 40, "each stream has got something");
    const most = Math.max(...given.map((chunk) => chunk.buffer.byteLength));
    assert.ok(most < 128 * 1024, `${most} bytes are kept for one`);
  },
);

// as a TLS socket of Node may be after a reset
for (const [what, request, answer] of [
  ["a WebSocket", opening(), /^HTTP\/1\.1 101 /],
  ["a refused request", opening("EIO=4&transport=websocket&sid=nobody"), null],
]) {
  beyond(`a Duplex of ${what} that has ended and completes no write is let go`, async (t) => {
    const { io, httpServer } = serveNowhere(t);
    const [near, far] = streamPair();
    httpServer.emit("connection", near);
    const wire = Tcp.over(t, far);
    if (answer === null) near._write = () => {};
    wire.write(request);
    if (answer !== null) {
      assert.match(await wire.head(), answer);
      await wire.nextText();
      near._write = () => {};
      wire.write(frame(9, "to be answered"));
      await until(() => near.writableLength > 0, "a write is stuck");
    } else {
      await until(() => near.writableLength > 0, "the refusal is stuck");
    }
    far.end();
    // a peer that has not ended gets half a minute
    await until(() => near.destroyed, "the server lets go of the stream", 20_000);
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("a Duplex that the server closes", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const wire = Tcp.over(t, far);
  const socket = io.sockets.sockets.get(await joinByHand(wire));
  socket.disconnect(true);
  const { opcode, payload } = await wire.frame();
  assert.deepEqual([opcode, payload.toString()], [1, "41"]);
  const close = await wire.frame();
  assert.deepEqual([close.opcode, close.payload.length], [8, 0]);
  far.once("end", () => far.end());
  wire.write(frame(8));
  await until(() => near.destroyed, "the server lets go of the stream");
});

test("a Duplex that claims to be secure", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  const [near, far] = streamPair();
  Object.assign(near, { encrypted: true, remoteAddress: "192.0.2.7", extra: "kept" });
  httpServer.emit("connection", near);
  const socket = io.sockets.sockets.get(await joinByHand(Tcp.over(t, far)));
  assert.equal(socket.handshake.secure, true);
  assert.equal(socket.handshake.address, "192.0.2.7");
  assert.equal(socket.conn.remoteAddress, "192.0.2.7");
  assert.equal(socket.request.socket.extra, "kept");
});

test("a Duplex whose reader is slow holds back what is sent", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const wire = Tcp.over(t, far);
  const socket = io.sockets.sockets.get(await joinByHand(wire));
  far.pause();
  const chunk = "x".repeat(32 << 10);
  const sent = 200;
  for (let n = 0; n < sent; n++) socket.emit("n", n, chunk);
  await until(() => !socket.conn.transport.writable, "nothing more is taken");
  socket.volatile.emit("n", "volatile", chunk);
  far.resume();
  for (let n = 0; n < sent; n++) {
    assert.equal(await wire.nextText(), `42${JSON.stringify(["n", n, chunk])}`);
  }
  assert.deepEqual(await ask(wire, 1, "echo", "end"), ["end"]);
});

test("a Duplex with polling requests on it", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const wire = Tcp.over(t, far);
  const request = async (query, method = "GET", body = "") => {
    const target = `/socket.io/?EIO=4&transport=polling${query}`;
    const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    wire.write(head + body);
    const length = Number(/content-length: (\d+)/i.exec(await wire.head())[1]);
    await until(() => wire.received.length >= length, "the body arrives");
    assert.equal(wire.received.length, length);
    const answer = wire.received.toString();
    wire.received = Buffer.alloc(0);
    return answer;
  };
  const sid = `&sid=${JSON.parse((await request("")).slice(1)).sid}`;
  assert.equal(await request(sid, "POST", "40"), "ok");
  assert.match(await request(sid), /^40/);
  assert.equal(await request(sid, "POST", '421["echo","x"]'), "ok");
  assert.equal(await request(sid), '431["x"]');
  assert.equal(await request(sid, "POST", "1"), "ok");
  await until(() => io.engine.clientsCount === 0);
});

/** The ways in which balancers hand a socket on. */
const HAND_ON = {
  "at once": [(socket, httpServer) => httpServer.emit("connection", socket)],
  "paused, and later": [
    (socket, httpServer) => {
      setTimeout(() => {
        httpServer.emit("connection", socket);
        socket.resume();
      }, 20);
    },
    { pauseOnConnect: true },
  ],
  "after a look at its first bytes": [
    (socket, httpServer) => {
      socket.once("readable", () => {
        const first = socket.read();
        if (first === null) return socket.destroy();
        socket.unshift(first);
        httpServer.emit("connection", socket);
      });
    },
  ],
};
for (const [title, [accept, netOptions]] of Object.entries(HAND_ON)) {
  for (const [way, options] of Object.entries(WAYS)) {
    test(`a socket of another server, handed on ${title} [${way}]`, async (t) => {
      const { io, port } = await serveBehind(t, accept, netOptions);
      const accepted = once(io, "connection");
      const client = plainClient(t, port, options);
      const [[socket]] = await Promise.all([accepted, connected(client)]);
      await settled(client, way);
      for (const value of [1, Buffer.from("x"), "y".repeat(900_000)]) {
        assert.deepEqual(await client.emitWithAck("echo", value), value);
      }
      assert.equal(socket.handshake.address, "127.0.0.1");
      const gone = once(socket, "disconnect");
      client.disconnect();
      assert.equal((await gone)[0], "client namespace disconnect");
      await until(() => io.engine.clientsCount === 0);
    });
  }
}

test("a socket handed on, with frames in the segment of its request", async (t) => {
  const { io, port } = await serveBehind(t, ...HAND_ON["after a look at its first bytes"]);
  const tcp = await Tcp.open(t, port);
  const [conn] = await new Promise((resolve) => {
    io.engine.once("connection", (...args) => resolve(args));
    tcp.write(`GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n`);
  });
  const upgrade = opening(`EIO=4&transport=websocket&sid=${conn.id}`);
  const frames = ["2probe", "5", "40"].map((text) => frame(1, text));
  const other = await Tcp.open(t, port);
  other.write(Buffer.concat([Buffer.from(upgrade), ...frames]));
  await other.head();
  assert.equal(await other.nextText(), "3probe");
  assert.match(await other.nextText(), /^40\{/);
});

test("the server that accepted a socket counts it and waits for it", async (t) => {
  const { front, httpServer, port } = await serveBehind(t, ...HAND_ON["at once"]);
  const client = await connected(plainClient(t, port));
  assert.equal(await client.emitWithAck("echo", 1), 1);
  assert.deepEqual([await connections(front), await connections(httpServer)], [1, 0]);
  let closed = false;
  front.close(() => {
    closed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await client.emitWithAck("echo", 2), 2);
  assert.equal(closed, false);
  client.disconnect();
  await until(() => closed, "the accepting server has closed");
});

test("a socket that belongs to no server", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  // the server dials out: a reverse tunnel
  const listener = net.createServer();
  const port = await listen(listener);
  defer(t, () => new Promise((resolve) => listener.close(resolve)));
  const arrived = once(listener, "connection");
  const dialled = net.connect(port, "127.0.0.1");
  await once(dialled, "connect");
  const [far] = await arrived;
  httpServer.emit("connection", dialled);
  const wire = Tcp.over(t, far);
  const socket = io.sockets.sockets.get(await joinByHand(wire));
  assert.deepEqual(await ask(wire, 5, "echo", "through the tunnel"), ["through the tunnel"]);
  assert.equal(await connections(httpServer), 0);
  const gone = once(socket, "disconnect");
  wire.socket.destroy();
  assert.equal((await gone)[0], "transport close");
  assert.equal(await connections(httpServer), 0);
});

test("a listening server with an injected stream closes without it", async (t) => {
  const { io, httpServer } = serveNowhere(t);
  await listen(httpServer);
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const wire = Tcp.over(t, far);
  await joinByHand(wire);
  assert.deepEqual(await ask(wire, 1, "echo", 1), [1]);
  assert.equal(await connections(httpServer), 0);
  const gone = wire.frame();
  await closeServer(io);
  assert.equal((await gone).opcode, 8);
});

beyond("a Duplex that throws when it is written to costs the others nothing", async (t) => {
  const child = spawnChild(t, "throwing-stream.mjs", [], "platforms");
  await child.message("ready");
  child.send("run");
  const { heard, thrown } = await child.message("ran");
  assert.deepEqual(heard, ['42["n",1]', '42["n",2]', '42["n",3]', '42["n",3]']);
  assert.ok(thrown.length >= 1);
  assert.deepEqual([...new Set(thrown)], ["no bytes"]);
});
