import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type DefaultEventsMap, Server } from "socket.io-native";
import type { Auth, ClientToServerEvents, ServerToClientEvents } from "./events.js";

interface SocketData {
  name: string;
}

const httpServer = createServer();
const io = new Server<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>(
  httpServer,
);

// types end where the network begins: what comes from a client is checked
io.use((socket, next) => {
  const { name } = socket.handshake.auth as Partial<Auth>;
  if (typeof name !== "string" || name === "") return next(new Error("a name is required"));
  socket.data.name = name;
  next();
});

io.on("connection", async (socket) => {
  socket.on("say", (text, done) => {
    if (typeof text !== "string" || typeof done !== "function") return;
    socket.broadcast.emit("message", { from: socket.data.name, text });
    done(io.of("/").sockets.size - 1);
  });

  try {
    const color = await socket.timeout(5_000).emitWithAck("ask", "Your favourite colour?");
    socket.broadcast.emit("message", { from: socket.data.name, text: `likes ${color}` });
  } catch {
    console.log(`${socket.data.name} does not answer`);
  }
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => io.close({ timeout: 1000 }));

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Serving http://localhost:${(httpServer.address() as AddressInfo).port}`);
});
