// TCP resets at each step of the handshake, of polling and of the upgrade.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { frame, opening } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const HANDSHAKE = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
const FOREIGN = opening("EIO=4&transport=websocket", {}, "/elsewhere");

/** Every step a connection can be reset at; each returns the connection to reset. */
const STEPS = {
  "the TCP connection": (a) => a.tcp(),
  "half a request line": (a) => sent(a, HANDSHAKE.slice(0, 10)),
  "half the headers": (a) => sent(a, HANDSHAKE.slice(0, -2)),
  "the polling handshake": (a) => sent(a, HANDSHAKE),
  "two pipelined handshakes": (a) => sent(a, HANDSHAKE.repeat(2)),
  "half an upgrade request": (a) => sent(a, opening().slice(0, 60)),
  "the upgrade request": (a) => sent(a, opening()),
  "an upgrade request for another path": (a) => sent(a, FOREIGN),
  "an upgrade request with frames behind it": (a) =>
    sent(a, Buffer.concat([Buffer.from(opening()), frame(1, "40"), frame(1, '42["x"]')])),
  "the 101": (a) => a.websocket(),
  "the open packet": async (a) => {
    const ws = await a.websocket();
    await ws.nextText();
    return ws;
  },
  CONNECT: async (a) => {
    const ws = await a.websocket();
    await ws.sendText("40");
    return ws;
  },
  "the CONNECT reply": (a) => joined(a),
  "half a frame": async (a) => {
    const ws = await joined(a);
    await ws.write(frame(1, '42["half"]').subarray(0, 7));
    return ws;
  },
  "an event": async (a) => {
    const ws = await joined(a);
    await ws.sendText('421["echo",1]');
    return ws;
  },
  "a close frame": async (a) => {
    const ws = await joined(a);
    await ws.write(frame(8));
    return ws;
  },
  "a violation": async (a) => {
    const ws = await joined(a);
    await ws.write(frame(7));
    return ws;
  },
};

const sent = async (a, bytes) => {
  const tcp = a.tcp();
  await tcp.write(bytes);
  return tcp;
};

const joined = async (a) => {
  const ws = await a.websocket();
  await ws.join();
  return ws;
};

for (const form of FORMS) {
  const reset = (name, body, settings) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      // Sessions whose handshake was answered into the void end with the heartbeat.
      const options = { pingInterval: 300, pingTimeout: 1000 };
      const a = await arena(t, { form, options, ...settings });
      await body(a);
      await a.stillServes();
      await a.alone();
    });

  for (const [step, open] of Object.entries(STEPS)) {
    reset(`a reset right after ${step}`, async (a) => {
      for (let i = 0; i < 5; i++) await (await open(a)).reset();
    });
  }

  reset("a reset of a pending poll closes the session", async (a) => {
    const session = await a.polling();
    const id = await session.join();
    const tcp = await sent(a, session.requestText("GET"));
    const { transport } = a.accounts.get(id).socket.conn;
    await until(() => transport.writable, "the poll is pending");
    await tcp.reset();
    const account = await a.gone(id);
    assert.equal(account.reason, "transport error");
    assert.equal(account.description.message, "poll connection closed prematurely");
  });

  reset("a reset inside a POST closes the session", async (a) => {
    for (const part of ["", "42"]) {
      const session = await a.polling();
      const id = await session.join();
      const tcp = await sent(a, session.requestText("POST", { "Content-Length": 100 }) + part);
      await a.request(session.path, { method: "PUT" });
      await tcp.reset();
      const account = await a.gone(id);
      assert.equal(account.reason, "transport error");
      assert.equal(account.description.message, "data request connection closed prematurely");
      assert.deepEqual(account.events, []);
    }
  });

  reset(
    "resets inside an upgrade leave the session on polling",
    async (a) => {
      const session = await a.polling();
      const id = await session.join();
      const query = `EIO=4&transport=websocket&sid=${session.sid}`;
      // Until the server has noticed the last reset, it refuses another attempt.
      const probed = () =>
        until(async () => {
          const ws = await a.websocket({ query });
          await ws.sendText("2probe");
          return (await ws.nextText()) === "3probe" && ws;
        }, "a probe is answered");
      const steps = [
        () => sent(a, opening(query)),
        () => a.websocket({ query }),
        async () => {
          const ws = await a.websocket({ query });
          await ws.sendText("2probe");
          return ws;
        },
        probed,
        async () => {
          const ws = await a.websocket({ query });
          await ws.write(frame(1, "5").subarray(0, 3));
          return ws;
        },
      ];
      for (const [step, open] of steps.entries()) {
        await (await open()).reset();
        await session.post(`42${step}["echo",${step}]`);
        assert.equal((await session.get()).text, `43${step}[${step}]`);
      }
      // After the switch the WebSocket is the session.
      const upgraded = await probed();
      await upgraded.sendText("5", '429["echo",9]');
      assert.equal(await upgraded.nextText(), "439[9]");
      await upgraded.reset();
      assert.match((await a.gone(id)).reason, /^transport (close|error)$/);
    },
    { options: {} },
  );

  reset("a whole crowd is reset at once", async (a) => {
    const crowd = await Promise.all(Array.from({ length: 100 }, () => joined(a)));
    a.io.emit("hello", "x".repeat(10_000));
    await Promise.all(crowd.map((ws) => ws.reset()));
    a.io.emit("hello", "x".repeat(10_000));
    await a.alone();
  });
}
