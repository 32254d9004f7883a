// Bytes in unusual memory, and objects that only look like bytes, given to emit(), send() and write().
import assert from "node:assert/strict";
import { test } from "node:test";
import { io as connect } from "socket.io-client";
import { FORMS, SERVE } from "../support/forms.mjs";
import { beyond, isOracle } from "../support/subject.mjs";
import { defer, once, within } from "../support/wait.mjs";

const filled = (buffer) => {
  new Uint8Array(buffer).set([1, 2, 3, 4]);
  return buffer;
};
const shared = (options) => filled(new SharedArrayBuffer(4, options));
const resizable = () => filled(new ArrayBuffer(4, { maxByteLength: 8 }));
const detached = (view) => {
  structuredClone(view.buffer ?? view, { transfer: [view.buffer ?? view] });
  return view;
};
const four = [1, 2, 3, 4];

class Lying extends Uint8Array {
  get byteLength() {
    return 1e6;
  }
  get length() {
    return 1e6;
  }
  get byteOffset() {
    return 5;
  }
}
class LyingBuffer extends Uint8Array {
  get buffer() {
    return new ArrayBuffer(3);
  }
}
class LyingView extends DataView {
  get byteLength() {
    return 1e6;
  }
}

/** Name, the value, and the bytes that arrive. */
const BYTES = [
  ["a view of shared memory", () => new Uint8Array(shared()), four],
  ["a Buffer over shared memory", () => Buffer.from(shared()), four],
  ["a Uint16Array over shared memory", () => new Uint16Array(shared()), four],
  ["a DataView of shared memory", () => new DataView(shared(), 1, 2), [2, 3]],
  [
    "a view of shared memory that has grown",
    () => {
      const buffer = shared({ maxByteLength: 8 });
      const view = new Uint8Array(buffer);
      buffer.grow(6);
      return view;
    },
    [1, 2, 3, 4, 0, 0],
  ],
  ["a view of a resizable buffer", () => new Uint8Array(resizable()), four],
  ["a resizable buffer", resizable, four],
  [
    "a view beyond the end of a buffer that has shrunk",
    () => {
      const buffer = resizable();
      const view = new Uint8Array(buffer, 0, 4);
      buffer.resize(2);
      return view;
    },
    [],
  ],
];

/** Refused: upstream throws too, from emit() in a tick of its own, which ends the process. */
const REFUSED = [
  ["a view of a detached buffer", () => detached(new Uint8Array(3)), TypeError],
  ["a DataView of a detached buffer", () => detached(new DataView(new ArrayBuffer(3))), TypeError],
  ["a detached buffer", () => detached(new ArrayBuffer(3)), TypeError],
  [
    "a DataView beyond the end of a buffer that has shrunk",
    () => {
      const buffer = resizable();
      const view = new DataView(buffer, 0, 4);
      buffer.resize(2);
      return view;
    },
    TypeError,
  ],
  ["a view of 4 GiB", () => new Uint8Array(2 ** 32), RangeError],
];

/** Objects that inherit from views: no bytes for emit(), and refused by send(). */
const PRETENDERS = [
  ["a Proxy of a Uint8Array", () => new Proxy(new Uint8Array([1, 2, 3]), {})],
  ["a Proxy of a Buffer", () => new Proxy(Buffer.from([1, 2, 3]), {})],
  ["an object made of Uint8Array.prototype", () => Object.create(Uint8Array.prototype)],
  ["an object made of Buffer.prototype", () => Object.create(Buffer.prototype)],
];

const LIARS = [
  ["a Uint8Array with other lengths", () => new Lying(four)],
  ["a Uint8Array with another buffer", () => new LyingBuffer(four)],
  ["a DataView with another length", () => new LyingView(filled(new ArrayBuffer(4)))],
];

async function pair(t, form, transport) {
  const { io, port } = await SERVE[form](t);
  const connection = once(io, "connection");
  const client = connect(`http://127.0.0.1:${port}`, {
    transports: [transport],
    reconnection: false,
    forceNew: true,
  });
  defer(t, () => client.disconnect());
  const [socket] = await within(connection, "the connection");
  await within(once(client, "connect"), "the client is connected");
  return { io, socket, client };
}

/** Ways to send, each with the way to receive: `(sides, value) => promise of what arrives`. */
const WAYS = {
  "emit()": ({ socket, client }, value) => {
    const heard = once(client, "x");
    socket.emit("x", value);
    return heard.then(([data]) => data);
  },
  "broadcast()": ({ io, client }, value) => {
    const heard = once(client, "x");
    io.emit("x", value);
    return heard.then(([data]) => data);
  },
  "send()": ({ socket, client }, value) => {
    const heard = once(client.io.engine, "data");
    socket.conn.send(value);
    return heard.then(([data]) => data);
  },
  "write()": ({ socket, client }, value) => {
    const heard = once(client.io.engine, "data");
    socket.conn.write(value);
    return heard.then(([data]) => data);
  },
};

/** Checks that the session goes on. */
async function goesOn({ socket, client }) {
  const answered = new Promise((resolve) => client.once("after", resolve));
  socket.emit("after", 7);
  assert.equal(await within(answered, "a message afterwards"), 7);
}

for (const form of FORMS) {
  for (const transport of ["websocket", "polling"]) {
    for (const [way, send] of Object.entries(WAYS)) {
      const title = (verb, name) => `${form}, ${transport}: ${way} ${verb} ${name}`;
      const isRaw = way === "send()" || way === "write()";

      test(title("copies", "bytes in unusual memory"), async (t) => {
        let sides = await pair(t, form, transport);
        for (const [name, make, expected] of BYTES) {
          const data = await within(send(sides, make()), name);
          assert.deepEqual([...data], expected, name);
          // The client ends for bytes without a packet.
          if (isRaw) sides = await pair(t, form, transport);
        }
      });

      beyond(title("takes", "views for what they are"), async (t) => {
        let sides = await pair(t, form, transport);
        for (const [name, make] of LIARS) {
          assert.deepEqual([...(await within(send(sides, make()), name))], four, name);
          if (isRaw) sides = await pair(t, form, transport);
        }
      });

      beyond(title("refuses", "what has no bytes, or too many"), async (t) => {
        const sides = await pair(t, form, transport);
        const refused = isRaw
          ? [...REFUSED, ...PRETENDERS.map((row) => [...row, TypeError])]
          : REFUSED;
        for (const [name, make, error] of refused) {
          const value = make();
          assert.throws(() => send(sides, value), error, name);
          await goesOn(sides);
        }
      });
    }

    test(`${form}, ${transport}: emit() sends objects that inherit from views as objects`, async (t) => {
      const sides = await pair(t, form, transport);
      for (const [name, make] of PRETENDERS) {
        if (isOracle && /Buffer/.test(name)) continue;
        const value = make();
        let text;
        try {
          text = JSON.stringify(value);
        } catch {
          continue; // Its own properties throw.
        }
        assert.deepEqual(await within(WAYS["emit()"](sides, value), name), JSON.parse(text), name);
      }
    });
  }
}
