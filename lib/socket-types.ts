/** Types and names that concern a socket and are imported by themselves. */
import type { IncomingHttpHeaders } from "node:http";
import type { ParsedUrlQuery } from "node:querystring";

/** The reason for which a socket was disconnected. */
export type DisconnectReason =
  | "transport error"
  | "transport close"
  | "forced close"
  | "ping timeout"
  | "parse error"
  | "server shutting down"
  | "forced server close"
  | "client namespace disconnect"
  | "server namespace disconnect";

/** Events the library itself emits on a socket. */
export interface SocketReservedEventsMap {
  /** The socket is about to leave; its rooms are still populated. */
  disconnecting: (reason: DisconnectReason, description?: any) => void;
  /** The socket has left its rooms and its namespace. */
  disconnect: (reason: DisconnectReason, description?: any) => void;
  /** A middleware of `socket.use()` failed, or the client sent something undecodable. */
  error: (err: Error) => void;
}

/** Events every `EventEmitter` emits about itself. */
export interface EventEmitterReservedEventsMap {
  newListener: (eventName: string | symbol, listener: (...args: any[]) => void) => void;
  removeListener: (eventName: string | symbol, listener: (...args: any[]) => void) => void;
}

/** Names that can neither be emitted to clients nor be received from them. */
export const RESERVED_EVENTS: ReadonlySet<string | symbol> = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);

/** An event: its name, then its arguments. */
export type Event = [eventName: string, ...args: any[]];

/** Facts about a client when it connects to a namespace. */
export interface Handshake {
  /** Headers of the request that opened the connection: the very object of `socket.request`. */
  headers: IncomingHttpHeaders;
  /** Creation of the socket, as text. */
  time: string;
  /** Remote address of the connection. */
  address: string;
  /** True if the request carried an `Origin` header. */
  xdomain: boolean;
  /** True if the connection is encrypted. */
  secure: boolean;
  /** Creation of the socket, in milliseconds since the epoch. */
  issued: number;
  /** URL of the request, as sent. */
  url: string;
  /** Query of the request. */
  query: ParsedUrlQuery;
  /** The payload of the CONNECT packet of the client. */
  auth: { [key: string]: any };
}
