// Reading a property of the engine or of a session calls no listener, however much waits for that.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS, startServer } from "../support/forms.mjs";
import { scene } from "../support/late.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { defer } from "../support/wait.mjs";

for (const form of FORMS) {
  for (const kind of ["polling", "websocket"]) {
    test(`properties call no listener when they are read (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form);
      const old = await s[kind]();
      await old.join("/", { name: "A" });
      const looked = s.server.message("looked");
      const sent = [];
      await s.late(
        () => {
          sent.push(old.send('42["say","1"]'), s[kind]());
        },
        { look: true },
      );
      assert.equal((await looked).called, 0);
      await Promise.all(sent);
      await s.chronicle("A said say 1");
    });
  }
}

for (const kind of ["polling", "websocket"]) {
  beyond(`clients has sessions that a port opened just now (${kind})`, async (t) => {
    const s = await scene(t, "port");
    const old = await s[kind]();
    await old.join("/", { name: "A" });
    const looked = s.server.message("looked");
    let session;
    await s.late(
      async () => {
        await old.send('42["say","1"]');
        session = await s[kind]();
        await session.send('40{"name":"B"}');
      },
      { look: true },
    );
    const { ids, clientsCount, called } = await looked;
    assert.deepEqual(ids, [old.sid, session.sid]);
    assert.deepEqual({ clientsCount, called }, { clientsCount: 2, called: 0 });
    assert.match(await session.next(), /^40/);
    assert.deepEqual(await s.chronicle("B connected"), [
      "A connected",
      "A said say 1",
      "B connected",
    ]);
  });

  test(`a session that a port opens is in clients once its client hears of it (${kind})`, async (t) => {
    const io = await startServer("port");
    defer(t, () => io.close());
    const { port } = io.httpServer.address();
    for (let i = 1; i <= 20; i++) {
      const { sid } = await (kind === "polling" ? Polling : Ws).open(t, port);
      assert.equal(io.engine.clients[sid]?.id, sid);
      assert.equal(io.engine.clientsCount, i);
    }
  });

  beyond(`a session is closed that was found in clients (${kind})`, async (t) => {
    const s = await scene(t, "port");
    await s.late(() => s[kind](), { close: true });
    await s.chronicle("closed");
  });
}
