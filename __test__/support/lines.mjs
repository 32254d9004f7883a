// The two lines a server is reached by, plain TCP and TLS, for tests that hold on both.
import { test } from "node:test";
import { client } from "./clients.mjs";
import { secureClient, secureTest, secureWire, serveSecure } from "./secure.mjs";
import { serve } from "./server.mjs";
import { beyond, isOracle } from "./subject.mjs";
import { Tcp } from "./tcp.mjs";

/** By name: `test`, `serve(t, options)`, `client(t, port, options)`, raw bytes `wire(t, port)`. */
export const LINES = {
  "plain TCP": { test, serve, client, wire: Tcp.open },
  TLS: { test: secureTest, serve: serveSecure, client: secureClient, wire: secureWire },
};

/** One test per line; `fn(t, line)`. */
export function eachLine(title, fn) {
  for (const [name, line] of Object.entries(LINES)) {
    line.test(`${title} [${name}]`, (t) => fn(t, line));
  }
}

/** The same for a promise that goes beyond upstream: skipped under the oracle. */
export const eachLineBeyond = isOracle
  ? (title, fn) => beyond(`${title} [every line]`, fn)
  : eachLine;
