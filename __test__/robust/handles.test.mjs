// The names of sessions on both sides of the boundary: used again only when nobody can mean the old one.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { arena } from "../support/arena.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { until, within } from "../support/wait.mjs";

const require = createRequire(import.meta.url);
const { SLOT_MASK } = isOracle ? {} : require("../../dist/engine/native/contract.js");
const { calls, engine } = isOracle ? {} : require("../../dist/engine/native/binding.js");

const slotOf = (conn) => conn._handle & SLOT_MASK;

/** Opens a polling session and has the server close it; returns its object. */
async function openAndClose(server) {
  const { sid } = await server.polling();
  const conn = server.io.engine.clients[sid];
  const slot = slotOf(conn);
  conn.close(true);
  await until(() => conn._handle === -1, "the end of the session is worked off");
  return { conn, slot };
}

for (const form of ["port", "attached"]) {
  beyond(`${form}: slots of sessions that have ended are used again`, async (t) => {
    const server = await arena(t, { form });
    const slots = new Set();
    // More than rest before they are used again.
    for (let i = 0; i < 600; i++) slots.add((await openAndClose(server)).slot);
    assert.ok(slots.size < 400, `${slots.size} slots`);
    await server.stillServes();
  });

  beyond(`${form}: what is asked of a session that has ended reaches no other one`, async (t) => {
    const server = await arena(t, { form });
    const { conn } = await openAndClose(server);
    const before = engine.stats().sessions;
    conn.close(true);
    conn.close();
    conn.send("late");
    conn.write(Buffer.from("late"));
    conn.transport?.send?.([{ type: "message", data: "late", options: {} }]);
    assert.equal(engine.bufferedBytes(conn._handle), 0);
    assert.equal(engine.push(conn._handle, Buffer.from("41")), null);
    assert.equal(calls.isPollPending(conn._handle), false);
    engine.fail(conn._handle, 0);
    engine.lost(conn._handle, false);
    assert.equal(engine.stats().sessions, before);
    await server.stillServes();
  });
}

beyond("sessions of worker threads that have ended give their slots back", async (t) => {
  const server = await arena(t, { form: "port" });
  const code = `
    const { Server } = require(${JSON.stringify(require.resolve("../../index.js"))});
    const http = require("node:http");
    const io = new Server(0);
    const open = () => new Promise((resolve) => {
      const { port } = io.httpServer.address();
      http.get({ port, path: "/socket.io/?EIO=4&transport=polling" }, (res) => res.resume().on("end", resolve));
    });
    io.httpServer.once("listening", async () => {
      for (let i = 0; i < 100; i++) await open();
      // Some have ended, and this thread never hears of it.
      for (const conn of Object.values(io.engine.clients).slice(0, 50)) conn.close(true);
      require("node:worker_threads").parentPort.postMessage("open");
      for (;;);
    });
  `;
  const before = engine.stats().sessions;
  let highest = 0;
  for (let i = 0; i < 8; i++) {
    const worker = new Worker(code, { eval: true });
    await within(new Promise((resolve) => worker.once("message", resolve)), "sessions are open");
    await worker.terminate();
    await until(() => engine.stats().sessions === before, "the sessions of the worker are gone");
    highest = Math.max(highest, (await openAndClose(server)).slot);
  }
  // 800 sessions, of which 100 live at a time, and 256 slots that rest.
  assert.ok(highest < 500, `slot ${highest}`);
  await server.stillServes();
});
