// Engines alone, and bare clients of them.
import http from "node:http";
import { test } from "node:test";
import { Polling, SESSIONS, Ws } from "../support/raw.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { engine } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

/** The path of an engine that was told none. */
export const PATH = "/engine.io/";

/** An engine attached to an HTTP server that listens: `{ eio, httpServer, port }`. */
export async function serveEngine(t, options) {
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end());
  const eio = engine.attach(httpServer, options);
  const port = await listen(httpServer);
  closeAfter(t, eio, httpServer);
  return { eio, httpServer, port };
}

/** Closes an engine and its HTTP server after the test. */
export function closeAfter(t, eio, httpServer = eio.httpServer) {
  defer(t, async () => {
    eio.close();
    await closeHttp(httpServer);
  });
}

/** A session of each side: `{ client, conn }`. */
export async function meet(t, eio, port, kind, options = {}) {
  const connecting = once(eio, "connection");
  const client = await kind.open(t, port, { path: PATH, ...options });
  const [conn] = await connecting;
  return { client, conn };
}

/**
 * One test per transport; `fn(pair, t)` with `pair` the engine and a session of each side:
 * `{ eio, port, client, conn, transport }`.
 */
export function eachEngine(title, fn, options) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    test(`${title} [${transport}]`, async (t) => {
      const { eio, port } = await serveEngine(t, options);
      await fn({ ...(await meet(t, eio, port, kind)), eio, port, transport }, t);
    });
  }
}

export { Polling, Ws };
