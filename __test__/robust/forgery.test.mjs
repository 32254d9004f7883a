// No client can put words into another one's mouth.
//
// A server may gather the events of many connections into one text before the application sees
// them. Whatever a client writes, the application must get exactly the values of its own accepted
// texts, under its own name and in its own order, and nothing of a refused text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { FACTOR, seeded } from "../support/seeded.mjs";
import { until } from "../support/wait.mjs";

const RESERVED = [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
];

/** The meaning of an event packet (type 2) by the protocol: `{ nsp, args, id }`, or null if refused. */
function expectation(text) {
  const [, name, id, json] = /^2(?:(\/[^,]*),?)?([\d\s]*)(.*)$/s.exec(text);
  const nsp = name ?? "/";
  if (nsp !== "/" && nsp !== "/b") return null;
  const hasId = id !== "";
  if (json === "") return { nsp, args: [], hasId };
  let args;
  try {
    args = JSON.parse(json);
  } catch {
    return null;
  }
  if (!Array.isArray(args)) return null;
  const [event] = args;
  const named =
    typeof event === "number" || (typeof event === "string" && !RESERVED.includes(event));
  return named ? { nsp, args, hasId } : null;
}

/** Equality of two JSON values, without recursion: the nesting may be deeper than the stack. */
function same(left, right) {
  const pairs = [[left, right]];
  while (pairs.length > 0) {
    const [a, b] = pairs.pop();
    if (Object.is(a, b)) continue;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    const keys = Object.keys(a);
    const others = Object.keys(b);
    if (keys.length !== others.length || keys.some((key, i) => key !== others[i])) return false;
    for (const key of keys) pairs.push([own(a, key), own(b, key)]);
  }
  return true;
}

const own = (object, key) => Object.getOwnPropertyDescriptor(object, key).value;

/** Texts that would break out of a list they were pasted into, and other troublemakers. */
const ATTACKS = [
  '["a"],1,2,["x"]',
  '["a"]]',
  '["a"]],[["x"]',
  '["a"],[0,null,["forged"]]',
  '["a"]\n["x"]',
  '["a"]//',
  '["a"]/*',
  '["a"] ,',
  '["a"',
  '"a"',
  '["a","',
  '["a","\\"]',
  '["a","\\u12"]',
  '["a",01]',
  '["a",+1]',
  '["a",1.]',
  '["a",.5]',
  '["a",1e]',
  '["a",\u00a01]',
  '["a",\ufeff1]',
  '["a",undefined]',
  '["a",{"k":1,}]',
  '["a",{k:1}]',
  "[\"a\",'x']",
  '["a","\t"]',
  "[]",
  "{}",
  "null",
  "]",
  "[[",
  "",
  '["disconnect"]',
  '["connect"]',
  '[["a"]]',
];

/** Texts every server has to take, each with a place for a mark that tells who sent it. */
const VALUES = [
  '["a",MARK]',
  "[MARK,1,-0,1e400,-1e-400,123456789012345678901234567890,0.1e1]",
  '["a",MARK,"]],[[","\\"],[\\"",",",":","\\\\"]',
  '["a",MARK,"\\u2028\u2028\u2029","\\ud800","\\udc00\\ud800","\\u0000\\u001e","\u{1f600}"]',
  '["a",MARK,{"__proto__":{"x":MARK},"constructor":1,"":{"":[]}}]',
  '["a",{"k":1,"k":MARK,"2":1,"1":2}]',
  '["a",MARK,{"_placeholder":true,"num":0}]',
  ' [ "a" , MARK , { "k" : [ ] } ] ',
  "[7,MARK,true,false,null]",
  '["__proto__",MARK]',
  '["toString",MARK]',
];

const PIECES = [
  ...["[", "]", "{", "}", '"', ",", ":", "\\", "\\u2028", "\u2028", "\\ud800", "\\u0022", "'"],
  ...["],[", '"],["', "]]", "[[", ',["forged"],', "1e999", "-", "0", "9007199254740993", "null"],
  ...["true", '"__proto__":', " ", "\n", "\u00a0", "\ufeff", "/", "\ud83d", "\0"],
];

/** One random event text of the client called `mark`. */
function eventText(random, mark) {
  const prefix = `2${random.pick(["", "", "/b,", "/,"])}${random.pick(["", "", "0", "17", "007"])}`;
  const draw = random.below(100);
  if (draw < 4) return prefix + random.pick(ATTACKS);
  const value = random.pick(VALUES).replaceAll("MARK", `"${mark}"`);
  if (draw < 10) return prefix + random.mutate(value, PIECES);
  if (draw < 13) return `${prefix}["deep","${mark}",${nested(random.pick([60, 300, 900]))}]`;
  if (draw < 16) return `${prefix}["long","${mark}","${"€x]".repeat(random.pick([500, 30_000]))}"]`;
  return prefix + value;
}

const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);

/** A client and its whole script: texts up to and including the first refused one, and more behind. */
async function forger(a, random, mark) {
  const texts = Array.from({ length: 12 }, (_, i) =>
    // Characters that UTF-8 cannot express never leave the client.
    Buffer.from(eventText(random, `${mark}.${i}`)).toString(),
  );
  const expected = texts.map(expectation);
  const polling = random.chance(0.25);
  const client = polling ? await a.polling() : await a.websocket();
  const ids = { "/": await client.join("/"), "/b": await client.join("/b") };
  const marker = `4299["end"]`;
  const packets = texts.map((text) => `4${text}`).concat(marker);
  return {
    mark,
    texts,
    ids,
    refusedAt: expected.indexOf(null),
    expected,
    send: () => (polling ? client.post(packets.join("\x1e")) : client.sendText(...packets)),
    async settled() {
      if (this.refusedAt < 0) {
        await until(() => a.accounts.get(ids["/"]).events.some(([name]) => name === "end"), mark);
      } else {
        if (polling) await client.get(); // a refused session learns of it by polling
        await a.gone(ids["/"]);
        await a.gone(ids["/b"]);
      }
      if (!polling) client.destroy();
      else await client.post("1");
    },
  };
}

/** The application saw of this client what it sent, no more, no less, in order. */
function check(a, { texts, ids, refusedAt, expected }) {
  const accepted = refusedAt < 0 ? expected : expected.slice(0, refusedAt);
  for (const nsp of ["/", "/b"]) {
    const wanted = accepted.filter((one) => one.nsp === nsp);
    const got = a.accounts.get(ids[nsp]).events.filter(([name]) => name !== "end");
    for (const [i, { args, hasId }] of wanted.entries()) {
      const values = got[i] && [...got[i]];
      if (hasId) assert.equal(typeof values?.pop(), "function", `the ack function of event ${i}`);
      assert.ok(same(values, args), `event ${i} of ${nsp} differs\n${texts.join("\n")}`);
    }
    assert.equal(got.length, wanted.length, `forged events in ${nsp}\n${texts.join("\n")}`);
  }
}

for (const form of FORMS) {
  test(`clients are told apart, whatever they write (${form})`, { timeout: 300_000 }, async (t) => {
    const a = await arena(t, { form, namespaces: ["/", "/b"] });
    let refused = 0;
    await seeded(t, async (random) => {
      for (let round = 0; round < 25 * FACTOR; round++) {
        const forgers = [];
        for (let i = 0; i < 40; i++) forgers.push(await forger(a, random, `c${round}.${i}`));
        await Promise.all(forgers.map((one) => one.send())); // all in one go, to be gathered
        for (const one of forgers) {
          await one.settled();
          check(a, one);
          if (one.refusedAt >= 0) refused++;
        }
        a.accounts.clear();
        await a.stillServes();
      }
    });
    assert.ok(refused > 100, "hardly anything was refused: the texts are too tame");
  });
}
