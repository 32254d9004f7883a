/** Takes batches and hands their records to the sessions they are for. */

import { AsyncResource } from "node:async_hooks";

import { placeAttachments } from "./attachments";
import { calls, engine, release, setWake } from "./binding";
import { Note, PacketKind, RECORD_LENGTHS, RecordCode } from "./contract";
import { type SessionEvents, sessionOf } from "./session-table";
import { isDispatching } from "./tick-queue";

// Not one that an application's tests replace by a clock of their own.
const { setImmediate } = globalThis;

/** What a native listener tells. */
export interface ListenerEvents {
  /** A session was opened; its request comes packed, in two parts. */
  opened(
    handle: number,
    websocket: boolean,
    id: string,
    address: string,
    shared: string,
    own: string,
  ): void;
  /** A connection that is not for the listener, with what was read of it. */
  handover(fd: number, bytes: Buffer): void;
  /** The last connection has ended after the listener was stopped. */
  drained(): void;
}

/** What the engine tells of the streams that are pumped here. */
export interface StreamEvents {
  /** Bytes to be written. */
  write(data: Buffer): void;
  /** All input has been taken. */
  taken(): void;
  /**
   * The engine has done with the stream.
   *
   * @param abort - what is unwritten is to be dropped
   * @param read - bytes that a connection has read, if the engine has read it
   * @param written - bytes that were written to it
   */
  end(abort: boolean, read: number, written: number): void;
}

const streams = new Map<number, StreamEvents>();

/** Has the events of a stream handed to `events`, until its end. */
export function registerStream(stream: number, events: StreamEvents): void {
  streams.set(stream, events);
}

const listeners = new Map<number, ListenerEvents>();

/** Has the news of a native listener handed to `events`. */
export function registerListener(listener: number, events: ListenerEvents): void {
  listeners.set(listener, events);
}

/** The stream was not taken. */
export function forgetStream(stream: number): void {
  streams.delete(stream);
}

/** What is done when an adopted connection has ended; its number is below 2^16. */
let onAdoptedEnd: (owner: number) => void = () => {};
export function setAdoptedEnd(callback: (owner: number) => void): void {
  onAdoptedEnd = callback;
}

/** The batch being worked off; left here when a listener throws. */
let items: any[] = [];
let values: (string | Buffer)[] = [];
let at = 0;
let draining = false;

/**
 * Counts turns of the loop. What has happened in turns of its own comes here at once if this thread
 * is late; where it shows, it gets turns of its own again: see {@link pause}.
 */
let turn = 0;
/** The turn in which a packet was last handed over: what it says is dispatched in later ticks. */
let heardIn = -1;
/** Whose packets those of that turn were; -1: several sessions'. */
let heardFrom = -1;
/** The turn in which a namespace was last left. */
let leftIn = -1;
/** What is left of the batch waits for the next turn. */
let paused = false;

/** Has the record at the cursor, and all that follow, wait until the ticks of this turn are over. */
function pause(): void {
  paused = true;
  setImmediate(resume);
}

function resume(): void {
  // From Node 26 on, ticks that a thrown exception has left over run after the next immediate.
  if (isDispatching()) return void setImmediate(resume);
  paused = false;
  beginTurn();
}

/** Counts a turn, unless ticks of the last one are still to come. */
function countTurn(): void {
  if (!isDispatching()) turn++;
}

/** In place of a handle: whatever session it is that something concerns. */
export const ANYBODY = 0xffffffff;

/** What has a place among the records, in their order. */
const placed: (() => void)[] = [];
/** The record at its place is being dispatched: what it causes needs no place of its own. */
let inPlace = false;

/** Whether all that has happened until now has been heard of. */
export function isUpToDate(): boolean {
  const isIdle = !paused && !draining && at >= items.length && leftOver.length === 0;
  return isIdle && placed.length === 0 && calls.waiting() === 0;
}

/**
 * The way in for what this thread hears of by itself, of requests above all: calls `fn` when all
 * that happened before has been heard of; at once if it has.
 *
 * @param handle - the session that it concerns: what that one said has been dispatched by then
 */
export function inOrder(handle: number, fn: () => void): void {
  if (inPlace) fn();
  else afterNews(handle, fn);
}

/** The same for what follows from something that was done natively: it has been heard of, too. */
export function afterNews(handle: number, fn: () => void): void {
  if (isUpToDate()) return fn();
  placed.push(AsyncResource.bind(fn));
  calls.place(handle);
}

function hear(handle: number): void {
  heardFrom = heardIn === turn && heardFrom !== handle ? -1 : handle;
  heardIn = turn;
}

/** Whether something that a session said has not been dispatched yet, and is in this turn. */
function isHeard(handle: number): boolean {
  if (heardIn !== turn) return false;
  return handle === ANYBODY || heardFrom === -1 || heardFrom === handle;
}

/** Whether a note of a session has to wait for the next turn. */
function waits(to: SessionEvents, note: number): boolean {
  if (note === Note.Ending) return heardIn === turn;
  if (note !== Note.Request) return false;
  if (to._requestedIn === turn) return true;
  to._requestedIn = turn;
  return false;
}

/**
 * Works off what has arrived: up to `batches` of them. An exception of a listener leaves as it is,
 * and the rest follows in the next tick.
 */
function work(batches: number): void {
  if (draining || paused) return;
  draining = true;
  let done = false;
  try {
    dispatchAll();
    while (!paused && batches-- > 0 && next()) dispatchAll();
    done = true;
    if (paused) return;
    // What was worked off may be large, and the next batch far away.
    items = [];
    values = [];
    at = 0;
  } finally {
    draining = false;
    if (!done) process.nextTick(drain);
  }
}

function dispatchAll(): void {
  while (at < items.length && !paused) dispatch(items[at]);
}

/** Works off what has arrived until now. */
export function drain(): void {
  work(calls.waiting() + leftOver.length);
  goOn();
  endTurn();
}

let ending = false;

/** Counts a turn that this thread has begun otherwise than by being woken. */
function endTurn(): void {
  if (ending || heardIn !== turn) return;
  ending = true;
  setImmediate(() => {
    ending = false;
    countTurn();
  });
}

let goingOn = false;

/** Length of a batch that is small, in characters. */
const SMALL = 8 * 1024;
/** So many small batches are worked off in one turn of the loop. */
const MANY = 8;
/** Length of the last batch, and how many small ones there were in this turn. */
let length = 0;
let small = 0;

/**
 * Has what is left worked off: at once if it is little, for other things that have happened since
 * may depend on it, else in the next turn of the loop. If nothing is left, the engine wakes.
 */
function goOn(): void {
  if (paused || goingOn || !(calls.rest() || leftOver.length > 0)) return;
  goingOn = true;
  const soon = length < SMALL && ++small < MANY;
  if (!soon) small = 0;
  (soon ? process.nextTick : setImmediate)(() => {
    goingOn = false;
    if (soon) wakeSafely();
    else beginTurn();
  });
}

/**
 * Works off a batch, and the next one in the next turn of the loop: what the first one said has to
 * be dispatched before more is decoded, or a flood would be stored here.
 */
function wake(): void {
  work(1);
  goOn();
}

/** Has the exceptions of the application's listeners thrown by themselves, not by who calls `fn`. */
function safely(fn: () => void): () => void {
  return () => {
    try {
      fn();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  };
}

// Node only warns of exceptions in a native callback.
const wakeSafely = safely(wake);

function beginTurn(): void {
  countTurn();
  wakeSafely();
}

setWake(beginTurn);

/** The same as {@link drain}, for who only wants to look. */
export const catchUp = safely(drain);

/** Batches that were taken for what they hold for streams, without that. */
const leftOver: { items: any[]; values: (string | Buffer)[] }[] = [];

/**
 * Takes the bytes out of all batches that are to be written to streams; the other records stay for
 * later. No listener is called: the process, or a stream, is about to end.
 */
export function takeStreamWrites(): [stream: number, data: Buffer][] {
  const writes: [number, Buffer][] = [];
  items.splice(at, items.length, ...withoutWrites(items, values, at, writes));
  for (;;) {
    const batch = calls.take();
    if (batch === undefined) break;
    const [text, ...beside] = typeof batch === "string" ? [batch] : batch;
    const left = withoutWrites(JSON.parse(text), beside, 0, writes);
    if (left.length > 0) leftOver.push({ items: left, values: beside });
  }
  // The process may go on all the same.
  if (leftOver.length > 0) setImmediate(beginTurn);
  return writes;
}

/** The records of a batch from a position on but for bytes for streams, which go to `writes`. */
function withoutWrites(
  from: any[],
  beside: (string | Buffer)[],
  start: number,
  writes: [number, Buffer][],
): any[] {
  const left = [];
  for (let i = start; i < from.length; i += RECORD_LENGTHS[from[i]]) {
    if (from[i] === RecordCode.StreamWrite)
      writes.push([from[i + 1], beside[from[i + 2]] as Buffer]);
    else left.push(...from.slice(i, i + RECORD_LENGTHS[from[i]]));
  }
  return left;
}

/** Writes to a stream. */
export function writeStream(stream: number, data: Buffer): void {
  streams.get(stream)?.write(data);
}

function next(): boolean {
  const left = leftOver.shift();
  if (left !== undefined) {
    at = 0;
    items = left.items;
    values = left.values;
    return true;
  }
  const batch = calls.take();
  at = 0;
  values = [];
  if (batch === undefined) {
    items = [];
    return false;
  }
  length = (typeof batch === "string" ? batch : batch[0]).length;
  if (typeof batch === "string") {
    items = JSON.parse(batch);
  } else {
    items = JSON.parse(batch[0]);
    values = batch.slice(1);
  }
  return true;
}

/** A payload: in place, or beside as a text of its own. */
function payload(item: any): any {
  return typeof item === "number" ? JSON.parse(values[item] as string) : item;
}

// The cursor moves before anything is called, so that an exception never repeats a record.
function dispatch(code: number): void {
  const name: number = items[at + 1];
  if (code >= RecordCode.Opened && code <= RecordCode.ListenerDrained)
    return dispatchListener(code, name);
  if (code >= RecordCode.StreamWrite && code <= RecordCode.StreamTaken)
    return dispatchStream(code, name);
  const first = items[at + 2];
  const to = sessionOf(name);
  switch (code) {
    case RecordCode.Event:
      at += 3;
      hear(name);
      to?._onpacket(PacketKind.Event, "/", undefined, payload(first));
      break;
    case RecordCode.EventWithAck:
    case RecordCode.Ack: {
      const data = items[at + 3];
      at += 4;
      hear(name);
      to?._onpacket(
        code === RecordCode.Ack ? PacketKind.Ack : PacketKind.Event,
        "/",
        Number(first),
        payload(data),
      );
      break;
    }
    case RecordCode.Packet: {
      // Who leaves a namespace may return to it, and does not overtake what others said before.
      if (first === PacketKind.Connect && leftIn === turn) return pause();
      if (first === PacketKind.Disconnect && heardIn === turn && heardFrom !== name) return pause();
      const [, , , nsp, id, data, from, count] = items.slice(at, at + 8);
      at += 8;
      hear(name);
      if (first === PacketKind.Disconnect) leftIn = turn;
      if (to !== undefined) dispatchPacket(to, first, nsp, id, data, from, count);
      break;
    }
    case RecordCode.Refused:
      at += 3;
      to?._onrefused(first);
      break;
    case RecordCode.Closed: {
      const message = items[at + 3];
      at += 4;
      to?._onclosed(first, message);
      break;
    }
    case RecordCode.Answer:
      at += 3;
      to?._onanswer(values[first]);
      break;
    case RecordCode.EnginePacket: {
      const data = values[items[at + 3]];
      at += 4;
      hear(name);
      to?._onraw(first, data);
      break;
    }
    case RecordCode.Frame: {
      const message = values[items[at + 3]];
      at += 4;
      to?._onframe(first === 1, message);
      break;
    }
    case RecordCode.Place:
      if (isHeard(name)) return pause();
      at += 2;
      (placed.shift() as () => void)();
      break;
    case RecordCode.Note:
      if (to !== undefined && waits(to, first)) return pause();
      at += 3;
      to?._onnote(first);
      break;
    default:
      at = items.length;
      throw new Error(`unknown record ${code}`);
  }
}

function dispatchPacket(
  to: SessionEvents,
  type: number,
  nsp: string,
  id: number | null,
  item: any,
  from: number,
  count: number,
): void {
  let data = item === null ? undefined : payload(item);
  if (count > 0) {
    try {
      data = placeAttachments(data, values.slice(from, from + count) as Buffer[]);
    } catch (error) {
      return to._onrefused((error as Error).message);
    }
  }
  const plain =
    type === PacketKind.BinaryEvent
      ? PacketKind.Event
      : type === PacketKind.BinaryAck
        ? PacketKind.Ack
        : type;
  to._onpacket(plain, nsp, id === null ? undefined : Number(id), data);
}

function dispatchListener(code: number, listener: number): void {
  const events = listeners.get(listener) as ListenerEvents;
  if (code === RecordCode.Opened) {
    const [, , handle, websocket, id, address, shared, own] = items.slice(at, at + 8);
    at += 8;
    events.opened(handle, websocket === 1, id, address, shared, own);
  } else if (code === RecordCode.Handover) {
    const [, , fd, bytes, of] = items.slice(at, at + 5);
    if (of !== -1 && isHeard(of)) return pause();
    at += 5;
    if (of !== -1) hear(of);
    inPlace = true;
    try {
      events.handover(fd, values[bytes] as Buffer);
    } finally {
      inPlace = false;
      if (of !== -1) engine.takenOver(of);
    }
  } else if (code === RecordCode.ListenerDrained) {
    at += 2;
    events.drained();
  } else {
    at = items.length;
    throw new Error(`unknown record ${code}`);
  }
}

function dispatchStream(code: number, stream: number): void {
  const events = streams.get(stream);
  if (code === RecordCode.StreamWrite) {
    const data = values[items[at + 2]] as Buffer;
    at += 3;
    events?.write(data);
  } else if (code === RecordCode.StreamEnd) {
    const [, , abort, read, written] = items.slice(at, at + 5);
    at += 5;
    release();
    if (events === undefined) return onAdoptedEnd(stream);
    streams.delete(stream);
    events.end(abort === 1, read, written);
  } else if (code === RecordCode.StreamTaken) {
    at += 2;
    events?.taken();
  } else {
    at = items.length;
    throw new Error(`unknown record ${code}`);
  }
}
