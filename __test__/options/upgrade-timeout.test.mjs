// upgradeTimeout: the longest duration of an upgrade.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { client, connected } from "../support/clients.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { once } from "../support/wait.mjs";
import { ALL, eachServer } from "./support.mjs";

// after the 101 → what the client still does
const STAGES = { nothing: [], "the probe": ["2probe"] };
for (const [stage, packets] of Object.entries(STAGES)) {
  eachServer(
    `an upgrade that stops after ${stage} is ended, the session goes on polling`,
    async (t, start) => {
      const { io, port } = await start({ upgradeTimeout: 500 });
      const session = await Polling.open(t, port);
      const conn = io.engine.clients[session.sid];
      const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
      await ws.send(...packets);
      for (const packet of packets) assert.equal(await ws.next(), packet.replace("2", "3"));
      assert.deepEqual(await ws.closed, { code: 1005, reason: "" });
      assert.equal(conn.readyState, "open");
      assert.equal(conn.upgraded, false);
      await session.join();
      // and another attempt may succeed
      const again = await Ws.open(t, port, { query: `&sid=${session.sid}` });
      await again.send("2probe");
      assert.equal(await again.next(), "3probe");
      const upgrading = once(conn, "upgrade");
      await again.send("5");
      await upgrading;
      assert.equal(conn.transport.name, "websocket");
    },
    ALL,
  );
}

eachServer("a finished upgrade does not time out", async (t, start) => {
  const { io, port } = await start({ upgradeTimeout: 900 });
  const connecting = once(io, "connection");
  const one = client(t, port, { transports: ["polling", "websocket"] });
  const [[socket]] = await Promise.all([connecting, connected(one)]);
  if (!socket.conn.upgraded) await once(socket.conn, "upgrade");
  await sleep(1000);
  assert.equal(socket.conn.readyState, "open");
  one.once("ask", (answer) => answer("here"));
  assert.equal(await socket.emitWithAck("ask"), "here");
});
