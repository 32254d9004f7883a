// Batches of packets, with the ticks and microtasks that listeners ask for in between.
import assert from "node:assert/strict";
import { eachServer } from "../options/support.mjs";
import { Polling } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";

/**
 * By title: the packets of one payload, and what is seen. "any", "use" and names are calls of
 * listeners; "… tick" is what they gave to process.nextTick, "… micro" to queueMicrotask.
 */
const BATCHES = {
  "each event's own tick comes before its listener": {
    packets: ['42["a"]', '42["b"]'],
    listen: ({ socket, note }) => {
      socket.onAny((event) => note(`any ${event}`));
      for (const event of ["a", "b"]) socket.on(event, () => note(event));
    },
    seen: [
      ...["any a", "any b", "any a tick", "a", "any b tick", "b", "a tick", "b tick"],
      ...["any a micro", "any b micro", "a micro", "b micro"],
    ],
  },
  "the same for a middleware": {
    packets: ['42["a"]', '42["b"]'],
    listen: ({ socket, note }) => {
      socket.use(([event], next) => {
        note(`use ${event}`);
        next();
      });
      for (const event of ["a", "b"]) socket.on(event, () => note(event));
    },
    seen: [
      ...["use a", "use b", "use a tick", "a", "use b tick", "b", "a tick", "b tick"],
      ...["use a micro", "use b micro", "a micro", "b micro"],
    ],
  },
  "an acknowledgement between two events": {
    packets: ['42["a"]', '430["x"]', '42["b"]'],
    listen: ({ socket, note }) => {
      socket.acks.set(0, (value) => note(`ack ${value}`));
      for (const event of ["a", "b"]) socket.on(event, () => note(event));
    },
    seen: [
      ...["ack x", "a", "ack x tick", "b", "a tick", "b tick"],
      ...["ack x micro", "a micro", "b micro"],
    ],
  },
  "listeners alone": {
    packets: ['42["a"]', '42["b"]', '42["a"]'],
    listen: ({ socket, note }) => {
      for (const event of ["a", "b"]) socket.on(event, () => note(event));
    },
    seen: [...["a", "b", "a", "a tick", "b tick", "a tick", "a micro", "b micro", "a micro"]],
  },
  "two namespaces": {
    packets: ['42["a"]', '42/n,["a"]', '42["b"]'],
    listen: ({ socket, other, note }) => {
      for (const event of ["a", "b"]) socket.on(event, () => note(event));
      other.on("a", () => note("n a"));
      other.onAny(() => note("n any"));
    },
    seen: [
      ...["n any", "a", "n any tick", "n a", "b", "a tick", "n a tick", "b tick"],
      ...["n any micro", "a micro", "n a micro", "b micro"],
    ],
  },
  "the connection's own listeners": {
    packets: ['42["a"]', '42["b"]'],
    listen: ({ socket, note }) => {
      socket.conn.on("data", (data) => note(data));
      socket.onAny((event) => note(`any ${event}`));
    },
    seen: [
      ...['2["a"]', '2["b"]', "any a", '2["a"] tick', "any b", '2["b"] tick'],
      ...["any a tick", "any b tick", '2["a"] micro', '2["b"] micro', "any a micro", "any b micro"],
    ],
  },
  "one namespace is left between two events of another": {
    packets: ['42["a"]', "41/n,", '42["b"]'],
    listen: ({ socket, other, note }) => {
      for (const event of ["a", "b"]) socket.on(event, () => note(event));
      other.on("disconnect", () => note("n left"));
    },
    seen: [
      ...["n left", "a", "n left tick", "b", "a tick", "b tick"],
      ...["n left micro", "a micro", "b micro"],
    ],
  },
};

for (const [title, { packets, listen, seen: expected }] of Object.entries(BATCHES)) {
  // a payload of long polling: the frames of a WebSocket may arrive one by one
  eachServer(title, async (t, start) => {
    const { io, port } = await start();
    const accepted = Promise.all(["/", "/n"].map((nsp) => once(io.of(nsp), "connection")));
    const session = await Polling.open(t, port);
    for (const nsp of ["/", "/n"]) await session.join(nsp);
    const [[socket], [other]] = await accepted;
    const seen = [];
    const note = (what) => {
      seen.push(what);
      process.nextTick(() => seen.push(`${what} tick`));
      queueMicrotask(() => seen.push(`${what} micro`));
    };
    listen({ socket, other, note });
    await session.send(...packets);
    await until(() => seen.length >= expected.length);
    // what is still to come would come within these turns
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    assert.deepEqual(seen, expected);
  });
}
