/** The engine's face, as engine.io's: `attach`, `Server`, `Socket`, `Transport`. */
import type { Server as HttpServer } from "node:http";
import { javascriptEngine } from "./javascript";
import type { AttachOptions, ServerOptions } from "./options";
import { Server as NativeServer } from "./server";
import { Socket as NativeSocket } from "./session/socket";
import {
  Transport as NativeTransport,
  Polling,
  WebSocket,
  WebTransport,
} from "./session/transports";

export type { AttachOptions, ServerOptions, TransportName } from "./options";
export { PortListener, preparePort } from "./port/native-listener";

const nativeTransports = { polling: Polling, websocket: WebSocket, webtransport: WebTransport };

// The one place that decides which engine serves. Both have the interface of the package `engine.io`.
const chosen = javascriptEngine ?? {
  Server: NativeServer,
  Socket: NativeSocket,
  Transport: NativeTransport,
  transports: nativeTransports,
};
/** Serves Engine.IO sessions on HTTP servers: `io.engine`. */
export const Server: typeof NativeServer = chosen.Server;
export type Server = NativeServer;
/** A session: `socket.conn`. */
export const Socket: typeof NativeSocket = chosen.Socket;
export type Socket = NativeSocket;
/** The transport of a session: `socket.conn.transport`. */
export const Transport: typeof NativeTransport = chosen.Transport;
export type Transport = NativeTransport;
/** The transports by their names. */
export const transports: typeof nativeTransports = chosen.transports;

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
