/** Who sees the requests and sockets of an HTTP server: this package, or the application too. */
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

/** Whether the application listens to an event of a server. */
export function isListenedTo(server: Server, event: string): boolean {
  return server.listeners(event).some((one) => !own.has(one) && !isConnectionListener(one));
}

/** Node tells subscribers of these about each request. */
const CHANNELS = [
  "http.server.request.start",
  "http.server.response.created",
  "http.server.response.finish",
].map((name) => channel(name));

/** Whether nobody sees the requests of an HTTP server but by its events. */
export function isUnobserved(server: HttpServer): boolean {
  return server.emit === EventEmitter.prototype.emit && !CHANNELS.some((one) => one.hasSubscribers);
}
