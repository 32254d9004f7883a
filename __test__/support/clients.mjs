// Real socket.io-client connections.
import { test } from "node:test";
import { io as connect } from "socket.io-client";
import { serve } from "./server.mjs";
import { defer, once } from "./wait.mjs";
import { WAYS } from "./ways.mjs";

export { WAYS };

/** A client of `port`, not awaited and closed after the test `t`. Options as in socket.io-client. */
export function client(t, port, { nsp = "/", ...options } = {}) {
  const socket = connect(`http://127.0.0.1:${port}${nsp}`, {
    forceNew: true,
    reconnection: false,
    transports: ["websocket"],
    ...options,
  });
  defer(t, () => leave(socket));
  return socket;
}

/** Disconnects a client and waits until its connection is gone. */
async function leave(socket) {
  const { engine } = socket.io;
  socket.disconnect();
  // a client whose namespace was refused still holds its connection
  engine?.close();
  if (engine && engine.readyState !== "closed") await once(engine, "close");
}

/** Resolves with the client once it is connected; rejects if it is refused. */
export async function connected(socket) {
  if (socket.connected) return socket;
  const refused = new Promise((_, reject) => socket.once("connect_error", reject));
  await Promise.race([once(socket, "connect"), refused]);
  return socket;
}

/** A server with one connected client: `{ io, port, httpServer, socket, client }`. */
export async function pair(t, { server, ...options } = {}) {
  const served = await serve(t, server);
  return { ...served, ...(await join(t, served.io, served.port, options)) };
}

/** One more client of a running server, with its socket on the server side. */
export async function join(t, io, port, options = {}) {
  const nsp = (options.nsp ?? "/").split("?")[0];
  const accepted = once(io.of(nsp), "connection");
  const one = client(t, port, options);
  const [[socket]] = await Promise.all([accepted, connected(one)]);
  return { socket, client: one };
}

/** One test per way of connecting; `fn(t, options)` gets the client options of that way. */
export function eachWay(title, fn, ways = Object.keys(WAYS)) {
  for (const way of ways) test(`${title} [${way}]`, (t) => fn(t, WAYS[way], way));
}
