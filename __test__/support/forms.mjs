// The forms a server is made in: on a port of its own, or attached to an HTTP server.
import http from "node:http";
import { closeServer, serve } from "./server.mjs";
import { Server } from "./subject.mjs";
import { defer, once } from "./wait.mjs";

/** The forms by name; each is `(t, options) => { io, httpServer, port }`, closed after the test. */
export const SERVE = { port: servePort, attached: serve };

/** The names of the forms. */
export const FORMS = Object.keys(SERVE);

/** Starts a server on a port of its own: `{ io, httpServer, port }`. */
export async function servePort(t, options) {
  return listening(t, new Server(0, options));
}

/** Waits until a server listens, and closes it after the test. */
export async function listening(t, io) {
  defer(t, () => closeServer(io));
  await listens(io);
  return { io, httpServer: io.httpServer, port: io.httpServer.address().port };
}

async function listens({ httpServer }) {
  if (!httpServer.listening) await once(httpServer, "listening");
}

/** Starts a server without a test that would close it, as in a child process. */
export async function startServer(form, options) {
  if (form === "port") {
    const io = new Server(0, options);
    await listens(io);
    return io;
  }
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end());
  const io = new Server(httpServer, options);
  await once(httpServer.listen(0, "127.0.0.1"), "listening");
  return io;
}

/** Gives every connection of a server an `echo`. */
export function echoing(served) {
  served.io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  return served;
}
