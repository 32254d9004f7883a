// A server that answers traffic until its process ends, or its thread if it is a worker's. Arguments: the
// form of the server, a name of ENDS, and "worker" if a worker is to run it.
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { startServer } from "../../support/forms.mjs";
import { obey, tell } from "../../support/parent.mjs";

const [form, how] = process.argv.slice(2);

/** Ends of the process. */
const ENDS = {
  "process.exit()": () => process.exit(0),
  "an uncaught exception": () => {
    throw Object.assign(new Error(), { stack: "the test's own exception" });
  },
  // Ended by the test.
  SIGTERM() {},
};

async function serve() {
  const io = await startServer(form, {});
  io.on("connection", (socket) => {
    socket.on("echo", (value, ack) => ack(value));
    socket.on("noise", (value) => io.emit("noise", value, Buffer.alloc(100)));
  });
  return io.httpServer.address().port;
}

/** Workers with servers, one after the other, which end under traffic. */
async function serveInWorker() {
  let worker;
  const start = () => {
    worker = new Worker(fileURLToPath(import.meta.url), { argv: [form, how] });
    worker.on("error", (error) => tell("failed", { message: String(error) }));
    worker.once("message", (port) => tell("worker", { port }));
  };
  obey({
    start,
    async terminate() {
      await worker.terminate();
      tell("terminated");
    },
    end: () => process.exit(0),
  });
}

if (isMainThread) {
  const port = await serve();
  if (how === "worker") await serveInWorker();
  else obey({ end: () => setImmediate(ENDS[how]) });
  tell("listening", { port });
} else {
  parentPort.postMessage(await serve());
}
