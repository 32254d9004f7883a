/** The entry `socket.io-native/engine`: the engine alone, with the interface of `engine.io`. */
import { createServer, type Server as HttpServer } from "node:http";
import type {
  Socket as EngineIoSocket,
  Transport as EngineIoTransport,
  transports as engineIoTransports,
} from "../types/engine-io";
import type * as Declared from "./engine/declared";
import {
  type AttachOptions,
  attach as attachEngine,
  Server as EngineServer,
  Socket as EngineSocket,
  Transport as EngineTransport,
  type ServerOptions,
} from "./engine/index";
import { Polling, WebSocket, WebTransport } from "./engine/session/transports";
import { loadEngine } from "./uws";

export * as parser from "engine.io-parser";
export type { BaseServer, ErrorCallback } from "../types/engine-io";
export { protocol } from "./engine/index";
export type { EngineMetrics } from "./engine/metrics";
export { METRICS_CONTENT_TYPE } from "./engine/metrics-text";
export type { AttachOptions, ServerOptions };

/** An engine: assignable to `Server` and `BaseServer` of the package `engine.io`. */
export interface Server extends Declared.Server {}
/** The class of engines. */
export const Server = EngineServer as unknown as Declared.ServerClass;

/** A session: the type of the package `engine.io`. */
export type Socket = Declared.Socket;
/** The class of sessions; only an engine makes them. */
export const Socket = EngineSocket as unknown as typeof EngineIoSocket;

/** A transport: the type of the package `engine.io`. */
export type Transport = Declared.Transport;
/** The class of transports; only an engine makes them. */
export const Transport = EngineTransport as unknown as typeof EngineIoTransport;

/** The transports by their names. */
export const transports = {
  polling: Polling,
  websocket: WebSocket,
  webtransport: WebTransport,
} as unknown as typeof engineIoTransports;

/**
 * Makes an engine and attaches it to `server`.
 *
 * @param options - of the engine, and where it is attached; the path is `"/engine.io"` by default
 *
 * @example
 * ```ts
 * import { attach } from "socket.io-native/engine";
 *
 * const engine = attach(httpServer, { path: "/orders" });
 * engine.on("connection", (conn) => conn.send("welcome"));
 * ```
 */
export function attach(server: HttpServer, options?: AttachOptions & ServerOptions): Server {
  return attachEngine(server, options) as unknown as Server;
}

/**
 * Makes an engine on an HTTP server of its own, which answers everything else with 501.
 *
 * @param port - to listen on
 * @param callback - called when it listens
 * @returns the engine; its HTTP server is `engine.httpServer`
 *
 * @example
 * ```ts
 * import { listen } from "socket.io-native/engine";
 *
 * const engine = listen(3000, () => console.log("open"));
 * engine.on("connection", (conn) => conn.send("welcome"));
 * ```
 */
export function listen(
  port: number,
  options?: (AttachOptions & ServerOptions) | (() => void),
  callback?: () => void,
): Server {
  if (typeof options === "function") return listen(port, {}, options);
  const httpServer = createServer((_req, res) => {
    res.writeHead(501);
    res.end("Not Implemented");
  });
  const engine = attach(httpServer, options);
  engine.httpServer = httpServer;
  httpServer.listen(port, callback);
  return engine;
}

/**
 * Makes an engine for an application of µWebSockets.js: one of the package `engine.io`. Throws if
 * that package is not installed.
 *
 * @example
 * ```ts
 * import { uServer } from "socket.io-native/engine";
 *
 * declare const app: { listen(port: number, done: () => void): void };
 * new uServer({ pingInterval: 10_000 }).attach(app, { path: "/orders" });
 * app.listen(3000, () => console.log("open"));
 * ```
 */
export const uServer = function uServer(options?: ServerOptions) {
  return new (loadEngine())(options);
} as unknown as new (
  options?: ServerOptions,
) => any;
