// One way for a process to use a server and then to end by itself. Argument: the name of the way.
import http from "node:http";
import { startServer } from "../../support/forms.mjs";
import { freePort } from "../../support/free-port.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";
import { once } from "../../support/wait.mjs";

/** Listens, serves whoever comes, and ends with `end(io)` on command. */
async function serveUntilTold(io, end) {
  io.on("connection", (socket) => {
    socket.join(["some", "rooms"]);
    socket.on("echo", (value, ack) => ack(value));
  });
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  const { port } = io.httpServer.address();
  await new Promise((resolve) => {
    obey({ end: resolve });
    tell("listening", { port });
  });
  await end(io);
  tell("closed", { clients: io.engine.clientsCount, sockets: io.sockets.sockets.size });
}

const close = (io) => io.close();
const closeWithCallback = (io) => new Promise((resolve) => io.close(resolve));
const closeTwice = async (io) => {
  await Promise.all([io.close(), io.close()]);
};
const closeParts = async (io) => {
  io.engine.close();
  await new Promise((resolve) => io.httpServer.close(resolve));
};

const attached = () => new Server(http.createServer().listen(0, "127.0.0.1"));
const listened = () => new Server().listen(0);

const WAYS = {
  port: async () => serveUntilTold(await startServer("port"), close),
  attached: async () => serveUntilTold(await startServer("attached"), close),
  "attached before listening": () => serveUntilTold(attached(), close),
  "io.listen": () => serveUntilTold(listened(), close),
  "a callback": async () => serveUntilTold(await startServer("port"), closeWithCallback),
  "two closes": async () => serveUntilTold(await startServer("port"), closeTwice),
  "engine and HTTP server": async () => serveUntilTold(await startServer("attached"), closeParts),
  "a fresh start on the same port": async () => {
    const port = await freePort();
    const first = new Server(port);
    await once(first.httpServer, "listening");
    await first.close();
    await serveUntilTold(new Server(port), close);
  },

  "closed at once": () => new Server(0).close(),
  "never attached": () => void new Server(),
  "attached, never listening": () => void new Server(http.createServer()),
  "attached, never listening, closed": () => new Server(http.createServer()).close(),
  "with namespaces, never attached": () => {
    const io = new Server({ connectionStateRecovery: {} });
    io.of("/a").on("connection", () => {});
    io.of(/^\/b/).use((_socket, next) => next());
    io.emit("nobody");
    io.to("room").emit("nobody");
  },
};

await WAYS[process.argv[2]]();
letGo();
