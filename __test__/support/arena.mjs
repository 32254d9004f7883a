// A server under attack, with a bystander: a real client that must not notice anything.
import assert from "node:assert/strict";
import http from "node:http";
import { io as connect } from "socket.io-client";
import { RawPolling, RawTcp, RawWebSocket, request } from "./hostile.mjs";
import { Server } from "./subject.mjs";
import { once, until, within } from "./wait.mjs";

/** The two ways a server gets its connections: a listener of its own, or one of the application. */
export const FORMS = ["port", "attached"];

/** Starts a server in the given form on a free port; resolves once it listens. */
export async function startServer(form, options) {
  if (form === "port") {
    const io = new Server(0, options);
    if (!io.httpServer.listening) await once(io.httpServer, "listening");
    return io;
  }
  const httpServer = http.createServer((_req, res) => res.writeHead(404).end());
  const io = new Server(httpServer, options);
  await once(httpServer.listen(0, "127.0.0.1"), "listening");
  return io;
}

/** A connected real client; `options` are those of socket.io-client. */
export async function realClient(port, options = {}) {
  const socket = connect(`http://127.0.0.1:${port}${options.nsp ?? ""}`, {
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
 * The result opens hostile clients of every kind; all of it is torn down after the test `t`.
 *
 * `accounts` holds, by Socket.IO id, what the application saw of each socket:
 * `{ socket, events, errors, reason, description }`.
 */
export async function arena(t, { form = "attached", options = {}, namespaces = ["/"] } = {}) {
  const io = await startServer(form, options);
  const { port } = io.httpServer.address();
  const accounts = new Map();
  const raw = new Set();
  const clients = new Set();

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

  const keep = (set, value) => {
    set.add(value);
    return value;
  };
  const client = async (settings) => keep(clients, await realClient(port, settings));
  t.after(async () => {
    for (const one of clients) one.disconnect();
    for (const one of raw) one.destroy();
    io.httpServer.closeAllConnections?.();
    await within(io.close(), "close of the server");
  });

  const bystander = await client();

  return {
    io,
    port,
    accounts,
    client,
    tcp: (settings) => keep(raw, new RawTcp(port, settings)),
    websocket: async (settings) => keep(raw, await RawWebSocket.open(port, settings)),
    polling: (query) => RawPolling.open(port, query),
    request: (settings) => request(port, settings),

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
        clients.delete(newcomer);
      }
    },
  };
}
