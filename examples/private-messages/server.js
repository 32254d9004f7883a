import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io-native";

const app = express().use(express.static("public"));
const httpServer = createServer(app);
const io = new Server(httpServer, {
  // sessions and what they missed are kept for two minutes
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000 },
});

const roomOf = (user) => `user:${user}`;

// an application checks a password or a token here
io.use((socket, next) => {
  const { user } = socket.handshake.auth;
  if (typeof user !== "string" || user === "") return next(new Error("a user is required"));
  socket.data.user = user;
  next();
});

io.on("connection", (socket) => {
  // a recovered socket has its rooms and its data, and gets what it missed
  if (!socket.recovered) socket.join(roomOf(socket.data.user));

  socket.on("private message", (to, text) => {
    if (typeof to !== "string" || typeof text !== "string") return;
    const from = socket.data.user;
    // every device of both, the one that sends it included
    io.to([roomOf(from), roomOf(to)]).emit("private message", { from, to, text });
  });
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => io.close({ timeout: 1000 }));

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Open http://localhost:${httpServer.address().port}`);
});
