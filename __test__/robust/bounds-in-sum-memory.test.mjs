// The memory of a server stays near the bound of what may wait for all clients.
import assert from "node:assert/strict";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";

const MEBIBYTE = 2 ** 20;
const CLIENTS = 40;
const BOUND = 64 * MEBIBYTE;

for (const form of FORMS) {
  beyond(`a server that floods clients stays near its bound (${form})`, async (t) => {
    const execArgv = ["--expose-gc"];
    const child = spawnChild(t, "flooding.mjs", [form, `${BOUND}`], "robust", { execArgv });
    const { port } = await child.message("port");
    const sessions = [];
    for (let i = 0; i < CLIENTS; i++) {
      const session = await Ws.open(t, port);
      await session.join();
      session.ws.pause();
      sessions.push(session);
    }
    child.send("flood");
    const { grown, clients } = await child.message("flooded");
    // It sends up to 1,200 megabytes. Up to twice the bound may wait, and a round of messages is under
    // way.
    assert.ok(
      grown < 6 * BOUND,
      `${Math.round(grown / MEBIBYTE)} MiB, ${clients} clients are left`,
    );
    assert.ok(clients < CLIENTS, "some were closed");
    const other = await Ws.open(t, port);
    await other.join();
    await other.send('421["echo","still served"]');
    assert.equal(await other.next(), '431["still served"]');
    for (const { ws } of sessions) ws.terminate();
    child.send("end");
    assert.equal(await child.exit(), 0);
  });
}
