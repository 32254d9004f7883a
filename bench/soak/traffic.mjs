// The traffic of bench/soak.mjs, as both sides know it.

/** Rooms of each namespace. */
export const ROOMS = 25;
/** Namespaces that have broadcasts; slow readers are in the last one. */
export const NAMESPACES = ["/", "/news", "/slow"];
/** Time in ms for which the servers recover a client. */
export const LOG_MS = 60_000;

/** Time in ms after which a side may give the other one up: longer than a machine is ever busy. */
export const PATIENCE_MS = 600_000;

/** The text of event `n`: up to 600 characters, some of them outside of ASCII. */
export const pad = (n) => (n % 7 === 0 ? 'ü€\u{1f600}\u2028\\"' : "x").repeat(n % 101);

/** The bytes of event `n`: up to 4 KiB. */
export const content = (n) => Buffer.alloc((n * 37) % 4096, n & 255);

/** True if bytes are those of event `n`. */
export function fits(n, bytes) {
  return content(n).equals(Buffer.from(bytes));
}
