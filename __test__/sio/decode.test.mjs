// Packets from a client: what is accepted, and how each refusal looks from both sides.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachTransport, Polling, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once, until } from "../support/wait.mjs";

async function joined(t, open, options) {
  const { io, port } = await serve(t, options);
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [socket] = await connecting;
  return { io, port, session, socket };
}

const INVALID = "invalid payload";
const ATTACHMENTS = "Illegal attachments";
const PLACEHOLDER = "illegal attachments";
const hole = (num) => JSON.stringify({ _placeholder: true, num });

// [engine messages, message of the error event]
const REFUSALS = [
  [["47"], "unknown packet type 7"],
  [["49"], "unknown packet type 9"],
  [["4abc"], "unknown packet type NaN"],
  [["4-1"], "unknown packet type NaN"],
  // wrong or broken data
  [["42{"], INVALID],
  [['42["a"'], INVALID],
  [['42["a"]x'], INVALID],
  [['42[a"]'], INVALID],
  [["42['a']"], INVALID],
  [['42["a",]'], INVALID],
  [["40[]"], INVALID],
  [['40"x"'], INVALID],
  [["40null"], INVALID],
  [["41[]"], INVALID],
  [["42{}"], INVALID],
  [["42[]"], INVALID],
  [["42[null]"], INVALID],
  [["42[{}]"], INVALID],
  [["42[[]]"], INVALID],
  [["42[true]"], INVALID],
  [["431{}"], INVALID],
  [['431"x"'], INVALID],
  // reserved names
  ...[
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
  ].map((name) => [[`42["${name}"]`], INVALID]),
  [['451-["disconnect",{"_placeholder":true,"num":0}]'], INVALID],
  // attachments
  [['450-["a"]'], ATTACHMENTS],
  [['45-["a"]'], ATTACHMENTS],
  [['451["a"]'], ATTACHMENTS],
  [['45-1-["a"]'], ATTACHMENTS],
  [['451.5-["a"]'], ATTACHMENTS],
  [['45x-["a"]'], ATTACHMENTS],
  [['4511-["a"]'], "too many attachments"],
  [['45999999-["a"]'], "too many attachments"],
  [[`451-["a",${hole(0)}]`, '42["b"]'], "got plaintext data when reconstructing a packet"],
  [[Buffer.from("x")], "got binary data when not reconstructing a packet"],
  [[`451-[${hole(0)}]`], INVALID],
  [['451-["a",{"_placeholder":true,"num":"0"}]', Buffer.from("x")], PLACEHOLDER],
  [['451-["a",{"_placeholder":true}]', Buffer.from("x")], PLACEHOLDER],
  [[`451-["a",${hole(-1)}]`, Buffer.from("x")], PLACEHOLDER],
  [[`451-["a",${hole(1)}]`, Buffer.from("x")], PLACEHOLDER],
  [[`452-["a",${hole(2)}]`, Buffer.from("x"), Buffer.from("y")], PLACEHOLDER],
];
for (const [messages, error] of REFUSALS) {
  eachTransport(`${messages.map(String)} is refused: ${error}`, async (t, open) => {
    const { io, session, socket } = await joined(t, open);
    const seen = [];
    socket.onAny((...args) => seen.push(args));
    const failed = once(socket, "error");
    const gone = once(socket, "disconnect");
    await session.send(...messages);
    const [reason] = await failed;
    assert.ok(reason instanceof Error);
    assert.equal(reason.message, error);
    if (session instanceof Polling) assert.equal((await session.get()).text, "6\x1e1");
    else assert.equal(await session.next(), null);
    assert.equal((await gone)[0], "forced close");
    await until(() => io.engine.clientsCount === 0);
    assert.deepEqual(seen, []);
  });
}

// refused without an error event: violations of the protocol, not of the grammar
for (const message of [
  "40",
  "40{}",
  "44",
  '44{"message":"x"}',
  '42/other,["a"]',
  "43/other,1[]",
  "41/other,",
]) {
  eachTransport(`${message} closes without an error event`, async (t, open) => {
    const { io, session, socket } = await joined(t, open);
    const errors = [];
    socket.on("error", (error) => errors.push(error));
    const gone = once(socket, "disconnect");
    await session.send(message);
    assert.match((await gone)[0], /^forced (close|server close)$/);
    if (session instanceof Polling) await session.get();
    await until(() => io.engine.clientsCount === 0);
    assert.deepEqual(errors, []);
  });
}

eachTransport("an empty message closes the connection", async (t, open) => {
  const { io, session, socket } = await joined(t, open);
  const gone = once(socket, "disconnect");
  await session.send("4");
  if (session instanceof Polling) await session.get();
  await gone;
  await until(() => io.engine.clientsCount === 0);
});

eachTransport("every joined socket of the client gets the error", async (t, open) => {
  const { io, session, socket } = await joined(t, open);
  const connecting = once(io.of("/other"), "connection");
  await session.join("/other");
  const [other] = await connecting;
  const errors = [once(socket, "error"), once(other, "error")];
  await session.send("47");
  for (const [error] of await Promise.all(errors)) {
    assert.equal(error.message, "unknown packet type 7");
  }
});

// [engine messages, arguments of the catch-all; "ack" stands for the ack function]
const one = Buffer.from([1]);
const two = Buffer.from([2]);
const ACCEPTED = [
  [['42["a"]'], ["a"]],
  [['42["a",1,[2,{"b":null}],"ü"]'], ["a", 1, [2, { b: null }], "ü"]],
  [['42["a" , 1 ]'], ["a", 1]],
  // a space is the number 0
  [['42 ["a"]'], ["a", "ack"]],
  [['42/,["a"]'], ["a"]],
  [["42"], []],
  [["421"], ["ack"]],
  [["42[1,2]"], [1, 2]],
  [['4212["a"]'], ["a", "ack"]],
  [['42007["a"]'], ["a", "ack"]],
  [['42["__proto__",{"__proto__":1}]'], ["__proto__", JSON.parse('{"__proto__":1}')]],
  [['42["a",{"_placeholder":true,"num":0}]'], ["a", { _placeholder: true, num: 0 }]],
  [['42["connection"]'], ["connection"]],
  [
    [`451-["a",${hole(0)}]`, one],
    ["a", one],
  ],
  [
    [`452-["a",${hole(1)},{"deep":[${hole(0)}]}]`, one, two],
    ["a", two, { deep: [one] }],
  ],
  [
    [`451-9["a",${hole(0)}]`, one],
    ["a", one, "ack"],
  ],
  [
    [`451-["a",${hole(0)},${hole(0)}]`, one],
    ["a", one, one],
  ],
  [['451-["a"]', one], ["a"]],
  [
    [`451-["a",${hole(0.5)}]`, one],
    ["a", undefined],
  ],
  [
    [`451-["a",${hole(0)}]`, Buffer.alloc(0)],
    ["a", Buffer.alloc(0)],
  ],
  [
    [`45 1-["a",${hole(0)}]`, one],
    ["a", one],
  ],
  [['451e1-["a"]', ...Array(10).fill(one)], ["a"]],
  [
    [`4510-["a",${hole(9)}]`, ...Array(9).fill(one), two],
    ["a", two],
  ],
];
for (const [messages, args] of ACCEPTED) {
  eachTransport(`${messages[0]} is accepted`, async (t, open) => {
    const { session, socket } = await joined(t, open);
    const seen = [];
    socket.onAny((...given) => {
      seen.push(given.map((value) => (typeof value === "function" ? "ack" : value)));
    });
    await session.send(...messages);
    await session.send('42["end"]');
    await until(() => seen.at(-1)?.[0] === "end");
    assert.deepEqual(seen, [args, ["end"]]);
    assert.equal(socket.connected, true);
  });
}

// the CONNECT packet: [packet, reply starts with, namespace, auth]
for (const [packet, prefix, nsp, auth] of [
  ["40", "40{", "/", {}],
  ["40{}", "40{", "/", {}],
  ['40{"a":[1,{"b":"ü"}]}', "40{", "/", { a: [1, { b: "ü" }] }],
  ["40/", "40{", "/", {}],
  ["40/,", "40{", "/", {}],
  ["40/admin", "40/admin,{", "/admin", {}],
  ["40/admin,", "40/admin,{", "/admin", {}],
  ['40/admin,{"a":1}', "40/admin,{", "/admin", { a: 1 }],
  ["40/a/b c,", "40/a/b c,{", "/a/b c", {}],
]) {
  eachTransport(`${packet} joins ${nsp}`, async (t, open) => {
    const { io, port } = await serve(t);
    const connecting = once(io.of(nsp), "connection");
    const session = await open(port);
    await session.send(packet);
    assert.ok((await session.next()).startsWith(prefix));
    const [socket] = await connecting;
    assert.equal(socket.nsp.name, nsp);
    assert.deepEqual(socket.handshake.auth, auth);
  });
}

eachTransport(
  "acks: binary, and nothing left of a half packet in another session",
  async (t, open) => {
    const { port, session, socket } = await joined(t, open);
    const asked = socket.emitWithAck("q");
    assert.equal(await session.next(), '420["q"]');
    // the other session starts a packet and leaves it unfinished
    const other = await open(port);
    await other.join();
    await other.send(`452-["half",${hole(0)}]`, two);
    await session.send(`461-0[{"a":${hole(0)}}]`, one);
    assert.deepEqual(await asked, { a: one });
  },
);

test("a deeply nested packet does no harm", async (t) => {
  const { io, port } = await serve(t);
  const session = await Ws.open(t, port);
  await session.join();
  const deep = 50_000;
  const connecting = once(io, "connection");
  await session.send(`42["a",${"[".repeat(deep)}${"]".repeat(deep)}]`);
  const again = await Ws.open(t, port);
  await again.join();
  await connecting;
});
