// A server whose listeners throw, each at an event of its own. Argument: port or attached.
import http from "node:http";
import { letGo, obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";

const thrown = [];
const seen = [];
process.on("uncaughtException", (error) => thrown.push(["uncaughtException", error.message]));
process.on("unhandledRejection", (error) => thrown.push(["unhandledRejection", error.message]));

const fail = (message) => {
  throw new Error(message);
};

const io = process.argv[2] === "port" ? new Server(0) : new Server(http.createServer());
if (process.argv[2] !== "port") io.httpServer.listen(0);

io.on("connection", (socket) => {
  socket.on("listener", () => fail("a listener"));
  socket.on("listener", () => seen.push("the second listener"));
  socket.on("async", async () => fail("an async listener"));
  socket.on("middleware", () => seen.push("behind the middleware"));
  socket.on("any", () => seen.push("behind the catch-all"));
  socket.on("error", (error) => fail(`on ${error.message}`));
  socket.use(([event], next) => {
    if (event === "middleware") fail("a middleware");
    next(event === "refused" ? new Error("a refusal") : undefined);
  });
  socket.onAny((event) => event === "any" && fail("a catch-all"));
  socket.on("ask", () => {
    socket.emit("question", () => fail("an acknowledgement"));
  });
  socket.on("ask in vain", (ack) => {
    socket.timeout(1).emit("question", () => {
      ack();
      fail("a time-out");
    });
  });
  socket.on("outgoing", (ack) => {
    socket.onAnyOutgoing(() => fail("an outgoing catch-all"));
    const caught = [socket, io].map((target) => {
      try {
        return target.emit("e");
      } catch (error) {
        return error.message;
      }
    });
    socket.offAnyOutgoing();
    ack(caught);
  });
  socket.on("disconnect", () => fail("disconnect"));
  socket.on("echo", (value, ack) => ack(value));
});
const guarded = { sync: () => fail("a guard"), async: async () => fail("an async guard") };
for (const [name, guard] of Object.entries(guarded)) io.of(name).use(guard);
for (const [name, guard] of Object.entries({ ...guarded, silent: () => {} })) {
  const asked = new Set();
  io.of(`${name}-once`).use((socket, next) => {
    if (asked.has(socket.client)) return next();
    asked.add(socket.client);
    return guard();
  });
}
io.of("connection").on("connection", () => fail("a connection listener"));
io.of("circular").use((_socket, next) => {
  const data = {};
  data.self = data;
  next(Object.assign(new Error("refused"), { data }));
});

obey({
  report() {
    tell("report", { seen: seen.splice(0), thrown: thrown.splice(0) });
  },
  async end() {
    io.httpServer.closeAllConnections();
    await io.close();
    letGo();
  },
});
io.httpServer.once("listening", () => tell("listening", { port: io.httpServer.address().port }));
if (io.httpServer.listening) tell("listening", { port: io.httpServer.address().port });
