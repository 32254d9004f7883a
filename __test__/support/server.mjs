// Servers under test: always a real node:http server on the loopback, on a free port.
import http from "node:http";
import { Server } from "./subject.mjs";
import { defer, once, within } from "./wait.mjs";

/** Starts a bare HTTP server on 127.0.0.1 that answers 404; it is closed after the test `t`. */
export async function serveHttp(t, port = 0) {
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end());
  defer(t, () => closeHttp(httpServer));
  await listen(httpServer, port);
  return httpServer;
}

/** Starts listening on 127.0.0.1 and resolves once that is done. */
export async function listen(httpServer, port = 0) {
  const listening = once(httpServer, "listening");
  httpServer.listen(port, "127.0.0.1");
  await listening;
  return httpServer.address().port;
}

/** Closes an HTTP server and whatever is still connected to it. */
export async function closeHttp(httpServer) {
  httpServer.closeAllConnections();
  if (!httpServer.listening) return;
  await within(new Promise((resolve) => httpServer.close(resolve)), "the HTTP server to close");
}

/** Starts a Socket.IO server attached to an HTTP server of its own. */
export async function serve(t, options = {}) {
  const httpServer = await serveHttp(t);
  const io = new Server(httpServer, options);
  defer(t, () => closeServer(io));
  return { io, httpServer, port: httpServer.address().port };
}

/** Closes an attached server fully; one that was closed before is left alone. */
export async function closeServer(io) {
  io.httpServer?.closeIdleConnections();
  await within(io.close(), "the server to close");
  io.httpServer?.closeAllConnections();
}
