/** The namespaces that a client is joining. Most clients join one at a time, which needs no map. */
import type { HeldPackets } from "./held-packets";
import type { Socket } from "./socket";

type AnySocket = Socket<any, any, any, any>;

/** An attempt to join a namespace. */
export class Attempt {
  /** The socket that is going to be connected, once it exists. */
  socket?: AnySocket = undefined;
  /** The packets that the client has sent to the namespace meanwhile. */
  held?: HeldPackets = undefined;

  /** The name of the namespace. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Attempts of one client, by the names of their namespaces. */
export type Attempts = Attempt | Map<string, Attempt> | undefined;

/** The attempt to join a namespace. */
export function attemptAt(all: Attempts, name: string): Attempt | undefined {
  if (all instanceof Map) return all.get(name);
  return all?.name === name ? all : undefined;
}

/** All attempts, in order. */
export function listAttempts(all: Attempts): Iterable<Attempt> {
  if (all instanceof Map) return all.values();
  return all === undefined ? [] : [all];
}

/** The number of attempts. */
export function countAttempts(all: Attempts): number {
  if (all instanceof Map) return all.size;
  return all === undefined ? 0 : 1;
}

/** The attempts with one more, which takes the place of another one of the same name. */
export function withAttempt(all: Attempts, attempt: Attempt): Attempts {
  if (all === undefined || (all instanceof Attempt && all.name === attempt.name)) return attempt;
  const map = all instanceof Map ? all : new Map([[all.name, all]]);
  return map.set(attempt.name, attempt);
}

/** The attempts without one of them; the same if it has been replaced. */
export function withoutAttempt(all: Attempts, attempt: Attempt): Attempts {
  if (all === attempt) return undefined;
  if (!(all instanceof Map) || all.get(attempt.name) !== attempt) return all;
  all.delete(attempt.name);
  return all.size === 0 ? undefined : all;
}
