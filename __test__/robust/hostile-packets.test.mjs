// Socket.IO packets that break the protocol, over WebSocket and over polling.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
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
  "a name that is null": [["42[null]"], "invalid payload"],
  "a name that is an object": [["42[{}]"], "invalid payload"],
  "a name that is an array": [['42[["x"]]'], "invalid payload"],
  "a name that is a boolean": [["42[true]"], "invalid payload"],
  "a placeholder as name": [[`451-[${placeholder(0)}]`, data], "invalid payload"],
  "ACK with an object": [["431{}"], "invalid payload"],
  "attachments 0": [['450-["x"]'], "Illegal attachments"],
  "attachments without number": [['45-["x"]'], "Illegal attachments"],
  "attachments without dash": [['451["x"]'], "Illegal attachments"],
  "attachments -1": [['45-1-["x"]'], "Illegal attachments"],
  "attachments 1.5": [['451.5-["x"]'], "Illegal attachments"],
  "11 attachments": [['4511-["x"]'], "too many attachments"],
  "text in place of an attachment": [
    [`451-["x",${placeholder(0)}]`, '42["late"]'],
    "got plaintext data when reconstructing a packet",
  ],
  "an attachment without header": [[data], "got binary data when not reconstructing a packet"],
  "one attachment too many": [
    [`451-["first",${placeholder(0)}]`, data, data],
    "got binary data when not reconstructing a packet",
  ],
  "num as a string": [[`451-["x",${placeholder('"0"')}]`, data], "illegal attachments"],
  "num of a prototype": [[`451-["x",${placeholder('"__proto__"')}]`, data], "illegal attachments"],
  "num null": [[`451-["x",${placeholder("null")}]`, data], "illegal attachments"],
  "num -1": [[`451-["x",${placeholder(-1)}]`, data], "illegal attachments"],
  "num 1 of 1": [[`451-["x",${placeholder(1)}]`, data], "illegal attachments"],
  "num 1e99": [[`451-["x",${placeholder("1e99")}]`, data], "illegal attachments"],
  "a second CONNECT": [["40"], null],
  "CONNECT_ERROR from a client": [['44{"message":"x"}'], null],
  "EVENT for another namespace": [['42/other,["x"]'], null],
  "ACK for another namespace": [['43/other,1["x"]'], null],
  "DISCONNECT for another namespace": [["41/other,"], null],
  "a query is part of the name": [['42/?x=1,["x"]'], null],
};
for (const name of [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]) {
  REFUSED[`reserved event ${name}`] = [[`42["${name}"]`], "invalid payload"];
}

/** Strange but accepted events: the text after the `4`, what the catch-all listener gets. */
const ACCEPTED = {
  '2["__proto__",1]': ["__proto__", 1],
  '2["constructor"]': ["constructor"],
  '2["toString"]': ["toString"],
  '2["hasOwnProperty",{}]': ["hasOwnProperty", {}],
  '2["connection"]': ["connection"],
  '2["new_namespace"]': ["new_namespace"],
  '2["error",5]': ["error", 5],
  '2["",0]': ["", 0],
  "2[1,2]": [1, 2],
  "2[-1.5e3]": [-1500],
  2: [],
  '2["spaces" , [ ] ] ': ["spaces", []],
  '2/,["main"]': ["main"],
  '2["x",{"_placeholder":true,"num":0}]': ["x", { _placeholder: true, num: 0 }],
  '2["x",1e400]': ["x", Infinity],
  '2["x","\\ud800\\u0000\\u2028\u2028"]': ["x", "\ud800\0\u2028\u2028"],
};

const asFrame = (packet) => frame(typeof packet === "string" ? 1 : 2, packet);
const asPolled = (packet) =>
  typeof packet === "string" ? packet : `b${packet.toString("base64")}`;

for (const form of FORMS) {
  const attack = (name, body, settings) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      const a = await arena(t, { form, ...settings });
      await body(a);
      await a.stillServes();
    });

  const checkRefusal = (account, message) => {
    assert.deepEqual(
      account.events.filter(([name]) => name !== "first"),
      [],
    );
    assert.deepEqual(
      account.errors.map((error) => error.message),
      message === null ? [] : [message],
    );
  };

  for (const [name, [packets, message]] of Object.entries(REFUSED)) {
    attack(`${name} is refused`, async (a) => {
      const ws = await a.websocket();
      let id = await ws.join();
      await ws.write(Buffer.concat([...packets, '42["late"]'].map(asFrame)));
      assert.equal(await ws.closure(), null);
      assert.equal((await a.gone(id)).reason, "forced close");
      checkRefusal(a.accounts.get(id), message);

      const session = await a.polling();
      id = await session.join();
      assert.equal((await session.post(packets.map(asPolled).join("\x1e"))).text, "ok");
      const last = await session.get();
      // The session may be gone already, or wait for this poll to say so; or the poll was there first.
      if (last.status === 200) assert.ok(["1", "6\x1e1"].includes(last.text), last.text);
      else assert.equal(JSON.parse(last.text).code, 1);
      assert.match((await a.gone(id)).reason, /^forced (server )?close$/);
      checkRefusal(a.accounts.get(id), message);
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

  attack("strange events are delivered and pollute nothing", async (a) => {
    for (const [text, expected] of Object.entries(ACCEPTED)) {
      const ws = await a.websocket();
      const id = await ws.join();
      await ws.sendText(`4${text}`, '421["echo",1]');
      assert.equal(await ws.nextText(), "431[1]", text);
      assert.deepEqual(a.accounts.get(id).events[0], expected, text);
    }
  });

  attack("__proto__ in arguments and auth stays an own key", async (a) => {
    const ws = await a.websocket();
    const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const id = await ws.join("/", evil);
    await ws.sendText(`42["x",${evil}]`, `421["echo",${evil}]`);
    assert.equal(await ws.nextText(), `431[${evil}]`);
    const { socket, events } = a.accounts.get(id);
    for (const value of [socket.handshake.auth, events[0][1]]) {
      assert.ok(Object.hasOwn(value, "__proto__"));
      assert.equal(Object.getPrototypeOf(value), Object.prototype);
    }
    assert.equal({}.polluted, undefined);
  });

  attack("half attachments never become a packet", async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    const header = `4510-["x",${Array.from({ length: 10 }, (_, i) => placeholder(i))}]`;
    await ws.write(Buffer.concat([header, ...Array(9).fill(data)].map(asFrame)));
    await ws.reset();
    const account = await a.gone(id);
    assert.deepEqual([account.events, account.errors], [[], []]);
    await a.alone();
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
      await ws.write(Buffer.concat([header, ...attachments].map(asFrame)));
      await ws.sendText('421["echo",1]');
      assert.equal(await ws.nextText(), "431[1]");
      assert.deepEqual(events.splice(0)[0], expected, header);
    }
  });

  attack("acks nobody waits for are ignored", async (a) => {
    const victim = await a.client();
    const ws = await a.websocket();
    await ws.join();
    let answers = 0;
    a.accounts.get(victim.id).socket.emit("question", () => answers++);
    const ids = ["0", "1", "2", "007", "99999999999999999999", "1 ", " "];
    await ws.sendText(...ids.map((id) => `43${id}["forged"]`), '421["echo",1]');
    assert.equal(await ws.nextText(), "431[1]");
    assert.equal(answers, 0);
    assert.ok(victim.connected);
  });

  attack("namespaces that do not exist", async (a) => {
    const ws = await a.websocket();
    const id = await ws.join();
    for (const name of [
      "/__proto__",
      "/constructor",
      "/?a=b",
      "/a/../b",
      "//",
      `/${"x".repeat(9999)}`,
    ]) {
      await ws.sendText(`40${name},`);
      assert.equal(await ws.nextText(), `44${name},{"message":"Invalid namespace"}`);
    }
    assert.equal(a.accounts.get(id).reason, undefined);
    assert.deepEqual([...a.io._nsps.keys()], ["/"]);
  });

  attack("rooms with the names of prototype properties", async (a) => {
    const client = await a.client();
    const { socket } = a.accounts.get(client.id);
    const got = [];
    client.on("hello", (room) => got.push(room));
    for (const room of ["__proto__", "constructor", "toString"]) {
      a.io.to(room).emit("hello", "too early");
      socket.join(room);
      assert.ok(socket.rooms.has(room));
      a.io.to(room).emit("hello", room);
      socket.leave(room);
    }
    await new Promise((resolve) => client.emit("echo", 0, resolve));
    assert.deepEqual(got, ["__proto__", "constructor", "toString"]);
  });

  attack("an event before CONNECT, or right behind it, closes", async (a) => {
    for (const packets of [['42["x"]'], ["41"], ['431["x"]'], ["40", '42["x"]']]) {
      const ws = await a.websocket();
      await ws.sendText(...packets);
      assert.equal(await ws.closure(), null, `${packets}`);
      const session = await a.polling();
      await session.post(packets.join("\x1e"));
      await session.get();
      assert.equal((await session.get()).status, 400, `${packets}`);
    }
    await a.alone();
    const events = [...a.accounts.values()].flatMap((account) => account.events);
    assert.deepEqual(
      events.filter(([name]) => name === "x"),
      [],
    );
  });

  attack("deep nesting is delivered, or refused, but never fatal", async (a) => {
    for (const depth of [1000, 20_000, 400_000]) {
      const nested = "[".repeat(depth) + "]".repeat(depth);
      for (const packets of [[`42["x",${nested}]`], [`451-["x",${nested}]`, data]]) {
        const ws = await a.websocket();
        const id = await ws.join();
        await ws.write(Buffer.concat(packets.map(asFrame)));
        await ws.sendText('421["echo",1]');
        const answer = await ws.nextText();
        if (answer === null) assert.equal((await a.gone(id)).events.length, 0);
        else assert.equal(answer, "431[1]");
      }
    }
  });
}
