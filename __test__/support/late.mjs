// A server whose JavaScript thread is late.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { spawnChild } from "./child.mjs";
import { Polling, Ws } from "./raw.mjs";
import { until } from "./wait.mjs";

/** Ends a raw session. */
export async function leave(session) {
  if (session instanceof Polling) await session.send("1");
  else session.ws.close();
}

/** A server in a child process, with the chronicle of its application: `late-server.mjs`. */
export async function scene(t, form, options = {}) {
  const args = [form, JSON.stringify(options)];
  const server = spawnChild(t, "late-server.mjs", args, "robust", { gate: true });
  const { port } = await server.message("listening");
  const report = async () => {
    server.send("report");
    return server.message("report");
  };
  return {
    port,
    server,
    polling: () => Polling.open(t, port),
    websocket: () => Ws.open(t, port),
    /**
     * Does something while the thread stands still, for `ms`; resolves when both are over. The thread
     * closes the server then (`close`), or reads properties (`look`) and sends the message "looked".
     */
    async late(act, { ms = 600, ...then } = {}) {
      server.send("block", then);
      await server.stopped();
      const acted = act();
      await pause(ms);
      server.release();
      await Promise.all([acted, server.message("unblocked")]);
    },
    /** Resolves once Node holds a poll or a POST of a session. */
    underway: () => until(async () => (await report()).underway > 0, "a request is under way"),
    /** The chronicle, once all of these lines are in it. */
    async chronicle(...lines) {
      const { chronicle } = await until(
        async () => {
          const seen = await report();
          return lines.every((line) => seen.chronicle.includes(line)) && seen;
        },
        `"${lines.join('" and "')}" is heard`,
      );
      return chronicle;
    },
    /** Everybody has gone and nothing is left; the server ends. */
    async end() {
      await until(async () => {
        const { remains } = await report();
        return Object.values(remains).every((n) => n === 0);
      }, "nobody is left");
      server.send("end");
      assert.equal(await server.exit(), 0);
    },
  };
}
