/** The options that this package has beyond those of upstream: the object `native`. */

/**
 * Options beyond those of socket.io, which ignores them. They are checked when the server is made; a
 * name that is not here is an error, too.
 */
export interface NativeServerOptions {
  /**
   * Bytes that may wait for one client. A client for which more waits is kept as long as it takes
   * something, see {@link keepReadersMs}. @default 67108864
   */
  maxBufferedBytes?: number;
  /**
   * How long a client for which more than {@link maxBufferedBytes} wait may take nothing, in ms. Then
   * it is closed with the reason `"transport error"`. @default 10000
   */
  keepReadersMs?: number;
}

/** What an option takes: how that is said, whether a value is of that kind, and the default. */
interface Rule {
  takes: string;
  isMet: (value: unknown) => boolean;
  fallback: number;
}

/** The longest delay of a timer, in ms. */
const LONGEST = 2 ** 31 - 1;

const isPositive = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;

const RULES: Record<keyof NativeServerOptions, Rule> = {
  maxBufferedBytes: {
    takes: "a positive integer of bytes",
    isMet: isPositive,
    fallback: 64 * 1024 * 1024,
  },
  keepReadersMs: {
    takes: `an integer of milliseconds from 1 to ${LONGEST}`,
    isMet: (value) => isPositive(value) && (value as number) <= LONGEST,
    fallback: 10_000,
  },
};

/**
 * The options of `native`, with the defaults of those that are absent or undefined.
 *
 * @throws TypeError that names the option, what was given and what is taken
 */
export function readNativeOptions(given: unknown): Required<NativeServerOptions> {
  const isObject = given !== null && typeof given === "object" && !Array.isArray(given);
  if (given !== undefined && !isObject) {
    throw new TypeError(`native must be an object, got ${shown(given)}`);
  }
  // Own properties only: a polluted Object.prototype gives none.
  const options: Record<string, unknown> = Object.assign(Object.create(null), given);
  const names = Object.keys(RULES) as (keyof NativeServerOptions)[];
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(RULES, name)) continue;
    throw new TypeError(`native.${name} is not an option: there are ${names.join(", ")}`);
  }
  const read = (name: keyof NativeServerOptions): number => {
    const value = options[name];
    const { takes, isMet, fallback } = RULES[name];
    if (value === undefined) return fallback;
    if (isMet(value)) return value as number;
    throw new TypeError(`native.${name} must be ${takes}, got ${shown(value)}`);
  };
  return {
    maxBufferedBytes: read("maxBufferedBytes"),
    keepReadersMs: read("keepReadersMs"),
  };
}

/** A value as an error message shows it. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  return value !== null && typeof value === "object" ? "an object" : String(value);
}
