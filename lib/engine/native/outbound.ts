/**
 * The sends of this thread, in order. Consecutive sends of the same encoded packet to several
 * sessions become one native broadcast: adapters send a broadcast socket by socket.
 */

import { calls, scheduleFlush, setBeforeFlush } from "./binding";
import { normalizeAll, stableBytes } from "./bytes";
import { SendFlag } from "./contract";

/**
 * Counts changes of the set of sessions that the native engine may send to by itself: lists of them
 * that were made before the last change are out of date.
 */
export const cacheEpoch = { value: 0 };

type Encoded = readonly unknown[];

/** The packet being gathered, and the session that it is for. */
let encoded: Encoded | null = null;
const NOTHING: ReturnType<typeof normalizeAll> = [];
/** Its parts as they are sent. */
let ready = NOTHING;
let flags = 0;
let handle = 0;
/** The sessions, if there is more than the one. */
let all: number[] | null = null;

/**
 * Sends a packet to a session; its parts stay together.
 *
 * @throws as {@link normalizeAll} does; nothing is sent then
 */
export function gather(to: number, parts: Encoded, withFlags: number): void {
  if (encoded === parts && flags === withFlags) {
    all ??= [handle];
    all.push(to);
    return;
  }
  const normalized = normalizeAll(parts);
  endGathering();
  encoded = parts;
  ready = normalized;
  flags = withFlags;
  handle = to;
  scheduleFlush();
}

function endGathering(): void {
  if (encoded === null) return;
  const parts = ready;
  const to = all;
  encoded = null;
  ready = NOTHING;
  all = null;
  if (to !== null) return sendToMany(Uint32Array.from(to), parts, flags);
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const with_ = i === 0 ? flags : flags | SendFlag.Continued;
    if (typeof part === "string") calls.sendText(handle, with_, part, part.length);
    else calls.sendBinary(handle, with_, part);
  }
}

setBeforeFlush(endGathering);

/** Sends a packet to many sessions. Throws as {@link gather} does. */
export function broadcast(to: Uint32Array, parts: Encoded, withFlags: number): void {
  const normalized = normalizeAll(parts);
  endGathering();
  sendToMany(to, normalized, withFlags);
  scheduleFlush();
}

function sendToMany(to: Uint32Array, parts: typeof ready, withFlags: number): void {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const with_ = i === 0 ? withFlags : withFlags | SendFlag.Continued;
    if (typeof part === "string") calls.broadcastText(to, with_, part, part.length);
    else calls.broadcastBinary(to, with_, part);
  }
}

/** Sends one text message. */
export function sendText(handle: number, withFlags: number, text: string): void {
  endGathering();
  calls.sendText(handle, withFlags, text, text.length);
  scheduleFlush();
}

/** Sends one binary message. */
export function sendBinary(handle: number, withFlags: number, data: Uint8Array): void {
  const bytes = stableBytes(data);
  endGathering();
  calls.sendBinary(handle, withFlags, bytes);
  scheduleFlush();
}

/** Closes a session after the messages that were sent before. */
export function closeSession(handle: number, withFlags: number): void {
  endGathering();
  calls.closeSession(handle, withFlags);
  scheduleFlush();
}

/**
 * Lets the engine use the handle of a session again, whose end is worked off: after everything that was
 * sent to it.
 */
export function releaseHandle(handle: number): void {
  endGathering();
  calls.releaseHandle(handle);
  scheduleFlush();
}

/** Has the packets of a session decoded here from now on. */
export function decodeInJs(handle: number): void {
  calls.setRaw(handle, 1);
}
