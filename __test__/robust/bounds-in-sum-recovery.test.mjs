// Sessions and packets of clients that are away have a bound over all namespaces: the oldest go first.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { comeBack, guest, lose, welcome } from "../support/recovery.mjs";
import { beyond } from "../support/subject.mjs";

beyond("gives up the sessions that are away longest when there are too many", async (t) => {
  const served = await guest(t, { server: { native: { maxSessionsAway: 2 } } });
  const others = [await welcome(t, served), await welcome(t, served)];
  const guests = [served, ...others];
  for (const { socket, client } of guests) await lose(socket, client);
  served.io.emit("missed");
  const back = [];
  for (const { client } of guests) back.push((await comeBack(served.io, client)).recovered);
  assert.deepEqual(back, [false, true, true]);
  assert.deepEqual(
    guests.slice(1).map(({ log }) => log),
    [[["missed"]], [["missed"]]],
  );
});

beyond("counts the sessions of all namespaces", async (t) => {
  const served = await guest(t, { server: { native: { maxSessionsAway: 1 } } });
  const { io } = served;
  io.of("/other").on("connection", () => {});
  const other = await welcome(t, served, { nsp: "/other" });
  await lose(served.socket, served.client);
  await lose(other.socket, other.client);
  assert.equal((await comeBack(io, other.client, "/other")).recovered, true);
  assert.equal((await comeBack(io, served.client)).recovered, false);
});

beyond("drops the oldest packets of all namespaces when too many bytes are kept", async (t) => {
  const served = await guest(t, { server: { native: { maxRecoveryBytes: 200_000 } } });
  const { io } = served;
  await lose(served.socket, served.client);
  io.emit("missed");
  for (let i = 0; i < 400; i++) io.of(`/n${i % 4}`).emit("too much", "x".repeat(1000));
  assert.equal((await comeBack(io, served.client)).recovered, false);
  // A client that leaves later has all that it needs.
  const later = await welcome(t, served);
  await lose(later.socket, later.client);
  io.emit("missed");
  assert.equal((await comeBack(io, later.client)).recovered, true);
  assert.deepEqual(later.log, [["missed"]]);
});

beyond("keeps no more bytes than may be kept, and the newest of them", () => {
  const require = createRequire(import.meta.url);
  const { KeptForRecovery } = require("../../dist/kept-for-recovery.js");
  const { PacketLog } = require("../../dist/packet-log.js");
  let reached = 0;
  const engine = { _limits: { maxRecoveryBytes: 100_000 }, _options: { reached: () => reached++ } };
  const kept = KeptForRecovery.of({ engine });
  const logs = [1, 2, 3].map(() => new PacketLog(1e9));
  const now = Date.now();
  for (let i = 0; i < 3000; i++) {
    const log = logs[i % 3];
    log.append({ time: now - 3000 + i, parts: [`${i}`], rooms: [], except: [] });
    kept.count(log);
    const bytes = logs.reduce((sum, { memory }) => sum + memory, 0);
    assert.ok(bytes <= 100_000, `${bytes} bytes are kept`);
  }
  assert.ok(reached > 0);
  // All logs reach back about as far.
  const ages = logs.map(({ oldest }) => now - oldest);
  assert.ok(Math.max(...ages) - Math.min(...ages) < 100, `${ages}`);
  assert.ok(Math.min(...ages) > 150, `${ages}`);
});
