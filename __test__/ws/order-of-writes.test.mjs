// Messages that leave alone, in bursts and in broadcasts: a reply of an idle server may be written by
// another thread than the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";

/** No ping comes between the messages. */
const OPTIONS = { pingInterval: 300_000 };
const CLIENTS = 9;
const STEPS = 600;

/** Numbers that look random and are the same in each run. */
function random() {
  let state = 0x5eed;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % bound;
  };
}

/** A client with its socket on the server side, by its id. */
async function open(t, { io, port }) {
  const session = await Ws.open(t, port, OPTIONS);
  const sid = await session.join();
  await until(() => io.sockets.sockets.has(sid));
  return { session, socket: io.sockets.sockets.get(sid), sent: 0 };
}

for (const form of FORMS) {
  test(`gives each client its messages in order, alone, in bursts and in broadcasts (${form})`, async (t) => {
    const served = await SERVE[form](t, OPTIONS);
    const pick = random();
    const clients = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await open(t, served));
    // These do not read for a while, so that bytes wait for them.
    const slow = clients.slice(0, 2);
    for (const { session } of slow) session.ws.pause();
    for (let step = 0; step < STEPS; step++) {
      const filler = "x".repeat(pick(20) === 0 ? pick(60_000) : pick(60));
      const to = pick(10) === 0 ? clients : [clients[pick(CLIENTS)]];
      if (to.length > 1) served.io.emit("all", filler.slice(0, 100));
      for (const client of to) {
        client.socket.emit("number", client.sent++, filler);
        if (pick(4) === 0) client.socket.emit("number", client.sent++, "");
      }
      const pause = pick(6);
      if (pause === 0) await setTimeout(1);
      else if (pause < 5) await setImmediate();
    }
    for (const { session } of slow) session.ws.resume();
    for (const client of clients) {
      client.socket.emit("end");
      for (let expected = 0; ; ) {
        const [name, number] = JSON.parse((await client.session.next()).slice(2));
        if (name === "all") continue;
        if (name === "end") {
          assert.equal(expected, client.sent);
          break;
        }
        assert.equal(number, expected++);
      }
    }
  });

  test(`gives a client nothing of what was sent to one that has left (${form})`, async (t) => {
    const served = await SERVE[form](t, OPTIONS);
    for (let round = 0; round < 40; round++) {
      const left = await open(t, served);
      // On their way when the connection ends, whose descriptor is free then.
      left.session.ws.terminate();
      for (let i = 0; i < 3; i++) {
        left.socket.emit("of the one that has left");
        await setImmediate();
      }
      const client = await open(t, served);
      left.socket.emit("of the one that has left");
      client.socket.emit("own");
      assert.equal(await client.session.next(), '42["own"]');
      client.session.ws.terminate();
    }
  });

  beyond(`counts each reply of an idle server once (${form})`, async (t) => {
    const served = await SERVE[form](t, OPTIONS);
    const { session, socket } = await open(t, served);
    socket.on("echo", (ack) => ack());
    const before = served.io.engine.metrics().traffic.websocket;
    let bytes = 0;
    for (let id = 0; id < 50; id++) {
      await session.send(`42${id}["echo"]`);
      const reply = await session.next();
      assert.equal(reply, `43${id}[]`);
      // The header of a short frame has two bytes.
      bytes += reply.length + 2;
      await setTimeout(1);
    }
    const after = () => served.io.engine.metrics().traffic.websocket;
    await until(() => after().bytesOut - before.bytesOut === bytes);
    assert.equal(after().messagesOut - before.messagesOut, 50);
    assert.equal(after().messagesIn - before.messagesIn, 50);
  });
}
