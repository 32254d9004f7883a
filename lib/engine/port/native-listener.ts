/**
 * The native listener of `new Server(port)`: connections are accepted and requests of the engine
 * answered without this thread, as long as nobody here wants to see them. `io.httpServer` stays
 * what it is; connections that ask for something else are given to it.
 */
import cluster from "node:cluster";

import type { Server as HttpServer } from "node:http";

import net = require("node:net");

import cookie = require("cookie");
import createDebug = require("debug");

import type { ListenerSettings } from "../../../binding";
import { hold, listener as native, engine as nativeEngine, release } from "../native/binding";
import { forgetListener, type ListenerEvents, registerListener } from "../native/stream-table";
import {
  type Bind,
  connectionsOf,
  countConnection,
  createListenHandle,
  interceptListen,
  type ListenHandle,
  setServer,
  uncountConnection,
} from "../node-internals";
import { compressionThreshold, delay } from "../options";
import { isUnobserved } from "../own-listeners";
import { setImmediate } from "../scheduling";
import type { Server } from "../server";
import { METHODS, noteAssignment } from "./instrumentation";
import { staticCors } from "./static-cors";

const debug = createDebug("engine");

/** Set to `off`, every request goes through Node: for comparisons. */
const SWITCH = "SOCKET_IO_NATIVE_LISTENER";

/** Stands for a timeout of Node that never comes, in ms: a day. */
const NEVER = 86_400_000;
/** Stands for the session id in a serialized cookie. */
const ID = "00000000000000000000";

/**
 * Lets a server that will listen on a port do so natively.
 *
 * @returns `null` where that cannot be: the server then listens as ever
 */
export function preparePort(server: HttpServer): PortListener | null {
  if (native === null || cluster.isWorker || process.env[SWITCH] === "off") return null;
  const listener = new PortListener(server);
  const bind: Bind = (...args) => listener.bind(...args);
  return interceptListen(server, bind) ? listener : null;
}

/** The listener of one HTTP server. */
export class PortListener {
  private engine: Server | null = null;
  private accepting: InstanceType<NonNullable<typeof native>["NativeListener"]> | null = null;
  private events: ListenerEvents | null = null;
  /** The listening socket. */
  private handle: ListenHandle | null = null;
  /** The settings that are in force, as JSON. */
  private configured = "";
  private held = false;
  private referenced = true;
  /** One connection of the server stands for those that outlive its listening. */
  private waiting = false;
  /** The engine's own listeners on the server. */
  private own: Record<string, unknown[]> = {};

  constructor(private readonly server: HttpServer) {}

  /** Returns a bound handle that listens natively; `null`: Node binds, and tells of the error. */
  bind(
    address: string | null,
    port: number,
    type: number,
    fd?: number,
    flags?: number,
  ): ListenHandle | null {
    if (port < 0 || (fd !== undefined && fd >= 0) || flags) return null;
    const handle = createListenHandle(address, port, type, fd, flags);
    if (handle === null) return null;
    // A port in use is only told when the handle listens.
    const name: { port?: number } = {};
    if (handle.getsockname(name) !== 0 || (port !== 0 && name.port !== port)) {
      handle.close();
      return null;
    }
    return this.adopt(handle);
  }

  private adopt(handle: ListenHandle): ListenHandle {
    const close = handle.close;
    handle.listen = (backlog) => {
      const error = (native as NonNullable<typeof native>).listenOn(handle.fd, backlog);
      if (error === 0) this.start(handle);
      return error;
    };
    handle.close = (callback) => {
      this.stop();
      close.call(handle, callback);
    };
    handle.ref = () => this.reference(true);
    handle.unref = () => this.reference(false);
    handle.hasRef = () => this.referenced;
    return handle;
  }

  private start(handle: ListenHandle): void {
    this.handle = handle;
    this.reference(true);
    if (this.waiting) this.drained();
    if (this.accepting === null || this.events === null) return;
    registerListener(this.accepting.id, this.events);
    this.configure();
    // As with Node, no client is served before the code that runs now has ended: it may add a
    // middleware for all requests.
    setImmediate(() => {
      if (this.handle === handle) this.accepting?.accept(handle.fd);
    });
  }

  private stop(): void {
    if (this.handle === null) return;
    this.handle = null;
    this.reference(false);
    if (this.accepting?.stop()) {
      this.waiting = true;
      hold();
      countConnection(this.server);
    }
  }

  /** Listening keeps the process alive, unless it is told not to. */
  private reference(on: boolean): void {
    this.referenced = on;
    const held = on && this.handle !== null;
    if (held === this.held) return;
    this.held = held;
    if (held) hold();
    else release();
  }

  private drained(): void {
    if (!this.waiting) return;
    this.waiting = false;
    release();
    uncountConnection(this.server);
  }

  /** Begins to serve `engine`, which is attached to the server. */
  serve(engine: Server): void {
    this.engine = engine;
    const { NativeListener } = native as NonNullable<typeof native>;
    const accepting = new NativeListener(nativeEngine, engine._options);
    this.accepting = accepting;
    this.events = {
      opened: (handle, websocket, id, address, shared, own) =>
        engine._onOpened({ handle, websocket, id, address, request: { shared, own } }),
      openedAhead: (handle, websocket, id, address, shared, own) =>
        engine._onOpenedAhead({ handle, websocket, id, address, request: { shared, own } }),
      handover: (fd, bytes) => this.takeOver(fd, bytes),
      drained: () => {
        this.drained();
        // It may listen again already. Else a server that is closed is not kept.
        if (this.handle === null) forgetListener(accepting.id);
      },
    };
    this.extendServer(accepting);
    const configure = () => this.configure();
    for (const name of [...SETTINGS, "emit"]) noteAssignment(this.server, name, configure);
    for (const event of WATCHED) this.own[event] = this.server.listeners(event);
    this.server.on("newListener", (event) => {
      if (WATCHED.includes(event as string)) this.configure(event as string);
    });
    this.server.on("removeListener", configure);
    engine._onchange = configure;
    // The engine tells of its options.
    for (const name of ["middlewares", ...METHODS]) {
      noteAssignment(engine, name, configure);
    }
    if (this.handle !== null) this.start(this.handle);
  }

  /** Extends the methods of the server to the native connections. */
  private extendServer(accepting: NonNullable<typeof this.accepting>): void {
    const { server } = this;
    const { getConnections, closeIdleConnections, closeAllConnections } = server;
    // Not each of them is there in other runtimes than Node.
    if (getConnections) {
      server.getConnections = (callback) =>
        getConnections.call(server, (error, count) => {
          const unseen = this.waiting ? accepting.connections - 1 : accepting.connections;
          callback(error, count + unseen);
        });
    }
    server.closeIdleConnections = () => {
      closeIdleConnections?.call(server);
      accepting.endConnections(false);
    };
    server.closeAllConnections = () => {
      closeAllConnections?.call(server);
      accepting.endConnections(true);
    };
  }

  /** Gives a connection to the server: its next request is not for the listener. */
  private takeOver(fd: number, bytes: Buffer): void {
    const { server } = this;
    const socket = new net.Socket({ fd, allowHalfOpen: true, readable: true, writable: true });
    if (!server.listening) {
      socket.destroy();
      return;
    }
    if (server.maxConnections && connectionsOf(server) >= server.maxConnections) {
      const { localAddress, localPort, localFamily } = socket;
      const { remoteAddress, remotePort, remoteFamily } = socket;
      socket.destroy();
      const local = { localAddress, localPort, localFamily };
      server.emit("drop", { ...local, remoteAddress, remotePort, remoteFamily });
      return;
    }
    setServer(socket, server, bytes.length);
    try {
      server.emit("connection", socket);
    } finally {
      // A listener that throws does not keep the others from serving the connection.
      if (bytes.length > 0) socket.unshift(bytes);
    }
  }

  /** True if nobody but the engine listens to an event of the server. */
  private isOwn(event: string, added: string | undefined): boolean {
    const own = this.own[event];
    const now = this.server.listeners(event);
    return event !== added && now.length === own.length && now.every((one, i) => one === own[i]);
  }

  /** Tells the native side what it may answer. `added`: a listener is being added for it. */
  private configure(added?: string): void {
    const { accepting, engine } = this;
    if (accepting === null || engine === null) return;
    try {
      this.apply(this.settings(engine, added));
    } catch (error) {
      // An option that cannot be used: the first request tells the error.
      debug("not served natively: %s", error);
      this.apply(NOTHING);
    }
  }

  private apply(settings: ListenerSettings): void {
    const text = JSON.stringify(settings);
    if (text === this.configured) return;
    this.configured = "";
    this.accepting?.configure(settings);
    this.configured = text;
  }

  private settings(engine: Server, added?: string): ListenerSettings {
    const { server } = this;
    const { opts } = engine;
    const cors = staticCors(engine.middlewares.length > 0 ? engine._corsOptions : undefined);
    const counted = server.maxConnections || server.timeout || server.maxRequestsPerSocket;
    const handsOver = !!counted || !this.isOwn("connection", added);
    const served =
      cors !== null && !handsOver && server.maxHeadersCount === null && isUnobserved(server);
    const requests = served && this.isOwn("request", added);
    const upgrades = served && this.isOwn("upgrade", added);
    const may = engine._mayServe();
    const told = engine._settings();
    const template = cookieTemplate(opts.cookie);
    const chunks = Number(opts.maxBufferedChunks);
    return {
      path: engine._path,
      handsOver,
      raw: !engine._decodesNatively,
      tellsRefusals: engine.listenerCount("connection_error") > 0,
      handshakes: requests && may.handshakes && template !== null,
      polls: requests && may.polls,
      websockets: upgrades && may.websockets,
      upgrades: upgrades && may.upgrades,
      upgradeList: engine._offer("polling"),
      ...told,
      maxBody: Number(opts.maxHttpBufferSize),
      maxChunks: chunks >= 0 ? chunks : Number.MAX_SAFE_INTEGER,
      bodyTimeout: delay(opts.httpRequestBodyTimeout),
      compressFrom: compressionThreshold(opts.httpCompression),
      cookieBefore: template?.[0],
      cookieAfter: template?.[1],
      cors: toLines(cors?.others ?? []),
      corsOrigins: Object.entries(cors?.origins ?? {}).map(([origin, lines]) => ({
        origin,
        lines: toLines(lines),
      })),
      ...idleTimes(server),
      headTimeout: Math.min(server.headersTimeout || NEVER, server.requestTimeout || NEVER),
      requestTimeout: server.requestTimeout || NEVER,
    };
  }
}

/** The time that Node keeps idle connections beyond the announced one, in ms, by default. */
const KEEP_ALIVE_BUFFER = 1000;

/** The times for which a connection between requests is announced to be kept, and is kept, in ms. */
function idleTimes(server: HttpServer) {
  const keepAlive = server.keepAliveTimeout || undefined;
  if (keepAlive === undefined) return {};
  // An option of Node 22 and later.
  const given = (server as { keepAliveTimeoutBuffer?: number }).keepAliveTimeoutBuffer as number;
  const buffer = Number.isFinite(given) && given >= 0 ? given : KEEP_ALIVE_BUFFER;
  return { keepAlive, idleTimeout: keepAlive + buffer };
}

/** Everything goes through Node. */
const NOTHING: ListenerSettings = {
  path: "",
  handsOver: true,
  raw: false,
  tellsRefusals: false,
  handshakes: false,
  polls: false,
  websockets: false,
  upgrades: false,
  upgradeList: "[]",
  pingInterval: 0,
  pingTimeout: 0,
  maxBody: 0,
  maxChunks: 0,
  bodyTimeout: NEVER,
  cors: [],
  corsOrigins: [],
  headTimeout: NEVER,
  requestTimeout: NEVER,
};

/** Properties of the server that say how its connections are served. */
const SETTINGS = [
  "headersTimeout",
  "keepAliveTimeout",
  "keepAliveTimeoutBuffer",
  "maxConnections",
  "maxHeadersCount",
  "maxRequestsPerSocket",
  "requestTimeout",
  "timeout",
];

/** Events of the server by whose listeners requests are seen. */
const WATCHED = ["request", "upgrade", "connection"];

const toLines = (lines: [name: string, value: string][]) =>
  lines.map(([name, value]) => ({ name, value }));

/** The parts of a cookie around the session id; undefined: no cookie; null: it cannot be cut. */
function cookieTemplate(options: any): [string, string] | undefined | null {
  if (!options) return undefined;
  const { name, ...rest } = options;
  if (typeof rest.encode === "function") return null;
  const parts = cookie.serialize(name, ID, rest).split(`=${ID}`);
  return parts.length === 2 ? [`${parts[0]}=`, parts[1]] : null;
}
