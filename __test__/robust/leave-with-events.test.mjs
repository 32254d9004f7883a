// Events and the client's own end in one read, while other clients keep the JavaScript thread awake: the
// listeners are called for each, or for none, and never by chance.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS, SERVE } from "../support/forms.mjs";
import { leave, scene } from "../support/late.mjs";
import { Polling } from "../support/raw.mjs";
import { closeFrame, frame, openFrames } from "../support/tcp.mjs";
import { defer, until } from "../support/wait.mjs";

const ROUNDS = 60;
const EVENTS = ['42["bye",1]', '42["bye",2]'];

const together = (...packets) =>
  Buffer.concat(packets.map((packet) => (Buffer.isBuffer(packet) ? packet : frame(1, packet))));

/** Over a WebSocket: what is written at once, and what the server makes of it. */
const OVER_WEBSOCKET = {
  "a DISCONNECT": [(tcp) => tcp.write(together(...EVENTS, "41")), 0, "client namespace disconnect"],
  "a close frame": [
    (tcp) => tcp.write(together(...EVENTS, closeFrame(1000))),
    2,
    "transport close",
  ],
  "the end of the connection": [(tcp) => tcp.socket.end(together(...EVENTS)), 2, "transport close"],
};

/** In one POST. */
const IN_A_POST = {
  "a DISCONNECT": [["41"], 0, "client namespace disconnect"],
  "a close packet": [["1"], 0, "transport close"],
  "a DISCONNECT and a close packet": [["41", "1"], 0, "transport close"],
};

/** A server, and clients that talk to it all the time. */
async function busyServer(t, form) {
  const { io, port } = await SERVE[form](t);
  const heard = [];
  const reasons = [];
  io.on("connection", (socket) => {
    socket.on("talk", (ack) => ack());
    socket.on("bye", (value) => heard.push(value));
    if (socket.handshake.auth.talks) return;
    socket.on("disconnect", (reason) => reasons.push(reason));
  });
  for (let i = 0; i < 4; i++) {
    const talker = await openFrames(t, port);
    await talker.join("/", '{"talks":true}');
    let talks = true;
    const talk = async () => {
      while (talks && (await talker.nextText()) !== null) talker.sendText('420["talk"]');
    };
    talker.sendText('420["talk"]', '420["talk"]', '420["talk"]');
    talk();
    defer(t, () => {
      talks = false;
    });
  }
  return { port, heard, reasons };
}

for (const form of FORMS) {
  for (const [what, [act, each, reason]] of Object.entries(OVER_WEBSOCKET)) {
    const outcome = each === 0 ? "drops" : "hears";
    test(`${outcome} events in one read with ${what} of a WebSocket (${form})`, async (t) => {
      const { port, heard, reasons } = await busyServer(t, form);
      for (let i = 0; i < ROUNDS; i++) {
        const tcp = await openFrames(t, port);
        await tcp.join();
        await act(tcp);
        await until(() => reasons.length === i + 1, "the client has left");
        tcp.destroy();
      }
      assert.deepEqual(new Set(reasons), new Set([reason]));
      assert.equal(heard.length, each * ROUNDS);
    });
  }

  for (const [what, [packets, each, reason]] of Object.entries(IN_A_POST)) {
    test(`drops events in one POST with ${what} (${form})`, async (t) => {
      const { port, heard, reasons } = await busyServer(t, form);
      for (let i = 0; i < ROUNDS; i++) {
        const session = await Polling.open(t, port);
        await session.join();
        await session.send(...EVENTS, ...packets);
        await until(() => reasons.length === i + 1, "the client has left");
      }
      assert.deepEqual(new Set(reasons), new Set([reason]));
      assert.equal(heard.length, each * ROUNDS);
    });
  }

  for (const kind of ["polling", "websocket"]) {
    test(`a late thread drops the events that came with a DISCONNECT, and no others (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form);
      const [leaver, other] = [await s[kind](), await s.websocket()];
      await leaver.join("/", { name: "A" });
      await other.join("/", { name: "B" });
      await s.late(async () => {
        await other.send('42["say","before"]');
        await leaver.send('42["say","1"]', '42["say","2"]', "41");
        await other.send('42["say","after"]');
      });
      // Nothing orders what two connections bring.
      const left = "A left: client namespace disconnect";
      const chronicle = await s.chronicle("B said say after", left);
      assert.deepEqual(
        chronicle.filter((line) => line.includes("said")),
        ["B said say before", "B said say after"],
      );
      await leave(leaver);
      await leave(other);
      await s.end();
    });
  }
}
