// A worker thread with a server on a port of its own; it ends as it is told, or is terminated. Told by a
// buffer, it stands still before it ends, until somebody notifies those who wait at its first number.
import { parentPort } from "node:worker_threads";
import { Server } from "../../support/subject.mjs";
import { once } from "../../support/wait.mjs";

const io = new Server(0);
await once(io.httpServer, "listening");
parentPort.on("message", (gate) => {
  if (gate instanceof SharedArrayBuffer) {
    parentPort.postMessage("stands still");
    Atomics.wait(new Int32Array(gate), 0, 0);
  }
  process.exit(0);
});
parentPort.postMessage(io.httpServer.address().port);
