// A server that says something and ends its process, or its thread if it is a worker's. Arguments:
// the form of the server, a name of ENDS, and "thread" if a worker is to run it.
import http from "node:http";
import https from "node:https";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { startServer } from "../../support/forms.mjs";
import { obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";
import { once, until } from "../../support/wait.mjs";
import { WsServer } from "../../support/ws-engines.mjs";

const MEGABYTE = "x".repeat(1_000_000);

const FORMS = {
  attached: () => attach(http.createServer()),
  wsEngine: () => attach(http.createServer(), { wsEngine: WsServer }),
  compressed: () => attach(http.createServer(), { perMessageDeflate: { threshold: 0 } }),
  port: () => startServer("port"),
  TLS: async () => {
    const { certificate } = await import("../../support/secure.mjs");
    const io = await attach(https.createServer(certificate));
    report({ type: "certificate", ca: certificate.cert.toString() });
    return io;
  },
};

async function attach(httpServer, options) {
  const io = new Server(httpServer, options);
  await once(httpServer.listen(0, "127.0.0.1"), "listening");
  return io;
}

/** An Error of which nobody reads on the terminal. */
const unforeseen = () => Object.assign(new Error(), { stack: "the test's own exception" });

const ENDS = {
  exit(io) {
    io.emit("bye");
    process.exit(0);
  },
  "nothing said": () => process.exit(0),
  "each by itself"(io) {
    for (const socket of io.sockets.sockets.values()) socket.emit("bye");
    process.exit(0);
  },
  "room, binary, acknowledgement"(io) {
    io.socketsJoin("room");
    io.to("room")
      .timeout(1000)
      .emit("bye", Buffer.from([1, 2, 3]), () => {});
    process.exit(0);
  },
  "many before"(io) {
    for (let i = 0; i < 50; i++) io.emit("before", i);
    io.emit("bye");
    process.exit(0);
  },
  "a megabyte"(io) {
    io.emit("bye", MEGABYTE);
    process.exit(0);
  },
  "30 megabytes"(io) {
    for (let i = 0; i < 30; i++) io.emit("before", MEGABYTE);
    io.emit("bye");
    process.exit(0);
  },
  "io.close()"(io) {
    io.emit("bye");
    io.close();
    process.exit(0);
  },
  "disconnectSockets(true)"(io) {
    io.emit("bye");
    io.disconnectSockets(true);
    process.exit(0);
  },
  "disconnect(true) of each"(io) {
    for (const socket of io.sockets.sockets.values()) {
      socket.emit("bye");
      socket.disconnect(true);
    }
    process.exit(0);
  },
  "a promise": async (io) => {
    await null;
    ENDS.exit(io);
  },
  "process.nextTick": (io) => process.nextTick(ENDS.exit, io),
  setImmediate: (io) => setImmediate(ENDS.exit, io),
  "a timer": (io) => setTimeout(ENDS.exit, 10, io),
  "a later tick"(io) {
    io.emit("bye");
    process.nextTick(() => process.exit(0));
  },
  "a signal handler"(io) {
    process.on("SIGTERM", () => ENDS.exit(io));
    process.kill(process.pid, "SIGTERM");
  },
  "a signal to itself"(io) {
    process.once("SIGUSR2", () => {
      io.emit("bye");
      process.kill(process.pid, "SIGUSR2");
    });
    process.kill(process.pid, "SIGUSR2");
  },
  uncaughtException(io) {
    process.on("uncaughtException", () => ENDS.exit(io));
    setImmediate(() => {
      throw unforeseen();
    });
  },
  "an exception that nobody catches"(io) {
    setImmediate(() => {
      io.emit("bye");
      throw unforeseen();
    });
  },
  "a listener of exit"(io) {
    process.on("exit", () => io.emit("bye"));
    process.exit(0);
  },
  "process.reallyExit"(io) {
    io.emit("bye");
    process.reallyExit(0);
  },
  "process.abort"(io) {
    io.emit("bye");
    process.abort();
  },
  "by itself"(io) {
    process.exitCode = 7;
    io.emit("bye");
    io.close();
    process.disconnect();
  },
  "an emitted event"(io) {
    process.emit("exit", 0);
    setImmediate(() => {
      io.timeout(20_000).emit("asked", (error) => {
        io.emit("bye");
        process.exit(error ? 8 : 0);
      });
    });
  },
  "with a second server"(io) {
    new Server(http.createServer()).emit("nobody");
    ENDS.exit(io);
  },
  "disconnect listeners"(io) {
    for (const socket of io.sockets.sockets.values()) {
      socket.on("disconnect", () => process.reallyExit(9));
    }
    ENDS.exit(io);
  },
};

const [form, how, where] = process.argv.slice(2);

function report({ type, ...rest }) {
  if (isMainThread) tell(type, rest);
  else parentPort.postMessage({ type, ...rest });
}

if (isMainThread && where === "thread") {
  const thread = new Worker(fileURLToPath(import.meta.url), { argv: [form, how] });
  thread.on("message", ({ type, ...rest }) => tell(type, rest));
  thread.on("exit", () => tell("ended"));
  obey({ end: () => thread.postMessage("end") });
} else {
  const io = await FORMS[form]();
  io.on("connection", () => report({ type: "joined" }));
  const end = async ({ silent = 0 } = {}) => {
    const conns = Object.values(io.engine.clients);
    await until(() => conns.every(({ transport }) => transport.writable), "all can be written to");
    if (silent > 0) {
      // more than the kernel takes for those who do not read
      for (let i = 0; i < 20; i++) io.emit("before", MEGABYTE);
      const readers = conns.slice(0, -silent);
      await until(() => readers.every(({ transport }) => transport.writable), "readers have read");
    }
    setImmediate(ENDS[how], io);
  };
  if (isMainThread) obey({ end });
  else parentPort.on("message", end);
  report({ type: "listening", port: io.httpServer.address().port });
}
