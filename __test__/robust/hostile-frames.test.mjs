// WebSocket frames that break RFC 6455, and strange ones that are allowed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { closeFrame, frame } from "../support/tcp.mjs";

const utf8 = (...bytes) => Buffer.from([0x34, ...bytes]);

/** The frames that are sent, and the close code of the answer. */
const VIOLATIONS = {
  "a frame without mask": [frame(1, "4x", { mask: false }), 1002],
  "RSV1 without extension": [frame(1, "4x", { rsv: 4 }), 1002],
  RSV2: [frame(1, "4x", { rsv: 2 }), 1002],
  RSV3: [frame(1, "4x", { rsv: 1 }), 1002],
  "opcode 3": [frame(3, "4x"), 1002],
  "opcode 11": [frame(11), 1002],
  "opcode 15": [frame(15), 1002],
  "a continuation of nothing": [frame(0, "4x"), 1002],
  "a new message inside a fragmented one": [[frame(1, "4", { fin: false }), frame(1, "4x")], 1002],
  "a fragmented ping": [frame(9, "", { fin: false }), 1002],
  "a ping of 126 bytes": [frame(9, "x".repeat(126)), 1002],
  "a close frame of one byte": [frame(8, "x"), 1002],
  "a fragmented close frame": [frame(8, "", { fin: false }), 1002],
  "close code 0": [closeFrame(0), 1002],
  "close code 999": [closeFrame(999), 1002],
  "close code 1004": [closeFrame(1004), 1002],
  "close code 1005": [closeFrame(1005), 1002],
  "close code 1006": [closeFrame(1006), 1002],
  "close code 1015": [closeFrame(1015), 1002],
  "close code 2999": [closeFrame(2999), 1002],
  "close code 5000": [closeFrame(5000), 1002],
  "close code 65535": [closeFrame(65535), 1002],
  "a close reason that is not UTF-8": [frame(8, [3, 232, 0xff]), 1007],
  "text that ends inside a character": [frame(1, utf8(0xe2, 0x82)), 1007],
  "text with a lone continuation byte": [frame(1, utf8(0x80)), 1007],
  "text with an overlong form": [frame(1, utf8(0xc0, 0xaf)), 1007],
  "text with an encoded surrogate": [frame(1, utf8(0xed, 0xa0, 0x80)), 1007],
  "text above U+10FFFF": [frame(1, utf8(0xf4, 0x90, 0x80, 0x80)), 1007],
  "text broken across fragments": [[frame(1, utf8(0xe2), { fin: false }), frame(0, [0x82])], 1007],
  "a message over the limit": [frame(1, "4".repeat(1_000_001)), 1009],
  "fragments over the limit together": [
    [frame(1, "4".repeat(600_000), { fin: false }), frame(0, "4".repeat(600_000))],
    1009,
  ],
  "a binary message over the limit": [frame(2, Buffer.alloc(1_000_001)), 1009],
  "a length of 64 set bits": [frame(1, "", { length: 2n ** 64n - 1n, wide: 64 }), 1009],
};

/** Engine packets no client may send: an empty close frame and a reason. */
const BAD_PACKETS = {
  "an empty text message": ["", "parse error"],
  "packet type 7": ["7", "parse error"],
  "a packet type that is no digit": ["x", "parse error"],
  "a NUL": ["\0", "parse error"],
  "a ping": ["2", "transport error", "invalid heartbeat direction"],
};

for (const form of FORMS) {
  const attack = (name, body) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      const a = await arena(t, { form });
      await body(a);
      await a.stillServes();
    });

  for (const [name, [bytes, code]] of Object.entries(VIOLATIONS)) {
    attack(`${name} closes with ${code}`, async (a) => {
      const ws = await a.websocket();
      const id = await ws.join();
      // Frames behind a violation in the same segment must not be looked at.
      await ws.write(Buffer.concat([bytes, frame(1, '42["late"]')].flat()));
      assert.equal(await ws.closure(), code);
      const account = await a.gone(id);
      assert.equal(account.reason, "transport error");
      assert.ok(account.description instanceof Error);
      assert.deepEqual(account.events, []);
      await a.alone();
    });
  }

  for (const [name, [packet, reason, message]] of Object.entries(BAD_PACKETS)) {
    attack(`${name} closes without code: ${reason}`, async (a) => {
      const ws = await a.websocket();
      const id = await ws.join();
      await ws.sendText(packet, '42["late"]');
      assert.equal(await ws.closure(), null);
      const account = await a.gone(id);
      assert.equal(account.reason, reason);
      if (message) assert.equal(account.description.message, message);
      assert.deepEqual(account.events, []);
      await a.alone();
    });
  }

  attack("a violation byte by byte is a violation", async (a) => {
    const ws = await a.websocket();
    await ws.join();
    for (const byte of frame(1, "4x", { rsv: 1 })) await ws.write(Buffer.from([byte]));
    assert.equal(await ws.closure(), 1002);
  });

  attack("valid frames in any cut are served", async (a) => {
    const ws = await a.websocket();
    await ws.join();
    const text = '421["echo","ü\u{1f600}"]';
    const bytes = Buffer.from(text);
    const whole = frame(1, bytes);
    const ways = [
      [...whole].map((byte) => Buffer.from([byte])),
      [frame(1, bytes, { wide: 16 })], // longer than the shortest form
      [frame(1, bytes, { wide: 64 })],
      // cut inside a character, with a ping and an empty fragment between
      [
        frame(1, bytes.subarray(0, 13), { fin: false }),
        frame(9, "p"),
        frame(0, "", { fin: false }),
        frame(0, bytes.subarray(13)),
      ],
    ];
    for (const parts of ways) {
      for (const part of parts) await ws.write(part);
      assert.equal(await ws.nextText(), '431["ü\u{1f600}"]');
    }
  });

  attack("exactly the limit is accepted", async (a) => {
    const ws = await a.websocket();
    await ws.join();
    const head = '421["echo","';
    await ws.sendText(`${head}${"x".repeat(1_000_000 - head.length - 2)}"]`);
    const answer = await ws.nextText();
    assert.equal(answer.length, 1_000_000 - '421["echo",'.length + "431[".length);
  });

  attack("packets without meaning are ignored", async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    await ws.sendText("0", "5", "6", "3", "3extra", "0{}", ...Array(2000).fill("3"));
    await ws.write(frame(10, "unasked"));
    await ws.sendText('421["echo",1]');
    assert.equal(await ws.nextText(), "431[1]");
    assert.equal(a.accounts.get(id).reason, undefined);
  });

  attack("a close frame is echoed whole, what follows is ignored", async (a) => {
    for (const code of [1000, 1001, 1003, 1007, 1014, 3000, 4999]) {
      const ws = await a.websocket();
      const id = await ws.join();
      await ws.write(Buffer.concat([closeFrame(code, "bye"), frame(1, '42["late"]')]));
      let last = await ws.frame();
      while (last.opcode !== 8) last = await ws.frame();
      assert.equal(last.payload.readUInt16BE(), code);
      assert.equal(last.payload.toString("utf8", 2), "bye");
      const account = await a.gone(id);
      assert.equal(account.reason, "transport close");
      assert.deepEqual(account.events, []);
    }
  });
}
