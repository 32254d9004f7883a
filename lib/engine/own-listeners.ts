/** The listeners on an HTTP server that are those of this package, not of the application. */
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:net";
import { isConnectionListener } from "./node-internals";

const own = new WeakSet<object>();

/** Marks a listener as one that shows requests and sockets to nobody. */
export function ownListener<F extends object>(listener: F): F {
  own.add(listener);
  return listener;
}

/** Returns true for a listener that was marked by {@link ownListener}. */
export function isOwnListener(listener: object): boolean {
  return own.has(listener);
}

/** Returns true if the application listens to an event of a server. */
export function isListenedTo(server: Server, event: string): boolean {
  return server.listeners(event).some((one) => !own.has(one) && !isConnectionListener(one));
}

type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

/** The members of an HTTP, HTTPS or HTTP/2 server that are used here. */
export interface RequestEmitter {
  listeners(event: "request"): unknown[];
  rawListeners(event: "request"): unknown[];
  removeAllListeners(event: "request"): unknown;
  on(event: "request", listener: RequestListener): unknown;
}

/**
 * Puts one listener in the place of the listeners of `request` that a server has.
 *
 * @param serve - returns false for a request that the replaced listeners are to get
 * @param isOwn - whether it counts as a listener that shows requests to nobody; default: `true`
 * @returns a function that puts them back; a listener added later that calls this one reaches them
 */
export function takeRequests(
  server: RequestEmitter,
  serve: (req: IncomingMessage, res: ServerResponse) => boolean,
  isOwn = true,
): () => void {
  const others = server.listeners("request").slice() as RequestListener[];
  server.removeAllListeners("request");
  let isOver = false;
  const onrequest: RequestListener = (req, res) => {
    if (!isOver && serve(req, res)) return;
    for (const other of others) other.call(server, req, res);
  };
  server.on("request", isOwn ? ownListener(onrequest) : onrequest);
  return () => {
    if (isOver) return;
    isOver = true;
    const now = server.rawListeners("request") as RequestListener[];
    if (!now.includes(onrequest)) return;
    server.removeAllListeners("request");
    const restored = now.flatMap((one) => (one === onrequest ? others : [one]));
    for (const one of restored) server.on("request", one);
  };
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
