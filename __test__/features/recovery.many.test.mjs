// Many clients that come back at once: all recover, in order, and nothing is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVE } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { RECOVERY } from "../support/recovery.mjs";
import { until } from "../support/wait.mjs";

const CLIENTS = 1000;
const ROOMS = 10;
const ROUNDS = 5;

/** Runs `fn(i)` for every client, so many at a time that no backlog overflows. */
async function forEach(fn) {
  for (let i = 0; i < CLIENTS; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, j) => fn(i + j)));
  }
}

for (const [form, start] of Object.entries(SERVE)) {
  test(`${CLIENTS} clients recover at once [${form}]`, { timeout: 180_000 }, async (t) => {
    // No heartbeat: raw clients do not answer pings, and a slow machine takes its time.
    const { io, port } = await start(t, { ...RECOVERY, pingInterval: 600_000 });
    io.on("connection", (socket) => {
      if (socket.recovered) socket.emit("live");
    });
    const guests = [];
    await forEach(async (i) => {
      const session = await Ws.open(t, port);
      await session.send("40");
      const { sid, pid } = JSON.parse((await session.next()).slice(2));
      const room = `room ${i % ROOMS}`;
      const socket = io.sockets.sockets.get(sid);
      socket.join(room);
      socket.data.index = i;
      socket.emit("welcome");
      const offset = JSON.parse((await session.next()).slice(2)).at(-1);
      guests[i] = { session, sid, auth: JSON.stringify({ pid, offset }), room };
    });
    for (const { session } of guests) session.ws.terminate();
    await until(() => io.sockets.sockets.size === 0, "everybody is gone");

    for (let round = 0; round < ROUNDS; round++) {
      io.emit("to all", round);
      for (let n = 0; n < ROOMS; n++) io.to(`room ${n}`).emit("to a room", `room ${n}`, round);
      for (const { sid } of guests) io.to(sid).emit("to one", sid, round);
    }

    const missing = guests.map(async ({ sid, auth, room }) => {
      const session = await Ws.open(t, port);
      await session.send(`40${auth}`);
      const events = [];
      const next = async () => {
        const text = await session.next();
        if (text.startsWith("40")) return JSON.parse(text.slice(2));
        events.push(JSON.parse(text.slice(2)).slice(0, -1));
      };
      let answer;
      while (answer === undefined) answer = await next();
      await next();
      assert.equal(answer.sid, sid);
      const rounds = Array.from({ length: ROUNDS }, (_, round) => [
        ["to all", round],
        ["to a room", room, round],
        ["to one", sid, round],
      ]);
      assert.deepEqual(events, [...rounds.flat(), ["live"]]);
    });
    await Promise.all(missing);
    assert.equal(io.sockets.sockets.size, CLIENTS);
    for (const { sid, room } of guests) assert.ok(io.sockets.sockets.get(sid).rooms.has(room));
  });
}
