/**
 * Sockets on their way into a namespace. Those that come together share the microtask and the tick that
 * upstream takes for each: the order of all that an application can see is the same.
 */
import type { Attempt } from "./attempts";
import { TickQueue } from "./engine/native/tick-queue";
import { queueMicrotask } from "./engine/scheduling";
import type { Namespace } from "./namespace";
import type { Socket } from "./socket";

type AnySocket = Socket<any, any, any, any>;

/** A socket that is made for an attempt to join a namespace. */
export interface Arrival {
  socket: AnySocket;
  attempt: Attempt;
  /** Called with the socket when it is accepted. */
  fn: (socket: AnySocket) => void;
}

/** Connects the sockets of namespaces without middlewares. */
export const conclusions = new TickQueue<Namespace<any, any, any, any>, Arrival>((nsp, arrival) =>
  nsp._conclude(arrival, null),
);

let arrived: Arrival[] = [];

/** Has the namespace of a socket admit it, in a microtask. */
export function arrive(arrival: Arrival): void {
  if (arrived.push(arrival) === 1) queueMicrotask(admitAll);
}

function admitAll(): void {
  const all = arrived;
  arrived = [];
  conclusions.boundary();
  for (let i = 0; i < all.length; i++) {
    try {
      all[i].socket.nsp._admit(all[i]);
    } catch (error) {
      // Exceptions of middlewares are rejections that nobody handles, as upstream.
      Promise.reject(error);
    }
  }
}
