// Two worker threads with a server each, clients on the main thread, then a third server here.
// Arguments: the form of the servers, how the workers end: "close", "exit" or "terminate".
import assert from "node:assert/strict";
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { echoes, realClient } from "../../support/arena.mjs";
import { startServer } from "../../support/forms.mjs";
import { until } from "../../support/wait.mjs";

/** Runs one server in this thread. */
async function serve(form) {
  const io = await startServer(form);
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  return io;
}

async function worker() {
  const io = await serve(workerData.form);
  parentPort.once("message", async (how) => {
    if (how === "exit") process.exit(0); // ends this thread only, with everything open
    await io.close();
  });
  parentPort.postMessage(io.httpServer.address().port);
}

async function main() {
  const { letGo, tell } = await import("../../support/parent.mjs");
  const [form, how] = process.argv.slice(2);
  const start = async () => {
    const thread = new Worker(new URL(import.meta.url), { workerData: { form } });
    const [port] = await once(thread, "message");
    const clients = await Promise.all([
      realClient(port),
      realClient(port, { transports: ["polling"] }),
    ]);
    return { thread, clients };
  };
  const workers = await Promise.all([start(), start()]);
  const clients = workers.flatMap((one) => one.clients);
  for (let i = 0; i < 20; i++) await Promise.all(clients.map(echoes));

  // The first one goes; the second one must not feel it.
  for (const { thread, clients: own } of workers) {
    const gone = once(thread, "exit");
    if (how === "terminate") thread.terminate();
    else thread.postMessage(how);
    await gone;
    await until(
      () => own.every((client) => !client.connected),
      "the clients have lost their server",
    );
    await Promise.all(clients.filter((client) => client.connected).map(echoes));
  }

  const third = await serve(form);
  const client = await realClient(third.httpServer.address().port);
  await echoes(client);
  client.disconnect();
  await third.close();
  assert.ok(clients.every((one) => !one.connected));
  tell("done");
  letGo();
}

await (isMainThread ? main() : worker());
