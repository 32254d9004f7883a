// Packets for a namespace that the client is still joining, in one read with the CONNECT or before its
// middlewares have answered: they wait until it has joined.
import assert from "node:assert/strict";
import { FORMS, SERVE } from "../support/forms.mjs";
import { RS, SESSIONS } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { frame, openFrames } from "../support/tcp.mjs";
import { defer, deferred, until } from "../support/wait.mjs";

/** A server whose namespaces note what they hear; `/slow` accepts when `gate` is open. */
async function noting(t, form, options) {
  const { io, port } = await SERVE[form](t, options);
  const gate = deferred("the gate");
  defer(t, () => gate.resolve());
  const log = [];
  const note = (socket) => {
    log.push(`${socket.nsp.name} connected`);
    socket.onAny((event, ...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
      log.push(`${event} ${args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString() : arg))}`);
      ack?.("yes");
    });
    socket.on("disconnect", (reason) => log.push(`${socket.nsp.name} ${reason}`));
  };
  io.on("connection", note);
  io.of("/slow").use((_socket, next) => gate.promise.then(next, next));
  io.of("/slow").on("connection", note);
  io.of("/no").use((_socket, next) => setImmediate(next, new Error("no")));
  io.of("/no").on("connection", note);
  return { io, port, log, gate };
}

for (const form of FORMS) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    const way = `(${form}, ${transport})`;

    beyond(`hears an event in one read with its CONNECT ${way}`, async (t) => {
      const { port, log } = await noting(t, form);
      for (let i = 0; i < 20; i++) {
        if (transport === "polling") {
          const session = await kind.open(t, port);
          assert.equal((await session.post(`40${RS}42["a",${i}]`)).text, "ok");
        } else {
          const tcp = await openFrames(t, port);
          await tcp.write(Buffer.concat([frame(1, "40"), frame(1, `42["a",${i}]`)]));
        }
        await until(() => log.includes(`a ${i}`), "the event is heard");
      }
      const heard = log.filter((line) => line.startsWith("a "));
      assert.equal(heard.length, 20);
      assert.equal(log[0], "/ connected");
    });

    beyond(`keeps the order of what waits for a middleware ${way}`, async (t) => {
      const { port, log, gate } = await noting(t, form);
      const session = await kind.open(t, port);
      await session.send(
        "40/slow,",
        '42/slow,["a",1]',
        '451-/slow,["b",{"_placeholder":true,"num":0}]',
      );
      await session.send(Buffer.from("bytes"), '42/slow,7["c"]');
      // others go on meanwhile
      await session.join();
      await session.send('42["d"]');
      await until(() => log.includes("d "), "the other namespace hears");
      assert.deepEqual(log, ["/ connected", "d "]);
      gate.resolve();
      await until(() => log.includes("c "), "the last event is heard");
      await session.send('42/slow,["e"]');
      await until(() => log.includes("e "), "an event behind them is heard");
      assert.deepEqual(log.slice(2), ["/slow connected", "a 1", "b bytes", "c ", "e "]);
      assert.match(await session.next(), /^40\/slow,\{/);
      assert.equal(await session.next(), '43/slow,7["yes"]');
    });

    beyond(`drops what waits for a namespace that refuses ${way}`, async (t) => {
      const { port, log } = await noting(t, form);
      const session = await kind.open(t, port);
      await session.send("40/no,", '42/no,["a"]');
      assert.equal(await session.next(), '44/no,{"message":"no"}');
      await session.join();
      await session.send('42["b"]');
      await until(() => log.includes("b "), "the session goes on");
      assert.deepEqual(log, ["/ connected", "b "]);
    });

    beyond(
      `closes a client for which too much waits, with an error that says so ${way}`,
      async (t) => {
        const { io, port, log } = await noting(t, form, { native: { maxPendingBytes: 10_000 } });
        const errors = [];
        io.on("connection", (socket) => socket.on("error", (error) => errors.push(error.message)));
        const session = await kind.open(t, port);
        await session.join();
        await session.send("40/slow,");
        // without a poll, the end of a polling session waits for one
        if (transport === "polling") session.get().catch(() => {});
        for (let i = 0; i < 20 && errors.length === 0; i++) {
          await session.send(`42/slow,["${"x".repeat(1000)}"]`).catch(() => {});
        }
        await until(() => log.includes("/ forced close"), "the session has ended");
        const message = "too many bytes for a namespace that is being joined";
        assert.deepEqual(errors, [message]);
        assert.equal(io.engine.metrics().bounds.pendingOfClient > 0, true);
      },
    );

    beyond(`closes a client that sends to a namespace it has not asked for ${way}`, async (t) => {
      const { port, log } = await noting(t, form);
      const session = await kind.open(t, port);
      await session.join();
      await session.send('42/other,["a"]').catch(() => {});
      await until(() => log.length === 2, "the session has ended");
      assert.match(log[1], /^\/ forced (server )?close$/);
    });
  }
}
