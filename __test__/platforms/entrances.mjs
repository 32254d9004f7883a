// Every way the bytes of a connection come into a server, for tests that hold on all of them.
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { client } from "../support/clients.mjs";
import { servePort } from "../support/forms.mjs";
import { LINES } from "../support/lines.mjs";
import { closeHttp, closeServer, listen } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";
import { streamPair } from "../support/wire.mjs";

/**
 * By name: `test`, `serve(t, options)` and `client(t, served, options)`. `served` is what `serve` has given,
 * with `io` in it; the client is real, and not awaited.
 */
export const ENTRANCES = {
  ...Object.fromEntries(
    Object.entries(LINES).map(([name, { test, serve, client }]) => [
      name,
      { test, serve, client: (t, { port }, options) => client(t, port, options) },
    ]),
  ),
  "a UNIX socket": {
    test,
    serve: serveUnix,
    // the port is not looked at: the agent knows where to go
    client: (t, { agent }, options) => client(t, 1, { agent, ...options }),
  },
  "streams that are no sockets": {
    test,
    serve: serveStreams,
    client: (t, { port }, options) => client(t, port, options),
  },
  "a port of its own": {
    test,
    serve: servePort,
    client: (t, { port }, options) => client(t, port, options),
  },
};

/** A server of an HTTP server's, which is closed after the test like whatever is connected to it. */
function serveOn(t, options) {
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end());
  defer(t, () => closeHttp(httpServer));
  const io = new Server(httpServer, options);
  return { io, httpServer };
}

async function serveUnix(t, options) {
  const folder = mkdtempSync(path.join(tmpdir(), "unix-"));
  defer(t, () => rmSync(folder, { recursive: true }));
  const { io, httpServer } = serveOn(t, options);
  defer(t, () => closeServer(io));
  const socketPath = path.join(folder, "io.sock");
  await once(httpServer.listen(socketPath), "listening");
  return { io, agent: new http.Agent({ socketPath }) };
}

/** A front accepts the connections and hands on streams in memory, as a tunnel does. */
async function serveStreams(t, options) {
  const { io, httpServer } = serveOn(t, options);
  const front = net.createServer((socket) => {
    const [near, far] = streamPair();
    socket.pipe(far).pipe(socket);
    for (const end of [socket, far]) end.on("error", () => {}); // resets are part of the game
    socket.on("close", () => far.destroy());
    httpServer.emit("connection", near);
  });
  const port = await listen(front);
  defer(t, () => new Promise((resolve) => front.close(resolve)));
  // the HTTP server never listens: there is nothing to close
  defer(t, () => io.engine.close());
  return { io, port };
}
