/** Compressed bodies of answers: what many clients get, of a broadcast say, is compressed once. */
import { type CompressCallback, deflate, gzip, type ZlibOptions } from "node:zlib";

// Not the one that an application's tests replace by a clock of their own.
const { setTimeout } = globalThis;

/** Compressed bodies that are kept for the next clients that get the same. */
const KEPT = 4;
/** The time for which they are kept, in ms. */
const KEPT_MS = 100;

/** A body, with the result once there is one, and those who wait for it. */
interface Compression {
  body: string | Buffer;
  encoding: "gzip" | "deflate";
  options: ZlibOptions;
  result: Parameters<CompressCallback> | null;
  waiting: CompressCallback[];
}

let kept: Compression[] = [];

/** Calls back with the compressed body, which others who get the same may have had made. */
export function compressBody(
  body: string | Buffer,
  encoding: "gzip" | "deflate",
  options: ZlibOptions,
  callback: CompressCallback,
): void {
  const same = kept.find(
    (one) => one.encoding === encoding && one.options === options && isEqual(one.body, body),
  );
  const { result, waiting } = same ?? begin(body, encoding, options);
  if (result === null) waiting.push(callback);
  else callback(...result);
}

function begin(
  body: string | Buffer,
  encoding: "gzip" | "deflate",
  options: ZlibOptions,
): Compression {
  const begun: Compression = { body, encoding, options, result: null, waiting: [] };
  const compress = encoding === "gzip" ? gzip : deflate;
  compress(body, options, (...result) => {
    begun.result = result;
    for (const callback of begun.waiting.splice(0)) callback(...result);
  });
  if (kept.length === 0) {
    const forget = () => {
      kept = [];
    };
    setTimeout(forget, KEPT_MS).unref();
  }
  kept = [begun, ...kept].slice(0, KEPT);
  return begun;
}

function isEqual(a: string | Buffer, b: string | Buffer): boolean {
  return typeof a === "string" || typeof b === "string" ? a === b : a.equals(b);
}
