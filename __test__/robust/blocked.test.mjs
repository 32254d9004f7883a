// A JavaScript thread that is busy for seconds must cost neither connections nor messages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { realClient } from "../support/arena.mjs";
import { memoryOf } from "../support/census.mjs";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, until, within } from "../support/wait.mjs";

const MEBIBYTE = 2 ** 20;

const start = (t, form, options) =>
  spawnChild(t, "blocked-server.mjs", [form, JSON.stringify(options)], "robust", { gate: true });

/**
 * Does something while the server's thread stands still, for `ms` at least. Resolves with the bytes by
 * which the server's memory grew meanwhile.
 */
async function blocked(server, act, ms) {
  server.send("block");
  await server.message("blocking");
  await server.stopped();
  const before = memoryOf(server.pid);
  let highest = before;
  const look = () => {
    highest = Math.max(highest, memoryOf(server.pid));
  };
  const looking = setInterval(look, 20);
  const acted = act();
  await pause(ms);
  clearInterval(looking);
  look();
  server.release();
  await Promise.all([acted, server.message("unblocked")]);
  return highest - before;
}

/** A server in a child process, and `count` clients of it; `send(client)` numbers the messages. */
async function scene(t, form, options, count) {
  const server = start(t, form, options);
  const { port } = await server.message("listening");
  const clients = await Promise.all(Array.from({ length: count }, () => realClient(port)));
  defer(t, () => {
    for (const client of clients) client.disconnect();
  });
  const sent = new Map(clients.map((client) => [client, 0]));
  const lost = [];
  for (const client of clients) client.on("disconnect", (reason) => lost.push(reason));
  return {
    server,
    clients,
    send(client, ...extra) {
      const n = sent.get(client);
      sent.set(client, n + 1);
      client.emit("number", n, ...extra);
    },
    /** Everybody is still there, every number arrived once and in order; returns the report. */
    async complete() {
      assert.deepEqual(lost, []);
      for (const client of clients) {
        const asked = new Promise((resolve) => client.emit("total", resolve));
        const total = await within(asked, "the total of a client", 60_000);
        assert.deepEqual(total, { count: sent.get(client), firstFault: null });
      }
      server.send("report");
      const report = await server.message("report");
      assert.deepEqual(report.reasons, []);
      for (const client of clients) client.disconnect();
      server.send("end");
      assert.equal(await server.exit(), 0);
      return report;
    },
  };
}

/** Eight clients that keep talking while the server's thread is blocked for `block` ms. */
async function talk(t, form, options, block) {
  const s = await scene(t, form, options, 8);
  const talking = setInterval(() => {
    for (const client of s.clients) s.send(client);
  }, 20);
  defer(t, () => clearInterval(talking));
  await pause(100);
  await blocked(s.server, () => {}, block);
  await pause(options.pingInterval + options.pingTimeout); // whoever was given up is gone by now
  clearInterval(talking);
  await s.complete();
}

for (const form of FORMS) {
  test(`a block shorter than the heartbeat loses nothing (${form})`, (t) =>
    talk(t, form, { pingInterval: 2000, pingTimeout: 2000 }, 600));

  beyond(`a block of three heartbeats loses nobody and nothing (${form})`, (t) =>
    talk(t, form, { pingInterval: 300, pingTimeout: 1000 }, 4000),
  );

  test(`events of a client that leaves are heard when all of it comes at once (${form})`, async (t) => {
    const server = start(t, form, {});
    const { port } = await server.message("listening");
    const session = await Polling.open(t, port);
    await session.join();
    const leave = async () => {
      for (const packet of ['42["number",0]', "41", "1"]) await session.send(packet);
    };
    await blocked(server, leave, 1000);
    const report = await until(async () => {
      server.send("report");
      const seen = await server.message("report");
      return seen.reasons.length > 0 && seen;
    });
    assert.deepEqual(report.reasons, ["client namespace disconnect"]);
    assert.equal(report.numbers, 1);
    server.send("end");
    assert.equal(await server.exit(), 0);
  });

  test(`a flood into a blocked thread is held back, not stored (${form})`, async (t) => {
    const s = await scene(t, form, {}, 4);
    const payload = "x".repeat(6 * 1024);
    const flood = async () => {
      for (let i = 0; i < 10_000; i++) {
        for (const client of s.clients) s.send(client, payload);
        if (i % 100 === 99) await pause(1);
      }
    };
    // Later growth, while the flood is read, is the garbage of JavaScript.
    const grown = Math.round((await blocked(s.server, flood, 3000)) / MEBIBYTE);
    await s.complete();
    t.diagnostic(`grown by ${grown} MiB for a flood of 240 MiB`);
    assert.ok(grown < 100, `grown by ${grown} MiB for a flood of 240 MiB`);
  });
}
