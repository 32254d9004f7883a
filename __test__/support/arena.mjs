// A server under attack, with a bystander: a real client that must not notice anything.
import assert from "node:assert/strict";
import { io as connect } from "socket.io-client";
import { startServer } from "./forms.mjs";
import { Polling, request } from "./raw.mjs";
import { certificate, startSecure } from "./secure.mjs";
import { Tcp } from "./tcp.mjs";
import { defer, until, within } from "./wait.mjs";

/** A connected real client; `options` are those of socket.io-client. */
export async function realClient(port, options = {}) {
  const scheme = options.ca ? "https" : "http";
  const socket = connect(`${scheme}://127.0.0.1:${port}${options.nsp ?? ""}`, {
    forceNew: true,
    reconnection: false,
    transports: ["websocket"],
    ...options,
  });
  const connected = new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
    socket.io.once("close", (reason) => reject(new Error(`not connected: ${reason}`)));
  });
  await within(connected, "connect of a real client").catch((error) => {
    socket.disconnect();
    throw error;
  });
  return socket;
}

let serial = 0;

/** Sends a value nobody has sent before and checks that it comes back. */
export async function echoes(client) {
  const value = [`echo ${++serial}`, { deep: ["ü", serial, null] }];
  const back = new Promise((resolve) => client.emit("echo", value, resolve));
  assert.deepEqual(await within(back, "echo of a real client"), value);
}

/**
 * Starts a server with an `echo` event in every namespace of `namespaces`, and a bystander.
 * The result opens hostile clients of every kind; all of it is torn down after the test `t`. `form`
 * is one of forms.mjs, or `"secure"`: attached to an HTTPS server, with all clients over TLS. `clients` are options of all
 * real clients.
 *
 * `accounts` holds, by Socket.IO id, what the application saw of each socket:
 * `{ socket, events, errors, reason, description }`.
 */
export async function arena(t, settings = {}) {
  const { form = "attached", options = {}, namespaces = ["/"], clients = {} } = settings;
  const ca = form === "secure" ? certificate.cert : undefined;
  const io = await (ca ? startSecure(options) : startServer(form, options));
  defer(t, async () => {
    io.httpServer.closeAllConnections?.();
    await within(io.close(), "close of the server");
  });
  const { port } = io.httpServer.address();
  const accounts = new Map();

  for (const name of namespaces) {
    io.of(name).on("connection", (socket) => {
      const account = { socket, events: [], errors: [] };
      accounts.set(socket.id, account);
      socket.on("echo", (value, ack) => typeof ack === "function" && ack(value));
      socket.on("error", (error) => account.errors.push(error));
      socket.onAny((...args) => account.events.push(args));
      socket.on("disconnect", (reason, description) =>
        Object.assign(account, { reason, description }),
      );
    });
  }

  const client = async (settings) => {
    const one = await realClient(port, { ca, ...clients, ...settings });
    defer(t, () => one.disconnect());
    return one;
  };

  const tcp = (settings) => (ca ? Tcp.secure(t, port, ca) : Tcp.connect(t, port, settings));
  const websocket = async (settings) => {
    const ws = tcp();
    await ws.upgrade(settings);
    return ws;
  };

  const bystander = await client();

  return {
    io,
    port,
    form,
    options,
    ca,
    accounts,
    client,
    tcp,
    websocket,
    polling: (settings) => Polling.open(t, port, { ca, ...settings }),
    request: (path, settings) => request(port, path, { ca, ...settings }),

    /** Another arena of the same kind, with more options for its server. */
    another: (more) => arena(t, { form, namespaces, options: { ...options, ...more } }),

    /** Waits until the application has seen the socket go; returns its account. */
    async gone(id) {
      await until(() => accounts.get(id)?.reason !== undefined, `disconnect of ${id}`);
      return accounts.get(id);
    },

    /** Waits until the bystander is the only session left. */
    async alone() {
      await until(() => io.engine.clientsCount === 1, "the bystander is alone");
      assert.equal(Object.keys(io.engine.clients).length, 1);
    },

    /** The bystander is unharmed and newcomers on both transports are served. */
    async stillServes() {
      assert.ok(bystander.connected, "the bystander lost its connection");
      await echoes(bystander);
      for (const transports of [["websocket"], ["polling"]]) {
        const newcomer = await client({ transports });
        await echoes(newcomer);
        newcomer.disconnect();
      }
    },
  };
}
