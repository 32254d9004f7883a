// The server of bench/recovery.mjs: `server.js PACKAGE attached|port`.
const { monitorEventLoopDelay } = require("node:perf_hooks");
const { makeServer, tellPort } = require("../child-server.js");

const [pkg, form] = process.argv.slice(2);
const options = { connectionStateRecovery: {}, pingInterval: 60_000, pingTimeout: 60_000 };
const io = makeServer(pkg, form, options);

io.on("connection", (socket) => {
  if (socket.recovered) return;
  socket.data.name = socket.id;
  socket.join(`room ${io.engine.clientsCount % 100}`);
  // Upstream recovers nobody who has received nothing.
  socket.emit("welcome");
});

const delay = monitorEventLoopDelay({ resolution: 1 });
let usage;

const answers = {
  async gone(left) {
    while (io.sockets.sockets.size > left) await new Promise((resolve) => setTimeout(resolve, 20));
    return {};
  },
  emit(count) {
    for (let i = 0; i < count; i++) {
      io.emit("to all", i, "x".repeat(50));
      for (let room = 0; room < 100; room++) io.to(`room ${room}`).emit("to a room", i);
    }
    return {};
  },
  async watch() {
    // Stalls that came before are not counted.
    await new Promise((resolve) => setTimeout(resolve, 500));
    delay.enable();
    delay.reset();
    usage = performance.eventLoopUtilization();
    return {};
  },
  async stop() {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { active } = performance.eventLoopUtilization(usage);
    return { stall: delay.max / 1e6, busy: active / 1e3 };
  },
};

process.on("message", async (message) => {
  for (const [what, value] of Object.entries(message)) process.send(await answers[what](value));
});
tellPort(io);
