/** The arguments of a server: its options, and the servers that it attaches to. */
import type { Server as HTTPServer } from "node:http";
import type { Http2SecureServer, Http2Server } from "node:http2";
import type { Server as HTTPSServer } from "node:https";
import type { Adapter } from "socket.io-adapter";
import { InMemoryAdapter } from "./adapter";
import type { AttachOptions, ServerOptions as EngineOptions } from "./engine";
import { setOption } from "./engine/validate";
import type { Namespace } from "./namespace";
import { RecoveringAdapter } from "./recovering-adapter";

/** Makes an adapter; called with `new` for each namespace, so an arrow function will not do. */
export type AdapterConstructor = typeof Adapter | ((nsp: Namespace) => Adapter);

/** Decides whether a dynamic namespace accepts a name. */
export type ParentNspNameMatchFn = (
  name: string,
  auth: { [key: string]: any },
  fn: (err: Error | null, success: boolean) => void,
) => void;

/** The HTTP servers a server can be attached to. */
export type TServerInstance = HTTPServer | HTTPSServer | Http2SecureServer | Http2Server;

/** Options of a server, including those of the engine below it. */
export interface ServerOptions extends EngineOptions, AttachOptions {
  /** Prefix of the requests that are for this server. Default: `"/socket.io"`. */
  path: string;
  /** Serves the client bundles. Default: `true`. */
  serveClient: boolean;
  /** The adapter of the namespaces. Default: the in-memory one. */
  adapter: AdapterConstructor;
  /** Encodes and decodes packets. Default: `socket.io-parser`. */
  parser: any;
  /** Milliseconds a client has to join a namespace. Default: 45000. */
  connectTimeout: number;
  /** Lets clients that come back have their rooms, data and missed packets. Default: off. */
  connectionStateRecovery: {
    /** Milliseconds a session is kept. Default: 120000. */
    maxDisconnectionDuration?: number;
    /** Connects a recovered socket without running middlewares. Default: `true`. */
    skipMiddlewares?: boolean;
    /**
     * Bytes of packets kept per namespace; beyond them the oldest go first, and clients that would
     * need those are connected anew. Default: 67108864 (64 MiB).
     */
    maxLogBytes?: number;
  };
  /** Removes a child of a dynamic namespace with its last socket. Default: `false`. */
  cleanupEmptyChildNamespaces: boolean;
}

/**
 * The value of an option that was given: a property of `Object.prototype` is none.
 */
export function option<Key extends keyof ServerOptions>(
  opts: Partial<ServerOptions>,
  key: Key,
): Partial<ServerOptions>[Key] {
  const value = opts[key];
  if (value === undefined || Object.hasOwn(opts, key)) return value;
  return Object.hasOwn(Object.prototype, key) ? undefined : value;
}

/** Fills in the defaults of the options that are read during operation, in the object itself. */
export function fillInOptions(opts: Partial<ServerOptions>): void {
  const recovery = option(opts, "connectionStateRecovery");
  if (recovery) {
    setOption("new Server()", opts, "connectionStateRecovery", {
      maxDisconnectionDuration: 2 * 60 * 1000,
      skipMiddlewares: true,
      ...recovery,
    });
  }
  const cleansUp = !!option(opts, "cleanupEmptyChildNamespaces");
  setOption("new Server()", opts, "cleanupEmptyChildNamespaces", cleansUp);
}

/** Copies the options of the constructor over those of `attach()`, and fills in the path. */
export function mergeOptions(
  opts: Partial<ServerOptions>,
  own: Partial<ServerOptions>,
  path: string,
): void {
  for (const name of Reflect.ownKeys(own)) {
    if (!Object.prototype.propertyIsEnumerable.call(own, name)) continue;
    setOption("attach()", opts, name as string, own[name as keyof ServerOptions]);
  }
  setOption("attach()", opts, "path", option(opts, "path") || path);
}

/** The adapter of the options, or the one that suits them. */
export function chooseAdapter(opts: Partial<ServerOptions>): AdapterConstructor {
  const adapter = option(opts, "adapter");
  if (adapter) return adapter;
  return opts.connectionStateRecovery ? RecoveringAdapter : InMemoryAdapter;
}
