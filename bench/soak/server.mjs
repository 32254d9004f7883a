// The process of bench/soak.mjs with both servers: one on a port of its own, one attached to an
// http.Server. It numbers what it sends, checks the numbers that it gets, and keeps accounts.
import { once } from "node:events";
import http from "node:http";
import { Server } from "../../__test__/support/subject.mjs";
import { content, fits, LOG_MS, NAMESPACES, PATIENCE_MS, pad, ROOMS } from "./traffic.mjs";

const OPTIONS = {
  allowEIO3: true,
  connectionStateRecovery: { maxDisconnectionDuration: LOG_MS, maxLogBytes: 2 ** 25 },
  cleanupEmptyChildNamespaces: true,
  pingInterval: 10_000,
  // A client process that is starved on a busy machine is no fault of the server. One that ends while
  // its client polls leaves a session for that time.
  pingTimeout: 120_000,
  upgradeTimeout: PATIENCE_MS,
  connectTimeout: PATIENCE_MS,
  native: { keepReadersMs: PATIENCE_MS },
};
/** Bytes of one event of a burst for slow readers, and their number. */
const BURST = { bytes: 32_768, events: 200 };

const totals = { connections: 0, up: 0, down: 0, broadcasts: 0, recovered: 0, faults: 0 };
const faults = [];
const reasons = {};

function fault(text) {
  totals.faults++;
  if (faults.length < 20) faults.push(text);
}

/** Serves the clients of one namespace; `news` are the numbers of its next broadcasts. */
function serve(nsp, { all = true } = {}) {
  const news = { all: 0, rooms: new Array(ROOMS).fill(0) };
  // By the name of a client: its socket, and since when it has none.
  const live = new Map();
  const gone = new Map();

  nsp.on("connection", (socket) => {
    const {
      name,
      pid,
      heardAt,
      room = 0,
    } = { ...socket.handshake.query, ...socket.handshake.auth };
    totals.connections++;
    if (socket.recovered) {
      totals.recovered++;
      socket.data.up = 0;
    } else {
      // A server that has not heard of the end yet cannot recover, nor can one whose log no longer has
      // the last event that a starved client has read.
      const away = live.has(name) ? Number.NaN : Date.now() - gone.get(name);
      const age = Date.now() - heardAt;
      if (pid && away < LOG_MS - 5000 && age < LOG_MS - 5000) {
        fault(`${name} was not recovered after ${away} ms`);
      }
      socket.data = { up: 0, down: 0, name, room: Number(room) };
      if (all) socket.join(`room ${room}`);
      socket.emit("begin", { down: 0, all: news.all, room: news.rooms[room] }, Date.now());
    }
    live.set(name, socket);
    const account = socket.data;

    const count = (n) => {
      if (n !== account.up) fault(`${account.name}: ${n} arrived in place of ${account.up}`);
      account.up = n + 1;
      totals.up++;
    };
    const answer = (text) => {
      totals.down++;
      socket.emit("down", account.down++, Date.now(), text);
    };
    socket.on("up", (n, text, ack) => {
      count(n);
      if (text !== pad(n)) fault(`${account.name}: the text of ${n} has changed`);
      if (n % 2 === 0) answer(text);
      ack?.(n);
    });
    socket.on("bytes", (n, bytes, ack) => {
      count(n);
      if (!fits(n, bytes)) fault(`${account.name}: the bytes of ${n} have changed`);
      ack?.(n, content(n));
    });
    socket.on("burst", () => {
      const text = "x".repeat(BURST.bytes);
      for (let i = 0; i < BURST.events; i++) answer(text);
    });
    socket.on("account", (sent, ack) => {
      if (sent !== account.up) fault(`${account.name}: ${account.up} of ${sent} have arrived`);
      ack({ down: account.down, all: news.all, room: news.rooms[account.room] });
    });
    socket.on("disconnect", (reason) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
      if (live.get(name) !== socket) return;
      live.delete(name);
      gone.set(name, Date.now());
    });
  });

  if (!all) return;
  let turn = 0;
  setInterval(() => {
    // each room has one broadcast in four seconds, the namespace has one in ten
    for (let i = 0; i < ROOMS; i++) {
      if (i !== turn % 40) continue;
      totals.broadcasts++;
      nsp.to(`room ${i}`).emit("room", news.rooms[i]++, Date.now(), pad(turn));
    }
    if (turn++ % 100 === 0) {
      totals.broadcasts++;
      nsp.emit("all", news.all++, Date.now());
    }
  }, 100);
}

const attached = http.createServer((_req, res) => res.writeHead(404).end());
const servers = [new Server(0, OPTIONS), new Server(attached, OPTIONS)];
attached.listen(0, "127.0.0.1");
for (const io of servers) {
  for (const name of NAMESPACES) serve(io.of(name));
  io.of(/^\/child-\d+$/).on("connection", () => {});
  io.on("new_namespace", (nsp) => serve(nsp, { all: false }));
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
}

/** The remains of clients: each number is 0 once they have gone. */
function left() {
  const sum = (of) => servers.reduce((total, io) => total + of(io), 0);
  const namespaces = (of) => sum((io) => [...io._nsps.values()].reduce((all, n) => all + of(n), 0));
  return {
    sessions: sum((io) => io.engine.clientsCount),
    sockets: namespaces((nsp) => nsp.sockets.size),
    rooms: namespaces((nsp) => nsp.adapter.rooms.size),
    children: sum((io) => io._nsps.size) - servers.length * NAMESPACES.length,
  };
}

process.on("message", (message) => {
  if (message === "sample") {
    global.gc();
    const { rss, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    process.send({ rss, heapUsed, external, cpu: (user + system) / 1e6, left: left(), ...totals });
  }
  if (message === "report") process.send({ totals, faults, reasons, left: left() });
});
process.on("disconnect", () => process.exit());
process.send({ ports: servers.map(({ httpServer }) => httpServer.address().port) });
