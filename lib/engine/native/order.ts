/**
 * The order in which records take effect.
 *
 * The listeners for a packet are called in later ticks, as upstream calls them, but the end of a
 * session or a request of Node takes effect at once. Upstream hears of each in a turn of the loop of
 * its own. A late thread finds them in one batch: a record that would overtake what came before it
 * waits until the ticks and promises of that are over.
 */
import { PacketKind } from "./contract";
import { isDispatching } from "./tick-queue";

/** In place of a handle: any session. */
export const ANYBODY = 0xffffffff;
/** In place of a handle: no session. */
const NOBODY = -1;

/** The session whose packets have been handed over since {@link settle}; several are ANYBODY. */
let heard = NOBODY;
/** A client has left a namespace since then. */
let hasLeft = false;
/** Sessions with packets of a request since then. */
const requesting = new Set<number>();

/** Notes that the packets of a session are handed over: their listeners are called later. */
export function hear(handle: number): void {
  heard = heard === NOBODY || heard === handle ? handle : ANYBODY;
}

/** Notes that a new turn of the loop has begun; listeners that were to be called have been. */
export function settle(): void {
  // A listener that has thrown has left the others to a later tick.
  if (isDispatching()) return;
  heard = NOBODY;
  hasLeft = false;
  if (requesting.size > 0) requesting.clear();
}

/** True if listeners for packets of any session may have yet to be called. */
export function isAnybodyHeard(): boolean {
  return heard !== NOBODY;
}

/** True if listeners for packets of a session may have yet to be called. */
export function isHeard(handle: number): boolean {
  return heard === handle || heard === ANYBODY || (handle === ANYBODY && heard !== NOBODY);
}

/**
 * True if a packet has to wait: clients that leave a namespace do not overtake the events of others,
 * whose listeners are called a tick later, and may return to it, and be recovered, once they are gone.
 */
export function mustPacketWait(handle: number, kind: number): boolean {
  if (kind === PacketKind.Connect) return hasLeft;
  if (kind !== PacketKind.Disconnect) return false;
  if (heard !== NOBODY && heard !== handle) return true;
  hasLeft = true;
  return false;
}

/**
 * True if the packets of a request have to wait: upstream dispatches a request before it reads the
 * next one of the same session.
 */
export function mustRequestWait(handle: number): boolean {
  if (requesting.has(handle)) return true;
  requesting.add(handle);
  return false;
}

/** Callbacks that have a place among the records, in order. */
const placed: (() => void)[] = [];
/** The record at a place is being dispatched: what it causes needs no place of its own. */
let inPlace = false;

/** Keeps a callback for the next record of a place. */
export function addPlaced(callback: () => void): void {
  placed.push(callback);
}

/** True if callbacks wait for their place. */
export function isAnyPlaced(): boolean {
  return placed.length > 0;
}

/** Calls the callback whose place has come. */
export function runPlaced(): void {
  placed.shift()?.();
}

/** True within {@link runInPlace}. */
export function isInPlace(): boolean {
  return inPlace;
}

/** Calls `fn`, which is for the record that is being dispatched. */
export function runInPlace(fn: () => void): void {
  inPlace = true;
  try {
    fn();
  } finally {
    inPlace = false;
  }
}
