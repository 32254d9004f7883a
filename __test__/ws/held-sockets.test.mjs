// The TCP socket of a WebSocket belongs to the application: it is open as long as its client, tells
// what the connection carries, and ends it.
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { test } from "node:test";
import { client as connect, connected } from "../support/clients.mjs";
import { echoing, FORMS, SERVE } from "../support/forms.mjs";
import { secureClient, secureTest, serveSecure } from "../support/secure.mjs";
import { once, unlessStalled, until } from "../support/wait.mjs";

/** The ways an application gets the socket; each gives a function that returns it, once it is there. */
const HOLDERS = {
  "of a connection listener": ({ httpServer }) => {
    let last;
    httpServer.on("connection", (socket) => {
      last = socket;
    });
    return () => last;
  },
  "of an upgrade listener": ({ httpServer }) => {
    let last;
    httpServer.on("upgrade", (_req, socket) => {
      last = socket;
    });
    return () => last;
  },
  "of socket.request": () => (socket) => socket.request.socket,
  "of socket.conn.transport": () => (socket) => socket.conn.transport.socket._socket,
};

/** The forms of servers, and TLS: `serve(t)`, and `connectTo(t, port, options)`. */
const LINES = {
  ...Object.fromEntries(
    Object.entries(SERVE).map(([form, serve]) => [
      form,
      { test, serve: async (t, options) => echoing(await serve(t, options)), connectTo: connect },
    ]),
  ),
  TLS: {
    test: secureTest,
    serve: async (t) => echoing(await serveSecure(t)),
    connectTo: secureClient,
  },
};
const PLAIN = FORMS;

/** One test per line and per holder; `fn(t, { io, httpServer, socket, client, tcp })`. */
function eachHolder(title, fn, lines = Object.keys(LINES)) {
  for (const line of lines) {
    const { test, serve, connectTo } = LINES[line];
    for (const [holder, hold] of Object.entries(HOLDERS)) {
      test(`the socket ${holder} ${title} [${line}]`, async (t) => {
        const served = await serve(t);
        const held = hold(served);
        const one = await join(t, { ...served, connectTo });
        await fn(t, { ...served, ...one, tcp: held(one.socket) });
      });
    }
  }
}

const WEBSOCKET = { transports: ["websocket"] };

async function join(t, { io, port, connectTo = connect }) {
  const accepted = once(io, "connection");
  const client = connectTo(t, port, WEBSOCKET);
  const [[socket]] = await Promise.all([accepted, connected(client)]);
  return { socket, client };
}

/** Counts the events of a socket. */
function countCloses(tcp) {
  const closes = [];
  tcp.on("close", (hadError) => closes.push(hadError));
  return closes;
}

const connections = (httpServer) =>
  new Promise((resolve) => httpServer.getConnections((_error, count) => resolve(count)));

eachHolder("is open as long as the client is connected", async (_t, { socket, client, tcp }) => {
  const closes = countCloses(tcp);
  assert.equal(await client.timeout(20_000).emitWithAck("echo", 1), 1);
  assert.equal(tcp.destroyed, false);
  assert.equal(tcp.readyState, "open");
  assert.equal(tcp.readable, true);
  assert.equal(tcp.writable, true);
  assert.equal(tcp.connecting, false);
  assert.deepEqual(closes, []);
  const gone = once(socket, "disconnect");
  const closed = once(tcp, "close");
  client.disconnect();
  await gone;
  await closed;
  assert.equal(tcp.destroyed, true);
  assert.deepEqual(closes, [false]);
});

eachHolder("a held socket knows both addresses", async (_t, { port, client, tcp }) => {
  assert.equal(await client.timeout(20_000).emitWithAck("echo", 1), 1);
  // A port listens on both families.
  const [address, family] = tcp.remoteAddress.startsWith("::ffff:")
    ? ["::ffff:127.0.0.1", "IPv6"]
    : ["127.0.0.1", "IPv4"];
  assert.equal(tcp.remoteAddress, address);
  assert.equal(tcp.remoteFamily, family);
  assert.equal(tcp.localAddress, address);
  assert.equal(tcp.localPort, port);
  assert.ok(tcp.remotePort > 0 && tcp.remotePort !== port);
  assert.deepEqual(tcp.address(), { address, family, port });
});

eachHolder("counts the bytes that it carries", async (_t, { client, tcp }) => {
  await client.timeout(20_000).emitWithAck("echo", "small");
  const before = { read: tcp.bytesRead, written: tcp.bytesWritten };
  assert.ok(before.read > 100, `the request has ${before.read} bytes`);
  assert.ok(before.written > 100, `the answer has ${before.written} bytes`);
  const text = "x".repeat(10_000);
  await client.timeout(20_000).emitWithAck("echo", text);
  await until(() => tcp.bytesRead >= before.read + 10_000, "the message is counted");
  await until(() => tcp.bytesWritten >= before.written + 10_000, "the answer is counted");
  const closed = once(tcp, "close");
  client.disconnect();
  await closed;
  assert.ok(tcp.bytesRead >= before.read + 10_000);
  assert.ok(tcp.bytesWritten >= before.written + 10_000);
});

/** Methods that end a connection. */
const ENDINGS = {
  "destroy()": (tcp) => tcp.destroy(),
  "end()": (tcp) => tcp.end(),
  "destroySoon()": (tcp) => tcp.destroySoon(),
  "resetAndDestroy()": (tcp) => tcp.resetAndDestroy(),
  "destroy(error)": (tcp) => tcp.destroy(new Error("no more")),
};
for (const [name, end] of Object.entries(ENDINGS)) {
  const ends = async (_t, { io, httpServer, socket, client, tcp }) => {
    const closes = countCloses(tcp);
    const left = once(client, "disconnect");
    const gone = once(socket, "disconnect");
    const closed = once(tcp, "close");
    if (tcp.listenerCount("error") === 0) tcp.on("error", () => {});
    end(tcp);
    assert.equal((await left)[0], "transport close");
    assert.equal((await gone)[0], "transport close");
    await closed;
    assert.equal(closes.length, 1);
    assert.equal(tcp.destroyed, true);
    assert.equal(tcp.readyState, "closed");
    assert.equal(io.engine.clientsCount, 0);
    await until(async () => (await connections(httpServer)) === 0, "no connection is counted");
  };
  // A TLS socket cannot be reset.
  const lines = name === "resetAndDestroy()" ? PLAIN : Object.keys(LINES);
  eachHolder(`ends the client by ${name}`, ends, lines);
}

eachHolder("delivers what was sent before destroySoon()", async (_t, { socket, client, tcp }) => {
  const heard = once(client, "bye");
  const left = once(client, "disconnect");
  socket.emit("bye", "x".repeat(100_000));
  tcp.destroySoon();
  assert.equal((await heard)[0].length, 100_000);
  await left;
});

eachHolder("delivers what was sent before destroy()", async (_t, { socket, client, tcp }) => {
  const heard = once(client, "bye");
  socket.emit("bye", 1);
  tcp.destroy();
  assert.deepEqual(await heard, [1]);
  await once(client, "disconnect");
});

eachHolder("times out when it carries nothing", async (_t, { client, tcp }) => {
  const left = once(client, "disconnect");
  tcp.setTimeout(200, () => tcp.destroy());
  await left;
});

eachHolder("does not time out while it carries messages", async (_t, { client, tcp }) => {
  await unlessStalled(1000, async () => {
    let elapsed = 0;
    const count = () => elapsed++;
    tcp.setTimeout(2000, count);
    const end = Date.now() + 2500;
    while (Date.now() < end) await client.timeout(20_000).emitWithAck("echo", 1);
    tcp.removeListener("timeout", count);
    assert.equal(elapsed, 0);
  });
  assert.equal(tcp.timeout, 2000);
});

eachHolder("a held socket takes options of a TCP socket", async (_t, { client, tcp }) => {
  assert.equal(tcp.setNoDelay(true), tcp);
  assert.equal(tcp.setKeepAlive(true, 1000), tcp);
  assert.equal(tcp.ref(), tcp);
  assert.equal(tcp.unref(), tcp);
  assert.equal(tcp.ref(), tcp);
  assert.equal(await client.timeout(20_000).emitWithAck("echo", 1), 1);
});

/** A small text frame. */
const frameOf = (text) => Buffer.from([0x81, text.length, ...Buffer.from(text)]);

const WRITES = [
  (tcp, done) => tcp.write(frameOf('42["raw",0]'), done),
  (tcp, done) => tcp.write(frameOf('42["raw",1]').toString("latin1"), "latin1", done),
  (tcp, done) => {
    tcp.cork();
    tcp.write(frameOf('42["raw",2]').subarray(0, 5));
    tcp.write(frameOf('42["raw",2]').subarray(5), done);
    tcp.uncork();
  },
];

async function write(_t, { client, tcp }) {
  for (const [i, send] of WRITES.entries()) {
    const heard = once(client, "raw");
    await new Promise((resolve) => send(tcp, resolve));
    assert.deepEqual(await heard, [i]);
  }
}
eachHolder("writes what the application gives it", write, PLAIN);

for (const form of FORMS) {
  const { serve } = LINES[form];
  test(`the socket of an upgraded session is that of its WebSocket [${form}]`, async (t) => {
    const served = await serve(t);
    const accepted = once(served.io, "connection");
    const client = connect(t, served.port, { transports: ["polling", "websocket"] });
    const [socket] = await accepted;
    if (socket.conn.transport.name !== "websocket") await once(socket.conn, "upgrade");
    const tcp = socket.conn.transport.socket._socket;
    assert.equal(tcp, socket.conn.transport.socket._socket);
    assert.equal(tcp.destroyed, false);
    assert.match(tcp.remoteAddress, /127\.0\.0\.1$/);
    assert.equal(tcp.localPort, served.port);
    assert.notEqual(tcp.remotePort, socket.request.socket.remotePort);
    const left = once(client, "disconnect");
    const closed = once(tcp, "close");
    tcp.destroy();
    await Promise.all([left, closed]);
  });

  test(`one socket stands for one connection [${form}]`, async (t) => {
    const served = await serve(t);
    const { socket } = await join(t, served);
    const tcp = socket.request.socket;
    assert.equal(socket.request.connection, tcp);
    assert.equal(socket.conn.request.socket, tcp);
    assert.equal(socket.conn.transport.socket._socket, tcp);
  });

  test(`a socket set that is destroyed at shutdown ends every client [${form}]`, async (t) => {
    const { io, httpServer, port } = await serve(t);
    const sockets = new Set();
    httpServer.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push((await join(t, { io, port })).client);
    assert.equal(sockets.size, 5);
    assert.equal(await connections(httpServer), 5);
    const left = clients.map((client) => once(client, "disconnect"));
    const closed = new Promise((resolve) => httpServer.close(resolve));
    for (const socket of sockets) socket.destroy();
    await Promise.all(left);
    await closed;
    await until(() => sockets.size === 0, "the set is empty");
  });

  test(`request.socket.destroy() ends a session that polls on that connection [${form}]`, async (t) => {
    const { io, port } = await serve(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await ask(agent, url)).slice(1));
    const accepted = once(io, "connection");
    await ask(agent, `${url}&sid=${sid}`, "40");
    const [socket] = await accepted;
    await ask(agent, `${url}&sid=${sid}`);
    const lost = ask(agent, `${url}&sid=${sid}`).then(
      (body) => body,
      (error) => error.code,
    );
    await until(() => socket.conn.transport.writable, "a poll waits");
    const tcp = socket.request.socket;
    assert.match(tcp.remoteAddress, /127\.0\.0\.1$/);
    assert.equal(tcp.destroyed, false);
    const gone = once(socket, "disconnect");
    tcp.destroy();
    assert.equal((await gone)[0], "transport error");
    await lost;
    assert.equal(tcp.destroyed, true);
  });
}

/** The body of an answer; `data`: of a POST. */
function ask(agent, url, data) {
  return new Promise((resolve, reject) => {
    const req = request(url, { agent, method: data === undefined ? "GET" : "POST" }, (res) => {
      let body = "";
      res.on("data", (chunk) => {
        body += chunk;
      });
      res.once("end", () => resolve(body));
    });
    req.once("error", reject);
    req.end(data);
  });
}
