/** The engine's face, as engine.io's: `attach`, `Server`, `Socket`, `Transport`. */
import type { Server as HttpServer } from "node:http";
import { javascriptEngine } from "./javascript";
import type { AttachOptions, ServerOptions } from "./options";
import { Server } from "./server";

export type { AttachOptions, ServerOptions, TransportName } from "./options";
export { PortListener, preparePort } from "./port/listening-port";
export { Server } from "./server";
export { Socket } from "./session/socket";
export { Transport } from "./session/transports";

// The one place that decides which engine serves: the classes of the JavaScript one, which have the
// same interface, take the place of those of the native one.
if (javascriptEngine !== null) {
  const { Server, Socket, Transport, transports } = javascriptEngine;
  const { polling: Polling, websocket: WebSocket, webtransport: WebTransport } = transports;
  Object.assign(require("./server"), { Server });
  Object.assign(require("./session/socket"), { Socket });
  Object.assign(require("./session/transports"), { Transport, Polling, WebSocket, WebTransport });
}

/** Revision of the Engine.IO protocol. */
export const protocol = 4;

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
  const engine = new Server(options);
  engine.attach(server, options);
  return engine;
}
