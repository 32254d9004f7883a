// 500 real clients chat for half a minute; every message arrives once, in order, and nothing is left.
//
// CHAT_SECONDS shortens or prolongs the chat, CHAT_CLIENTS changes the crowd (a multiple of 20).
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";

const SECONDS = Number(process.env.CHAT_SECONDS ?? 30);
const CLIENTS = Number(process.env.CHAT_CLIENTS ?? 500);
const PER_SECOND = 1;
const ROOM_SIZE = 20;
const CROWDS = 2; // client processes
const PATIENCE = 180_000 + SECONDS * 2000; // milliseconds, for a slow machine

for (const form of FORMS) {
  test(`${CLIENTS} clients chat for ${SECONDS} s (${form})`, async (t) => {
    const server = spawnChild(t, "server.mjs", [form], "load");
    const { port } = await server.message("listening");
    const rooms = CLIENTS / ROOM_SIZE;
    const count = CLIENTS / CROWDS;
    const crowds = Array.from({ length: CROWDS }, (_, i) => {
      const plan = {
        port,
        first: i * count,
        count,
        rooms,
        seconds: SECONDS,
        perSecond: PER_SECOND,
      };
      return spawnChild(t, "clients.mjs", [JSON.stringify(plan)], "load");
    });
    const all = (type) => Promise.all(crowds.map((crowd) => crowd.message(type, PATIENCE)));
    const order = (type, rest) => crowds.forEach((crowd) => void crowd.send(type, rest));

    await all("entered");
    server.send("count");
    const { counted, listed, namespaces } = await server.message("counted", PATIENCE);
    assert.deepEqual([counted, listed], [CLIENTS, CLIENTS]);
    const sockets = Object.values(namespaces).map((one) => one.sockets);
    assert.equal(
      sockets.reduce((sum, n) => sum + n),
      CLIENTS,
    );
    const held = Object.values(namespaces).reduce((sum, one) => sum + one.rooms, 0);
    assert.equal(held, CLIENTS + rooms, "each socket's own room, and the rooms of the chat");

    order("chat");
    const silent = await all("silent");
    const upgraded = silent.reduce((sum, one) => sum + one.upgraded, 0);
    const polling = Math.ceil(CLIENTS / 3);
    assert.equal(upgraded, CLIENTS - polling, "all but the polling clients are on WebSocket");

    order("check", { roomSize: ROOM_SIZE, messages: SECONDS * PER_SECOND });
    for (const { faults, delivered, expected } of await all("checked")) {
      assert.deepEqual(faults, []);
      assert.equal(delivered, expected);
    }

    order("leave");
    await all("left");
    for (const crowd of crowds) assert.equal(await crowd.exit(), 0);
    server.send("end");
    const { leaked, reasons, ...left } = await server.message("over", PATIENCE);
    assert.deepEqual([left.counted, left.listed, leaked], [0, 0, 0]);
    for (const [name, one] of Object.entries(left.namespaces)) {
      assert.deepEqual(one, { sockets: 0, waiting: 0, rooms: 0, sids: 0 }, name);
    }
    const known = ["client namespace disconnect", "server namespace disconnect", "transport close"];
    assert.deepEqual(
      Object.keys(reasons).filter((reason) => !known.includes(reason)),
      [],
    );
    assert.equal(
      Object.values(reasons).reduce((sum, n) => sum + n),
      CLIENTS,
    );
    assert.equal(await server.exit(), 0);
  });
}
