// Faults that a review found, each by what it did to an application.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { arena } from "../support/arena.mjs";
import { spawnChild } from "../support/child.mjs";
import { client as connect, connected } from "../support/clients.mjs";
import { FORMS } from "../support/forms.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";

const MEBIBYTE = 2 ** 20;

/** A counting server in a process of its own, with clients that are raw connections. */
async function counting(t, form, limit = 0) {
  const child = spawnChild(t, "counting.mjs", [form, String(limit)]);
  const { port } = await child.message("listening");
  const opened = new Set();
  const server = {
    child,
    /** A connection that has not joined a namespace. */
    async open() {
      const ws = await Tcp.websocket(t, port);
      opened.add(ws);
      return ws;
    },
    /** A connection with a socket in the main namespace. */
    async join() {
      const ws = await server.open();
      await ws.join();
      return ws;
    },
    async tell(command, rest) {
      child.send(command, rest);
      await child.message("ready");
    },
    async report() {
      child.send("report");
      return child.message("report");
    },
    /** Waits until the report satisfies `condition`, and returns it. */
    async reported(condition) {
      let report;
      await until(async () => {
        report = await server.report();
        return condition(report);
      }).catch((error) => {
        throw new Error(`${error.message}; the last report: ${JSON.stringify(report)}`);
      });
      return report;
    },
    /** Everybody leaves, the server closes and its process ends. */
    async end() {
      for (const ws of opened) ws.destroy();
      await server.reported(({ clients }) => clients === 0);
      child.send("end");
      assert.equal(await child.exit(), 0);
    },
  };
  return server;
}

/** The server answers an event of this client. */
async function answers(ws) {
  await ws.sendText('421["echo","there?"]');
  for (;;) {
    const text = await ws.nextText();
    assert.notEqual(text, null, "the server has closed the connection");
    if (text === '431["there?"]') return;
  }
}

for (const form of FORMS) {
  test(`running out of descriptors costs the newcomer, not the process (${form})`, async (t) => {
    const server = await counting(t, form, 96);
    const served = [];
    let refused = 0;
    for (let i = 0; i < 120; i++) {
      await server.join().then(
        (ws) => served.push(ws),
        () => refused++,
      );
    }
    t.diagnostic(`${served.length} served, ${refused} refused`);
    assert.ok(served.length > 0 && refused > 0, `${served.length} served, ${refused} refused`);
    for (const ws of served) await answers(ws);
    // Room again: newcomers are welcome.
    for (const ws of served.splice(0, 20)) ws.destroy();
    await server.reported(({ clients }) => clients === served.length);
    await answers(await server.join());
    await server.end();
  });

  beyond(`packets behind one whose listener threw arrive (${form})`, async (t) => {
    const server = await counting(t, form);
    await server.tell("throwOnSpam");
    const ws = await server.join();
    const spam = '42["spam"]';
    await ws.sendText(spam);
    await server.child.message("throwing");
    for (let i = 1; i < 200; i++) await ws.sendText(spam);
    const { thrown } = await server.reported(({ spam }) => spam === 200);
    assert.deepEqual(thrown, ["a listener threw"]);
    await answers(ws);
    await server.end();
  });

  test(`a large broadcast is in memory once, not once per client (${form})`, async (t) => {
    const server = await counting(t, form);
    const clients = await Promise.all(Array.from({ length: 100 }, () => server.join()));
    // A client that does not read leaves the whole of it to the server.
    for (const ws of clients) ws.socket.pause();
    server.child.send("broadcast", { count: 8, bytes: MEBIBYTE });
    const grown = Math.round((await server.child.message("grown")).grown / MEBIBYTE);
    t.diagnostic(`grown by ${grown} MiB for 8 MiB to 100 clients`);
    assert.ok(grown < 250, `grown by ${grown} MiB for 8 MiB to 100 clients`);
    await server.end();
  });

  test(`all clients leave and come again while JavaScript is behind (${form})`, async (t) => {
    const server = await counting(t, form);
    const crowd = 300;
    const come = () => Promise.all(Array.from({ length: crowd }, () => server.join()));
    const first = await come();
    // 1.5 s of work, in packets large enough that input has to wait
    await first[0].sendText(...Array(300).fill(`42["slow","${"x".repeat(1800)}"]`));
    await server.report();
    for (const ws of first) ws.destroy();
    const second = await come();
    await server.reported((seen) => seen.connected === 2 * crowd && seen.disconnected === crowd);
    assert.equal((await server.report()).clients, crowd);
    for (const ws of second) await answers(ws);
    for (const ws of second) ws.destroy();
    await server.reported((seen) => seen.disconnected === 2 * crowd && seen.clients === 0);
    await server.end();
  });

  test(`a listener of the engine that throws leaves the count of connections right (${form})`, async (t) => {
    const server = await counting(t, form);
    await server.tell("throwOnConnection");
    const unlucky = await server.open();
    await server.reported(({ thrown }) => thrown.length > 0);
    unlucky.destroy();
    await server.reported(({ connections }) => connections === 0);
    const next = await server.join();
    assert.equal((await server.report()).connections, 1);
    await answers(next);
    next.destroy();
    const { thrown } = await server.reported(({ connections }) => connections === 0);
    assert.deepEqual(thrown, ["a listener threw"]);
    await server.end();
  });

  test(`an error of a listener is not thrown by engine.clientsCount (${form})`, async (t) => {
    const server = await counting(t, form);
    await server.tell("throwOnConnection");
    server.child.send("look");
    await server.child.message("looking");
    await pause(100); // until it is busy
    const opened = server.open();
    assert.equal((await server.child.message("looked")).error, undefined);
    await opened;
    const { thrown } = await server.reported((seen) => seen.thrown.length > 0);
    assert.deepEqual(thrown, ["a listener threw"]);
    await server.end();
  });

  test(`an aborted POST of the transport that was left does not end the session (${form})`, async (t) => {
    const { io, tcp, polling, websocket, accounts, stillServes } = await arena(t, { form });
    const session = await polling();
    const id = await session.join();
    const post = tcp();
    await post.write(`${session.requestText("POST", { "Content-Length": 100 })}42`);

    const ws = await websocket({ query: `EIO=4&transport=websocket&sid=${session.sid}` });
    await ws.sendText("2probe");
    assert.equal(await ws.nextText(), "3probe");
    await ws.sendText("5");
    await until(() => io.engine.clients[session.sid]?.upgraded, "the session is upgraded");

    post.destroy();
    await until(() => post.socket.closed, "the POST is gone");
    await stillServes(); // whoever comes after the abort is served after it was noticed
    assert.equal(accounts.get(id).reason, undefined);
    await answers(ws);
  });
}

test("a socket that joins a room in a middleware hears the room once it is connected", async (t) => {
  const { io, port } = await serve(t);
  io.use((socket, next) => {
    socket.join("room");
    io.to("room").emit("news", "too early"); // must not settle who is in the room
    next();
  });
  const client = connect(t, port);
  const heard = [];
  client.on("news", (text) => heard.push(text));
  await connected(client);
  const news = once(client, "news");
  io.to("room").emit("news", "in time");
  await news;
  assert.deepEqual(heard, ["in time"]);
});

beyond("events for rooms that nobody is in leave nothing behind", async (t) => {
  const { io } = await serve(t);
  // Nothing but the adapter's own map shows it, short of weeks of such events.
  const { adapter } = io.of("/");
  const kept = () =>
    [...Object.values(adapter), ...Object.values(adapter.recipientCache)]
      .filter((value) => value instanceof Map)
      .reduce((sum, map) => sum + map.size, 0);
  assert.ok(adapter.recipientCache.byRoom instanceof Map);
  const before = kept();
  for (let i = 0; i < 1000; i++) io.to(`nobody ${i}`).emit("news");
  assert.equal(kept(), before);
});
