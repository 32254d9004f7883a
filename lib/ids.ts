/** Random identifiers of sockets and recoverable sessions. */
import { randomFillSync } from "node:crypto";

/** Bytes of one id: 120 random bits, 20 characters. */
const ID_BYTES = 15;

// One call of the random source serves many ids: it costs more than the bytes it fills.
const pool = Buffer.allocUnsafeSlow(ID_BYTES * 128);
let offset = pool.length;

/** A new id: 20 characters of `A-Z a-z 0-9 _ -` from the secure random source. */
export function randomId(): string {
  if (offset === pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  const id = pool.toString("base64url", offset, offset + ID_BYTES);
  // Bytes that were handed out are overwritten here.
  pool.fill(0, offset, offset + ID_BYTES);
  offset += ID_BYTES;
  return id;
}
