// Much waits for all clients together, while each has less than its own bound: the greediest goes first.
import assert from "node:assert/strict";
import { ENTRANCES } from "../platforms/entrances.mjs";
import { client, connected } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { WsServer } from "../support/ws-engines.mjs";

const MEGABYTE = "x".repeat(1_000_000);
const GIVEN_UP = "transport error: too many bytes are waiting for all clients";
/** More than the sum of what the kernel takes for a client that does not read, and the bound. */
const GREEDY = 140;
const NATIVE = { maxBufferedBytesOfAll: 60_000_000, maxBufferedBytes: 1_000_000_000 };

/** The ends of all sockets of a server, by their ids. */
function endsOf(io) {
  const ends = new Map();
  io.on("connection", (socket) => {
    socket.on("echo", (value, ack) => ack(value));
    socket.on("disconnect", (reason, description) => {
      ends.set(socket.id, `${reason}: ${description?.message}`);
    });
  });
  return ends;
}

/** A client whose WebSocket is not read, with its socket on the server. */
async function silent(t, served, open) {
  const accepted = once(served.io, "connection");
  const one = open(t, served, { transports: ["websocket"], reconnection: false });
  const [[socket]] = await Promise.all([accepted, connected(one)]);
  const { ws } = one.io.engine.transport;
  let heard = 0;
  one.on("large", () => heard++);
  ws.pause();
  return {
    socket,
    client: one,
    resume: () => ws.resume(),
    leave: () => ws.terminate(),
    heard: () => heard,
  };
}

/** Fills a server with what two clients do not read: the one for which more waits is closed. */
async function fill(t, served, open) {
  const { io } = served;
  const ends = endsOf(io);
  const reader = open(t, served, { transports: ["websocket"] });
  await connected(reader);
  const greedy = await silent(t, served, open);
  const modest = await silent(t, served, open);
  for (let i = 0; i < 10; i++) modest.socket.emit("large", MEGABYTE);
  for (let i = 0; i < GREEDY; i++) greedy.socket.emit("large", MEGABYTE);
  await until(() => ends.size > 0, "one is closed");
  assert.deepEqual([...ends], [[greedy.socket.id, GIVEN_UP]]);
  assert.equal(await reader.emitWithAck("echo", "still served"), "still served");
  modest.resume();
  await until(() => modest.heard() === 10, "the other one gets all");
  assert.equal(ends.size, 1);
  // It would wait for the other side's goodbye, which it does not read.
  greedy.leave();
}

for (const [entrance, { serve, client }] of Object.entries(ENTRANCES)) {
  beyond(
    `closes the client for which most waits when too much waits in all, ${entrance}`,
    async (t) => {
      const served = await serve(t);
      served.io.engine.opts.native = NATIVE;
      await fill(t, served, client);
    },
  );
}

beyond(
  "closes the WebSocket of a wsEngine for which most waits when too much waits in all",
  async (t) => {
    const served = await serve(t, { wsEngine: WsServer, native: NATIVE });
    await fill(t, served, (t, { port }, options) => client(t, port, options));
  },
);

for (const form of FORMS) {
  beyond(`a broadcast that waits for many clients counts once (${form})`, async (t) => {
    const served = await SERVE[form](t, { native: NATIVE });
    const ends = endsOf(served.io);
    const open = (t, { port }, options) => client(t, port, options);
    const slow = [];
    for (let i = 0; i < 5; i++) slow.push(await silent(t, served, open));
    // For each of them, 10 megabytes less than the bound.
    for (let i = 0; i < 50; i++) served.io.emit("large", MEGABYTE);
    const greedy = await silent(t, served, open);
    for (let i = 0; i < GREEDY; i++) greedy.socket.emit("large", MEGABYTE);
    await until(() => ends.size > 0, "one is closed");
    assert.deepEqual([...ends], [[greedy.socket.id, GIVEN_UP]]);
    for (const { resume } of slow) resume();
    await until(() => slow.every(({ heard }) => heard() === 50), "the others get all");
    assert.equal(ends.size, 1);
  });

  beyond(`closes the client that polls for which most waits (${form})`, async (t) => {
    const native = { maxBufferedBytesOfAll: 20_000_000 };
    const { io, port } = await SERVE[form](t, { native });
    const ends = endsOf(io);
    const [greedy, modest] = [await Polling.open(t, port), await Polling.open(t, port)];
    const sids = [await greedy.join(), await modest.join()];
    for (let i = 0; i < 5; i++) io.to(sids[1]).emit("large", MEGABYTE);
    for (let i = 0; i < 18; i++) io.to(sids[0]).emit("large", MEGABYTE);
    await until(() => ends.size > 0, "one is closed");
    assert.deepEqual([...ends], [[sids[0], GIVEN_UP]]);
    for (let i = 0; i < 5; i++) assert.ok((await modest.next()).length > MEGABYTE.length);
    assert.equal(ends.size, 1);
  });
}
