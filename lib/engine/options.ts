/** Options of the engine, with their defaults. */
import type { IncomingMessage } from "node:http";
import type { ZlibOptions } from "node:zlib";
import type { CookieSerializeOptions } from "cookie";
import type { CorsOptions, CorsOptionsDelegate } from "cors";
import type { ServerOptions as EngineIoOptions } from "../../types/engine-io";
import type { DeflateOptions } from "./native/binding";
import { normalize } from "./native/bytes";
import {
  HTTP_REQUEST_BODY_TIMEOUT_MS,
  MAX_BUFFERED_CHUNKS,
  MAX_HTTP_BUFFER_SIZE,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
  UPGRADE_TIMEOUT_MS,
} from "./native/contract";
import type { NativeServerOptions } from "./native-options";
import { INT32_MAX, numberOf } from "./validate";

/** Names of transports. */
export type TransportName = "polling" | "websocket" | "webtransport";

/** Options of the engine. */
export interface ServerOptions {
  /** Delay before each ping, in ms. @default 25000 */
  pingInterval?: number;
  /** Time allowed for the pong, in ms. @default 20000 */
  pingTimeout?: number;
  /** Longest duration of an upgrade, in ms. @default 10000 */
  upgradeTimeout?: number;
  /** Largest message or request body, in bytes. @default 1e6 */
  maxHttpBufferSize?: number;
  /** The time that the body of a POST may take, in ms. @default 30000 */
  httpRequestBodyTimeout?: number;
  /** Pieces in which the body of a POST may come. @default 10000 */
  maxBufferedChunks?: number;
  /** Decides about each handshake: `callback(error, success)`. */
  allowRequest?: (
    req: IncomingMessage,
    callback: (error: string | null | undefined, success: boolean) => void,
  ) => void;
  /** Transports that a session may begin on. @default ["polling", "websocket"] */
  transports?: TransportName[];
  /** Tells clients that they may upgrade. @default true */
  allowUpgrades?: boolean;
  /**
   * Compression of WebSocket messages, RFC 7692; `true` stands for no options. Messages are compressed
   * on the engine's own threads: of the options of zlib only `level` (default 2) and `windowBits`
   * (default 15) of `zlibDeflateOptions` matter; `zlibInflateOptions` and `concurrencyLimit` are taken
   * without effect. @default false
   */
  perMessageDeflate?: NonNullable<EngineIoOptions["perMessageDeflate"]>;
  /** Compression of polling answers of `threshold` bytes or more. @default { threshold: 1024 } */
  httpCompression?: false | (ZlibOptions & { threshold: number });
  /**
   * A WebSocket server class to use instead of the native engine: `ws`'s, or one like it. Made with
   * `{ noServer, clientTracking, perMessageDeflate, maxPayload }`; needs `handleUpgrade` and `close`.
   */
  wsEngine?: any;
  /** A message sent right after the open packet. */
  initialPacket?: any;
  /** A cookie with the session id, set by the polling handshake. @default false */
  cookie?: (CookieSerializeOptions & { name: string }) | boolean;
  /** Options of the cors package. */
  cors?: CorsOptions | CorsOptionsDelegate;
  /** Serves clients of protocol 3. @default false */
  allowEIO3?: boolean;
  /** Options beyond those of socket.io. @default {} */
  native?: NativeServerOptions;
}

/** Options of {@link Server.attach}. */
export interface AttachOptions {
  /** Prefix of the URLs that are the engine's. @default "/engine.io" */
  path?: string;
  /** Ends upgrade requests for other paths. @default true */
  destroyUpgrade?: boolean;
  /** The time until then, in ms. @default 1000 */
  destroyUpgradeTimeout?: number;
  /** The prefix ends with a slash. @default true */
  addTrailingSlash?: boolean;
}

/** The options as the engine holds them: `engine.opts`. */
export type ResolvedOptions = Required<
  Pick<
    ServerOptions,
    | "pingInterval"
    | "pingTimeout"
    | "upgradeTimeout"
    | "maxHttpBufferSize"
    | "httpRequestBodyTimeout"
    | "maxBufferedChunks"
    | "transports"
    | "allowUpgrades"
    | "httpCompression"
    | "allowEIO3"
  >
> & { httpCompression: any; cookie: any; perMessageDeflate: any } & ServerOptions &
  AttachOptions;

/** The own options of `given` over the defaults. */
export function resolveOptions(given: ServerOptions): ResolvedOptions {
  const options: any = {
    pingTimeout: PING_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    upgradeTimeout: UPGRADE_TIMEOUT_MS,
    maxHttpBufferSize: MAX_HTTP_BUFFER_SIZE,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    httpRequestBodyTimeout: HTTP_REQUEST_BODY_TIMEOUT_MS,
    transports: ["polling", "websocket"],
    allowUpgrades: true,
    httpCompression: { threshold: 1024 },
    perMessageDeflate: false,
    cors: false,
    allowEIO3: false,
    // Own, so that a polluted Object.prototype gives none.
    allowRequest: undefined,
    initialPacket: undefined,
    cookie: undefined,
    native: undefined,
    ...given,
  };
  if (options.perMessageDeflate) {
    options.perMessageDeflate = { threshold: 1024, ...options.perMessageDeflate };
  }
  if (options.cookie) {
    options.cookie = {
      name: "io",
      path: "/",
      httpOnly: true,
      sameSite: "lax",
      ...options.cookie,
    };
  }
  return options;
}

/** From how many bytes on polling answers are compressed; `undefined`: none are. */
export function compressionThreshold(httpCompression: any): number | undefined {
  if (!httpCompression) return undefined;
  return typeof httpCompression === "object" ? (httpCompression.threshold ?? 0) : 0;
}

/** The options of the native engine for `perMessageDeflate`; null if it is off. */
export function deflateOptions(given: any): DeflateOptions | null {
  if (!given) return null;
  const { serverNoContextTakeover: server, threshold, zlibDeflateOptions } = given;
  const { level, windowBits } = zlibDeflateOptions ?? {};
  return {
    serverNoContextTakeover: server === false ? false : server ? true : undefined,
    clientNoContextTakeover: Boolean(given.clientNoContextTakeover),
    serverMaxWindowBits: numberOrFalse(given.serverMaxWindowBits),
    clientMaxWindowBits: numberOrFalse(given.clientMaxWindowBits),
    threshold: threshold === undefined ? 1024 : (numberOf(threshold) ?? Number.NaN),
    level: within(level, 0, 9),
    windowBits: within(windowBits, 8, 15),
  };
}

function numberOrFalse(value: unknown): number | false | undefined {
  return typeof value === "number" || value === false ? value : undefined;
}

function within(value: any, least: number, most: number): number | undefined {
  return Number.isInteger(value) && least <= value && value <= most ? value : undefined;
}
/**
 * A delay in ms as timers read it: what is no number from 1 to 2³¹−1 counts as 1.
 *
 * @throws TypeError for what cannot become a number
 */
export function delay(value: unknown): number {
  const ms = Number(value);
  return ms >= 1 && ms <= INT32_MAX ? ms : 1;
}

/**
 * The options that a new session is told in its handshake, or right after it.
 *
 * @throws TypeError for a value that cannot become a number, or a text
 */
export function readSettings(options: ServerOptions): {
  pingInterval: number;
  pingTimeout: number;
  maxPayload: number | undefined;
  initialPacket: string | Buffer | undefined;
} {
  const { initialPacket } = options;
  const size = Number(options.maxHttpBufferSize);
  return {
    pingInterval: delay(options.pingInterval),
    pingTimeout: delay(options.pingTimeout),
    /** In bytes; `undefined`: no limit. */
    maxPayload: Number.isFinite(size) ? size : undefined,
    initialPacket: initialPacket ? (normalize(initialPacket) as string | Buffer) : undefined,
  };
}

/**
 * The options that living sessions are held to.
 *
 * @throws TypeError for what cannot become a number
 */
export function readLimits(options: ServerOptions) {
  const size = Number(options.maxHttpBufferSize);
  return {
    pingInterval: delay(options.pingInterval),
    pingTimeout: delay(options.pingTimeout),
    upgradeTimeout: delay(options.upgradeTimeout),
    /** Of a WebSocket, in bytes; 0: no limit, as for what 32 bits do not hold. */
    maxMessage: size > 0 && size <= INT32_MAX ? size : 0,
  };
}
