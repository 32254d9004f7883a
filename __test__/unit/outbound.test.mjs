// Sends of one tick: gathered into broadcasts, in order.
import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import { contract, load, takeAsked } from "../support/faked-binding.mjs";
import { beyond } from "../support/subject.mjs";

const { SendFlag } = contract;
const outbound = load("engine/native/outbound");
const bytes = load("engine/native/bytes");
const tick = () => new Promise((resolve) => process.nextTick(resolve));

beforeEach(async () => {
  await tick();
  takeAsked();
});

beyond("one packet for several sessions becomes one broadcast", async () => {
  const parts = ["2[1]"];
  for (const handle of [1, 2, 3]) outbound.gather(handle, parts, 0);
  await tick();
  assert.deepEqual(takeAsked(), [
    ["broadcastText", Uint32Array.of(1, 2, 3), 0, "2[1]", 4],
    ["flush"],
  ]);
});

beyond("equal packets that are not the same are sent one by one", async () => {
  outbound.gather(1, ["2[1]"], 0);
  outbound.gather(2, ["2[1]"], 0);
  await tick();
  assert.deepEqual(takeAsked(), [
    ["sendText", 1, 0, "2[1]", 4],
    ["sendText", 2, 0, "2[1]", 4],
    ["flush"],
  ]);
});

beyond("the parts of a packet stay together, and share its flags", async () => {
  const bytes = Buffer.from("b");
  const parts = ["51-[]", bytes];
  outbound.gather(1, parts, SendFlag.Volatile);
  await tick();
  const continued = SendFlag.Volatile | SendFlag.Continued;
  assert.deepEqual(takeAsked(), [
    ["sendText", 1, SendFlag.Volatile, "51-[]", 5],
    ["sendBinary", 1, continued, bytes],
    ["flush"],
  ]);
});

beyond("a packet with other flags is another one", async () => {
  const parts = ["2[1]"];
  outbound.gather(1, parts, 0);
  outbound.gather(2, parts, SendFlag.Volatile);
  await tick();
  assert.deepEqual(
    takeAsked().map(([name, handle, flags]) => [name, handle, flags]),
    [
      ["sendText", 1, 0],
      ["sendText", 2, SendFlag.Volatile],
      ["flush", undefined, undefined],
    ],
  );
});

beyond("all kinds of sends keep their order", async () => {
  const parts = ["2[1]"];
  outbound.gather(1, parts, 0);
  outbound.sendText(1, SendFlag.Whole, "2");
  outbound.gather(2, parts, 0);
  outbound.broadcast(Uint32Array.of(1), [Buffer.from("b")], 0);
  outbound.sendBinary(1, 0, Buffer.from("c"));
  outbound.gather(1, parts, 0);
  outbound.closeSession(1, SendFlag.Discard);
  await tick();
  assert.deepEqual(
    takeAsked().map(([name]) => name),
    ["sendText", "sendText", "sendText", "broadcastBinary", "sendBinary", "sendText"].concat([
      "closeSession",
      "flush",
    ]),
  );
});

for (const [name, given, expected] of [
  ["a text", "a", "a"],
  ["nothing", undefined, ""],
  ["null", null, ""],
  ["a number", 5, "5"],
  ["a Buffer", Buffer.from("a"), Buffer.from("a")],
  ["an ArrayBuffer", Uint8Array.of(1, 2).buffer, Uint8Array.of(1, 2)],
  ["a view", new DataView(Uint8Array.of(1, 2, 3).buffer, 1, 2), Uint8Array.of(2, 3)],
]) {
  beyond(`sends ${name} as the engine can`, () => {
    assert.deepEqual(bytes.normalize(given), expected);
  });
}

beyond("a packet with a part that cannot be sent throws, and nothing of it is sent", async () => {
  const detached = new Uint8Array(3);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const parts = ['51-["a",{"_placeholder":true,"num":0}]', detached];
  assert.throws(() => outbound.gather(1, parts, 0), TypeError);
  assert.throws(() => outbound.broadcast(Uint32Array.of(1, 2), parts, 0), TypeError);
  const long = Object.defineProperty(new Uint8Array(1), "byteLength", { value: 2 ** 40 });
  outbound.gather(1, [long], 0);
  await tick();
  assert.deepEqual(
    takeAsked().map(([name, , , data]) => [name, data]),
    [
      ["sendBinary", long],
      ["flush", undefined],
    ],
  );
});
