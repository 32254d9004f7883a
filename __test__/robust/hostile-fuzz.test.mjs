// Random and mutated input at every entrance: the server stays up, serves others, forgets the guilty.
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { FACTOR, seeded } from "../support/seeded.mjs";
import { closeFrame, frame, opening } from "../support/tcp.mjs";

const FRAMES = [
  frame(1, "40"),
  frame(1, '42["echo",1]'),
  frame(1, '421["echo","ü"]'),
  frame(1, '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'),
  frame(2, Buffer.from([1, 2, 3])),
  frame(1, "bAQID"),
  frame(1, "3"),
  frame(1, "42", { fin: false }),
  frame(0, '["echo"]'),
  frame(9, "ping"),
  frame(10),
  frame(1, "x".repeat(300)),
  closeFrame(1000, "bye"),
];

const PACKETS = [
  "40",
  '40{"token":"x"}',
  "40/other,",
  "41",
  '42["echo",1]',
  '42/other,["x"]',
  '4212["echo",{"a":[1,2,{"b":null}]}]',
  '4312["ok"]',
  '44{"message":"x"}',
  '451-["x",{"_placeholder":true,"num":0}]',
  '462-7[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]',
  "bAQID",
  "2",
  "3",
  "6",
];

/** Pieces that a mutation puts in: the grammar's own pieces, and numbers and names that have hurt others. */
const PIECES = [
  ...["[", "]", "{", "}", '"', ",", ":", "-", "/", "\\", "\x1e", "\0", "\u2028", "\u{1f600}", " "],
  ...["0", "1", "9", "-1", "1e400", "99999999999999999999", "0.5", "null", "true", "NaN"],
  ...['"__proto__"', '"constructor"', '"\\ud800"', '{"_placeholder":true,"num":0}', "51-", "b"],
  "[".repeat(200),
];
const BYTES = [[0], [0x7f], [0x80], [0xff], [0x88, 0x80], [0xfe, 0xff], [0x81, 0xfe], [0x1e]];
const RAW_PIECES = [...PIECES, ...BYTES.map((bytes) => Buffer.from(bytes))];

for (const form of FORMS) {
  const fuzz = (name, rounds, body) =>
    test(`${name} (${form})`, { timeout: 300_000 }, async (t) => {
      // Guilty sessions that were not closed at once run out with the heartbeat.
      const a = await arena(t, { form, options: { pingInterval: 1000, pingTimeout: 2000 } });
      await seeded(t, async (random) => {
        for (let round = 0; round < rounds * FACTOR; round++) {
          await body(a, random);
          if (round % 100 === 99) await a.stillServes();
        }
        await a.stillServes();
        await a.alone();
      });
    });

  fuzz("mutated WebSocket frames", 600, async (a, random) => {
    const ws = await a.websocket();
    if (random.chance(0.7)) await ws.sendText("40");
    const frames = Array.from({ length: 5 }, () => {
      if (random.chance(0.1)) return random.bytes(random.below(64));
      const one = random.pick(FRAMES);
      return random.chance(0.3) ? one : random.mutate(one, RAW_PIECES);
    });
    const bytes = Buffer.concat(frames);
    const cut = random.below(bytes.length + 1);
    await ws.write(bytes.subarray(0, cut));
    await ws.write(bytes.subarray(cut));
    if (random.chance(0.5)) await ws.reset();
    else ws.socket.end();
  });

  fuzz("mutated handshakes and frames behind them", 400, async (a, random) => {
    const tcp = a.tcp();
    const head = opening(random.pick(["EIO=4&transport=websocket", "EIO=4", "EIO=3&sid=x"]));
    const request = random.mutate(head, PIECES, 2);
    const frames = random.mutate(Buffer.concat([frame(1, "40"), random.pick(FRAMES)]), RAW_PIECES);
    await tcp.write(Buffer.concat([Buffer.from(random.chance(0.5) ? head : request), frames]));
    if (random.chance(0.5)) await tcp.reset();
    else tcp.socket.end();
  });

  fuzz("mutated POST bodies", 1000, async (a, random) => {
    const session = await a.polling();
    if (random.chance(0.7)) await session.post("40");
    const packets = Array.from({ length: 1 + random.below(4) }, () => random.pick(PACKETS));
    const body = Buffer.from(packets.join("\x1e"));
    await session.post(
      random.chance(0.1) ? random.bytes(random.below(200)) : random.mutate(body, RAW_PIECES),
    );
    await session.post("1");
  });

  fuzz("mutated Socket.IO packets", 600, async (a, random) => {
    const ws = await a.websocket();
    await ws.sendText("40");
    await ws.nextText();
    const packets = Array.from({ length: 5 }, () => {
      const packet = random.mutate(random.pick(PACKETS), PIECES);
      if (random.chance(0.2)) return frame(2, random.bytes(random.below(40)));
      return frame(1, random.chance(0.8) ? `4${packet.slice(1)}` : packet);
    });
    await ws.write(Buffer.concat(packets));
    ws.socket.end();
  });
}
