// Two workers of a cluster that serve one port; WebSocket clients hear whom they have reached.
import cluster from "node:cluster";
import { letGo, obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";

if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  const ports = await Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))),
  );
  obey({
    end() {
      for (const worker of workers) worker.send("end");
      letGo();
    },
  });
  tell("listening", { port: ports[0], same: ports[0] === ports[1] });
} else {
  const io = new Server(0);
  io.on("connection", (socket) => socket.emit("worker", cluster.worker.id));
  io.httpServer.on("listening", () => process.send(io.httpServer.address().port));
  process.on("message", async () => {
    await io.close();
    cluster.worker.disconnect();
  });
}
