/** The native engine of this environment: its calls, and the tick's flush. */
import type { Connection, DeflateOptions, Engine, EngineOptions } from "../../../binding";
import { nextTick } from "../scheduling";
import { DrainState, type Rest } from "./contract";
import { absent, loadAddon } from "./load";

/** `null`: the JavaScript engine serves. */
const binding = loadAddon();

/** The calls made per event. They are defined in raw Node-API (`src/bridge/calls.rs`). */
export interface Calls {
  /**
   * The next batch: a JSON array, alone or followed by the values it refers to. The records of one read
   * of a connection come together.
   *
   * @param waits - 1: waits for a read that is being decoded; 0: there may be nothing to take for now
   *   then, although there is more
   */
  take(waits: 0 | 1): undefined | string | [string, ...(string | Buffer)[]];
  /** Number of batches. */
  waiting(): number;
  /** The work that is left. If it is none, the next record wakes this thread again. */
  rest(): Rest;
  /** Appends a place in the order of records: a record of its own, with this handle. */
  place(handle: number): void;
  /**
   * The records of sessions that listeners have opened and of which this has not told before, as a
   * JSON array. They stay in their batches.
   */
  openedAhead(): undefined | string;
  /** A text message. */
  sendText(handle: number, flags: number, text: string, length: number): void;
  /** A binary message. */
  sendBinary(handle: number, flags: number, data: Uint8Array): void;
  /** One text message to many sessions. */
  broadcastText(handles: Uint32Array, flags: number, text: string, length: number): void;
  /** One binary message to many sessions. */
  broadcastBinary(handles: Uint32Array, flags: number, data: Uint8Array): void;
  /** True if a poll of a session waits for packets, here or where it is answered natively. */
  isPollPending(handle: number): boolean;
  /**
   * A text message on a session that polls. Returns undefined if it does not any more; null if the
   * message waits for the next poll, or a poll is answered natively; else the body for the poll that
   * waits here.
   */
  sendPollingText(
    handle: number,
    compress: 0 | 1,
    text: string,
    length: number,
  ): undefined | null | string | Buffer;
  /** The same for a binary message. */
  sendPollingBinary(
    handle: number,
    compress: 0 | 1,
    data: Uint8Array,
  ): undefined | null | string | Buffer;
  /** Closes a session, after what was sent before. */
  closeSession(handle: number, flags: number): void;
  /** Frees the handle of a session that has ended, after what was sent before. */
  releaseHandle(handle: number): void;
  /** Has the session's packets decoded in JavaScript (1) or natively (0). */
  setRaw(handle: number, on: number): void;
  /** Hands over the sends of the tick, which ends. Returns true if there are bytes for streams. */
  flush(): undefined | true;
  /** Input of a stream; no bytes end it. This thread is woken for what is due. */
  feed(stream: number, bytes: Uint8Array): void;
  /** This thread has written bytes of a stream. Returns true if there are bytes for streams. */
  written(stream: number, bytes: number): undefined | true;
  /**
   * Runs the sessions that live on this thread, which is woken for their records; `dispatches`, 1: it
   * dispatches them now. Returns true if there are bytes for streams.
   */
  runInline(dispatches: number): undefined | true;
  /**
   * The bytes that are to be written to streams, as one run: their number, and for each the number of
   * the stream and the places in the run where its bytes begin and end, 32 bits each; then the bytes.
   */
  output(): undefined | Buffer;
  /** The JSON text of a string; undefined: the string stands between quotes as it is. */
  quote(text: string, length: number): undefined | string;
}

let onwake: () => void = () => {};

/** The number of sessions and connections that keep the process alive. */
let held = 0;

/** The engine of this thread. */
export const engine: Engine =
  binding === null
    ? absent("Engine")
    : new binding.Engine(() => onwake(), { hasRef: () => held > 0 });

export const calls = {} as Calls;
if (binding !== null) engine.defineCalls(calls);

/** The native listener, where there is one. */
export const listener = binding !== null && "NativeListener" in binding ? binding : null;

export type { Connection, DeflateOptions };
export type NativeOptions = EngineOptions;
export const NativeOptions: typeof EngineOptions =
  binding?.EngineOptions ?? absent("EngineOptions");

/** Sets the function that is called when there is a batch to take. */
export function setWake(callback: () => void): void {
  onwake = callback;
}

let onoutput: () => void = () => {};

/** Sets the function that is called when a flush leaves bytes for streams. */
export function setOutput(callback: () => void): void {
  onoutput = callback;
}

/** Sends what was gathered, before a flush. */
type BeforeFlush = () => void;
let beforeFlush: BeforeFlush | null = null;
let scheduled = false;
let tick = 0;

/** Sets the function that is called before each flush. */
export function setBeforeFlush(callback: BeforeFlush): void {
  beforeFlush = callback;
}

/** Set while the process ends: no tick comes after this one. */
let handOver: (() => void) | null = null;

/** Has each send from now on handed over by `callback` at once; `null`: at the end of its tick. */
export function setHandOver(callback: (() => void) | null): void {
  handOver = callback;
}

/** Has the sends of this tick handed over at its end. */
export function scheduleFlush(): void {
  if (scheduled) return;
  if (handOver !== null) return handOver();
  scheduled = true;
  nextTick(flush);
}

/** Hands over at once. */
export function flush(): void {
  scheduled = false;
  tick++;
  try {
    beforeFlush?.();
  } finally {
    // A message that is refused costs the others of its tick nothing.
    if (calls.flush()) onoutput();
  }
}

/**
 * Bytes sent on the WebSocket of a session that the kernel has not taken yet, as `writableLength` of
 * its socket has it; messages that wait for these to be written do not count. What was sent before is
 * handed over first.
 *
 * @param handle - of the session
 */
export function bufferedBytes(handle: number): number {
  beforeFlush?.();
  return engine.bufferedBytes(handle);
}

/** The last tick in which an I/O thread took too long to tell. */
let impatientIn = -1;

/**
 * Hands over what was sent on the WebSocket of a session, and returns true if all is written. Waits
 * for the session's I/O thread to ask the kernel, but not for a busy one again and again.
 *
 * @param ms - the longest time that it waits; then the answer is false
 */
export function isDrained(handle: number, ms: number): boolean {
  beforeFlush?.();
  const state = engine.drainState(handle, impatientIn === tick ? 0 : ms);
  if (state === DrainState.Unknown) impatientIn = tick;
  return state === DrainState.Drained;
}

/** Counts flushes: what was sent since the last one is still on this thread. */
export function currentTick(): number {
  return tick;
}

/** Sessions and connections keep the process alive, as sockets and timers of Node would. */
export function hold(): void {
  if (held++ === 0) engine.hold(true);
}

/** The opposite of {@link hold}. */
export function release(): void {
  if (--held === 0) engine.hold(false);
}
