// Clients that want more than their share: each limit holds, and costs nobody else anything.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { row } from "../support/rows.mjs";
import { eachTalker, throwsOut } from "../support/talkers.mjs";
import { frame, opening, statusOf } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const data = Buffer.alloc(100_000, 7);
const placeholders = (count) =>
  Array.from({ length: count }, (_, num) => `{"_placeholder":true,"num":${num}}`);

row("limit of attachments", async (a) => {
  await eachTalker(a, async (client) => {
    const { events } = a.accounts.get(await client.join());
    const parts = Array.from({ length: 10 }, (_, i) => Buffer.from([i]));
    await client.send(`4510-["x",${placeholders(10)}]`, ...parts);
    await until(() => events.length > 0, "the packet is delivered");
    assert.deepEqual(events, [["x", ...parts]]);
  });
  await throwsOut(a, [`4511-["x",${placeholders(11)}]`], "too many attachments");
});

row("limit of held attachments", async (a) => {
  await eachTalker(a, async (client) => {
    const id = await client.join();
    const header = `4510-["x",${placeholders(10)}]`;
    const half = Array(client.transport === "websocket" ? 9 : 4).fill(data);
    await client.send(header, ...half);
    if (client.transport === "websocket") await client.ws.reset();
    else await client.leave();
    const account = await a.gone(id);
    assert.deepEqual([account.events, account.errors], [[], []]);
  });
  await a.alone();
});

row("limit of a message", async (a) => {
  const head = '421["echo","';
  const longest = `${head}${"x".repeat(1_000_000 - head.length - 2)}"]`;
  const expected = longest.length - '421["echo",'.length + "431[".length;
  const ws = await a.websocket();
  const id = await ws.join();
  await ws.sendText(longest);
  assert.equal((await ws.nextText()).length, expected);
  await ws.sendText(`${longest} `);
  assert.equal(await ws.closure(), 1009);
  assert.equal((await a.gone(id)).reason, "transport error");

  const session = await a.polling();
  await session.join();
  assert.equal((await session.post(longest)).text, "ok");
  assert.equal((await session.next()).length, expected);
  assert.equal((await session.post(`${longest} `)).status, 413);
  assert.equal((await session.post('421["echo",1]')).status, 400);
});

row("limit of packets in a POST", async (a) => {
  const session = await a.polling();
  const id = await session.join();
  const count = 100_000;
  const events = Array.from({ length: count }, (_, i) => `42[${i % 10}]`);
  assert.equal((await session.post(events.join("\x1e"))).text, "ok");
  await session.post('421["echo",1]');
  assert.match((await session.get()).text, /431\[1\]/);
  const got = a.accounts.get(id).events;
  assert.equal(got.length, count + 1);
  assert.ok(got.slice(0, count).every(([name], i) => name === i % 10));
});

row("limit of namespaces", async (a) => {
  const count = 500;
  let joined = 0;
  const many = a.io.of((name, _auth, next) => next(null, name.startsWith("/many-")));
  many.on("connection", (socket) => {
    joined++;
    socket.on("disconnect", () => joined--);
  });
  await eachTalker(a, async (client) => {
    await client.join();
    await client.send(...Array.from({ length: count }, (_, i) => `40/many-${i},`));
    for (let i = 0; i < count; i++) assert.match(await client.next(), /^40\/many-\d+,\{/);
    assert.equal(joined, count);
    await client.leave();
    await until(() => joined === 0, "all of its sockets are gone");
  });
  await a.alone();
});

row("limit of sockets before CONNECT", async (a) => {
  let asked = 0;
  a.io.use((socket, next) => (socket.handshake.auth.wait ? asked++ : next()));
  await eachTalker(a, async (client) => {
    const before = asked;
    await client.send('40{"wait":true}');
    await until(() => asked > before, "the middleware has been asked");
    await client.leave();
  });
  for (let i = 0; i < 5; i++) {
    const before = asked;
    const ws = await a.websocket();
    await ws.sendText('40{"wait":true}');
    await until(() => asked > before, "the middleware has been asked");
    await ws.reset();
  }
  await a.alone();
  await until(() => a.io.sockets._preConnectSockets.size === 0, "nobody waits any more");
});

row(
  "limit of handshakes",
  async (a) => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => a.polling()));
    await a.alone();
    assert.equal((await sessions[0].get()).status, 400);
  },
  { options: { pingInterval: 300, pingTimeout: 2000 } },
);

/** Small bounds, so that little memory reaches them. */
const GREEDY = { options: { native: { maxBufferedBytes: 2 ** 20, keepReadersMs: 300 } } };

/** Sends megabytes to a client until it is given up; everybody else is served meanwhile. */
async function flood(a, id) {
  const { socket } = a.accounts.get(id);
  const text = "x".repeat(100_000);
  while (socket.connected) {
    for (let i = 0; i < 20 && socket.connected; i++) socket.emit("large", text);
    await pause(5);
  }
  const { reason, description } = await a.gone(id);
  assert.equal(reason, "transport error");
  assert.match(`${description?.message}`, /too many bytes are waiting/);
}

row(
  "limit of a slow reader",
  async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    (ws.below ?? ws.socket).pause();
    ws.socket.pause();
    await flood(a, id);
    ws.destroy();
    await a.alone();
  },
  GREEDY,
);

row(
  "limit of an idle poller",
  async (a) => {
    const session = await a.polling();
    await flood(a, await session.join());
    assert.equal((await session.get()).status, 400);
    await a.alone();
  },
  GREEDY,
);

const PINGS = 50;

row("limit of pings", async (a) => {
  const ws = await a.websocket();
  await ws.join();
  // ws closes a connection of which 60 pings wait for their pongs.
  const pings = Array.from({ length: PINGS }, (_, i) => frame(9, `${i}`));
  await ws.write(Buffer.concat([...pings, frame(1, '421["echo","after"]')]));
  // A server may answer only the newest of several pings: the last one always.
  const pongs = [];
  let answered = false;
  while (!answered || pongs.at(-1) !== PINGS - 1) {
    const next = await ws.frame();
    assert.ok(!next.end, "closed before the last pong");
    if (next.opcode === 10) pongs.push(Number(next.payload.toString()));
    if (next.payload.toString() === '431["after"]') answered = true;
  }
  assert.deepEqual(
    pongs,
    [...pongs].sort((x, y) => x - y),
  );
  const deaf = await a.websocket();
  await deaf.join();
  deaf.socket.pause();
  const flooding = Buffer.concat(Array(2000).fill(frame(9, "x".repeat(125))));
  for (let i = 0; i < 10; i++) deaf.socket.write(flooding);
  await a.stillServes();
  deaf.destroy();
});

row("limit of empty packets", (a) =>
  eachTalker(a, async (client) => {
    const id = await client.join();
    await client.send("5", "6", "3", "3extra", ...Array(2000).fill("3"));
    await client.send('421["echo",1]');
    assert.equal(await client.next(), "431[1]");
    assert.equal(a.accounts.get(id).reason, undefined);
  }),
);

row("limit of headers", async (a) => {
  const headers = { "X-A": "x".repeat(17_000) };
  for (const head of [
    `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX-A: ${headers["X-A"]}\r\n\r\n`,
    opening(undefined, headers),
  ]) {
    const tcp = a.tcp();
    await tcp.write(head);
    const answer = await tcp.head();
    // A listener may also drop the connection without a word.
    assert.ok(answer === null || statusOf(answer) === 431, answer);
  }
  await a.alone();
});

row("limit of slow requests", async (a) => {
  const parts = [
    "",
    "GET",
    "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHos",
    "POST /socket.io/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    opening().slice(0, -2),
    opening("EIO=4&transport=websocket", {}, "/elsewhere").slice(0, -1),
  ];
  const slow = [];
  for (const part of parts) {
    for (let i = 0; i < 20; i++) {
      const tcp = a.tcp();
      if (part) await tcp.write(part);
      slow.push(tcp);
    }
  }
  await a.stillServes();
  await a.alone();
  for (const tcp of slow) tcp.destroy();
});

row("limit of guessing", async (a) => {
  const ws = await a.websocket();
  const polling = await a.polling();
  await ws.join();
  const guesses = Object.keys(a.io.engine.clients).flatMap((id) => [
    id.slice(0, -1),
    `${id}A`,
    `${id.slice(0, -1)}${id.endsWith("A") ? "B" : "A"}`,
    id.toLowerCase() === id ? id.toUpperCase() : id.toLowerCase(),
    `${id}%00`,
    `%20${id}`,
  ]);
  for (const sid of guesses) {
    const { status, text } = await a.request(`/socket.io/?EIO=4&transport=polling&sid=${sid}`);
    assert.deepEqual([status, JSON.parse(text).code], [400, 1], sid);
    await assert.rejects(a.websocket({ query: `EIO=4&transport=websocket&sid=${sid}` }), /400/);
  }
  assert.equal(polling.sid.length, 20);
  await polling.join();
  await ws.sendText('421["echo",1]');
  assert.equal(await ws.nextText(), "431[1]");
});
