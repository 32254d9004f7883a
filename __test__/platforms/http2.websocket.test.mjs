// WebSockets over streams of HTTP/2 (RFC 8441, extended CONNECT), where the server allows it.
import assert from "node:assert/strict";
import http2 from "node:http2";
import { promisify } from "node:util";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { WebSocketServer } from "ws";
import { certificate, secureBeyond } from "../support/secure.mjs";
import { listen } from "../support/server.mjs";
import { beyond, isOracle, Server } from "../support/subject.mjs";
import { closeFrame, frame, Tcp } from "../support/tcp.mjs";
import { defer, once, until, within } from "../support/wait.mjs";
import { browserTest } from "./browser.mjs";

const PAGE = `<!doctype html><html lang="en"><title>Test</title><link rel="icon" href="data:,">
<script src="/socket.io/socket.io.js"></script>`;

const application = (req, res) => {
  if (req.url === "/") res.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
  else res.writeHead(404).end();
};

const settings = { enableConnectProtocol: true };

const KINDS = {
  secure: {
    test: secureBeyond,
    create: () =>
      http2.createSecureServer({ ...certificate, allowHTTP1: true, settings }, application),
    url: (port) => `https://127.0.0.1:${port}`,
  },
  plain: {
    test: beyond,
    create: () => http2.createServer({ settings }, application),
    url: (port) => `http://127.0.0.1:${port}`,
  },
};

const PATH = "/socket.io/?EIO=4&transport=websocket";

/** Starts a server of a kind: `{ io, httpServer, port }`. */
async function serve(t, kind, options) {
  const httpServer = KINDS[kind].create();
  const io = new Server(httpServer, options);
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  const port = await listen(httpServer);
  defer(t, () => within(io.close({ timeout: 0 }), "the server to close"));
  return { io, httpServer, port };
}

/** The same with a client of HTTP/2, which knows that the server allows extended CONNECT. */
async function serveHttp2(t, kind, options) {
  const served = await serve(t, kind, options);
  const h2 = http2.connect(KINDS[kind].url(served.port), { ca: certificate.cert });
  h2.on("error", () => {});
  defer(t, () => h2.destroy());
  const [remote] = await once(h2, "remoteSettings");
  assert.equal(remote.enableConnectProtocol, true);
  return { ...served, h2 };
}

/** Asks for a WebSocket: `{ stream, status, headers, tcp }`. */
async function ask(t, h2, path = PATH, headers = {}) {
  const stream = h2.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": path,
    "sec-websocket-version": "13",
    ...headers,
  });
  const tcp = Tcp.over(t, stream);
  const failed = once(stream, "close").then(() => [{}]);
  const [fields] = await Promise.race([once(stream, "response"), failed]);
  return { stream, tcp, status: fields[":status"], headers: fields };
}

/** Opens a session: the open packet is read. */
async function open(t, h2, path, headers) {
  const asked = await ask(t, h2, path, headers);
  assert.equal(asked.status, 200);
  const packet = await asked.tcp.nextText();
  assert.equal(packet[0], "0");
  return { ...asked, sid: JSON.parse(packet.slice(1)).sid };
}

for (const [kind, { test }] of Object.entries(KINDS)) {
  test(`a session over a stream [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind);
    const { tcp, headers, sid } = await open(t, h2);
    for (const name of ["connection", "upgrade", "sec-websocket-accept"]) {
      assert.equal(name in headers, false, name);
    }
    const accepted = once(io, "connection");
    const id = await tcp.join();
    const [socket] = await accepted;
    assert.equal(socket.id, id);
    assert.equal(socket.conn.id, sid);
    assert.equal(socket.conn.transport.name, "websocket");
    assert.equal(socket.request.httpVersionMajor, 2);
    assert.equal(socket.handshake.address, socket.request.socket.remoteAddress);
    assert.equal(socket.handshake.url, PATH);
    await tcp.sendText('420["echo",{"a":[1]}]');
    assert.equal(await tcp.nextText(), '430[{"a":[1]}]');
    socket.emit("bytes", Buffer.from([1, 2, 3]));
    assert.equal(await tcp.nextText(), '451-["bytes",{"_placeholder":true,"num":0}]');
    assert.deepEqual([...(await tcp.frame()).payload], [1, 2, 3]);
  });

  test(`sessions end with their stream, and streams with their session [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind);
    const endings = {
      "the client ends the stream": [({ stream }) => stream.end(), "transport close"],
      "the client resets the stream": [
        ({ stream }) => stream.close(http2.constants.NGHTTP2_CANCEL),
        /transport (close|error)/,
      ],
      "the client says goodbye": [({ tcp }) => tcp.sendText("41"), "client namespace disconnect"],
      "the server disconnects": [({ socket }) => socket.disconnect(true), /server namespace/],
    };
    for (const [name, [end, expected]] of Object.entries(endings)) {
      const opened = await open(t, h2);
      const accepted = once(io, "connection");
      await opened.tcp.join();
      const [socket] = await accepted;
      const gone = once(socket, "disconnect");
      const closed = once(socket.conn, "close");
      const ended = once(opened.stream, "close");
      end({ ...opened, socket });
      assert.match((await gone)[0], new RegExp(expected), name);
      if (name === "the client says goodbye") socket.conn.close();
      // The server's close frame is answered, or the stream has ended.
      opened.tcp.closure().then(() => opened.stream.end(closeFrame(1000)));
      await closed;
      await ended;
    }
    await until(() => io.engine.clientsCount === 0);
    // The connection of the streams lives on.
    const { tcp } = await open(t, h2);
    await tcp.join();
  });

  test(`a polling session moves to a stream [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind);
    const get = (path) =>
      new Promise((resolve) => {
        let text = "";
        const stream = h2.request({ ":path": path });
        stream.on("data", (chunk) => {
          text += chunk;
        });
        stream.on("end", () => resolve(text));
      });
    const polling = "/socket.io/?EIO=4&transport=polling";
    const { sid } = JSON.parse((await get(polling)).slice(1));
    const { tcp } = await ask(t, h2, `${PATH}&sid=${sid}`);
    await tcp.sendText("2probe");
    assert.equal(await tcp.nextText(), "3probe");
    const conn = io.engine.clients[sid];
    const upgraded = once(conn, "upgrade");
    const poll = get(`${polling}&sid=${sid}`);
    await tcp.sendText("5");
    await upgraded;
    await poll;
    await tcp.join();
    await tcp.sendText('421["echo","moved"]');
    assert.equal(await tcp.nextText(), '431["moved"]');
  });

  test(`messages of several megabytes, both ways [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind, { maxHttpBufferSize: 1e8 });
    const { tcp } = await open(t, h2);
    const accepted = once(io, "connection");
    await tcp.join();
    const [socket] = await accepted;
    const value = "é".repeat(2 ** 20);
    tcp.sendText(`420["echo","${value}"]`);
    assert.equal(await tcp.nextText(), `430["${value}"]`);
    for (let n = 0; n < 50; n++) socket.emit("n", n, value.slice(0, 50_000));
    for (let n = 0; n < 50; n++) {
      assert.equal(await tcp.nextText(), `42["n",${n},"${value.slice(0, 50_000)}"]`);
    }
  });

  test(`compression over a stream [${kind}]`, async (t) => {
    const { h2 } = await serveHttp2(t, kind, { perMessageDeflate: { threshold: 0 } });
    const { tcp, headers } = await ask(t, h2, PATH, {
      "sec-websocket-extensions":
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    });
    assert.match(headers["sec-websocket-extensions"], /^permessage-deflate/);
    await tcp.frame();
    const tail = Buffer.from([0, 0, 0xff, 0xff]);
    const packed = deflateRawSync("40", { finishFlush: 2 }).subarray(0, -4);
    await tcp.write(frame(1, packed, { rsv: 4 }));
    const { payload, rsv } = await tcp.frame();
    assert.equal(rsv, 4);
    const text = inflateRawSync(Buffer.concat([payload, tail]), { finishFlush: 2 });
    assert.match(String(text), /^40\{"sid":/);
  });

  test(`a message that is too long closes with 1009 [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind, { maxHttpBufferSize: 1000 });
    const { tcp } = await open(t, h2);
    tcp.sendText("4".repeat(1001));
    assert.equal(await tcp.closure(), 1009);
    await until(() => io.engine.clientsCount === 0);
  });

  test(`io.close() ends the streams [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind);
    const { tcp, stream } = await open(t, h2);
    const accepted = once(io, "connection");
    await tcp.join();
    const [socket] = await accepted;
    const gone = once(socket, "disconnect");
    const ended = once(stream, "close");
    const closing = io.close({ timeout: 20 });
    assert.deepEqual((await gone).slice(0, 1), ["server shutting down"]);
    await ended;
    await closing;
  });

  test(`allowRequest, middlewares and headers over a stream [${kind}]`, async (t) => {
    const seen = [];
    const allowRequest = (req, done) => {
      seen.push(["allowRequest", req.method, req.headers.cookie]);
      setImmediate(done, "not for you", req.headers.cookie === "a=1");
    };
    const { io, h2 } = await serveHttp2(t, kind, { allowRequest, cookie: true });
    io.engine.use((req, res, next) => {
      seen.push(["middleware", req.method]);
      res.setHeader("x-kitchen", "open");
      if (req.headers["x-bad"]) next(new Error("bad"));
      else next();
    });
    for (const event of ["initial_headers", "headers"]) {
      io.engine.on(event, (headers) => {
        headers[`x-${event.replace("_", "-")}`] = "set";
        headers["Set-Cookie"] = ["one=1", "two=2"];
      });
    }
    const { headers, tcp } = await open(t, h2, PATH, { cookie: "a=1" });
    assert.equal(headers["x-kitchen"], "open");
    assert.equal(headers["x-headers"], "set");
    assert.equal(headers["x-initial-headers"], "set");
    assert.deepEqual(headers["set-cookie"], ["one=1", "two=2"]);
    await tcp.join();
    assert.deepEqual(seen, [
      ["middleware", "GET"],
      ["allowRequest", "GET", "a=1"],
    ]);
    const errors = [];
    io.engine.on("connection_error", ({ code }) => errors.push(code));
    const refused = await ask(t, h2);
    assert.equal(refused.status, 400);
    assert.equal(await refused.tcp.rest(), "not for you");
    const bad = await ask(t, h2, PATH, { "x-bad": "1" });
    assert.equal(bad.status, 400);
    assert.equal(await bad.tcp.rest(), "Bad request");
    assert.deepEqual(errors, [4, 3]);
    // The connection of the refused requests serves others.
    await open(t, h2, PATH, { cookie: "a=1" });
  });

  test(`requests that are refused over a stream [${kind}]`, async (t) => {
    const { io, h2 } = await serveHttp2(t, kind);
    const cases = [
      ["/socket.io/?EIO=4&transport=morse", {}, 400, "Transport unknown"],
      [`${PATH}&sid=nobody`, {}, 400, "Session ID unknown"],
      [PATH.replace("EIO=4", "EIO=3"), {}, 400, "Unsupported protocol version"],
      [PATH, { "sec-websocket-version": "12" }, /4\d\d/, /./],
      ["/elsewhere", {}, 405, ""],
      [PATH, { ":protocol": "telegraph" }, 405, ""],
    ];
    for (const [path, headers, status, text] of cases) {
      const asked = await ask(t, h2, path, headers);
      assert.match(String(asked.status), new RegExp(status), path);
      assert.match(await asked.tcp.rest(), new RegExp(text), path);
    }
    assert.equal(io.engine.clientsCount, 0);
    io.engine.close();
    const closed = await ask(t, h2);
    assert.equal(closed.status, 503);
    assert.equal(await closed.tcp.rest(), "Service Unavailable");
  });
}

beyond("limits on sessions hold for streams", async (t) => {
  const { io, h2 } = await serveHttp2(t, "plain", { native: { maxConnectionsPerAddress: 1 } });
  const { stream } = await open(t, h2);
  const refused = await ask(t, h2);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers["retry-after"], "1");
  assert.match(await refused.tcp.rest(), /^\{"code":4,"message":/);
  stream.end();
  await until(() => io.engine.clientsCount === 0);
  await open(t, h2);
});

beyond("other CONNECT requests go to the application's listener", async (t) => {
  const { httpServer, h2 } = await serveHttp2(t, "plain");
  httpServer.on("connect", (req, res) => {
    if (req.url === "/elsewhere") res.stream.respond({ ":status": 200, "x-own": "yes" });
  });
  const { headers } = await ask(t, h2, "/elsewhere");
  assert.equal(headers["x-own"], "yes");
  await open(t, h2);
});

beyond("two servers with paths of their own serve streams", async (t) => {
  const { httpServer, h2 } = await serveHttp2(t, "plain");
  const second = new Server(httpServer, { path: "/second" });
  await open(t, h2);
  await open(t, h2, PATH.replace("socket.io", "second"));
  assert.equal((await ask(t, h2, "/elsewhere")).status, 405);
  await second.close({ keepHttpServer: true });
  assert.equal((await ask(t, h2, PATH.replace("socket.io", "second"))).status, 405);
  await open(t, h2);
});

beyond("the option wsEngine has no WebSockets over streams", async (t) => {
  const { h2 } = await serveHttp2(t, "plain", { wsEngine: WebSocketServer });
  const { status, tcp } = await ask(t, h2);
  assert.equal(status, 400);
  assert.equal(await tcp.rest(), "Bad request");
});

beyond("a client that resets its stream while allowRequest waits leaves nothing", async (t) => {
  let answer;
  const allowRequest = (_req, done) => {
    answer = done;
  };
  const { io, h2 } = await serveHttp2(t, "plain", { allowRequest });
  const stream = h2.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": PATH });
  stream.on("error", () => {});
  await until(() => answer);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await once(stream, "close");
  await promisify(setImmediate)();
  answer(null, true);
  const next = ask(t, h2);
  answer = undefined;
  await until(() => answer);
  answer(null, true);
  assert.equal((await next).status, 200);
  await until(() => io.engine.clientsCount === 1);
});

if (!isOracle) {
  browserTest("a browser opens its WebSocket over the connection of the page", async (t, open) => {
    const { io, httpServer, port } = await serve(t, "secure");
    let connections = 0;
    httpServer.on("secureConnection", () => connections++);
    const page = await open({ ignoreHTTPSErrors: true });
    await page.goto(`https://127.0.0.1:${port}/`);
    const accepted = once(io, "connection");
    const answers = page.evaluate(async () => {
      const socket = window.io({ transports: ["websocket"] });
      window.socket = socket;
      await new Promise((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("connect_error", reject);
      });
      const big = "x".repeat(300_000);
      const bytes = await socket.emitWithAck("echo", new Uint8Array([1, 2, 3]));
      return [
        socket.io.engine.transport.name,
        await socket.emitWithAck("echo", { a: 1 }),
        (await socket.emitWithAck("echo", big)) === big,
        [...new Uint8Array(bytes)],
      ];
    });
    const [socket] = await accepted;
    assert.deepEqual(await answers, ["websocket", { a: 1 }, true, [1, 2, 3]]);
    assert.equal(socket.request.httpVersionMajor, 2);
    assert.equal(socket.conn.transport.name, "websocket");
    const gone = once(socket, "disconnect");
    const ended = once(socket.request.stream, "close");
    await page.evaluate(() => window.socket.disconnect());
    assert.equal((await gone)[0], "client namespace disconnect");
    await ended;
    const again = once(io, "connection");
    await page.evaluate(() => void window.socket.connect());
    const [second] = await again;
    const closed = once(second.request.stream, "close");
    second.disconnect(true);
    await closed;
    assert.deepEqual(page.complaints, []);
    assert.ok(connections >= 1);
  });

  browserTest("a browser upgrades from polling over HTTP/2", async (t, open) => {
    const { io, port } = await serve(t, "secure");
    const page = await open({ ignoreHTTPSErrors: true });
    await page.goto(`https://127.0.0.1:${port}/`);
    const accepted = once(io, "connection");
    await page.evaluate(() => {
      window.socket = window.io();
    });
    const [socket] = await accepted;
    await until(() => socket.conn.transport.name === "websocket");
    assert.equal(await page.evaluate(() => window.socket.emitWithAck("echo", "up")), "up");
    assert.deepEqual(page.complaints, []);
  });
}
