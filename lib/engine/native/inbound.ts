/**
 * The way in: works off the batches of records that the engine has for this thread, in turns of the
 * loop, and gives what this thread hears of by itself its place among them.
 */
import { AsyncResource } from "node:async_hooks";
import { nextTick, setImmediate, throwLater } from "../scheduling";
import {
  batch,
  eachOpened,
  isWorkedOff,
  nextBatch,
  restOfWork,
  sharedPart,
  takeWrites,
  waitingBatches,
} from "./batches";
import { calls, setWake } from "./binding";
import { Rest } from "./contract";
import { showDebugLines } from "./debug-lines";
import { runInline, takeOutput } from "./inline";
import { addPlaced, isAnybodyHeard, isAnyPlaced, isInPlace, settle } from "./order";
import { announceLeavers, dispatchBatch } from "./records";
import { listenerOf } from "./stream-table";
import { isDispatching } from "./tick-queue";

export { ANYBODY } from "./order";

/** Records are being dispatched: a listener may ask for more of them. */
let draining = false;
/** The record at the cursor waits for the ticks and promises of this turn. */
let paused = false;

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

function dispatchAll(): void {
  if (dispatchBatch()) return;
  announceLeavers();
  pause();
}

/**
 * Works off the batch in work and up to `count` more. An exception of a listener leaves as it is,
 * and the rest follows in the next tick.
 */
function work(count: number, waits: 0 | 1 = 0): void {
  if (draining || paused) return;
  draining = true;
  let done = false;
  try {
    dispatchAll();
    let left = count;
    while (!paused && left-- > 0 && nextBatch(waits)) dispatchAll();
    if (!paused && batch.items.length > 0) forgetBatch();
    done = true;
  } finally {
    draining = false;
    if (!done) nextTick(drain);
  }
}

/** A batch may be large, and the next one far away. */
function forgetBatch(): void {
  batch.items = [];
  batch.values = [];
  batch.at = 0;
  batch.leavers = null;
}

/** Works off all records that there are by now. */
export function drain(): void {
  work(waitingBatches(), 1);
  goOn();
  settleLater();
}

let settling = false;

/** Settles the turn of a caller of {@link drain}: the engine does not begin one for it. */
function settleLater(): void {
  if (settling || !isAnybodyHeard()) return;
  settling = true;
  setImmediate(() => {
    settling = false;
    settle();
  });
}

/** Length of a batch that is small, in characters. */
const SMALL = 8 * 1024;
/** Number of small batches that are worked off in one turn of the loop. */
const MANY = 8;
let small = 0;
let goingOn = false;

/**
 * Has the batches that are left worked off: in the next turn of the loop, so that a flood is
 * dispatched before more of it is decoded; at once if they are small, which saves turns.
 */
function goOn(): void {
  if (paused || goingOn) return;
  const rest = restOfWork();
  if (rest === Rest.None) return;
  goingOn = true;
  const soon = rest === Rest.Batches && batch.length < SMALL && ++small < MANY;
  if (!soon) small = 0;
  (soon ? nextTick : setImmediate)(() => {
    goingOn = false;
    if (soon) wakeSafely();
    else beginTurn();
  });
}

/**
 * Works off one batch. Node only warns of exceptions in a native callback: those of listeners are
 * thrown by themselves.
 */
function wakeSafely(): void {
  try {
    work(1);
    goOn();
  } catch (error) {
    throwLater(error);
  }
}

function beginTurn(): void {
  runInline(true);
  showDebugLines();
  settle();
  wakeSafely();
}

setWake(beginTurn);

/** True if all that has happened until now has been dispatched. */
export function isUpToDate(): boolean {
  return !paused && !draining && !isAnyPlaced() && isWorkedOff();
}

/**
 * The way in for what this thread hears of by itself, of requests above all: calls `fn` when all
 * that happened before has been dispatched; at once if it has.
 *
 * @param handle - of the session that it concerns: listeners for its packets have been called by then
 */
export function inOrder(handle: number, fn: () => void): void {
  if (isInPlace()) fn();
  else afterNews(handle, fn);
}

/** The same for what follows from a call of the engine: the records of that come first, too. */
export function afterNews(handle: number, fn: () => void): void {
  if (isUpToDate()) return fn();
  addPlaced(AsyncResource.bind(fn));
  calls.place(handle);
}

/**
 * Has the sessions that listeners have opened known before their records are dispatched. No listener
 * of the application is called.
 */
export function lookAhead(): void {
  eachOpened((items, at) => {
    const [, listener, handle, websocket, id, address, , own] = items.slice(at, at + 8);
    const shared = sharedPart(items, at);
    listenerOf(listener)?.openedAhead(handle, websocket === 1, id, address, shared, own);
  });
}

/**
 * Takes the bytes that are to be written to streams; the other records stay for later. It calls no
 * listener: the process, or a stream, is about to end.
 */
export function takeStreamWrites(): [stream: number, data: Buffer][] {
  return [...takeWrites(beginTurn), ...takeOutput()];
}
