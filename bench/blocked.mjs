// Blocks the JavaScript thread of a server while clients are connected, and counts those that are lost.
//
//   node bench/blocked.mjs [--form port] [--transport websocket] [--clients 1000] [--seconds 60]
//
// --form: port, attached, tls, wsEngine; --transport: websocket, polling. The heartbeat has its
// defaults. ORACLE=upstream measures upstream. Ends with 1 if a client was lost.
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { io as connect } from "socket.io-client";
import { WebSocketServer } from "ws";
import { Server } from "../__test__/support/subject.mjs";
import { answer, ask, startChild } from "./children.mjs";

/** Makes a server that listens. */
const FORMS = {
  port: () => new Server(0),
  attached: () => new Server(http.createServer().listen(0, "127.0.0.1")),
  async tls() {
    const { certificate } = await import("../__test__/support/secure.mjs");
    return new Server(https.createServer(certificate).listen(0, "127.0.0.1"));
  },
  wsEngine: () =>
    new Server(http.createServer().listen(0, "127.0.0.1"), { wsEngine: WebSocketServer }),
};

/** Connections that a process opens at the same time. */
const AT_ONCE = 50;
/** Time that lost clients have to notice, in ms. */
const NOTICE_MS = 10_000;

if (process.send) await serve();
else await measure();

async function serve() {
  const io = await FORMS[process.argv[2]]();
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  process.on("message", ({ seconds }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
    process.send({ unblocked: true });
  });
  process.on("disconnect", () => process.exit());
  process.send({ port: io.httpServer.address().port });
}

async function measure() {
  const { values } = parseArgs({
    options: {
      form: { type: "string", default: "port" },
      transport: { type: "string", default: "websocket" },
      clients: { type: "string", default: "1000" },
      seconds: { type: "string", default: "60" },
    },
  });
  const [count, seconds] = [Number(values.clients), Number(values.seconds)];
  const server = startChild("blocked.mjs", [values.form]);
  const { port } = await answer(server);
  const scheme = values.form === "tls" ? "https" : "http";
  const clients = [];
  const reasons = {};
  while (clients.length < count) {
    const next = Array.from({ length: Math.min(AT_ONCE, count - clients.length) }, () =>
      connect(`${scheme}://127.0.0.1:${port}`, {
        transports: [values.transport],
        reconnection: false,
        forceNew: true,
        rejectUnauthorized: false,
      }),
    );
    await Promise.all(next.map((client) => new Promise((done) => client.once("connect", done))));
    clients.push(...next);
  }
  for (const client of clients) {
    client.on("disconnect", (reason) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    });
  }
  await ask(server, { seconds });
  await pause(NOTICE_MS);
  const echoes = await Promise.allSettled(
    clients
      .filter(({ connected }) => connected)
      .map((client) => client.timeout(10_000).emitWithAck("echo", 1)),
  );
  const served = echoes.filter(({ status }) => status === "fulfilled").length;
  console.log(
    `${values.form}, ${values.transport}: ${count} clients, blocked for ${seconds} s: ` +
      `${count - served} lost ${JSON.stringify(reasons)}`,
  );
  server.kill("SIGKILL");
  process.exit(served === count ? 0 : 1);
}
