import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io-native";

interface ServerToClient {
  cursor: (id: string, x: number, y: number) => void;
  runtime: (name: string) => void;
}
interface ClientToServer {
  cursor: (x: number, y: number) => void;
}

const httpServer = createServer((_req, res) => {
  res.end("This is a Socket.IO server\n");
});
const io = new Server<ClientToServer, ServerToClient>(httpServer);

io.on("connection", (socket) => {
  socket.emit("runtime", `Bun ${process.versions.bun}`);
  socket.on("cursor", (x, y) => socket.broadcast.volatile.emit("cursor", socket.id, x, y));
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => io.close({ timeout: 1000 }));

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Serving http://localhost:${(httpServer.address() as AddressInfo).port}`);
});
