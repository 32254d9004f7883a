import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io-native";

const app = express();
const httpServer = createServer(app);
const io = new Server(httpServer);

let votes = 0;
io.on("connection", (socket) => {
  socket.emit("votes", votes);
  socket.on("vote", () => io.emit("votes", ++votes));
});

let vite;
if (process.env.NODE_ENV === "production") {
  app.use(express.static("dist"));
} else {
  const { createServer: createVite } = await import("vite");
  // the WebSocket for hot updates shares the HTTP server with Socket.IO
  vite = await createVite({ server: { middlewareMode: true, hmr: { server: httpServer } } });
  app.use(vite.middlewares);
}

async function stop() {
  await vite?.close();
  await io.close({ timeout: 1000 });
}
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, stop);

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Open http://localhost:${httpServer.address().port}`);
});
