// A worker thread with a server on a port of its own; it ends as it is told, or is terminated.
import { parentPort } from "node:worker_threads";
import { Server } from "../../support/subject.mjs";
import { once } from "../../support/wait.mjs";

const io = new Server(0);
await once(io.httpServer, "listening");
parentPort.on("message", () => process.exit(0));
parentPort.postMessage(io.httpServer.address().port);
