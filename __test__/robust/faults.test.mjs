// A panic of native code costs an exception, a session or a command: never the process, and nobody else.
// The engine panics where a test asks for it, in the binary that is shipped. Rust prints each to stderr.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { arena, echoes } from "../support/arena.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { until, within } from "../support/wait.mjs";

const require = createRequire(import.meta.url);
const { engine, calls } = isOracle ? {} : require("../../dist/engine/native/binding.js");
const { FaultPlace } = isOracle ? {} : require("../../dist/engine/native/contract.js");

/** Has the next panic happen, and waits until it has been counted. */
async function fault(place, handle, provoke = () => {}) {
  const before = engine.stats().panics;
  engine.injectFault(place, handle);
  await provoke();
  await until(() => engine.stats().panics === before + 1, "the panic is counted");
}

/** The server's side of a client. */
const socketOf = (server, client) => server.io.of("/").sockets.get(client.id);

for (const form of ["port", "attached"]) {
  beyond(
    `${form}: a panic in a call of a class throws, and everybody is still served`,
    async (t) => {
      const server = await arena(t, { form });
      const before = engine.stats().panics;
      assert.throws(
        () => engine.injectFault(FaultPlace.Here, 0),
        /panic that a test has asked for/,
      );
      assert.equal(engine.stats().panics, before + 1);
      await server.stillServes();
    },
  );

  beyond(
    `${form}: a panic in a call per event throws, and everybody is still served`,
    async (t) => {
      const server = await arena(t, { form });
      for (const call of Object.keys(calls)) {
        await fault(FaultPlace.Call, 0, () =>
          assert.throws(() => calls[call](-1, 0, "", 0), /the native engine has a fault/, call),
        );
      }
      await server.stillServes();
    },
  );

  beyond(`${form}: a panic while a message is sent closes its session only`, async (t) => {
    const server = await arena(t, { form });
    const client = await server.client();
    const other = await server.client();
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    const heard = new Promise((resolve) => other.once("after", resolve));
    const { id } = client;
    await fault(FaultPlace.Send, 0, () => {
      socketOf(server, client).emit("lost");
      socketOf(server, other).emit("after", 1);
    });
    await within(gone, "the client is disconnected");
    assert.equal(await within(heard, "the message of the same tick"), 1);
    assert.equal((await server.gone(id)).reason, "forced close");
    await echoes(other);
    await server.stillServes();
  });

  beyond(`${form}: a panic on the I/O thread in one connection closes it only`, async (t) => {
    const server = await arena(t, { form });
    const client = await server.client();
    const { id } = client;
    const { _handle: handle } = socketOf(server, client).conn;
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    await fault(FaultPlace.Connection, handle);
    await within(gone, "the client is disconnected");
    const { reason, description } = await server.gone(id);
    assert.equal(reason, "transport error");
    assert.equal(description.message, "internal error");
    await server.alone();
    await server.stillServes();
  });

  beyond(`${form}: a panic in a command of the I/O thread costs the command only`, async (t) => {
    const server = await arena(t, { form });
    await fault(FaultPlace.Command, 0);
    await server.stillServes();
  });
}

beyond("a panic in a post that JavaScript receives closes its session only", async (t) => {
  const server = await arena(t);
  const polling = await server.polling();
  const conn = server.io.engine.clients[polling.sid];
  const closed = new Promise((resolve) => conn.once("close", (...args) => resolve(args)));
  await fault(FaultPlace.Session, 0, () => polling.post("40").catch(() => {}));
  const [reason, description] = await within(closed, "the session is closed");
  assert.equal(reason, "transport error");
  assert.equal(description.message, "internal error");
  await server.stillServes();
});

beyond(
  "a panic when a worker thread ends leaves the process and its other servers alone",
  async (t) => {
    const server = await arena(t, { form: "port" });
    const code = `
    const { Server } = require(${JSON.stringify(require.resolve("../../index.js"))});
    const io = new Server(0);
    require("node:worker_threads").parentPort.postMessage("up");
  `;
    const worker = new Worker(code, { eval: true });
    await within(new Promise((resolve) => worker.once("message", resolve)), "the worker is up");
    await fault(FaultPlace.Cleanup, 0, () => worker.terminate());
    await server.stillServes();
  },
);
