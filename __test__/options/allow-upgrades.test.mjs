// allowUpgrades: whether clients are told that they may upgrade.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { once } from "../support/wait.mjs";
import { ALL, eachServer } from "./support.mjs";

for (const [given, upgrades] of [
  [true, ["websocket"]],
  [1, ["websocket"]],
  [false, []],
  [0, []],
  [null, []],
]) {
  eachServer(`allowUpgrades: ${given} in the handshake`, async (t, start) => {
    const { io, port } = await start({ allowUpgrades: given });
    assert.deepEqual((await Polling.open(t, port)).handshake.upgrades, upgrades);
    assert.deepEqual((await Ws.open(t, port)).handshake.upgrades, []);
    // whether it is enabled or not
    const possible = upgrades.length === 0 ? [] : ["websocket", "webtransport"];
    assert.deepEqual(io.engine.upgrades("polling"), possible);
  });
}

eachServer("a real client does not upgrade when the handshake offers nothing", async (t, start) => {
  const { io, port } = await start({ allowUpgrades: false });
  const one = client(t, port, { transports: ["polling", "websocket"] });
  await connected(one);
  const [socket] = io.sockets.sockets.values();
  one.on("ask", (answer) => answer("here"));
  for (let turn = 0; turn < 3; turn++) assert.equal(await socket.emitWithAck("ask"), "here");
  assert.equal(socket.conn.upgrading ?? false, false);
  assert.equal(socket.conn.transport.name, "polling");
});

eachServer(
  "accepts an upgrade that the handshake did not offer",
  async (t, start) => {
    const { io, port } = await start({ allowUpgrades: false });
    const session = await Polling.open(t, port);
    const conn = io.engine.clients[session.sid];
    const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
    await ws.send("2probe");
    assert.equal(await ws.next(), "3probe");
    const upgrading = once(conn, "upgrade");
    await ws.send("5");
    await upgrading;
    await ws.join();
  },
  ALL,
);

eachServer("a change of allowUpgrades counts for the next handshake", async (t, start) => {
  const { io, port } = await start();
  io.engine.opts.allowUpgrades = false;
  assert.deepEqual((await Polling.open(t, port)).handshake.upgrades, []);
});
