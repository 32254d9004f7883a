// Packets from the server, byte for byte.
import assert from "node:assert/strict";
import { eachTransport } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once } from "../support/wait.mjs";

async function joined(t, open, nsp = "/") {
  const { io, port } = await serve(t);
  const connecting = once(io.of(nsp), "connection");
  const session = await open(port);
  await session.join(nsp);
  const [socket] = await connecting;
  return { io, session, socket };
}

const one = Buffer.from([1]);
const two = Buffer.from([2, 3]);
const one2 = Buffer.from(Uint16Array.of(513).buffer);
const empty = Buffer.alloc(0);
const hole = (num) => `{"_placeholder":true,"num":${num}}`;
const ack = () => {};

// [emit arguments, engine messages on /admin]; the namespace is taken out for /
const EVENTS = [
  [["foo"], ['42/admin,["foo"]']],
  [["foo", 1, "a,b/c"], ['42/admin,["foo",1,"a,b/c"]']],
  [["ünï", { a: "€", b: [null, true] }], ['42/admin,["ünï",{"a":"€","b":[null,true]}]']],
  [["q", ack], ['42/admin,0["q"]']],
  [
    ["baz", one],
    [`451-/admin,["baz",${hole(0)}]`, one],
  ],
  [
    ["baz", empty],
    [`451-/admin,["baz",${hole(0)}]`, empty],
  ],
  [
    ["baz", one, two],
    [`452-/admin,["baz",${hole(0)},${hole(1)}]`, one, two],
  ],
  // depth first, in the order of appearance
  [
    ["e", { z: [one, { y: two }], a: empty }],
    [`453-/admin,["e",{"z":[${hole(0)},{"y":${hole(1)}}],"a":${hole(2)}}]`, one, two, empty],
  ],
  [
    ["q", one, ack],
    [`451-/admin,1["q",${hole(0)}]`, one],
  ],
  [
    ["e", one, one],
    [`452-/admin,["e",${hole(0)},${hole(1)}]`, one, one],
  ],
  [
    ["e", { toJSON: () => [one] }],
    [`451-/admin,["e",[${hole(0)}]]`, one],
  ],
  [
    [
      "e",
      one,
      undefined,
      () => {},
      Number.NaN,
      "é",
      { a: [1] },
      new DataView(two.buffer, two.byteOffset, 2),
    ],
    [`452-/admin,["e",${hole(0)},null,null,null,"é",{"a":[1]},${hole(1)}]`, one, two],
  ],
  [
    ["e", Uint16Array.of(513).buffer, { toJSON: () => two }],
    [`452-/admin,["e",${hole(0)},${hole(1)}]`, one2, two],
  ],
  [["e", new Map([["k", one]]), new Set([one])], ['42/admin,["e",{},{}]']],
  [["e", new Date(0), /x/], ['42/admin,["e","1970-01-01T00:00:00.000Z",{}]']],
  [["e", "\u2028\ud800\u0000"], ['42/admin,["e","\u2028\\ud800\\u0000"]']],
  [["e", { _placeholder: true, num: 0 }], [`42/admin,["e",${hole(0)}]`]],
  [["e", new SharedArrayBuffer(4)], ['42/admin,["e",{}]']],
  [
    ["e", ...Array(12).fill(one)],
    [`4512-/admin,["e",${Array.from({ length: 12 }, (_, n) => hole(n))}]`, ...Array(12).fill(one)],
  ],
];

for (const nsp of ["/", "/admin"]) {
  const local = (packet) =>
    typeof packet === "string" && nsp === "/" ? packet.replace("/admin,", "") : packet;

  eachTransport(`events of ${nsp}`, async (t, open) => {
    const { session, socket } = await joined(t, open, nsp);
    for (const [args, packets] of EVENTS) {
      socket.emit(...args);
      for (const packet of packets) assert.deepEqual(await session.next(), local(packet));
    }
  });

  eachTransport(`broadcasts to ${nsp}`, async (t, open) => {
    const { io, session } = await joined(t, open, nsp);
    for (const [args, packets] of EVENTS.filter(([given]) => !given.includes(ack))) {
      io.of(nsp).emit(...args);
      for (const packet of packets) assert.deepEqual(await session.next(), local(packet));
    }
  });

  eachTransport(`acks of ${nsp}`, async (t, open) => {
    const { session, socket } = await joined(t, open, nsp);
    const answers = [[], [null], ["bar"], [one, { two }], [undefined, 1]];
    socket.on("q", (n, reply) => reply(...answers[n]));
    for (const [n, packets] of [
      ["43/admin,10[]"],
      ["43/admin,11[null]"],
      ['43/admin,12["bar"]'],
      [`462-/admin,13[${hole(0)},{"two":${hole(1)}}]`, one, two],
      ["43/admin,14[null,1]"],
    ].entries()) {
      await session.send(local(`42/admin,1${n}["q",${n}]`));
      for (const packet of packets) assert.deepEqual(await session.next(), local(packet));
    }
  });

  eachTransport(`CONNECT and DISCONNECT of ${nsp}`, async (t, open) => {
    const { io, port } = await serve(t);
    io.of(nsp).on("connection", (socket) => socket.disconnect());
    const session = await open(port);
    await session.send(local("40/admin,"));
    const prefix = local("40/admin,");
    const reply = await session.next();
    assert.ok(reply.startsWith(prefix));
    assert.match(reply.slice(prefix.length), /^\{"sid":"[\w-]{20}"\}$/);
    assert.equal(await session.next(), local("41/admin,"));
  });

  eachTransport(`CONNECT_ERROR of ${nsp}`, async (t, open) => {
    const { io, port } = await serve(t);
    io.of(nsp).use((_socket, next) => {
      next(Object.assign(new Error('"bad"'), { data: { c: 1 } }));
    });
    const session = await open(port);
    await session.send(local("40/admin,"));
    assert.equal(await session.next(), local('44/admin,{"message":"\\"bad\\"","data":{"c":1}}'));
  });
}

eachTransport("attachments follow their packet, packets do not mix", async (t, open) => {
  const { io, session, socket } = await joined(t, open);
  socket.emit("a", one, two);
  io.emit("b", two);
  socket.emit("c");
  io.to(socket.id).emit("d", one);
  const expected = [
    `452-["a",${hole(0)},${hole(1)}]`,
    ...[one, two],
    `451-["b",${hole(0)}]`,
    two,
    '42["c"]',
    `451-["d",${hole(0)}]`,
    one,
  ];
  for (const packet of expected) assert.deepEqual(await session.next(), packet);
});
