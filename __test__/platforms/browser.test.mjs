// The published client bundle in a real browser against the server, over each kind of transport.
import assert from "node:assert/strict";
import http from "node:http";
import { listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once, until, within } from "../support/wait.mjs";
import { browserTest } from "./browser.mjs";

const WAYS = {
  polling: { options: { transports: ["polling"] }, ends: "polling" },
  websocket: { options: { transports: ["websocket"] }, ends: "websocket" },
  default: { options: {}, ends: "websocket" },
};

const PAGE = `<!doctype html><html lang="en"><title>Test</title><link rel="icon" href="data:,">
<script src="/socket.io/socket.io.js"></script>`;

/** A Socket.IO server whose HTTP server also answers with a page that loads the client. */
async function serve(t, options, port = 0) {
  const httpServer = http.createServer((_req, res) => {
    res.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
  });
  const io = new Server(httpServer, options);
  const close = async () => {
    const closed = io.close();
    await until(() => io.engine.clientsCount === 0, "all clients were let go");
    // a page that tries to come back keeps its connections busy: they would never end by themselves
    httpServer.closeAllConnections();
    await within(closed, "the server to close");
  };
  defer(t, close);
  return { io, close, port: await listen(httpServer, port) };
}

/**
 * In the page: opens a connection of its own as `window[name]` and resolves once it is connected,
 * and upgraded if it can be. The client tries to reconnect quickly.
 */
function connect(page, { options }, { nsp = "/", name = "socket", ...more } = {}) {
  const all = {
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 100,
    ...options,
    ...more,
  };
  return page.evaluate(
    ([nsp, name, all]) =>
      new Promise((resolve, reject) => {
        const socket = window.io(nsp, all);
        window[name] = socket;
        socket.once("connect_error", reject);
        socket.once("connect", () => {
          const { engine } = socket.io;
          if (all.transports || engine.transport.name === "websocket") resolve();
          else engine.once("upgrade", () => resolve());
        });
      }),
    [nsp, name, all],
  );
}

/** A server with one page connected to it: `{ io, socket, page, port, close }`. */
async function pair(t, open, way, { server, client } = {}) {
  const { io, port, close } = await serve(t, server);
  const page = await open();
  await page.goto(`http://127.0.0.1:${port}/`);
  const accepted = once(io.of(client?.nsp ?? "/"), "connection");
  await connect(page, way, client);
  const [socket] = await accepted;
  return { io, socket, page, port, close };
}

for (const [name, way] of Object.entries(WAYS)) {
  const each = (title, fn) => browserTest(`${title} [${name}]`, fn);

  each("connects over the transport asked for", async (t, open) => {
    const { io, socket, page } = await pair(t, open, way);
    assert.equal(await page.evaluate(() => window.socket.io.engine.transport.name), way.ends);
    assert.equal(await page.evaluate(() => window.socket.id), socket.id);
    await until(() => socket.conn.transport.name === way.ends, `the server is on ${way.ends}`);
    assert.equal(io.engine.clientsCount, 1);
    assert.deepEqual(page.complaints, []);
  });

  each("events and acknowledgements go both ways", async (t, open) => {
    const { socket, page } = await pair(t, open, way);
    const args = [1, -0.5, "text ☃ 🦀", true, null, [1, [2]], { deep: { er: ["x"] } }];
    socket.on("echo", (...sent) => socket.emit("echoed", ...sent));
    socket.on("ask", (question, answer) => answer(question, "answered", { n: 2 }));
    const echoed = page.evaluate(
      (args) =>
        new Promise((resolve) => {
          window.socket.once("echoed", (...got) => resolve(got));
          window.socket.emit("echo", ...args);
        }),
      args,
    );
    assert.deepEqual(await echoed, args);
    assert.deepEqual(
      await page.evaluate(
        () => new Promise((resolve) => window.socket.emit("ask", "?", (...got) => resolve(got))),
      ),
      ["?", "answered", { n: 2 }],
    );
    await page.evaluate(() => {
      window.socket.on("ask", (question, answer) => answer(`${question}!`));
    });
    assert.equal(await socket.timeout(20_000).emitWithAck("ask", "who"), "who!");
    assert.deepEqual(page.complaints, []);
  });

  each("many events keep their order", async (t, open) => {
    const { socket, page } = await pair(t, open, way);
    const COUNT = 500;
    const order = Array.from({ length: COUNT }, (_, i) => i);
    const got = [];
    socket.on("n", (n) => got.push(n));
    const back = page.evaluate(
      (count) =>
        new Promise((resolve) => {
          const got = [];
          window.socket.on("n", (n) => got.push(n) === count && resolve(got));
          for (let i = 0; i < count; i++) window.socket.emit("n", i);
        }),
      COUNT,
    );
    await until(() => got.length >= COUNT, "all events came");
    for (const n of order) socket.emit("n", n);
    assert.deepEqual(got, order);
    assert.deepEqual(await back, order);
  });

  each("binary goes both ways, nested too", async (t, open) => {
    const { socket, page } = await pair(t, open, way);
    const received = once(socket, "binary");
    socket.on("binary", (buffer, { nested }, answer) => answer(buffer, { nested: [nested] }));
    const got = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const buffer = Uint8Array.from({ length: 256 }, (_, i) => i).buffer;
          const nested = new Uint8Array([0, 255, 128]);
          window.socket.emit("binary", buffer, { nested }, (back, wrapped) => {
            const inner = wrapped.nested[0];
            resolve({
              types: [back, inner].map((one) => Object.prototype.toString.call(one)),
              bytes: [back, inner].map((one) => [...new Uint8Array(one)]),
            });
          });
        }),
    );
    const all = Array.from({ length: 256 }, (_, i) => i);
    const [buffer, { nested }] = await received;
    assert.ok(Buffer.isBuffer(buffer) && Buffer.isBuffer(nested));
    assert.deepEqual([...buffer], all);
    assert.deepEqual([...nested], [0, 255, 128]);
    assert.deepEqual(got.types, ["[object ArrayBuffer]", "[object ArrayBuffer]"]);
    assert.deepEqual(got.bytes, [all, [0, 255, 128]]);
    assert.deepEqual(page.complaints, []);
  });

  each("messages of 1 MiB pass, text and binary", async (t, open) => {
    const { socket, page } = await pair(t, open, way, { server: { maxHttpBufferSize: 4e6 } });
    const SIZE = 2 ** 20;
    let arrived;
    socket.on("large", (text, bytes, answer) => {
      arrived = { text, bytes };
      answer(text, bytes);
    });
    const same = await page.evaluate(
      (size) =>
        new Promise((resolve) => {
          const text = "0123456789abcdeß".repeat(size / 16);
          const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) >> 3);
          window.socket.emit("large", text, bytes.buffer, (text2, bytes2) => {
            const view = new Uint8Array(bytes2);
            resolve([text2 === text, view.length === size && view.every((b, i) => b === bytes[i])]);
          });
        }),
      SIZE,
    );
    assert.deepEqual(same, [true, true]);
    assert.ok(arrived.text === "0123456789abcdeß".repeat(SIZE / 16));
    assert.ok(arrived.bytes.equals(Uint8Array.from({ length: SIZE }, (_, i) => (i * 31) >> 3)));
    assert.deepEqual(page.complaints, []);
  });

  each("namespaces share one connection, and one may refuse", async (t, open) => {
    const { io, page } = await pair(t, open, way);
    io.of("/news").use((socket, next) => {
      const { key } = socket.handshake.auth;
      next(key === "right" ? undefined : Object.assign(new Error("no"), { data: { key } }));
    });
    io.of("/news").on("connection", (socket) => socket.emit("headline", socket.nsp.name));
    const tried = await page.evaluate(async () => {
      const { io: manager } = window.socket;
      const heard = (socket, event) => new Promise((resolve) => socket.once(event, resolve));
      const news = manager.socket("/news", { auth: { key: "wrong" } });
      const { message, data } = await heard(news, "connect_error");
      news.auth = { key: "right" };
      const headline = heard(news, "headline");
      news.connect();
      return { message, data, headline: await headline, main: window.socket.connected };
    });
    assert.deepEqual(tried, {
      message: "no",
      data: { key: "wrong" },
      headline: "/news",
      main: true,
    });
    assert.equal(io.engine.clientsCount, 1);
    assert.equal(io.of("/news").sockets.size, 1);
    assert.deepEqual(page.complaints, []);
  });

  each("rooms reach their members only", async (t, open) => {
    const { io, socket: member, page } = await pair(t, open, way);
    const accepted = once(io, "connection");
    await connect(page, way, { name: "other" });
    await accepted;
    await page.evaluate(() => {
      window.heard = { socket: [], other: [] };
      for (const name of ["socket", "other"]) window[name].onAny((e) => window.heard[name].push(e));
    });
    member.join("room");
    io.to("room").emit("inside");
    member.to("room").emit("nobody else is there");
    io.except("room").emit("outside");
    io.emit("all");
    // the last one to all comes after everything before it
    await page.waitForFunction(() =>
      Object.values(window.heard).every((list) => list.includes("all")),
    );
    const heard = await page.evaluate(() => window.heard);
    assert.deepEqual(heard, { socket: ["inside", "all"], other: ["outside", "all"] });
  });

  each("a disconnect from either side is told to the other", async (t, open) => {
    const { io, socket, page } = await pair(t, open, way);
    await page.evaluate(() => {
      window.told = new Promise((resolve) => window.socket.once("disconnect", resolve));
    });
    socket.disconnect();
    assert.equal(await page.evaluate(() => window.told), "io server disconnect");
    const again = once(io, "connection");
    await page.evaluate(() => void window.socket.connect());
    const [next] = await again;
    await until(() => next.conn.transport.name === way.ends, `the server is on ${way.ends}`);
    const left = once(next, "disconnect");
    // before it has heard that it is connected, the client leaves without a word
    await page.waitForFunction(() => window.socket.connected);
    await page.evaluate(() => void window.socket.disconnect());
    // on polling the browser gives up its requests, and its last packet may go with them
    const reasons = [
      "client namespace disconnect",
      ...(way.ends === "polling" ? ["transport close"] : []),
    ];
    assert.ok(reasons.includes((await left)[0]), (await left)[0]);
  });

  each("reconnects after the server was restarted on its port", async (t, open) => {
    const first = await pair(t, open, way);
    const { page, port } = first;
    await page.evaluate(() => {
      window.reasons = [];
      window.socket.on("disconnect", (reason) => window.reasons.push(reason));
      // kept while away, sent after the return
      window.socket.once("disconnect", () => window.socket.emit("meanwhile", "kept"));
    });
    const before = first.socket.id;
    await first.close();
    await page.waitForFunction(() => window.reasons.length === 1);
    const { io } = await serve(t, undefined, port);
    const kept = new Promise((resolve) => {
      io.on("connection", (socket) => socket.on("meanwhile", (text) => resolve([socket.id, text])));
    });
    const [id, text] = await kept;
    assert.equal(text, "kept");
    assert.notEqual(id, before);
    assert.match(await page.evaluate(() => window.reasons.join()), /^transport (close|error)$/);
    assert.equal(await page.evaluate(() => window.socket.id), id);
  });
}
