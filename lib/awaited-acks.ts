/** Acknowledgements that fail when the client leaves before it has sent them. */
import { nextTick, setImmediate } from "./engine/scheduling";

/** Called with the error when the client has left. */
type Fail = (error: Error) => void;

/** The acknowledgements by socket. A socket that awaits none has no entry, and costs nothing. */
const awaited = new WeakMap<object, Set<Fail>>();

/** Returns the error of an acknowledgement that cannot come any more. */
function disconnected(): Error {
  const error = new Error("socket has been disconnected");
  return Object.assign(error, { code: "ERR_SOCKET_DISCONNECTED" });
}

/**
 * Has `fail` called when the client of `socket` leaves.
 *
 * @returns a function to call when the acknowledgement is there, or is not awaited any more
 */
export function failWhenLeft(socket: object, fail: Fail): () => void {
  let fails = awaited.get(socket);
  if (fails === undefined) {
    fails = new Set();
    awaited.set(socket, fails);
  }
  const all = fails.add(fail);
  return () => void all.delete(fail);
}

/** Calls `fail` for a client that has left already, in a later turn of the event loop. */
export function failLater(fail: Fail): void {
  setImmediate(() => fail(disconnected()));
}

/** Fails what is awaited of a socket whose client has left, behind the listeners that run now. */
export function failAwaited(socket: object): void {
  const fails = awaited.get(socket);
  if (fails === undefined) return;
  awaited.delete(socket);
  // Each in a tick of its own: one that throws does not keep the others waiting.
  for (const fail of fails) {
    nextTick(() => {
      if (fails.delete(fail)) fail(disconnected());
    });
  }
}
