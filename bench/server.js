"use strict";
// The measured server: one process, any package with socket.io's API. Settings, all optional:
//
//   PKG        package name or module path to load as `socket.io`      (socket.io)
//   PEER_DIR   folder whose node_modules the names below resolve from  (the repository)
//   ENGINE     default | uws | eiows | bun                             (default)
//   MODE       attach: http.createServer + attach; port: new Server(port)  (attach)
//   DEFLATE=1  permessage-deflate on
//   TLS_KEY, TLS_CERT  files in PEM format: an attached server speaks TLS, whatever MODE is
//   OPTIONS    JSON merged into the server's options; with ENGINE=bun, into the engine's too
//
// With ENGINE=bun it runs under Bun, whose server takes the engine of `@socket.io/bun-engine`.
// Prints one line of JSON, {"port":..,"pid":..,"version":..}, once it listens. Ends when its
// standard input ends, so that it never outlives the runner.

const { readFileSync } = require("node:fs");
const path = require("node:path");
const http = require("node:http");
const https = require("node:https");
const { createRequire } = require("node:module");
const { monitorEventLoopDelay } = require("node:perf_hooks");
const { loadUws } = require("./uws.js");

const peerDir = path.resolve(process.env.PEER_DIR || path.join(__dirname, ".."));
const load = createRequire(path.join(peerDir, "x.js"));

const pkg = process.env.PKG || "socket.io";
const engine = process.env.ENGINE || "default";
const host = "127.0.0.1";
const { Server } = load(pkg);
const options = JSON.parse(process.env.OPTIONS || "{}");
if (process.env.DEFLATE === "1") options.perMessageDeflate = { threshold: 1024 };

/** Milliseconds between two looks at the loop: a look each ms costs more than a broadcast does. */
const EVENT_LOOP_RESOLUTION_MS = 20;
let delays = null;
let counted = 0;

/** The time that emits took on the main thread since the last `watch`, in milliseconds. */
let emits = { call: [], blocked: [] };

const ms = (from) => Number(process.hrtime.bigint() - from) / 1e6;

/**
 * Runs `count` emits. `call` is the time inside each call; `blocked` the time from the first call
 * until the event loop turns again, per emit: a package that puts its writes off to a microtask
 * or a tick blocks the thread just as long.
 */
function burst(count, emit) {
  const { call, blocked } = emits;
  const began = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    const at = process.hrtime.bigint();
    emit();
    call.push(ms(at));
  }
  setImmediate(() => blocked.push(ms(began) / count));
}

function watch() {
  emits = { call: [], blocked: [] };
  delays?.disable();
  delays = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  delays.enable();
}

/** The median and the largest of some durations. */
function spread(values) {
  const v = values.sort((a, b) => a - b);
  return { p50: v[v.length >> 1] ?? null, max: v.at(-1) ?? null };
}

function stats(io) {
  const out = { sockets: io.of("/").sockets.size, in: counted };
  if (delays) {
    // The histogram holds the whole interval between two of its own timers.
    const delay = (ns) => Math.max(0, ns / 1e6 - EVENT_LOOP_RESOLUTION_MS);
    out.stall_p99_ms = delay(delays.percentile(99));
    out.stall_max_ms = delay(delays.max);
    out.emit_call_ms = spread(emits.call);
    out.emit_blocked_ms = spread(emits.blocked);
    delays.disable();
    delays = null;
  }
  return out;
}

function setup(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (data) => {
      socket.emit("echo", data);
    });
    socket.on("bin", (data) => {
      socket.emit("bin", data);
    });
    socket.on("ack", (data, cb) => {
      cb(data);
    });
    socket.on("in", () => {
      counted++;
    });
    socket.on("inflush", (cb) => {
      cb(counted);
    });
    socket.on("join", (room, cb) => {
      socket.join(room);
      cb();
    });
    socket.on("burst", (count, bytes) => {
      const data = "x".repeat(bytes);
      burst(count, () => io.emit("b", data));
    });
    let nextRoom = 0;
    socket.on("roomburst", (count, bytes, rooms) => {
      const data = "x".repeat(bytes);
      burst(count, () => {
        io.to(`room${nextRoom}`).emit("b", data);
        nextRoom = (nextRoom + 1) % rooms;
      });
    });
    socket.on("watch", (cb) => {
      watch();
      cb();
    });
    socket.on("gc", (cb) => {
      global.gc?.();
      global.gc?.();
      cb();
    });
    socket.on("stats", (cb) => {
      cb(stats(io));
    });
  });
}

/** Names a package and its version. */
function versionOf(name) {
  try {
    const { name: real, version } = load(`${name}/package.json`);
    return `${real} ${version}`;
  } catch {
    // A file, or a package that keeps its package.json to itself.
    return name;
  }
}

function describe() {
  const parts = [versionOf(pkg)];
  if (engine === "uws") parts.push(versionOf("uWebSockets.js"));
  if (engine === "eiows") parts.push(versionOf("eiows"));
  if (engine === "bun") parts.push(versionOf("@socket.io/bun-engine"), `Bun ${Bun.version}`);
  return parts.join(" + ");
}

function announce(port) {
  const line = { port, pid: process.pid, version: describe() };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function serveUws() {
  const uws = loadUws(load);
  if (options.perMessageDeflate) options.compression = uws.SHARED_COMPRESSOR;
  const app = uws.App();
  const io = new Server(options);
  io.attachApp(app, options);
  setup(io);
  app.listen(host, 0, (token) => {
    if (!token) throw new Error("could not listen");
    announce(uws.us_socket_local_port(token));
  });
}

function serveBun() {
  const { Server: Engine } = load("@socket.io/bun-engine");
  const io = new Server(options);
  const engine = new Engine({ path: "/socket.io/", ...options });
  io.bind(engine);
  setup(io);
  const server = Bun.serve({ hostname: host, port: 0, idleTimeout: 30, ...engine.handler() });
  announce(server.port);
}

function servePort() {
  const io = new Server(0, options);
  setup(io);
  const listening = () => announce(io.httpServer.address().port);
  if (io.httpServer.listening) listening();
  else io.httpServer.once("listening", listening);
}

function serveAttached() {
  if (engine === "eiows") options.wsEngine = load("eiows").Server;
  const { TLS_KEY, TLS_CERT } = process.env;
  const answer = (_req, res) => {
    res.statusCode = 404;
    res.end();
  };
  const server = TLS_CERT
    ? https.createServer({ key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) }, answer)
    : http.createServer(answer);
  const io = new Server(server, options);
  setup(io);
  server.listen(0, host, () => announce(server.address().port));
}

if (engine === "uws") serveUws();
else if (engine === "bun") serveBun();
else if (process.env.MODE === "port" && !process.env.TLS_CERT) servePort();
else serveAttached();

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
