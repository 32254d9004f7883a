// lib/engine/native over an addon that is not there: for tests of what one file does, in milliseconds.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Loads a module of `dist/`. */
export const load = (name) => require(`../../dist/${name}.js`);

/** The numbers of the boundary. */
export const contract = load("engine/native/contract");

/** The batches that wait, as {@link records} makes them. */
const batches = [];
/** Sessions opened by listeners, of which `openedAhead` tells. */
const ahead = [];
/** Everything that the engine was asked for, but for reads: `[name, ...arguments]`. */
export const asked = [];

const ask =
  (name, result) =>
  (...args) => {
    asked.push([name, ...args]);
    return result;
  };

/** Takes what the engine was asked for until now. */
export const takeAsked = () => asked.splice(0);

let wake = () => {};
let beforeFlush = () => {};
let flushing = false;

class NativeOptions {
  setBuffering = ask("setBuffering");
  setMaxPending = ask("setMaxPending");
  set = ask("set");
  setDeflate = ask("setDeflate");
}

/** The exports of `lib/engine/native/binding.ts`. */
const binding = {
  calls: {
    take: () => batches.shift(),
    waiting: () => batches.length,
    rest: () => (batches.length > 0 ? contract.Rest.Batches : contract.Rest.None),
    place: (handle) => push([contract.RecordCode.Place, handle]),
    runInline: () => undefined,
    output: () => undefined,
    openedAhead: () => (ahead.length > 0 ? JSON.stringify(ahead.splice(0).flat()) : undefined),
    ...Object.fromEntries(
      [
        "sendText",
        "sendBinary",
        "broadcastText",
        "broadcastBinary",
        "closeSession",
        "releaseHandle",
        "setRaw",
      ].map((name) => [name, ask(name)]),
    ),
  },
  engine: { takenOver: ask("takenOver"), generateId: () => "id" },
  listener: null,
  NativeOptions,
  hold: ask("hold"),
  release: ask("release"),
  setHandOver: () => {},
  currentTick: () => 0,
  bufferedBytes: () => 0,
  isDrained: () => true,
  setOutput: () => {},
  setWake: (callback) => {
    wake = callback;
  },
  setBeforeFlush: (callback) => {
    beforeFlush = callback;
  },
  scheduleFlush: () => {
    if (flushing) return;
    flushing = true;
    process.nextTick(binding.flush);
  },
  flush: () => {
    flushing = false;
    beforeFlush();
    asked.push(["flush"]);
  },
};

const path = require.resolve("../../dist/engine/native/binding.js");
require.cache[path] = { id: path, filename: path, loaded: true, exports: binding };

/** Adds a batch of records, with the values that they refer to. */
export function push(items, values = []) {
  const text = JSON.stringify(items);
  batches.push(values.length > 0 ? [text, ...values] : text);
}

/** Adds a batch as text. */
export const pushText = (text) => batches.push(text);

/** Has a session told ahead of its record. */
export const openAhead = (record) => ahead.push(record);

/** Wakes the thread as the engine does. */
export const ring = () => wake();

/** Resolves in another turn of the loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A session that keeps a list of its records, and is registered. */
export function session(handle, log = []) {
  const { register } = load("engine/native/session-table");
  const recipient = { _handle: handle };
  for (const name of ["packet", "leaving", "refused", "closed", "answer", "raw", "frame", "note"]) {
    recipient[`_on${name}`] = (...args) => log.push([handle, name, ...args]);
  }
  register(recipient);
  return { recipient, log };
}
