/**
 * Bytes as the native engine takes them: a Uint8Array over memory that nobody else changes while native
 * code reads it. Objects are taken for what they are, whatever their own properties say.
 */
import { types } from "node:util";
import { MAX_MESSAGE_BYTES } from "./contract";

/** Reads a property as the language defines it, of objects that override it too. */
function getterOf<T>(prototype: object, name: string): (of: unknown) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as () => T;
  return (of) => get.call(of);
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const bufferOf = getterOf<ArrayBufferLike>(typedArray, "buffer");
const lengthOf = getterOf<number>(typedArray, "byteLength");
const offsetOf = getterOf<number>(typedArray, "byteOffset");
const viewedBuffer = getterOf<ArrayBufferLike>(DataView.prototype, "buffer");
const viewedLength = getterOf<number>(DataView.prototype, "byteLength");
const viewedOffset = getterOf<number>(DataView.prototype, "byteOffset");
const isResizable = getterOf<boolean>(ArrayBuffer.prototype, "resizable");

/** True if the length and the content of a buffer change on this thread only, and by no resizing. */
function isFixed(buffer: ArrayBufferLike): boolean {
  try {
    return !isResizable(buffer);
  } catch {
    // It is a SharedArrayBuffer.
    return false;
  }
}

/**
 * A Uint8Array as native code may read it: the same one, or a copy if its memory is shared or resizable.
 *
 * @throws TypeError if its buffer is detached
 * @throws RangeError if it is too long
 */
export function stableBytes(view: Uint8Array): Uint8Array {
  const length = lengthOf(view);
  const buffer = bufferOf(view);
  if (length === 0) {
    // Throws if the buffer is detached. A view may also be outside of its buffer, and empty.
    return new Uint8Array(buffer, 0, 0);
  }
  if (length > MAX_MESSAGE_BYTES) refuseLength(length);
  return isFixed(buffer) ? view : new Uint8Array(view);
}

/**
 * Throws for a message that the native engine cannot carry.
 *
 * @param length - in bytes
 * @throws RangeError with `code` `"ERR_OUT_OF_RANGE"`
 */
function refuseLength(length: number): never {
  const message = `a message of ${length} bytes is too long: ${MAX_MESSAGE_BYTES} at most`;
  throw Object.assign(new RangeError(message), { code: "ERR_OUT_OF_RANGE" });
}

function viewBytes(view: ArrayBufferView): Uint8Array {
  const bytes = types.isDataView(view)
    ? new Uint8Array(viewedBuffer(view), viewedOffset(view), viewedLength(view))
    : new Uint8Array(bufferOf(view), offsetOf(view), lengthOf(view));
  return stableBytes(bytes);
}

/**
 * Turns data into what the engine sends: bytes stay bytes, anything else becomes text.
 *
 * @throws TypeError for detached buffers, and for objects that are views by their prototype only
 * @throws RangeError for more than {@link MAX_MESSAGE_BYTES}
 */
export function normalize(data: any): string | Uint8Array {
  if (typeof data === "string") return data;
  if (types.isUint8Array(data)) return stableBytes(data);
  if (ArrayBuffer.isView(data)) return viewBytes(data);
  if (data instanceof Uint8Array) {
    throw new TypeError("an object that inherits from Uint8Array holds no bytes");
  }
  if (data instanceof ArrayBuffer) return stableBytes(new Uint8Array(data));
  return data === undefined || data === null ? "" : String(data);
}

/** Turns the parts of a packet into what the engine sends. Throws as {@link normalize} does. */
export function normalizeAll(parts: readonly unknown[]): readonly (string | Uint8Array)[] {
  if (parts.length === 1 && typeof parts[0] === "string") return parts as [string];
  return parts.map(normalize);
}
