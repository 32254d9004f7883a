// Clients that begin something and never end it: the documented time-outs give everything back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { frame } from "../support/tcp.mjs";

const HEARTBEAT = { pingInterval: 200, pingTimeout: 1000 };
/** Upgrades run out long before the heartbeat, so that it is seen to go on. */
const UPGRADE = { pingInterval: 20_000, upgradeTimeout: 800 };

for (const form of FORMS) {
  const abandon = (name, options, body) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      const a = await arena(t, { form, options });
      await body(a);
      await a.stillServes();
    });

  abandon("a session that stops polling", HEARTBEAT, async (a) => {
    const session = await a.polling();
    const account = await a.gone(await session.join());
    assert.equal(account.reason, "ping timeout");
    await a.alone();
  });

  abandon("a session that polls but never answers the ping", HEARTBEAT, async (a) => {
    const session = await a.polling();
    assert.equal((await session.get()).text, "2");
    assert.equal((await session.get()).text, "1");
    assert.equal((await session.get()).status, 400);
    await a.alone();
  });

  abandon("a WebSocket that never answers the ping", HEARTBEAT, async (a) => {
    const ws = await a.websocket();
    await ws.sendText("40");
    assert.equal(await ws.closure(), null);
    await a.alone();
    const [account] = [...a.accounts.values()].slice(-1);
    assert.equal(account.reason, "ping timeout");
  });

  abandon("a WebSocket inside a frame that never ends", HEARTBEAT, async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    await ws.write(frame(1, "4".repeat(1000)).subarray(0, 500));
    assert.equal((await a.gone(id)).reason, "ping timeout");
    await a.alone();
  });

  abandon("a message whose fragments never end", HEARTBEAT, async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    await ws.write(frame(1, "42", { fin: false }));
    assert.equal((await a.gone(id)).reason, "ping timeout");
    await a.alone();
  });

  abandon("a packet whose attachments never come", HEARTBEAT, async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    await ws.sendText('451-["x",{"_placeholder":true,"num":0}]');
    assert.deepEqual((await a.gone(id)).events, []);
    await a.alone();
  });

  abandon("a POST without end", HEARTBEAT, async (a) => {
    const session = await a.polling();
    const id = await session.join();
    const tcp = a.tcp();
    await tcp.write(`${session.requestText("POST", { "Content-Length": 1000 })}42["x"`);
    assert.equal((await a.gone(id)).reason, "ping timeout");
    await a.alone();
  });

  abandon("a client that joins no namespace", { connectTimeout: 1000 }, async (a) => {
    const ws = await a.websocket();
    assert.equal(await ws.closure(), null);
    const session = await a.polling();
    assert.equal((await session.get()).text, "1");
    assert.equal((await session.get()).status, 400);
    await a.alone();
  });

  abandon("a client that the namespace refuses", { connectTimeout: 1000 }, async (a) => {
    a.io.use((_socket, next) => next(new Error("no")));
    const ws = await a.websocket();
    await assert.rejects(ws.join(), /no/);
    assert.equal(await ws.closure(), null);
    await a.alone();
    a.io.sockets._fns.length = 0;
  });

  abandon("upgrades that stop at some step", UPGRADE, async (a) => {
    const session = await a.polling();
    const id = await session.join();
    const query = `EIO=4&transport=websocket&sid=${session.sid}`;
    const silent = await a.websocket({ query });
    assert.equal(await silent.closure(), null);

    const probed = await a.websocket({ query });
    await probed.sendText("2probe");
    assert.equal(await probed.nextText(), "3probe");
    assert.equal(await probed.closure(), null);

    for (const wrong of ["2", "40", '42["x"]', "3probe", "1"]) {
      const ws = await a.websocket({ query });
      await ws.sendText(wrong);
      assert.equal(await ws.closure(), null, wrong);
    }
    // A violation of the frame layer ends the attempt, not the session.
    const broken = await a.websocket({ query });
    await broken.write(frame(1, "2probe", { rsv: 1 }));
    assert.equal(await broken.closure(), 1002);

    assert.deepEqual(a.accounts.get(id).events, []);
    assert.equal(a.accounts.get(id).reason, undefined);
    await session.post('421["echo",1]');
    assert.equal((await session.get()).text, "431[1]");
    const again = await a.websocket({ query });
    await again.sendText("2probe", "5", '422["echo",2]');
    assert.equal(await again.nextText(), "3probe");
    assert.equal(await again.nextText(), "432[2]");
  });

  abandon("a second upgrade during and after the first", {}, async (a) => {
    const session = await a.polling();
    await session.join();
    const query = `EIO=4&transport=websocket&sid=${session.sid}`;
    const first = await a.websocket({ query });
    await first.sendText("2probe");
    assert.equal(await first.nextText(), "3probe");
    const second = await a.websocket({ query, extra: frame(1, "5") });
    assert.equal(await second.closure(), null);
    await first.sendText("5", '421["echo",1]');
    assert.equal(await first.nextText(), "431[1]");
    const third = await a.websocket({ query, extra: frame(1, "2probe") });
    assert.equal(await third.closure(), null);
    assert.equal(JSON.parse((await session.get()).text).code, 3);
    assert.equal(JSON.parse((await session.post("4")).text).code, 3);
    await first.sendText('422["echo",2]');
    assert.equal(await first.nextText(), "432[2]");
  });

  abandon("an upgrade whose session closes meanwhile", {}, async (a) => {
    const session = await a.polling();
    const id = await session.join();
    const ws = await a.websocket({ query: `EIO=4&transport=websocket&sid=${session.sid}` });
    await ws.sendText("2probe");
    assert.equal(await ws.nextText(), "3probe");
    await session.post("1");
    await a.gone(id);
    assert.ok([null, "none"].includes(await ws.closure()));
    await a.alone();
  });
}
