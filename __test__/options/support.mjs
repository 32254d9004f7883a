// The ways a server is reached, for options that have to work on each of them.
import net from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { servePort } from "../support/forms.mjs";
import { SESSIONS } from "../support/raw.mjs";
import { certificate, secureTest, serveSecure } from "../support/secure.mjs";
import { serve } from "../support/server.mjs";
import { defer, once, within } from "../support/wait.mjs";

/** Starts a server by form: `start(t, options)` resolves with `{ io, httpServer, port }`. */
const STARTS = {
  /** On a plain HTTP server of the application. */
  attached: { test, start: serve },
  /** On a port of its own. */
  port: { test, start: servePort },
  /** On an HTTPS server, reached through a tunnel: its clients speak plain HTTP. */
  tls: { test: secureTest, start: serveTunnelled },
};

async function serveTunnelled(t, options) {
  const served = await serveSecure(t, options);
  const tunnel = net.createServer({ allowHalfOpen: true }, (outer) => {
    const inner = tls.connect({ port: served.port, host: "127.0.0.1", ca: certificate.cert });
    const ends = [outer, inner];
    for (const [i, end] of ends.entries()) {
      const other = ends[1 - i];
      end.pipe(other);
      end.on("error", () => other.destroy());
      end.on("close", () => other.destroy());
    }
  });
  defer(t, () => tunnel.close());
  const listening = once(tunnel, "listening");
  tunnel.listen(0, "127.0.0.1");
  await listening;
  return { ...served, port: tunnel.address().port };
}

/** One test per form; `fn(t, start, form)` with `start(options)` giving `{ io, httpServer, port }`. */
export function eachServer(title, fn, forms = ["attached", "port"]) {
  for (const form of forms) {
    const { test, start } = STARTS[form];
    test(`${title} [${form}]`, (t) => fn(t, (options) => start(t, options), form));
  }
}

/**
 * One test per form and transport; `fn(t, start, open, transport, form)` with `open(port, options)`
 * giving a raw session.
 */
export function eachSession(title, fn, forms) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    const run = (t, start, form) =>
      fn(t, start, (port, options) => kind.open(t, port, options), transport, form);
    eachServer(`${title}, ${transport}`, run, forms);
  }
}

/**
 * The arguments of "close" of the next session. It is listened to from the session's beginning: the
 * session may end before its client has read that it is open.
 */
export function sessionEnd(io) {
  return within(
    new Promise((resolve) => {
      io.engine.once("connection", (conn) => conn.once("close", (...args) => resolve(args)));
    }),
    "the end of the session",
  );
}

/** The forms that differ in how bytes of a WebSocket arrive: adopted, own listener, pumped. */
export const ALL = ["attached", "port", "tls"];

/** Path and query of a polling handshake. */
export const POLLING = "/socket.io/?EIO=4&transport=polling";
