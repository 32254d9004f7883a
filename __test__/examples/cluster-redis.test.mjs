// examples/cluster-redis: two processes behind one port.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { redisBeyond } from "../support/redis.mjs";
import { once, until } from "../support/wait.mjs";
import { heard, molest, start } from "./support.mjs";

redisBeyond("serves from two processes, and replaces one that ends", async (t, redis) => {
  const one = await start(t, "cluster-redis", { REDIS_URL: `redis://127.0.0.1:${redis}` });
  if (!one) return;
  const program = await one.talk("client", [one.url]);
  for (const from of ["one", "two"]) {
    await program.says(new RegExp(`one heard from \\d+: hello from ${from}`));
    await program.says(new RegExp(`two heard from \\d+: hello from ${from}`));
  }
  const pids = [...program.output().matchAll(/connected to worker (\d+)/g)].map(([, pid]) => pid);
  assert.equal(new Set(pids).size, 2, program.output());
  program.child.kill();
  await program.ended;

  /** A client of another worker than `known`, with that worker's process id. */
  const elsewhere = (known) =>
    until(async () => {
      // a worker that has just been killed refuses
      const socket = await one.client({ transports: ["websocket"] }).catch(() => undefined);
      const [pid] = socket ? await heard(socket, "worker") : [known];
      return pid === known ? void socket?.disconnect() : { socket, pid };
    }, "a client is connected to another worker");

  const ada = await elsewhere();
  const grace = await elsewhere(ada.pid);
  molest(ada.socket, "message");
  const gone = once(ada.socket, "disconnect");
  process.kill(ada.pid, "SIGKILL");
  await gone;
  await one.says(new RegExp(`Worker ${ada.pid} has ended`));
  const linus = await elsewhere(grace.pid);
  linus.socket.emit("message", "from the new one");
  const expected = { worker: linus.pid, text: "from the new one" };
  await until(
    () => grace.socket.heard.some(([, value]) => isDeepStrictEqual(value, expected)),
    "a client of the other worker hears the new one",
  );
  assert.deepEqual(await one.stop(), [0, null], one.output());
});
