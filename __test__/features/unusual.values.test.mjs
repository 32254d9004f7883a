// Values that are unusual as arguments and names, byte by byte, from a socket and from a broadcast.
import assert from "node:assert/strict";
import { differs } from "../support/subject.mjs";
import { eachPair, takeAll } from "./support.mjs";

const PLACE = (num) => `{"_placeholder":true,"num":${num}}`;
const nested = (depth) => JSON.parse("[".repeat(depth) + "]".repeat(depth));

class Point {
  x = 1;
  #hidden = 2;
  get y() {
    return this.#hidden;
  }
}

const withToJson = Object.assign([1], { toJSON: () => [9] });
const shared = Buffer.from("s");

/** Puts `at` on a sparse array of the length 4. */
const sparse = (at) => Object.assign(new Array(4), { [at]: 1 });

/** By title: arguments behind the name, and the packet's data with its attachments. */
const SENT = {
  "an invalid date": [[new Date(Number.NaN)], "null"],
  "undefined between others": [[1, undefined, 2], "1,null,2"],
  "minus zero": [[-0], "0"],
  "extreme numbers": [[1e21, 5e-324, 0.1 + 0.2], "1e+21,5e-324,0.30000000000000004"],
  "a sparse array": [[sparse(2)], "[null,null,1,null]"],
  "an array with toJSON": [[withToJson], "[9]"],
  "toJSON giving a function": [[{ toJSON: () => () => {} }], "null"],
  "toJSON giving undefined": [[{ toJSON: () => undefined }], "null"],
  "toJSON of what toJSON gives": [
    [{ toJSON: () => ({ inner: { toJSON: () => "deep" } }) }],
    '{"inner":"deep"}',
  ],
  "an object of a class": [[new Point()], '{"x":1}'],
  "an object without prototype": [[Object.assign(Object.create(null), { a: 1 })], '{"a":1}'],
  "a frozen object": [[Object.freeze({ a: Object.freeze([1]) })], '{"a":[1]}'],
  "a getter": [
    [
      {
        get a() {
          return 1;
        },
      },
    ],
    '{"a":1}',
  ],
  "a proxy": [[new Proxy({ a: 1 }, {}), new Proxy([1, 2], {})], '{"a":1},[1,2]'],
  "an Error": [[new Error("x")], "{}"],
  "a URL": [[new URL("http://a/")], '"http://a/"'],
  "a promise": [[Promise.resolve(1)], "{}"],
  "boxed values": [[Object("s"), Object(1), Object(false)], '"s",1,false'],
  "symbols as keys and values": [[Symbol("x"), { [Symbol("k")]: 1, a: 1 }], 'null,{"a":1}'],
  "a key named __proto__": [[JSON.parse('{"__proto__":{"x":1}}')], '{"__proto__":{"x":1}}'],
  "lone surrogates, in keys too": [
    ["\udc00x\ud800", { "\ud800": 1 }],
    '"\\udc00x\\ud800",{"\\ud800":1}',
  ],
  "a NUL": [["\u0000"], '"\\u0000"'],
  "an object like a placeholder": [[{ _placeholder: true, num: 0 }], PLACE(0)],
  "an object like a placeholder, and a real one": [
    [{ _placeholder: true, num: 5 }, shared],
    `${PLACE(5)},${PLACE(0)}`,
    "73",
  ],
  "JSON of a Buffer": [[shared.toJSON()], '{"type":"Buffer","data":[115]}'],
  "a Buffer twice": [[shared, shared], `${PLACE(0)},${PLACE(1)}`, "73", "73"],
  "an empty Buffer": [[Buffer.alloc(0)], PLACE(0), ""],
  "a part of a Uint8Array": [[Uint8Array.of(0, 1, 2, 3).subarray(1, 3)], PLACE(0), "0102"],
  "a Float64Array": [[Float64Array.of(1)], PLACE(0), "000000000000f03f"],
  "a part of an Int32Array": [[new Int32Array(new ArrayBuffer(8), 4, 1)], PLACE(0), "00000000"],
  "a DataView": [[new DataView(new ArrayBuffer(3), 1)], PLACE(0), "0000"],
  "an ArrayBuffer": [[new ArrayBuffer(2)], PLACE(0), "0000"],
  "a SharedArrayBuffer": [[new SharedArrayBuffer(2)], "{}"],
  "a view of a SharedArrayBuffer": [[new Uint8Array(new SharedArrayBuffer(2))], PLACE(0), "0000"],
  "binary from toJSON": [[{ toJSON: () => ({ b: shared }) }], `{"b":${PLACE(0)}}`, "73"],
  "binary in a Set": [[new Set([shared]), new WeakMap()], "{},{}"],
  "twelve attachments": [
    Array.from({ length: 12 }, (_, n) => Buffer.of(n)),
    Array.from({ length: 12 }, (_, n) => PLACE(n)).join(),
    ...Array.from({ length: 12 }, (_, n) => Buffer.of(n).toString("hex")),
  ],
  "1000 arrays in each other": [[nested(1000)], "[".repeat(1000) + "]".repeat(1000)],
  "a text of 300 kB": [["x".repeat(300_000)], `"${"x".repeat(300_000)}"`],
};

eachPair("unusual values are sent as upstream sends them", async (_t, connect) => {
  const { io, session, socket } = await connect();
  for (const [title, [args, json, ...attachments]] of Object.entries(SENT)) {
    const count = attachments.length;
    const expected = [
      count > 0 ? `45${count}-["e",${json}]` : `42["e",${json}]`,
      ...attachments.map((hex) => Buffer.from(hex, "hex")),
    ];
    for (const target of [socket, io, io.to(socket.id)]) {
      assert.equal(target.emit("e", ...args), true);
      assert.deepEqual(await takeAll(session, socket), expected, title);
    }
  }
});

const circle = { binary: shared };
circle.self = circle;
const ring = [];
ring.push(ring);

/** By title: what cannot be sent, and the error. */
const REFUSED = {
  "a BigInt": [1n, TypeError],
  "a BigInt inside": [{ a: [2n] }, TypeError],
  "a boxed BigInt": [Object(3n), TypeError],
  "a circle with binary": [circle, RangeError],
  "an array in itself": [ring, RangeError],
  // Sent here: a client chooses the nesting of what an application sends back.
  ...differs({ "100000 arrays in each other": [nestedBy(100_000), RangeError] }, {}),
  "a getter that throws": [
    {
      get a() {
        throw new Error("from the getter");
      },
    },
    /from the getter/,
  ],
  "a toJSON that throws": [
    {
      toJSON() {
        throw new Error("from toJSON");
      },
    },
    /from toJSON/,
  ],
};

function nestedBy(depth) {
  let inner = [];
  for (let i = 0; i < depth; i++) inner = [inner];
  return inner;
}

eachPair("emit throws for values that cannot be sent, and sends nothing", async (_t, connect) => {
  const { io, session, socket } = await connect();
  for (const [title, [value, error]] of Object.entries(REFUSED)) {
    for (const target of [socket, io, io.to(socket.id), socket.nsp.volatile]) {
      assert.throws(() => target.emit("e", value), error, title);
      assert.deepEqual(await takeAll(session, socket), [], title);
    }
    await assert.rejects(socket.timeout(50).emitWithAck("e", value), error, title);
  }
  assert.equal(socket.connected, true);
});

// [name, as it is on the wire]
const NAMES = [
  [5, "5"],
  [0, "0"],
  [Number.NaN, "null"],
  [null, "null"],
  [undefined, "null"],
  [true, "true"],
  [Symbol("a"), "null"],
  [Symbol.for("connect"), "null"],
  [Object("connect"), '"connect"'],
  [{}, "{}"],
  [["x"], '["x"]'],
  [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ["", '""'],
  ["\u0000", '"\\u0000"'],
  ["__proto__", '"__proto__"'],
  ["hasOwnProperty", '"hasOwnProperty"'],
  ["error", '"error"'],
  ["connection", '"connection"'],
];

eachPair("events may have names of every kind", async (_t, connect) => {
  const { io, session, socket } = await connect();
  for (const [name, json] of NAMES) {
    for (const target of [socket, io, io.to(socket.id)]) {
      assert.equal(target.emit(name, 1), true);
      assert.deepEqual(await takeAll(session, socket), [`42[${json},1]`]);
    }
  }
  for (const target of [socket, io]) assert.throws(() => target.emit(10n), TypeError);
});

eachPair("names of every kind from a client", async (_t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  for (const name of ["5", "-1", "1.5", "toString", "hasOwnProperty", "constructor", "valueOf"]) {
    socket.on(name, (...args) => seen.push([name, ...args]));
  }
  const sent = ["5,1", "-1", "1.5", '"toString",2', '"hasOwnProperty"', '"constructor"', '"5"'];
  const last = new Promise((resolve) => socket.on("valueOf", resolve));
  await session.send(...sent.map((json) => `42[${json}]`), '42["valueOf"]');
  await last;
  assert.deepEqual(seen, [
    ["5", 1],
    ["-1"],
    ["1.5"],
    ["toString", 2],
    ["hasOwnProperty"],
    ["constructor"],
    ["5"],
    ["valueOf"],
  ]);
});
