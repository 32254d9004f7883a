// Processes and worker threads that end under traffic: no crash, no hang, and nobody else is affected.
// ENDINGS=50 ends each 50 times. Upstream has no native code that could crash.
import assert from "node:assert/strict";
import { io as connect } from "socket.io-client";
import { echoes, realClient } from "../support/arena.mjs";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, until, within } from "../support/wait.mjs";

const TIMES = Number(process.env.ENDINGS ?? 2);

/** Clients that send without a pause until they are disconnected. */
async function noisyClients(port) {
  const clients = ["websocket", "websocket", "polling"].map((transport) =>
    connect(`http://127.0.0.1:${port}`, {
      transports: [transport],
      reconnection: false,
      forceNew: true,
    }),
  );
  let heard = 0;
  for (const client of clients) {
    const speak = () => {
      if (!client.connected) return;
      for (let i = 0; i < 20; i++) client.emit("noise", i);
      setImmediate(speak);
    };
    client.on("connect", speak);
    client.on("noise", () => heard++);
  }
  const left = Promise.all(
    clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve))),
  );
  await until(() => clients.every(({ connected }) => connected), "all are connected");
  await until(() => heard > 1000, "there is traffic");
  return { left, end: () => clients.map((client) => client.disconnect()) };
}

for (const form of FORMS) {
  for (const [how, expected] of [
    ["SIGTERM", "SIGTERM"],
    ["process.exit()", 0],
    ["an uncaught exception", 1],
  ]) {
    beyond(`${form}: a process ends by ${how} under traffic, ${TIMES} times`, async (t) => {
      for (let i = 0; i < TIMES; i++) {
        const stdio = ["ignore", "inherit", "ignore", "ipc"];
        const child = spawnChild(t, "ending.mjs", [form, how], "platforms", { stdio });
        const { port } = await child.message("listening");
        const { left, end } = await noisyClients(port);
        if (how === "SIGTERM") process.kill(child.pid, "SIGTERM");
        else child.send("end");
        // Another code or signal is a crash.
        assert.equal(await child.exit(), expected);
        await within(left, "the clients lose their server");
        end();
      }
    });
  }

  beyond(
    `${form}: worker threads end under traffic, ${TIMES} times, and another server goes on`,
    async (t) => {
      const child = spawnChild(t, "ending.mjs", [form, "worker"], "platforms");
      const { port } = await child.message("listening");
      const bystander = await realClient(port);
      defer(t, () => bystander.disconnect());
      for (let i = 0; i < TIMES; i++) {
        child.send("start");
        const { port: other } = await child.message("worker");
        const { left, end } = await noisyClients(other);
        child.send("terminate");
        await child.message("terminated");
        await within(left, "the clients lose their server");
        end();
        await echoes(bystander);
      }
      child.send("end");
      assert.equal(await child.exit(), 0);
    },
  );
}
