import cluster from "node:cluster";
import { createServer } from "node:http";
import { setupMaster } from "@socket.io/sticky";

const WORKERS = Number(process.env.WORKERS ?? 2);

if (cluster.isPrimary) startPrimary();
else await import("./worker.js");

/** Listens, and gives each connection to the worker that has its session. */
function startPrimary() {
  const httpServer = createServer();
  setupMaster(httpServer, { loadBalancingMethod: "least-connection" });
  // bytes of connections stay bytes between the processes
  cluster.setupPrimary({ serialization: "advanced" });

  let stopping = false;
  for (let i = 0; i < WORKERS; i++) cluster.fork();
  cluster.on("exit", (worker) => {
    if (stopping) return;
    console.log(`Worker ${worker.process.pid} has ended, another one starts`);
    cluster.fork();
  });

  // open once every worker serves
  let ready = 0;
  cluster.on("message", (_worker, message) => {
    if (message !== "ready" || ++ready !== WORKERS) return;
    httpServer.listen(process.env.PORT ?? 3000, () => {
      console.log(`Serving http://localhost:${httpServer.address().port}`);
    });
  });

  function stop() {
    stopping = true;
    httpServer.close();
    for (const worker of Object.values(cluster.workers)) worker.send("stop");
  }
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, stop);
}
