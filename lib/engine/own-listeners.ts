/** The listeners that this package adds to HTTP servers, told apart from the application's. */
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
