// One test per published advisory that applies to WebSocket, polling or the packet decoder.
// Each ends with proof that nobody else noticed.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { arena } from "../support/arena.mjs";
import { row } from "../support/rows.mjs";
import { eachTalker, throwsOut } from "../support/talkers.mjs";
import { frame, opening, statusOf } from "../support/tcp.mjs";

const throwsEachOut = (packets, message) => (a) => throwsOut(a, packets, message);

row("CVE-2017-16031", async (a) => {
  const ids = [];
  for (let i = 0; i < 200; i++) ids.push((await a.polling()).sid);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[\w-]{20}$/);
  // Each of the 96 random bits takes both values.
  const bytes = ids.map((id) => Buffer.from(id, "base64url"));
  for (let bit = 0; bit < 96; bit++) {
    const values = new Set(bytes.map((id) => (id[bit >> 3] >> (bit & 7)) & 1));
    assert.equal(values.size, 2, `bit ${bit} never changes`);
  }
});

row("CVE-2020-28481", async (a) => {
  const answer = await a.request("/socket.io/?EIO=4&transport=polling", {
    headers: { origin: "http://evil.example" },
  });
  const cors = (name) => name.startsWith("access-control-");
  assert.deepEqual(Object.keys(answer.headers).filter(cors), []);
  const ws = await a.websocket({ headers: { Origin: "http://evil.example" } });
  assert.doesNotMatch(ws.response, /access-control-/i);
});

row("CVE-2024-38355", async (a) => {
  a.io.of("/bare").on("connection", (socket) => {
    socket.on("after", (ack) => ack("alive"));
  });
  await eachTalker(a, async (client) => {
    await client.join("/bare");
    await client.send(
      '42/bare,["error"]',
      '42/bare,["error",{"message":"x"}]',
      '42/bare,7["after"]',
    );
    assert.equal(await client.next(), '43/bare,7["alive"]');
  });
});

row("CVE-2020-36048", async (a) => {
  const session = await a.polling();
  const id = await session.join();
  const tcp = a.tcp();
  await tcp.write(session.requestText("POST", { "Transfer-Encoding": "chunked" }));
  const chunk = `10000\r\n${"4".repeat(65536)}\r\n`;
  // The end of the body is never sent: the answer has to come without it.
  let refusal = null;
  const answered = tcp.head().then((head) => {
    refusal = head;
  });
  for (let sent = 0; sent < 100 && !refusal && !tcp.ended; sent++) {
    await tcp.write(chunk);
    await pause(1);
  }
  await answered;
  // The connection ends at once: who is still writing may miss the answer.
  if (refusal !== null) assert.equal(statusOf(refusal), 413);
  tcp.destroy();
  assert.equal((await a.gone(id)).reason, "transport error");
});

row("CVE-2022-21676", async (a) => {
  for (const rsv of [1, 2, 4]) {
    const ws = await a.websocket({ extra: frame(1, "4", { rsv }) });
    assert.equal(await ws.closure(), 1002);
  }
  const session = await a.polling();
  const query = `EIO=4&transport=websocket&sid=${session.sid}`;
  const ws = await a.websocket({ query, extra: frame(1, "2probe", { rsv: 4 }) });
  assert.equal(await ws.closure(), 1002);
});

row("CVE-2022-41940", async (a) => {
  const refusals = [
    "EIO=4&transport=tube",
    "EIO=4&transport=websocket&sid=nobody",
    "EIO=3&transport=websocket",
    "",
  ];
  for (const query of refusals) {
    for (let i = 0; i < 5; i++) {
      const tcp = a.tcp();
      tcp.write(opening(query));
      await tcp.reset();
    }
  }
});

row("CVE-2023-31125", async (a) => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "tube", ""]) {
    const tcp = a.tcp();
    await tcp.write(opening(`EIO=4&transport=${name}`));
    const answer = await tcp.rest();
    assert.match(answer, /^HTTP\/1\.1 400 /, name);
    assert.ok(answer.endsWith("\r\n\r\nTransport unknown"), answer);
  }
});

row("CVE-2026-59725", async (a) => {
  const session = await a.polling();
  const id = await session.join();
  const answer = await session.post("4x", {
    headers: { "content-type": "application/octet-stream" },
  });
  assert.deepEqual([answer.status, answer.text], [400, ""]);
  const account = await a.gone(id);
  assert.equal(account.reason, "transport error");
  assert.equal((await session.get()).status, 400);
});

row("CVE-2020-36049", (a) =>
  eachTalker(a, async (client) => {
    const id = await client.join();
    const digits = "1".repeat(900_000);
    await client.send(`42${digits}["long",1]`, '425["echo","next"]');
    assert.equal(await client.next(), '435["next"]');
    assert.equal(a.accounts.get(id).events[0][0], "long");
  }),
);

row(
  "CVE-2022-2421",
  throwsEachOut(
    ['451-["x",{"_placeholder":true,"num":"splice"}]', Buffer.from("data")],
    "illegal attachments",
  ),
);

row("CVE-2023-32695", async (a) => {
  await throwsOut(a, ['42[{"toString":"foo"}]'], "invalid payload");
  await throwsOut(a, ['42[{"toString":1,"valueOf":1},1]'], "invalid payload");
});

row("CVE-2026-33151", async (a) => {
  const placeholder = '["x",{"_placeholder":true,"num":0}]';
  await throwsOut(a, [`4511-${placeholder}`], "too many attachments");
  await throwsOut(a, [`45999999999999-${placeholder}`], "too many attachments");
  await throwsOut(a, [`45${"9".repeat(400)}-${placeholder}`], "Illegal attachments"); // Infinity
});

row("CVE-2026-69185", async (a) => {
  await throwsOut(a, ['450-["x"]', Buffer.from("collected?")], "Illegal attachments");
  await throwsOut(a, ['460-1["x"]', Buffer.from("collected?")], "Illegal attachments");
});

row("CVE-2016-10518", async (a) => {
  const ws = await a.websocket();
  await ws.join();
  for (const payload of [Buffer.alloc(0), Buffer.from([100]), Buffer.alloc(125, 7)]) {
    await ws.write(frame(9, payload));
    const pong = await ws.frame();
    assert.deepEqual([pong.opcode, pong.payload], [10, payload]);
  }
});

row("CVE-2016-10542", async (a) => {
  for (const length of [1_000_001, 2 ** 31, 2 ** 32, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const ws = await a.websocket();
    const id = await ws.join();
    await ws.write(frame(1, "", { length, wide: 64 }));
    assert.equal(await ws.closure(), 1009, `${length}`);
    const { reason, description } = await a.gone(id);
    assert.equal(reason, "transport error");
    assert.match(`${description?.message}`, /payload/i);
  }
});

row("GHSA-5v72-xg48-5rpm", async (a) => {
  for (const name of ["constructor", "__proto__", "toString", "permessage-deflate; __proto__"]) {
    const ws = await a.websocket({ headers: { "Sec-WebSocket-Extensions": name } });
    assert.doesNotMatch(ws.response, /sec-websocket-extensions/i);
    await ws.join();
  }
});

row("CVE-2021-32640", async (a) => {
  const tcp = a.tcp();
  const header = `b${" ".repeat(12_000)}x`;
  await tcp.write(opening(undefined, { "Sec-WebSocket-Protocol": header }));
  const answer = await tcp.rest();
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.ok(answer.endsWith("\r\n\r\nInvalid Sec-WebSocket-Protocol header"), answer);
});

row("CVE-2024-37890", async (a) => {
  const tcp = a.tcp();
  const many = Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`${i}`, "1"]));
  const crowd = Object.entries(many).map(([name, value]) => `${name}:${value}\r\n`);
  await tcp.write(opening().replace("\r\nHost", `\r\n${crowd.join("")}Host`));
  const head = await tcp.head();
  assert.ok(head === null || [400, 431].includes(statusOf(head)), head);
});

row("CVE-2026-45736", async (a) => {
  const told = { text: "bye", bytes: Buffer.from("bye"), floats: new Float32Array(20), number: 99 };
  for (const [type, reason] of Object.entries(told)) {
    const ws = await a.websocket();
    const { socket } = a.accounts.get(await ws.join());
    try {
      socket.conn.transport.socket.close(1000, reason);
    } catch (error) {
      // no reason at all is as good as one that is refused
      assert.ok(error instanceof TypeError, type);
      ws.destroy();
      continue;
    }
    const { opcode, payload } = await ws.frame();
    assert.equal(opcode, 8);
    const sent = payload.subarray(2).toString();
    assert.ok(sent === "" || sent === `${reason}`, `${type}: ${sent}`);
  }
});

row("CVE-2026-48779", async (a) => {
  const ws = await a.websocket();
  const id = await ws.join();
  const more = frame(0, "", { fin: false });
  await ws.write(frame(1, "4", { fin: false }));
  for (let i = 0; i < 20 && !ws.ended; i++) {
    await ws.write(Buffer.concat(Array(1000).fill(more)));
  }
  assert.equal(await ws.closure(), 1008);
  assert.equal((await a.gone(id)).reason, "transport error");
});

/** Cookies whose name, path or domain would end the header or add to it. */
const COOKIES = [
  { name: "bad name;" },
  { name: "a\r\nSet-Cookie: b" },
  { name: "io", path: "/\r\nX-Injected: 1" },
  { name: "io", domain: "evil\r\n.example" },
];

row("CVE-2024-47764", async (a, t) => {
  for (const cookie of COOKIES) {
    // Refusing the option when the server is made is as good as answering.
    const form = a.form;
    const bad = await arena(t, { form, options: { ...a.options, cookie } }).catch((error) => {
      assert.ok(error instanceof TypeError, `${error}`);
    });
    if (bad === undefined) continue;
    const { headers } = (await bad.polling()).opening;
    assert.equal(headers["x-injected"], undefined);
    assert.equal(headers["set-cookie"], undefined);
    await bad.stillServes();
  }
});
