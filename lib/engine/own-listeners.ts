/** The listeners on an HTTP server that are those of this package, not of the application. */
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { Server as HttpServer } from "node:http";
import type { Server } from "node:net";
import { isConnectionListener } from "./node-internals";

const own = new WeakSet<object>();

/** Marks a listener as one that shows requests and sockets to nobody. */
export function ownListener<F extends object>(listener: F): F {
  own.add(listener);
  return listener;
}

/** Returns true if the application listens to an event of a server. */
export function isListenedTo(server: Server, event: string): boolean {
  return server.listeners(event).some((one) => !own.has(one) && !isConnectionListener(one));
}

/** Node tells subscribers of these about each request. */
const CHANNELS = [
  "http.server.request.start",
  "http.server.response.created",
  "http.server.response.finish",
].map((name) => channel(name));

/** Returns true if the requests of an HTTP server can be seen by its events only. */
export function isUnobserved(server: HttpServer): boolean {
  return server.emit === EventEmitter.prototype.emit && !CHANNELS.some((one) => one.hasSubscribers);
}
