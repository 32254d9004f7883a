import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { setupWorker } from "@socket.io/sticky";
import { createClient } from "redis";
import { Server } from "socket.io-native";

const url = process.env.REDIS_URL ?? "redis://localhost:6379";
const publisher = createClient({ url });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) {
  client.on("error", (error) => console.error(`Redis: ${error.message}`));
}
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server(createServer(), { adapter: createAdapter(publisher, subscriber) });
setupWorker(io);

io.on("connection", (socket) => {
  socket.emit("worker", process.pid);
  // reaches the clients of every worker
  socket.on("message", (text) => io.emit("message", { worker: process.pid, text }));
});

// the primary decides when a worker ends: Ctrl+C reaches all processes
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
process.on("message", async (message) => {
  if (message !== "stop") return;
  await io.close({ timeout: 1000 });
  process.exit();
});
process.send("ready");
