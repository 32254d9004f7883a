// A server that keeps a chronicle of what its application hears, and can be stopped on command.
// Arguments: the form of the server, its options as JSON.
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, standStill, tell } from "../../support/parent.mjs";

const [form, options] = process.argv.slice(2);
const io = await startServer(form, JSON.parse(options));
const chronicle = [];
const note = (line) => chronicle.push(line);

for (const kind of ["uncaughtException", "unhandledRejection"]) {
  process.on(kind, (error) => note(`thrown: ${error.message}`));
}

/** Sockets are called what their clients call themselves. */
function welcome(socket) {
  const name = `${socket.handshake.auth.name}${socket.nsp.name === "/" ? "" : socket.nsp.name}`;
  note(`${name} ${socket.recovered ? "recovered" : "connected"}`);
  socket.onAny((event, ...args) => {
    if (event === "throw") throw new Error(`of ${name}`);
    if (event === "leave") socket.disconnect();
    if (event === "slow") Promise.resolve().then(() => note(`${name} had a microtask`));
    if (event === "greet") socket.emit("greeting");
    if (event === "ask") socket.emit("question", () => note(`${name} answered`));
    if (typeof args.at(-1) === "function") args.at(-1)("yes");
  });
  // A listener of its own: events are heard a tick after onAny.
  for (const event of ["say", "slow", "throw", "ask", "greet", "leave"]) {
    socket.on(event, (what = "") => note(`${name} said ${event} ${what}`.trim()));
  }
  socket.on("disconnect", (reason) => note(`${name} left: ${reason}`));
}
io.on("connection", welcome);
io.of("/other").on("connection", welcome);
io.of(/^\/dynamic-/).on("connection", welcome);
io.of("/patient").use((_socket, next) => setTimeout(next, 20));
io.of("/patient").on("connection", welcome);

/** The sockets, sessions and rooms that are left. */
function remains() {
  const namespaces = [...io._nsps.values()];
  const sum = (size) => namespaces.reduce((total, nsp) => total + size(nsp), 0);
  return {
    clients: io.engine.clientsCount,
    sockets: sum((nsp) => nsp.sockets.size),
    rooms: sum((nsp) => nsp.adapter.rooms.size),
  };
}

/** The number of sessions of which Node holds a poll, or a POST that is being received. */
function underway() {
  const transports = Object.values(io.engine.clients).map(({ transport }) => transport);
  return transports.filter(({ req, dataReq, post }) => req || dataReq || post).length;
}

let opened = 0;
io.engine.on("connection", () => opened++);

/** Reads properties, and tells how many listeners were called within that. */
function look() {
  const before = chronicle.length + opened;
  const { clients, clientsCount } = io.engine;
  const reads = Object.values(clients).map((conn) => [
    conn.readyState,
    conn.transport.readyState,
    conn.transport.writable,
    conn.writeBuffer.length,
    conn.request.url,
  ]);
  for (const nsp of io._nsps.values()) reads.push([nsp.sockets.size, nsp.adapter.rooms.size]);
  const called = chronicle.length + opened - before;
  tell("looked", { clientsCount, ids: Object.keys(clients), called, reads: reads.length });
}

obey({
  /** Stands still until the test says so; then what was due by time is done before what has come. */
  block({ close, look: looks }) {
    setImmediate(() => {
      standStill();
      if (looks) look();
      if (close) io.close(() => note("closed"));
      tell("unblocked");
    });
  },
  report() {
    tell("report", { chronicle, remains: remains(), underway: underway() });
  },
  async end() {
    await io.close();
    letGo();
  },
});
tell("listening", { port: io.httpServer.address().port });
