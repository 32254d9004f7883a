// One server of a cluster. Arguments: its name, the name of its adapter, the port of what that goes
// over, when the adapter is set (a key of FORMS), and "recovery" for that of connections.
import http from "node:http";
import { setupWorker } from "@socket.io/sticky";
import { startServer } from "../../support/forms.mjs";
import { obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";
import { once, until } from "../../support/wait.mjs";
import { ADAPTERS } from "./adapters.mjs";

const [name, kind, store, when, recovery] = process.argv.slice(2);
const { adapter, settle } = await ADAPTERS[kind](Number(store));
const settings = recovery ? { connectionStateRecovery: {} } : {};
const prepared = new Map();

const FORMS = {
  /** As an option of the constructor, for a port. */
  option: () => startServer("port", { ...settings, adapter }),
  /** By io.adapter(), over namespaces, on an HTTP server. */
  async later() {
    io = await startServer("attached", settings);
    prepare("/");
    prepare("/early");
    return io.adapter(adapter);
  },
  /** For a worker of a cluster: on a port that it does not share with the others. */
  async exclusive() {
    const httpServer = http.createServer();
    const listening = once(httpServer, "listening");
    httpServer.listen({ port: 0, host: "127.0.0.1", exclusive: true });
    await listening;
    return new Server(httpServer, { ...settings, adapter });
  },
  /** For a worker of a cluster: the primary listens, and gives it its connections. */
  sticky() {
    io = new Server(http.createServer(), { ...settings, adapter });
    setupWorker(io);
    return io;
  },
};
let io;
io = await FORMS[when]();

/** Creates a namespace whose sockets carry the name of their client. */
function prepare(nsp) {
  if (prepared.has(nsp)) return;
  const namespace = io.of(nsp);
  const heard = [];
  prepared.set(nsp, heard);
  namespace.on("told", (...args) => heard.push(args));
  namespace.on("asked", (...args) => args.pop()(name, ...args));
  namespace.on("connection", (socket) => {
    socket.data.name = socket.handshake.auth.name;
    socket.on("say", (room, what, said) => {
      socket.to(room).emit("said", what);
      said();
    });
  });
}

/** Follows a chain of `[member, arguments]`; a member without arguments is a property. */
const follow = (target, chain) =>
  chain.reduce(
    (object, [member, args]) => (args ? object[member](...args) : object[member]),
    target,
  );

/** A value in a form that can be sent to the test: sockets as their details, nothing of the server itself. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value?.handshake) {
    const { id, rooms, data, handshake } = value;
    return { id, rooms: [...rooms].sort(), data: { ...data }, auth: handshake.auth };
  }
  const known = value instanceof Set || value instanceof Uint8Array || typeof value !== "object";
  return known ? value : undefined;
}

const ACTIONS = {
  prepare: ({ nsp }) => prepare(nsp),
  /** Calls on a namespace, the server, or one of its sockets. */
  call: async ({ nsp, id, chain }) => {
    const target = nsp === undefined ? io : id ? io.of(nsp).sockets.get(id) : io.of(nsp);
    return plain(await follow(target, chain));
  },
  /** The servers hear each other, and every client can be written to. */
  settle: async ({ nsp }) => {
    await settle(io.of(nsp));
    const sockets = [...io.of(nsp).sockets.values()];
    await until(
      () => sockets.every(({ conn }) => conn.transport.writable),
      "all can be written to",
    );
  },
  /** The messages that other servers have sent this one. */
  heard: ({ nsp }) => prepared.get(nsp).splice(0),
};

obey({
  async act({ action, turn, ...rest }) {
    try {
      tell(`turn ${turn}`, { value: await ACTIONS[action](rest) });
    } catch (error) {
      tell(`turn ${turn}`, { error });
    }
  },
});
tell("listening", { port: io.httpServer.address()?.port });
