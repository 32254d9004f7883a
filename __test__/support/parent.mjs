// The other end of child.mjs: what a child process uses to talk to its test.

import { readSync, writeSync } from "node:fs";
import { GATE } from "./child.mjs";

/** Sends a message of this type to the test. */
export const tell = (type, rest = {}) => process.send({ type, ...rest });

/** Calls `handlers[type](message)` for each message of the test; adapters have others. */
export function obey(handlers) {
  process.on("message", (message) => handlers[message.type]?.(message));
}

/** Stops this thread until the test releases it: nothing happens here in between. */
export function standStill() {
  writeSync(GATE, ".");
  readSync(GATE, Buffer.alloc(1));
}

/** Lets the process end by itself: the channel to the test no longer holds it. */
export const letGo = () => process.disconnect();

// A test that dies takes its children along.
process.on("disconnect", () => {
  setTimeout(() => process.exit(99), 60_000).unref();
});
