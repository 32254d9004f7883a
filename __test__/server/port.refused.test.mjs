// A port that is given with options that cannot be used: the error is told, the port stays free.
import assert from "node:assert/strict";
import http from "node:http";
import { spawnChild } from "../support/child.mjs";
import { client, connected } from "../support/clients.mjs";
import { closeServer } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

for (const where of ["the main process", "cluster"]) {
  beyond(
    `a server with options that cannot be used keeps no process alive: ${where}`,
    async (t) => {
      const child = spawnChild(t, "refused-port.mjs", [where], "server");
      const { count } = await child.message("refused");
      assert.equal(count, 6);
      assert.equal(await child.exit(), 0);
    },
  );
}

beyond("the port of a server with options that cannot be used is free", async (t) => {
  const probe = http.createServer().listen(0);
  await once(probe, "listening");
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  assert.throws(() => new Server(port, { transports: {} }), TypeError);
  const io = new Server(port);
  defer(t, () => closeServer(io));
  await connected(client(t, port));
});
