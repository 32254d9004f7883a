/**
 * The sends of this thread, in order. Consecutive sends of the same encoded packet to several
 * sessions become one native broadcast: adapters send a broadcast socket by socket.
 */
import { calls, scheduleFlush, setBeforeFlush } from "./binding";
import { SendFlag } from "./contract";

/**
 * Counts changes of the set of sessions that the native engine may send to by itself: lists of them
 * that were made before the last change are out of date.
 */
export const cacheEpoch = { value: 0 };

type Encoded = readonly unknown[];

/** Turns data into what the engine sends: bytes stay bytes, anything else becomes text. */
export function normalize(data: any): string | Uint8Array {
  if (typeof data === "string") return data;
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return data === undefined || data === null ? "" : String(data);
}

/** The packet being gathered, and the sessions that it is for. */
let encoded: Encoded | null = null;
let flags = 0;
let handles: number[] = [];

/** Sends a packet to a session; its parts stay together. */
export function gather(handle: number, parts: Encoded, withFlags: number): void {
  if (encoded === parts && flags === withFlags) {
    handles.push(handle);
    return;
  }
  endGathering();
  encoded = parts;
  flags = withFlags;
  handles.push(handle);
  scheduleFlush();
}

function endGathering(): void {
  if (encoded === null) return;
  const parts = encoded;
  const to = handles;
  encoded = null;
  handles = [];
  if (to.length > 1) return sendToMany(Uint32Array.from(to), parts, flags);
  for (let i = 0; i < parts.length; i++) {
    const part = normalize(parts[i]);
    const with_ = i === 0 ? flags : flags | SendFlag.Continued;
    if (typeof part === "string") calls.sendText(to[0], with_, part, part.length);
    else calls.sendBinary(to[0], with_, part);
  }
}

setBeforeFlush(endGathering);

/** Sends a packet to many sessions. */
export function broadcast(to: Uint32Array, parts: Encoded, withFlags: number): void {
  endGathering();
  sendToMany(to, parts, withFlags);
  scheduleFlush();
}

function sendToMany(to: Uint32Array, parts: Encoded, withFlags: number): void {
  for (let i = 0; i < parts.length; i++) {
    const part = normalize(parts[i]);
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
  endGathering();
  calls.sendBinary(handle, withFlags, data);
  scheduleFlush();
}

/** Closes a session after the messages that were sent before. */
export function closeSession(handle: number, withFlags: number): void {
  endGathering();
  calls.closeSession(handle, withFlags);
  scheduleFlush();
}

/** Has the packets of a session decoded here from now on. */
export function decodeInJs(handle: number): void {
  calls.setRaw(handle, 1);
}
