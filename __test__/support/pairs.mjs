// A server with one client, each side at hand. (With a real client: `pair` of clients.mjs.)
import { serve } from "./server.mjs";
import { once } from "./wait.mjs";

/**
 * A server and a raw client that has joined the main namespace: `{ io, port, session, socket, id }`.
 * `open(port)` gives the session, as the tests of `eachTransport` get it.
 */
export async function rawPair(t, open, options) {
  const { io, port } = await serve(t, options);
  const connecting = once(io, "connection");
  const session = await open(port);
  const id = await session.join();
  const [socket] = await connecting;
  return { io, port, session, socket, id };
}
