// Nobody is lost because the JavaScript thread was late, and nothing is left of who has gone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { realClient } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { leave, scene } from "../support/late.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { defer } from "../support/wait.mjs";

beyond("a client that polls a port outlives a block of many heartbeats", async (t) => {
  const s = await scene(t, "port", { pingInterval: 300, pingTimeout: 1000 });
  const clients = [];
  for (const name of ["A", "B", "C"]) {
    const client = await realClient(s.port, { transports: ["polling"], auth: { name } });
    defer(t, () => client.disconnect());
    clients.push(client);
    await pause(70);
  }
  const lost = [];
  for (const client of clients) client.on("disconnect", (reason) => lost.push(reason));
  await s.late(() => {}, { ms: 4000 });
  await pause(1500); // whoever was given up is gone by now
  for (const client of clients) client.emit("say", "1");
  await s.chronicle("C said say 1");
  assert.deepEqual(lost, []);
  for (const client of clients) client.disconnect();
  await s.end();
});

// Requests that Node serves take turns of the loop: a client that polls may be too late there.
for (const [form, kind] of [
  ["port", "polling"],
  ["port", "websocket"],
  ["attached", "websocket"],
]) {
  beyond(
    `a client that asked in time is let in, however late it is heard (${form}, ${kind})`,
    async (t) => {
      const s = await scene(t, form, { connectTimeout: 2000 });
      const session = await s[kind]();
      await s.late(() => session.send('40{"name":"A"}'), { ms: 2500 });
      assert.match(await session.next(), /^40/);
      await leave(session);
      await s.chronicle("A left: transport close");
      await s.end();
    },
  );
}

for (const form of FORMS) {
  test(`a client that polls and is silent is given up (${form})`, async (t) => {
    const s = await scene(t, form, { pingInterval: 300, pingTimeout: 700 });
    const session = await s.polling();
    await session.join("/", { name: "A" });
    await s.late(() => {}, { ms: 1300 });
    await s.chronicle("A left: ping timeout");
    await s.end();
  });

  for (const kind of ["polling", "websocket"]) {
    test(`a listener that throws costs nobody else (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form);
      const [a, b] = [await s[kind](), await s[kind]()];
      await a.join("/", { name: "A" });
      await b.join("/", { name: "B" });
      await s.late(async () => {
        await Promise.all([a.send('42["throw"]'), b.send('42["say","1"]')]);
        await Promise.all([a.send('42["say","2"]'), b.send('42["throw"]')]);
        await b.send('42["say","3"]');
        await leave(a);
      });
      await s.chronicle("B said say 3");
      await b.send("41");
      await s.chronicle("B left: client namespace disconnect");
      const seen = (await s.chronicle("A left: transport close"))
        .filter((l) => l[0] !== "t")
        .sort();
      assert.deepEqual(seen, [
        "A connected",
        "A left: transport close",
        "A said say 2",
        "B connected",
        "B left: client namespace disconnect",
        "B said say 1",
        "B said say 3",
      ]);
      await leave(b);
      await s.end();
    });

    test(`io.close() ends who was not heard of yet (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form);
      const old = await s[kind]();
      await old.join("/", { name: "A" });
      await s.late(
        async () => {
          const one = await s[kind]().catch(() => null);
          await one?.send('40{"name":"B"}').catch(() => {});
          await old.send('42["say","1"]').catch(() => {});
        },
        { close: true },
      );
      const seen = await s.chronicle("closed");
      t.diagnostic(seen.join(", "));
      assert.ok(seen.includes("A left: server shutting down"), seen.join());
      await s.end();
    });
  }

  beyond(`a WebSocket leaves a namespace and returns at once (${form})`, async (t) => {
    const s = await scene(t, form);
    const session = await s.websocket();
    await session.join("/other", { name: "A" });
    await s.late(() => session.send("41/other,", '40/other,{"name":"A again"}'));
    assert.match(await session.next(), /^40/);
    await leave(session);
    await s.chronicle("A again/other left: transport close");
    await s.end();
  });

  test(`a request of a new session that Node serves is let in (${form})`, async (t) => {
    const s = await scene(t, form);
    const old = await s.polling();
    await old.join("/", { name: "A" });
    await s.late(async () => {
      const opening = s.polling();
      if (form === "port" && !isOracle) {
        await old.send('42["say","1"]');
        await old.send('42["say","2"]');
      } else {
        old.send('42["say","2"]');
      }
      const session = await opening;
      await session.post('40{"name":"B"}', { headers: { "Transfer-Encoding": "chunked" } });
      assert.match(await session.next(), /^40/);
      await leave(session);
    });
    await s.chronicle("B left: transport close");
    await leave(old);
    await s.end();
  });
}
