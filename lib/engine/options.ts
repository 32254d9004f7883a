/** Options of the engine, with their defaults. */
import type { IncomingMessage } from "node:http";
import type { CookieSerializeOptions } from "cookie";
import type { CorsOptions, CorsOptionsDelegate } from "cors";

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
  /** Decides about each handshake: `callback(error, success)`. */
  allowRequest?: (
    req: IncomingMessage,
    callback: (error: string | null | undefined, success: boolean) => void,
  ) => void;
  /** Transports that a session may begin on. @default ["polling", "websocket"] */
  transports?: TransportName[];
  /** Whether clients are told that they may upgrade. @default true */
  allowUpgrades?: boolean;
  /** Compression of WebSocket messages. @default false */
  perMessageDeflate?: boolean | object;
  /** Compression of polling answers. @default { threshold: 1024 } */
  httpCompression?: boolean | object;
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
  /** Whether clients of protocol 3 are served. @default false */
  allowEIO3?: boolean;
}

/** Options of {@link Server.attach}. */
export interface AttachOptions {
  /** Prefix of the URLs that are the engine's. @default "/engine.io" */
  path?: string;
  /** Whether upgrade requests for other paths are ended. @default true */
  destroyUpgrade?: boolean;
  /** After how long, in ms. @default 1000 */
  destroyUpgradeTimeout?: number;
  /** Whether the prefix ends with a slash. @default true */
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
    pingTimeout: 20000,
    pingInterval: 25000,
    upgradeTimeout: 10000,
    maxHttpBufferSize: 1e6,
    transports: ["polling", "websocket"],
    allowUpgrades: true,
    httpCompression: { threshold: 1024 },
    perMessageDeflate: false,
    cors: false,
    allowEIO3: false,
    ...given,
  };
  if (options.cookie) {
    options.cookie = {
      name: "io",
      path: "/",
      httpOnly: options.cookie.path !== false,
      sameSite: "lax",
      ...options.cookie,
    };
  }
  return options;
}
