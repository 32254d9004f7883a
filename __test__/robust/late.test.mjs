// Clients act while the JavaScript thread is stopped: each request is heard as if it had been
// in time, in the order in which they came.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS } from "../support/forms.mjs";
import { leave, scene } from "../support/late.mjs";
import { Tcp } from "../support/tcp.mjs";

for (const form of FORMS) {
  test(`a client that leaves a namespace and returns is let in (${form})`, async (t) => {
    const s = await scene(t, form);
    const session = await s.polling();
    await session.join("/", { name: "A" });
    await s.late(async () => {
      await session.send('42["say","1"]', "41");
      await session.send('40{"name":"A again"}');
    });
    assert.match(await session.next(), /^40/);
    await session.send("1");
    // An event that came with the disconnection is dropped.
    assert.deepEqual(await s.chronicle("A again left: transport close"), [
      "A connected",
      "A left: client namespace disconnect",
      "A again connected",
      "A again left: transport close",
    ]);
    await s.end();
  });

  test(`each request is dispatched before the next one (${form})`, async (t) => {
    const s = await scene(t, form);
    const session = await s.polling();
    await session.join("/", { name: "A" });
    await session.send('42["ask"]');
    assert.equal(await session.next(), '420["question"]');
    await s.late(async () => {
      await session.send('42["say","1"]');
      await session.send("430[]");
      await session.send('42["slow"]');
      await session.send('42["say","2"]');
      await session.send("1");
    });
    assert.deepEqual(await s.chronicle("A left: transport close"), [
      "A connected",
      "A said ask",
      "A said say 1",
      "A answered",
      "A said slow",
      "A had a microtask",
      "A said say 2",
      "A left: transport close",
    ]);
    await s.end();
  });

  for (const [what, nonsense, reason] of [
    ["no packet", "nonsense", "parse error"],
    ["an undecodable packet", "4nonsense", "forced close"],
  ]) {
    test(`events sent before ${what} are heard (${form})`, async (t) => {
      const s = await scene(t, form);
      const session = await s.polling();
      await session.join("/", { name: "A" });
      await s.late(async () => {
        await session.send('42["say","1"]');
        await session.post(nonsense);
      });
      await session.get(); // a session that is closed says so to the next poll
      assert.deepEqual(await s.chronicle(`A left: ${reason}`), [
        "A connected",
        "A said say 1",
        `A left: ${reason}`,
      ]);
      await s.end();
    });
  }

  test(`events sent before the poll was given up are heard (${form})`, async (t) => {
    const s = await scene(t, form);
    const session = await s.polling();
    await session.join("/", { name: "A" });
    const tcp = Tcp.connect(t, s.port);
    await tcp.write(`GET ${session.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await s.late(async () => {
      await session.send('42["say","1"]');
      tcp.destroy();
    });
    assert.deepEqual(await s.chronicle("A left: transport error"), [
      "A connected",
      "A said say 1",
      "A left: transport error",
    ]);
    await s.end();
  });

  for (const kind of ["polling", "websocket"]) {
    test(`a client that comes again is seen to leave first (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form);
      const first = await s[kind]();
      await first.join("/", { name: "A" });
      let second;
      await s.late(async () => {
        if (kind === "polling") await leave(first);
        else first.ws.terminate();
        second = await s[kind]();
        await second.send('40{"name":"A again"}');
      });
      assert.match(await second.next(), /^40/);
      await leave(second);
      assert.deepEqual(await s.chronicle("A again left: transport close"), [
        "A connected",
        "A left: transport close",
        "A again connected",
        "A again left: transport close",
      ]);
      await s.end();
    });

    test(`a session is recovered that was lost just now (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form, { connectionStateRecovery: {} });
      const first = await s[kind]();
      await first.send('40{"name":"A"}');
      const { pid } = JSON.parse((await first.next()).slice(2));
      await first.send('42["greet"]');
      const [, offset] = JSON.parse((await first.next()).slice(2));
      const auth = JSON.stringify({ name: "A", pid, offset });
      let second;
      await s.late(async () => {
        if (kind === "polling") await first.send("1");
        else first.ws.terminate();
        second = await s[kind]();
        await second.send(`40${auth}`);
      });
      assert.equal(JSON.parse((await second.next()).slice(2)).pid, pid);
      await leave(second);
      const last = "A recovered";
      assert.deepEqual((await s.chronicle(last)).slice(0, 4), [
        "A connected",
        "A said greet",
        "A left: transport close",
        last,
      ]);
      await s.end();
    });

    test(`a client that comes and goes is heard once, or not at all (${form}, ${kind})`, async (t) => {
      const s = await scene(t, form);
      await s.late(async () => {
        for (const name of ["A", "B"]) {
          const session = await s[kind]();
          await session.send(`40{"name":"${name}"}`);
          await leave(session);
        }
      });
      const last = await s[kind]();
      await last.join("/", { name: "C" });
      await leave(last);
      const chronicle = await s.chronicle("C left: transport close");
      // A client that has gone before it could be let in may not be heard of.
      for (const name of ["A", "B", "C"]) {
        const lines = chronicle.filter((line) => line.startsWith(name));
        if (name !== "C" && lines.length === 0) continue;
        assert.equal(lines.length, 2);
        assert.equal(lines[0], `${name} connected`);
        assert.match(lines[1], / left: transport (close|error)$/);
      }
      await s.end();
    });
  }
}
