/** The entry `socket.io-native/engine`: the engine alone, with the interface of `engine.io`. */
import { createServer } from "node:http";
import { type AttachOptions, attach, type Server, type ServerOptions } from "./engine/index";
import { Polling, WebSocket, WebTransport } from "./engine/session/transports";
import { loadEngine } from "./uws";

export * as parser from "engine.io-parser";
export { attach, protocol, Server, Socket, Transport } from "./engine/index";
export type { EngineMetrics } from "./engine/metrics";
export { METRICS_CONTENT_TYPE } from "./engine/metrics-text";
export type { Server as BaseServer } from "./engine/server";
export type { AttachOptions, ServerOptions };

/** Reports the refusal of a request: a code of `Server.errors`, and a context for listeners. */
export type ErrorCallback = (
  errorCode?: (typeof Server.errors)[keyof typeof Server.errors],
  errorContext?: Record<string, unknown> & { name?: string; message?: string },
) => void;

/** The transports by their names. */
export const transports = { polling: Polling, websocket: WebSocket, webtransport: WebTransport };

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
