// The server under a sanitizer. `node server.mjs <mode>` prints the port of each server that
// it starts, and with a minus the port of one that has gone:
//
//   port, attached   serves until its standard input ends, and closes then
//   workers          has 20 worker threads, two at a time, each with a server, and terminates each
//   exit             calls process.exit() while messages flow
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Server } from "../../index.mjs";

const options = {
  perMessageDeflate: { threshold: 256 },
  httpCompression: { threshold: 256 },
  maxHttpBufferSize: 4e6,
  connectionStateRecovery: {},
};

async function serve(attached) {
  const http = attached ? createServer() : undefined;
  const io = http ? new Server(http, options) : new Server(0, options);
  io.on("connection", (socket) => {
    socket.join("all");
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("tell", (...args) => io.to("all").emit("told", ...args));
    socket.on("volatile", (bytes) => io.volatile.emit("told", bytes));
    socket.on("leave", () => socket.disconnect(true));
  });
  const server = http ? http.listen(0) : io.httpServer;
  if (!server.listening) await once(server, "listening");
  return { io, port: server.address().port };
}

const print = (port) => process.stdout.write(`${port}\n`);

/** One of 20 worker threads: its server is terminated while messages flow. */
async function useWorker(n) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { attached: n % 2 === 1 } });
  const [port] = await once(worker, "message");
  print(port);
  await once(worker, "message"); // messages flow
  await wait(100 + 40 * (n % 10));
  await worker.terminate();
  print(-port);
}

/** Calls `then` when a server has had 50 messages. */
function afterMessages(io, then) {
  let count = 0;
  io.on("connection", (socket) => {
    socket.onAny(() => {
      if (++count === 50) then();
    });
  });
}

const mode = process.argv[2];
if (!isMainThread) {
  const { io, port } = await serve(workerData.attached);
  afterMessages(io, () => parentPort.postMessage("busy"));
  parentPort.postMessage(port);
} else if (mode === "workers") {
  let next = 0;
  const use = async () => {
    while (next < 20) await useWorker(next++);
  };
  await Promise.all([use(), use()]);
} else {
  const { io, port } = await serve(mode === "attached");
  print(port);
  if (mode === "exit") afterMessages(io, () => process.exit(0));
  let messages = 0;
  io.on("connection", (socket) => socket.onAny(() => messages++));
  process.stdin.resume().once("end", () => {
    console.error(`${mode}: ${messages} messages`);
    io.close();
  });
}
