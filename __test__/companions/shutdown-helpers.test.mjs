// Packages that shut an HTTP server down, unchanged from npm: they keep its sockets and destroy them.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client as connect, connected } from "../support/clients.mjs";
import { echoing, SERVE } from "../support/forms.mjs";
import { secureClient, serveSecure } from "../support/secure.mjs";
import { once, until, within } from "../support/wait.mjs";

const require = createRequire(import.meta.url);
const { createHttpTerminator } = require("http-terminator");
const stoppable = require("stoppable");
const { createTerminus } = require("@godaddy/terminus");

/** Each wraps a server before clients come, and gives a function that shuts it down. */
const HELPERS = {
  "http-terminator": (server) => {
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: 200 });
    return () => terminator.terminate();
  },
  stoppable: (server) => {
    stoppable(server, 200);
    return () => new Promise((resolve) => server.stop(resolve));
  },
  terminus: (server) => {
    createTerminus(server, { signals: [], useExit0: true, timeout: 200 });
    return () => new Promise((resolve) => server.stop(resolve));
  },
};

const LINES = {
  ...Object.fromEntries(
    Object.entries(SERVE).map(([form, serve]) => [
      form,
      { serve: async (t) => echoing(await serve(t)), client: connect },
    ]),
  ),
  TLS: { serve: serveSecure, client: secureClient },
};

const TRANSPORTS = { websocket: ["websocket"], upgraded: ["polling", "websocket"] };

for (const [name, wrap] of Object.entries(HELPERS)) {
  for (const [line, { serve, client: connectTo }] of Object.entries(LINES)) {
    for (const [way, transports] of Object.entries(TRANSPORTS)) {
      test(`${name} shuts a server down under connected clients [${line}, ${way}]`, async (t) => {
        const { io, httpServer, port } = await serve(t);
        const shutDown = wrap(httpServer);
        const clients = [];
        for (let i = 0; i < 3; i++) {
          const client = await connected(connectTo(t, port, { transports }));
          if (client.io.engine.transport.name === "polling")
            await once(client.io.engine, "upgrade");
          clients.push(client);
        }
        await until(() => io.engine.clientsCount === 3, "all clients are there");
        const left = clients.map((client) => once(client, "disconnect"));
        await within(shutDown(), `${name} to shut down`);
        await Promise.all(left);
        assert.equal(httpServer.listening, false);
        await until(() => io.engine.clientsCount === 0, "all sessions have ended");
      });
    }
  }
}
