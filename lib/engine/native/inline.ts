/**
 * The sessions that live on this thread, because JavaScript reads and writes their connections: TLS, or
 * any Duplex. The calls here run them. Sends are written in the tick that hands them over; this thread is
 * woken for records, and for what input causes.
 */
import { throwLater } from "../scheduling";
import { calls, setOutput } from "./binding";
import { writeStream } from "./stream-table";

/** Writes that were taken from the engine, from the cursor on; in order, also if one causes others. */
const streams: number[] = [];
const chunks: Buffer[] = [];
let next = 0;
/** Nothing is written for now: somebody gathers it. */
let holding = false;

/** Takes what the engine has for streams. */
function take(): void {
  const run = calls.output();
  if (run === undefined) return;
  const numbers = new Uint32Array(run.buffer, run.byteOffset, 1);
  const count = numbers[0];
  const places = new Uint32Array(run.buffer, run.byteOffset + 4, count * 3);
  let start = 0;
  let end = 0;
  let chunk = run;
  for (let i = 0; i < places.length; i += 3) {
    // A broadcast gives many streams the same bytes.
    if (places[i + 1] !== start || places[i + 2] !== end) {
      start = places[i + 1];
      end = places[i + 2];
      chunk = run.subarray(start, end);
    }
    streams.push(places[i]);
    chunks.push(chunk);
  }
}

/** Writes what the engine has for streams. An exception of a stream is thrown by itself, later. */
function writeAll(): void {
  take();
  while (next < streams.length) {
    const i = next++;
    try {
      writeStream(streams[i], chunks[i]);
    } catch (error) {
      throwLater(error);
    }
  }
  next = streams.length = chunks.length = 0;
}

/** Takes what is to be written to streams, in order, instead of writing it. */
export function takeOutput(): [stream: number, data: Buffer][] {
  take();
  const writes: [number, Buffer][] = [];
  for (; next < streams.length; next++) writes.push([streams[next], chunks[next]]);
  next = streams.length = chunks.length = 0;
  return writes;
}

/**
 * Calls `fn`, which writes itself what it takes by {@link takeOutput}. What it has not taken follows.
 */
export function holdOutput(fn: () => void): void {
  const before = holding;
  holding = true;
  try {
    fn();
  } finally {
    holding = before;
    runInline(false);
  }
}

/** Writes what the engine has for streams, unless somebody gathers it. */
export function writeOutput(): void {
  if (!holding) writeAll();
}

setOutput(writeOutput);

/**
 * Carries out what other threads ask of these sessions, and what their timers do. `dispatches`: the
 * caller dispatches their records now; this thread is woken for them otherwise.
 */
export function runInline(dispatches: boolean): void {
  if (calls.runInline(dispatches ? 1 : 0)) writeOutput();
}

/**
 * Gives the engine input of a stream; no bytes end it. The records and answers that it causes wait for
 * the engine to wake this thread: all streams that have input now share that, and no stream is written
 * to or ended within its event.
 */
export function feed(stream: number, bytes: Uint8Array): void {
  calls.feed(stream, bytes);
}

/** Tells the engine that bytes of a stream have been written. */
export function written(stream: number, bytes: number): void {
  if (calls.written(stream, bytes)) writeOutput();
}
