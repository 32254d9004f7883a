// Clients that lose their connection and come back.
import { connected, join, client as open } from "./clients.mjs";
import { serve } from "./server.mjs";
import { once, until } from "./wait.mjs";

/** The option that switches recovery on. */
export const RECOVERY = { connectionStateRecovery: {} };

/**
 * A server with one real client that keeps what it receives: `{ io, port, socket, client, log }`.
 * It has received an event already, unless `greet` is false: upstream recovers no other.
 */
export async function guest(t, { server, greet = true, ...options } = {}) {
  const served = await serve(t, { ...RECOVERY, ...server });
  return { ...served, ...(await welcome(t, served, { greet, ...options })) };
}

/** One more client of a running server; see {@link guest}. */
export async function welcome(t, { io, port }, { greet = true, ...options } = {}) {
  const joined = await join(t, io, port, options);
  const log = record(joined.client);
  if (greet) {
    joined.socket.emit("welcome");
    await until(() => log.length === 1, "the first event arrives");
    log.length = 0;
  }
  return { ...joined, log };
}

/** The events that a client receives from now on, without the offsets. */
export function record(client) {
  const log = [];
  client.onAny((...args) => log.push(args.slice(0, -1)));
  return log;
}

/** Cuts a client off; resolves with the reason the server's socket was given. */
export async function lose(socket, client) {
  const gone = once(socket, "disconnect");
  client.io.engine.close();
  return (await gone)[0];
}

/** Lets a client come back; resolves with its socket on the server side. */
export async function comeBack(io, client, nsp = "/") {
  const accepted = once(io.of(nsp), "connection");
  client.connect();
  const [[socket]] = await Promise.all([accepted, connected(client)]);
  return socket;
}

/** A client that presents a session of another one, or what it says is one. */
export async function pretend(t, { io, port }, auth) {
  const accepted = once(io, "connection");
  const client = open(t, port, { auth });
  const [[socket]] = await Promise.all([accepted, connected(client)]);
  return { socket, client };
}

/** The credentials that a client would present: its `pid` and its `offset`. */
export function credentials(client) {
  return { pid: client._pid, offset: client._lastOffset };
}
