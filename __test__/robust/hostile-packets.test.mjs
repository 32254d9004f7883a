// Socket.IO packets that break the protocol, over WebSocket and over polling, beside the rows of
// hostile-inputs.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { throwsOut } from "../support/talkers.mjs";
import { frame } from "../support/tcp.mjs";

const data = Buffer.from("data");
const placeholder = (num) => `{"_placeholder":true,"num":${num}}`;

/** The packets a client sends, the message of the `error` event; null when there is none. */
const REFUSED = {
  "type 7": [["47"], "unknown packet type 7"],
  "type 9": [['49["x"]'], "unknown packet type 9"],
  "type abc": [["4abc"], "unknown packet type NaN"],
  "JSON cut short": [['42["x"'], "invalid payload"],
  "two JSON values": [['42["x"],["y"]'], "invalid payload"],
  "a bracket too many": [['42["x"]]'], "invalid payload"],
  "single quotes": [["42['x']"], "invalid payload"],
  "a trailing comma": [['42["x",]'], "invalid payload"],
  "NaN as a value": [['42["x",NaN]'], "invalid payload"],
  "a raw line feed in a string": [['42["x\n"]'], "invalid payload"],
  "CONNECT with an array": [["40/other,[]"], "invalid payload"],
  "CONNECT with a string": [['40/other,"x"'], "invalid payload"],
  "CONNECT with null": [["40/other,null"], "invalid payload"],
  "DISCONNECT with data": [["41[]"], "invalid payload"],
  "EVENT with an object": [["42{}"], "invalid payload"],
  "EVENT without a name": [["42[]"], "invalid payload"],
  "a placeholder as name": [[`451-[${placeholder(0)}]`, data], "invalid payload"],
  "ACK with an object": [["431{}"], "invalid payload"],
  "attachments without dash": [['451["x"]'], "Illegal attachments"],
  "num as a string": [[`451-["x",${placeholder('"0"')}]`, data], "illegal attachments"],
  "num of a prototype": [[`451-["x",${placeholder('"__proto__"')}]`, data], "illegal attachments"],
  "num null": [[`451-["x",${placeholder("null")}]`, data], "illegal attachments"],
  "num -1": [[`451-["x",${placeholder(-1)}]`, data], "illegal attachments"],
  "num 1 of 1": [[`451-["x",${placeholder(1)}]`, data], "illegal attachments"],
  "num 1e99": [[`451-["x",${placeholder("1e99")}]`, data], "illegal attachments"],
  "CONNECT_ERROR from a client": [['44{"message":"x"}'], null],
  "EVENT for another namespace": [['42/other,["x"]'], null],
  "ACK for another namespace": [['43/other,1["x"]'], null],
  "DISCONNECT for another namespace": [["41/other,"], null],
  "a query is part of the name": [['42/?x=1,["x"]'], null],
};
/** Strange but accepted events: the text after the `4`, what the catch-all listener gets. */
const ACCEPTED = {
  2: [],
  '2["spaces" , [ ] ] ': ["spaces", []],
  '2/,["main"]': ["main"],
  '2["x",{"_placeholder":true,"num":0}]': ["x", { _placeholder: true, num: 0 }],
  '2["x",1e400]': ["x", Infinity],
  '2["x","\\ud800\\u0000\\u2028\u2028"]': ["x", "\ud800\0\u2028\u2028"],
};

for (const form of FORMS) {
  const attack = (name, body, settings) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      const a = await arena(t, { form, ...settings });
      await body(a);
      await a.stillServes();
    });

  for (const [name, [packets, message]] of Object.entries(REFUSED)) {
    attack(`${name} is refused`, async (a) => {
      await throwsOut(a, packets, message);
      await a.alone();
    });
  }

  attack("an empty message is refused", async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    await ws.sendText("4");
    assert.equal(await ws.closure(), null);
    const account = await a.gone(id);
    assert.equal(account.errors.length, 1);
    assert.deepEqual(account.events, []);
  });

  attack("strange events are delivered", async (a) => {
    for (const [text, expected] of Object.entries(ACCEPTED)) {
      const ws = await a.websocket();
      const id = await ws.join();
      await ws.sendText(`4${text}`, '421["echo",1]');
      assert.equal(await ws.nextText(), "431[1]", text);
      assert.deepEqual(a.accounts.get(id).events[0], expected, text);
    }
  });

  attack("strange attachment numbers that are accepted", async (a) => {
    const cases = [
      [`451-["x",${placeholder(0)},${placeholder(0)}]`, [data], ["x", data, data]],
      ['451-["x"]', [data], ["x"]],
      [`451-["x",${placeholder(0.5)}]`, [data], ["x", undefined]],
      [`451e0-["x",${placeholder(0)}]`, [Buffer.alloc(0)], ["x", Buffer.alloc(0)]],
    ];
    const ws = await a.websocket();
    const { events } = a.accounts.get(await ws.join());
    for (const [header, attachments, expected] of cases) {
      await ws.write(Buffer.concat([frame(1, header), ...attachments.map((one) => frame(2, one))]));
      await ws.sendText('421["echo",1]');
      assert.equal(await ws.nextText(), "431[1]");
      assert.deepEqual(events.splice(0)[0], expected, header);
    }
  });
}
