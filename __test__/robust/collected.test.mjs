// A server that is closed leaves nothing behind: its objects can be collected.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FORMS, startServer } from "../support/forms.mjs";
import { SESSIONS } from "../support/raw.mjs";
import { until } from "../support/wait.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const SERVERS = 20;

/** Starts a server, lets one client of each transport come, and closes it. */
async function serveOnce(t, form) {
  const io = await startServer(form);
  const { port } = io.httpServer.address();
  for (const transport of Object.values(SESSIONS)) {
    const session = await transport.open(t, port);
    await session.join();
  }
  assert.equal(io.engine.clientsCount, 2);
  await io.close();
  return [io, io.engine, io.httpServer].map((object) => new WeakRef(object));
}

for (const form of FORMS) {
  test(`servers that are closed can be collected (${form})`, async (t) => {
    const all = [];
    for (let i = 0; i < SERVERS; i++) all.push(...(await serveOnce(t, form)));
    await until(() => {
      collect();
      // The last one may still stand on a stack or in a timer of Node.
      return all.filter((one) => one.deref() !== undefined).length <= 3;
    }, "the servers are collected");
  });
}
