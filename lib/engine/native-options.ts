/** The options that this package has beyond those of upstream: the object `native`. */
import {
  KEEP_READERS_MS,
  MAX_ATTACHMENT_BYTES_OF_ALL,
  MAX_ATTACHMENTS,
  MAX_BODY_BYTES_OF_ALL,
  MAX_BUFFERED_BYTES,
  MAX_BUFFERED_BYTES_OF_ALL,
  MAX_COMPRESSION_CONTEXTS,
  MAX_DEPTH,
  MAX_PENDING_BYTES,
  MAX_RECOVERY_BYTES,
  MAX_SESSIONS_AWAY,
} from "./native/contract";
import { INT32_MAX, invalidOption, unknownOption } from "./validate";

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
   * The time in ms for which a client may take nothing while more than {@link maxBufferedBytes} wait
   * for it. It is closed then with the reason `"transport error"`. @default 10000
   */
  keepReadersMs?: number;
  /**
   * The cost of the packets of one client that may wait until the event loop takes them: their bytes,
   * and 256 bytes more for each packet and each attachment. Above that the server reads no more from
   * the client until half is taken. @default 262144
   */
  maxPendingBytes?: number;
  /**
   * Bytes of memory that may wait for all clients of an engine. While more wait, the clients that take
   * nothing are closed with the reason `"transport error"`, those first for which most waits. A
   * broadcast that is shared by many clients counts once. @default 1073741824
   */
  maxBufferedBytesOfAll?: number;
  /**
   * Bytes of memory that packets of all clients may take while they wait for their attachments. While
   * more wait, the session whose packet takes most is closed, after the event `error` of its sockets.
   * @default 268435456
   */
  maxAttachmentBytesOfAll?: number;
  /**
   * Bytes of the bodies of POSTs that the engine may be receiving: on a port natively, and by Node,
   * each. Beyond it, the largest body is answered with 503 and its session ends. @default 268435456
   */
  maxBodyBytesOfAll?: number;
  /**
   * Contexts of `perMessageDeflate` that connections may keep between messages: up to two for each. A
   * connection for which no two are left is compressed without. @default 8192
   */
  maxCompressionContexts?: number;
  /**
   * Sessions of clients that are away which `connectionStateRecovery` keeps, over all namespaces. The
   * oldest are given up first: their clients come back as new ones. @default 100000
   */
  maxSessionsAway?: number;
  /**
   * Bytes of packets that `connectionStateRecovery` keeps for clients that are away, over all
   * namespaces. The oldest are dropped first: clients that have missed one come back as new ones.
   * @default 536870912
   */
  maxRecoveryBytes?: number;
  /** Sessions of the engine in all. Handshakes beyond it are answered with 503. @default no limit */
  maxConnections?: number;
  /**
   * Sessions of one remote address, or of one /64 of IPv6. Handshakes beyond it are answered with 429.
   * @default no limit
   */
  maxConnectionsPerAddress?: number;
  /** Handshakes of the engine in one second. Those beyond it are answered with 429. @default no limit */
  maxHandshakesPerSecond?: number;
  /**
   * Socket.IO packets of one client in one second; without a Socket.IO server, messages. What exceeds
   * is delayed: the server reads no more of the client until the rate allows it. @default no limit
   */
  maxEventsPerSecond?: number;
  /** Bytes of the packets of one client in one second. What exceeds is delayed, too. @default no limit */
  maxBytesPerSecond?: number;
  /**
   * Namespaces that one client has joined or is joining. CONNECT beyond it is answered with the error
   * "too many namespaces". @default no limit
   */
  maxNamespaces?: number;
  /**
   * Attachments of one packet. The sockets of a client that announces more get the event `error`,
   * and it is closed. Another `parser` has its own limit. @default 10
   */
  maxAttachments?: number;
  /**
   * Arrays and objects that may be nested in the data of one packet. The sockets of a client that sends
   * deeper data get the event `error`, and it is closed. Another `parser` has no such limit.
   * @default 1000
   */
  maxDepth?: number;
}

/** The values that an option takes: their description, their check, and the default. */
interface Rule {
  takes: string;
  isMet: (value: unknown) => boolean;
  fallback: number;
}

/** In place of a limit: there is none. */
const NO_LIMIT = 0;

const isPositive = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** The rule of a number of bytes, and of a number of things. */
const bytes = (fallback: number): Rule => ({
  takes: "a positive integer of bytes",
  isMet: isPositive,
  fallback,
});
const count = (fallback: number): Rule => ({
  takes: "an integer from 0",
  isMet: isCount,
  fallback,
});
/** A limit that is off by default. */
function limit(unit: string): Rule {
  return { takes: `a positive integer of ${unit}`, isMet: isPositive, fallback: NO_LIMIT };
}

const RULES: Record<keyof NativeServerOptions, Rule> = {
  maxBufferedBytes: {
    takes: "a positive integer of bytes",
    isMet: isPositive,
    fallback: MAX_BUFFERED_BYTES,
  },
  keepReadersMs: {
    takes: `an integer of milliseconds from 1 to ${INT32_MAX}`,
    isMet: (value) => isPositive(value) && (value as number) <= INT32_MAX,
    fallback: KEEP_READERS_MS,
  },
  maxPendingBytes: {
    takes: "a positive integer of bytes",
    isMet: isPositive,
    fallback: MAX_PENDING_BYTES,
  },
  maxBufferedBytesOfAll: bytes(MAX_BUFFERED_BYTES_OF_ALL),
  maxAttachmentBytesOfAll: bytes(MAX_ATTACHMENT_BYTES_OF_ALL),
  maxBodyBytesOfAll: bytes(MAX_BODY_BYTES_OF_ALL),
  maxCompressionContexts: count(MAX_COMPRESSION_CONTEXTS),
  maxSessionsAway: count(MAX_SESSIONS_AWAY),
  maxRecoveryBytes: bytes(MAX_RECOVERY_BYTES),
  maxConnections: limit("connections"),
  maxConnectionsPerAddress: limit("connections"),
  maxHandshakesPerSecond: limit("handshakes per second"),
  maxEventsPerSecond: limit("events per second"),
  maxBytesPerSecond: limit("bytes per second"),
  maxNamespaces: limit("namespaces"),
  maxAttachments: {
    takes: "a positive integer of attachments",
    isMet: isPositive,
    fallback: MAX_ATTACHMENTS,
  },
  maxDepth: {
    takes: "a positive integer of arrays and objects",
    isMet: isPositive,
    fallback: MAX_DEPTH,
  },
};

/**
 * The options of `native`, with the defaults of those that are absent or undefined; 0 is no limit.
 *
 * @throws TypeError, or RangeError for a number, that names the option, what was given and what is taken
 */
export function readNativeOptions(given: unknown): Required<NativeServerOptions> {
  const isObject = given !== null && typeof given === "object" && !Array.isArray(given);
  if (given !== undefined && !isObject) {
    throw invalidOption("native", "an object of options", given);
  }
  // Own properties only: a polluted Object.prototype gives none.
  const options: Record<string, unknown> = Object.assign(Object.create(null), given);
  const names = Object.keys(RULES) as (keyof NativeServerOptions)[];
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(RULES, name)) continue;
    throw unknownOption(`native.${name}`, names);
  }
  const read = (name: keyof NativeServerOptions): number => {
    const value = options[name];
    const { takes, isMet, fallback } = RULES[name];
    if (value === undefined) return fallback;
    if (isMet(value)) return value as number;
    const fault = typeof value === "number" ? "range" : "type";
    throw invalidOption(`native.${name}`, takes, value, fault);
  };
  const values = names.map((name) => [name, read(name)]);
  return Object.fromEntries(values) as Required<NativeServerOptions>;
}
