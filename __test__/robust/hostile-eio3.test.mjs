// Protocol 3 and JSONP under attack: payloads cut short, absurd lengths, garbage in every form.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { encode } from "../support/eio3.mjs";
import { FORMS } from "../support/forms.mjs";
import { FACTOR, seeded } from "../support/seeded.mjs";
import { frame } from "../support/tcp.mjs";

const WEBSOCKET = "EIO=3&transport=websocket";
const BINARY = { "content-type": "application/octet-stream" };
/** Guilty sessions that were not closed at once run out with the heartbeat. */
/** For attacks that keep upstream busy for seconds: the bystander has to outlive them. */
const PATIENT = { allowEIO3: true, pingInterval: 1000, pingTimeout: 10_000 };
const OPTIONS = { allowEIO3: true, pingInterval: 1000, pingTimeout: 2000 };

const PACKETS = [
  "40/other?a=b,",
  "41",
  '42["echo",1]',
  '4212["echo",{"a":[1,2]}]',
  "2",
  "6",
  "4€😀",
];
const BINARY_PACKET = '451-["x",{"_placeholder":true,"num":0}]';
const PIECES = [
  ...[
    ":",
    "0:",
    "-1:",
    "1e9:",
    "99999999999999999999:",
    "1.5:",
    "NaN:",
    "Infinity:",
    "0x7fffffff:",
  ],
  ...[
    "b",
    "b4",
    "b2",
    "4",
    "2",
    "3",
    "1",
    "5",
    "\x1e",
    "\0",
    "😀",
    "\ufffd",
    '"',
    "//",
    "?__proto__=1",
  ],
  ...["d=", "&", "%", "+", "\\n", "\\\\n"],
];
const BYTES = [
  [0],
  [1],
  [2],
  [4],
  [9],
  [0xff],
  [0, 0xff],
  [0, 9, 9, 9, 9, 9, 9, 9, 9, 0xff],
  [0x80],
];
const RAW_PIECES = BYTES.map((bytes) => Buffer.from(bytes));

/** A binary payload of texts and Buffers. */
function encodeBinary(...packets) {
  const parts = packets.map((packet) => {
    const text = typeof packet === "string";
    const data = text ? Buffer.from(packet) : Buffer.concat([Buffer.from([4]), packet]);
    const digits = [...String(data.length)].map(Number);
    return Buffer.concat([Buffer.from([text ? 0 : 1, ...digits, 0xff]), data]);
  });
  return Buffer.concat(parts);
}

/** A session as its client sees it: where to post to. */
async function open(a, query = "") {
  const path = `/socket.io/?EIO=3&transport=polling${query}`;
  const { text } = await a.request(path);
  const sid = /"sid\\?":\\?"([\w-]{20})/.exec(text)[1];
  const url = `${path}&sid=${sid}`;
  return {
    post: (payload, headers) =>
      a.request(url, { method: "POST", body: payload, headers: headers ?? {} }),
  };
}

for (const form of FORMS) {
  const attack = (name, body, options = OPTIONS) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      const a = await arena(t, { form, options });
      await body(a, t);
      await a.stillServes();
    });

  const fuzz = (name, rounds, body) =>
    attack(name, (a, t) =>
      seeded(t, async (random) => {
        for (let round = 0; round < rounds * FACTOR; round++) {
          await body(a, random);
          if (round % 100 === 99) await a.stillServes();
        }
        await a.alone();
      }),
    );

  fuzz("mutated text payloads", 250, async (a, random) => {
    const session = await open(a);
    const body = encode(...PACKETS.map((packet) => (random.chance(0.5) ? packet : "4")));
    const { status } = await session.post(random.mutate(body, PIECES, 5));
    assert.equal(status, 200);
  });

  fuzz("mutated binary payloads", 250, async (a, random) => {
    const session = await open(a);
    const body = encodeBinary(random.pick(PACKETS), BINARY_PACKET, random.bytes(20), "2");
    const { status } = await session.post(random.mutate(body, RAW_PIECES, 5), BINARY);
    assert.equal(status, 200);
  });

  fuzz("mutated forms", 250, async (a, random) => {
    const session = await open(a, "&j=0");
    const body = `d=${encodeURIComponent(encode(random.pick(PACKETS), random.pick(PACKETS)))}`;
    const { status } = await session.post(random.mutate(body, PIECES, 5));
    assert.equal(status, 200);
  });

  fuzz("mutated frames", 250, async (a, random) => {
    const ws = await a.websocket({ query: `${WEBSOCKET}${random.pick(["", "&b64=1"])}` });
    const frames = [
      frame(1, random.pick(PACKETS)),
      frame(1, BINARY_PACKET),
      frame(2, random.bytes(random.below(9))),
      frame(1, `b${random.pick(["", "4", "2", "x"])}AQI=`),
      frame(1, random.pick(PIECES)),
    ];
    await ws.write(Buffer.concat(frames.map((one) => random.mutate(one, RAW_PIECES, 1))));
    if (random.chance(0.5)) await ws.reset();
    else ws.socket.end();
  });

  attack(
    "bodies of nothing but overhead",
    async (a) => {
      const size = 990_000;
      const fill = (hex) => Buffer.alloc(size - (size % (hex.length / 2)), hex, "hex");
      for (const [body, headers] of [
        ["0:".repeat(size / 2)],
        ["1:6".repeat(size / 3)],
        ["1:2".repeat(size / 3)],
        ["1:b".repeat(size / 3)],
        ["1".repeat(size)],
        [`${"9".repeat(size - 1)}:`],
        [`${" ".repeat(size - 4)}2:4a`],
        [":".repeat(size)],
        [fill("0100ff"), BINARY],
        [fill("0001ff36"), BINARY],
        [fill("09"), BINARY],
        [fill("00"), BINARY],
        [fill("ff"), BINARY],
      ]) {
        const session = await open(a);
        assert.equal((await session.post(body, headers)).text, "ok");
      }
      for (const body of [
        `d=${"%5Cn".repeat(size / 4)}`,
        `d=${"%5C".repeat(size / 3)}`,
        "&".repeat(size),
      ]) {
        const session = await open(a, "&j=0");
        assert.equal((await session.post(body)).text, "ok");
      }
      await a.alone();
    },
    PATIENT,
  );

  attack("bounds what waits for a client that pings and does not read", async (a) => {
    const ws = await a.websocket({ query: WEBSOCKET });
    ws.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 5000 }, () => frame(1, "2")));
    for (let n = 0; n < 20; n++) ws.socket.write(pings);
    await a.stillServes();
    ws.destroy();
    await a.alone();
  });

  attack("survives payloads of another protocol", async (a) => {
    for (const [body, headers] of [
      ["4a"],
      ['40\x1e42["echo"]'],
      [encode("4a"), BINARY],
      [encodeBinary("4a")],
      ["d=2:4a"],
      [Buffer.from([0xff, 0xfe, 0]), BINARY],
    ]) {
      const session = await open(a);
      assert.equal((await session.post(body, headers)).text, "ok");
    }
    await a.alone();
  });
}
