/** The engine: requests become sessions. `io.engine`. */
import { EventEmitter } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import cookie = require("cookie");
import createDebug = require("debug");

import { ErrorCode, errorMessages, type Refusal, refuse } from "./errors";
import { checkHeaders, headerLines } from "./headers";
import { respond, serveSession } from "./http";
import { register } from "./inbox";
import { type Middleware, runMiddlewares, UpgradeResponse } from "./middleware";
import { engine, hold, NativeOptions } from "./native";
import {
  type AttachOptions,
  deflateOptions,
  type ResolvedOptions,
  resolveOptions,
  type ServerOptions,
} from "./options";
import { reach } from "./outbox";
import { type EngineRequest, packRequest, parseQuery, pinEnds, share } from "./request";
import { Socket } from "./socket";
import { acceptUpgrade, isAdoptable, refuseUpgrade, type UpgradeRequest } from "./upgrade";

const debug = createDebug("engine");

/** How an upgrade request was answered. */
interface Granted {
  upgrade: UpgradeRequest;
  /** Header lines of the 101 that middlewares have set. */
  lines: string[];
}

/** `attach` installs listeners that are called for requests of others, too. */
type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Serves Engine.IO sessions on HTTP servers. Events: `connection`, `initial_headers`, `headers`,
 * `connection_error`, `flush`, `drain`.
 */
export class Server extends EventEmitter {
  static readonly errors = ErrorCode;
  static readonly errorMessages = errorMessages;

  /** Sessions by their id. */
  readonly clients: Record<string, Socket> = {};
  /** How many sessions there are. */
  clientsCount = 0;
  readonly opts: ResolvedOptions;
  middlewares: Middleware[] = [];
  /** Set by the stand-alone `listen()`. */
  httpServer?: HttpServer;
  /** Somebody listens to what is sent. */
  _watched = false;
  private readonly native = new NativeOptions();
  private ownMiddlewares = 0;
  private closed = false;

  constructor(options: ServerOptions = {}) {
    super();
    this.opts = resolveOptions(options);
    if (this.opts.cors) {
      this.use(require("cors")(this.opts.cors));
      this.ownMiddlewares = 1;
    }
    // Wrong values are told here, and not by the first request.
    void this.opts.transports.indexOf("websocket");
    if (this.opts.cookie) this.cookieFor("check");
    const deflate = deflateOptions(this.opts.perMessageDeflate);
    if (deflate !== null) this.native.setDeflate(deflate);
  }

  /** Adds a middleware, called with every request and upgrade request of this engine. */
  use(fn: Middleware): void {
    this.middlewares.push(fn);
  }

  /** The id of a new session; may be replaced, also by a function that returns a promise. */
  generateId(_req: IncomingMessage): string | Promise<string> {
    return engine.generateId();
  }

  /** The transports that a session on `transport` may upgrade to. */
  upgrades(transport: string): string[] {
    if (!this.opts.allowUpgrades || transport !== "polling") return [];
    return ["websocket", "webtransport"].filter(
      (name) => this.opts.transports.indexOf(name as "websocket") !== -1,
    );
  }

  /** Serves the requests of `server` whose URL begins with the path. */
  attach(server: HttpServer, options: AttachOptions = {}): void {
    const path = this.pathOf(options);
    const destroyTimeout = options.destroyUpgradeTimeout || 1000;
    const isOurs = (req: IncomingMessage) => req.url?.startsWith(path) === true;
    const others = server.listeners("request").slice() as RequestListener[];
    server.removeAllListeners("request");
    server.on("close", () => this.close());
    server.on("listening", () => {
      this.closed = false;
    });
    server.on("request", (req, res) => {
      if (isOurs(req)) return this.handleRequest(req as EngineRequest, res);
      for (const other of others) other.call(server, req, res);
    });
    if (this.opts.transports.indexOf("websocket") === -1) return;
    server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (isOurs(req)) return this.handleUpgrade(req as EngineRequest, socket, head);
      if (options.destroyUpgrade !== false) endLater(socket, destroyTimeout);
    });
  }

  private pathOf(options: AttachOptions): string {
    const path = (options.path || "/engine.io").replace(/\/$/, "");
    return options.addTrailingSlash === false ? path : `${path}/`;
  }

  /** Parses the query of a request, once. */
  prepare(req: EngineRequest): void {
    req._query ??= parseQuery(req.url as string);
  }

  /** Answers a request. */
  handleRequest(req: EngineRequest, res: ServerResponse): void {
    if (debug.enabled) debug("handling %s request %s", req.method, req.url);
    this.prepare(req);
    req.res = res;
    const proceed = () => {
      this.admit(req, false, (refusal) => {
        if (refusal !== null) return this.refuseRequest(req, res, refusal);
        const sid = req._query.sid;
        if (sid) return serveSession(this.clients[sid], req, res);
        this.openPolling(req, res).catch((error) => {
          // A listener's exception stays one; the client gets no answer from it.
          res.destroy();
          throw error;
        });
      });
    };
    if (this.middlewares.length === 0) return proceed();
    runMiddlewares(this.middlewares, req, res).then(
      (passed) => (passed ? proceed() : res.end()),
      () => this.refuseRequest(req, res, middlewareFailure()),
    );
  }

  /** Answers an upgrade request. */
  handleUpgrade(req: EngineRequest, socket: Duplex, head: Buffer): void {
    this.prepare(req);
    // From the first moment: a reset while a middleware waits must not become an exception.
    socket.on("error", onSocketError);
    const upgrade: UpgradeRequest = { req, socket, head };
    const proceed = (lines: string[]) => {
      this.admit(req, true, (refusal) => {
        if (refusal !== null) return this.refuseUpgrade(upgrade, refusal);
        this.onAdmittedUpgrade({ upgrade, lines });
      });
    };
    if (this.middlewares.length === 0) return proceed([]);
    const res = new UpgradeResponse(req, socket);
    runMiddlewares(this.middlewares, req, res).then(
      (passed) => {
        if (passed && !res.finished) proceed(res.lines());
      },
      () => this.refuseUpgrade(upgrade, middlewareFailure()),
    );
  }

  /** Checks a request; the order is that of upstream and visible in its answers. */
  verify(req: EngineRequest, upgrade: boolean): Refusal | null {
    const { transport, sid, EIO } = req._query;
    if (
      this.opts.transports.indexOf(transport as "polling") === -1 ||
      transport === "webtransport"
    ) {
      return refuse(ErrorCode.UNKNOWN_TRANSPORT, { transport });
    }
    const origin = req.headers.origin;
    if (origin !== undefined && hasControls(origin)) {
      delete req.headers.origin;
      return refuse(ErrorCode.BAD_REQUEST, { name: "INVALID_ORIGIN", origin });
    }
    const protocol = EIO === "4" ? 4 : 3;
    if (sid) {
      if (!Object.hasOwn(this.clients, sid)) return refuse(ErrorCode.UNKNOWN_SID, { sid });
      return this.verifySession(this.clients[sid], transport, protocol, upgrade);
    }
    if (req.method !== "GET") {
      return refuse(ErrorCode.BAD_HANDSHAKE_METHOD, { method: req.method });
    }
    if (transport === "websocket" && !upgrade) {
      return refuse(ErrorCode.BAD_REQUEST, { name: "TRANSPORT_HANDSHAKE_ERROR" });
    }
    return null;
  }

  private verifySession(
    conn: Socket,
    transport: string,
    protocol: number,
    upgrade: boolean,
  ): Refusal | null {
    const previousTransport = conn.transport.name;
    if (!upgrade && previousTransport !== transport) {
      const context = { name: "TRANSPORT_MISMATCH", transport, previousTransport };
      return refuse(ErrorCode.BAD_REQUEST, context);
    }
    if (conn.protocol !== protocol) {
      const context = { name: "PROTOCOL_MISMATCH", protocol, previousProtocol: conn.protocol };
      return refuse(ErrorCode.BAD_REQUEST, context);
    }
    return null;
  }

  /** Checks a request, and a handshake by `allowRequest` too; calls back once. */
  private admit(
    req: EngineRequest,
    upgrade: boolean,
    done: (refusal: Refusal | null) => void,
  ): void {
    const refusal = this.verify(req, upgrade);
    if (refusal !== null || req._query.sid) return done(refusal);
    const { allowRequest } = this.opts;
    if (!allowRequest) return done(this.verifyProtocol(req));
    let called = false;
    allowRequest(req, (message, success) => {
      if (called) return;
      called = true;
      done(success ? this.verifyProtocol(req) : refuse(ErrorCode.FORBIDDEN, { message }));
    });
  }

  private verifyProtocol(req: EngineRequest): Refusal | null {
    if (req._query.EIO === "4") return null;
    return refuse(ErrorCode.UNSUPPORTED_PROTOCOL_VERSION, { protocol: 3 });
  }

  private report(req: EngineRequest, { code, context }: Refusal): void {
    this.emit("connection_error", { req, code, message: errorMessages[code], context });
  }

  private refuseRequest(req: EngineRequest, res: ServerResponse, refusal: Refusal): void {
    this.report(req, refusal);
    if (res.headersSent || res.destroyed) return;
    const { code, context } = refusal;
    const status = code === ErrorCode.FORBIDDEN ? 403 : 400;
    const message = (code === ErrorCode.FORBIDDEN && context.message) || errorMessages[code];
    res.writeHead(status, { "Content-Type": "application/json" });
    res.end(JSON.stringify({ code, message }));
  }

  private refuseUpgrade(upgrade: UpgradeRequest, refusal: Refusal): void {
    this.report(upgrade.req, refusal);
    const { code, context } = refusal;
    const custom = code === ErrorCode.FORBIDDEN ? context.message : undefined;
    refuseUpgrade(upgrade.socket, String(custom || errorMessages[code]));
  }

  /** An id for a new session, or why there is none. */
  private async newId(req: EngineRequest): Promise<string | Refusal> {
    try {
      const id = await this.generateId(req);
      if (!Object.hasOwn(this.clients, id)) return id;
      return refuse(ErrorCode.BAD_REQUEST, {
        name: "ID_GENERATION_ERROR",
        error: new Error("the id is in use"),
      });
    } catch (error) {
      return refuse(ErrorCode.BAD_REQUEST, { name: "ID_GENERATION_ERROR", error });
    }
  }

  private openRequest(sid: string, transport: "polling" | "websocket") {
    const { pingInterval, pingTimeout, upgradeTimeout, maxHttpBufferSize: max } = this.opts;
    // A limit that is no limit for a WebSocket: none, or more than 32 bits hold.
    const maxMessage = Number.isFinite(max) && max < 2 ** 31 ? max : 0;
    this.native.set(pingInterval, pingTimeout, upgradeTimeout, maxMessage);
    return {
      sid,
      protocol: 4,
      upgrades: JSON.stringify(this.upgrades(transport)),
      pingInterval,
      pingTimeout,
      maxPayload: Number.isFinite(max) ? max : undefined,
      initialPacket: this.opts.initialPacket || undefined,
    };
  }

  private async openPolling(req: EngineRequest, res: ServerResponse): Promise<void> {
    const id = await this.newId(req);
    if (typeof id !== "string") return this.refuseRequest(req, res, id);
    const initial: Record<string, any> = this.opts.cookie
      ? { "Set-Cookie": this.cookieFor(id) }
      : {};
    const { handle, body } = engine.openPolling(this.native, this.openRequest(id, "polling"));
    const conn = this.addSession(req, id, handle, false);
    this.announceOpen("flush", conn, body);
    try {
      respond(conn, req, res, body, { initial, compress: true });
    } catch (error) {
      // A header that a listener has set cannot be written.
      conn.close(true);
      const context = { name: "TRANSPORT_HANDSHAKE_ERROR", error };
      return this.refuseRequest(req, res, refuse(ErrorCode.BAD_REQUEST, context));
    }
    this.announceOpen("drain", conn, body);
    this.emit("connection", conn);
    this.settleDecoding(conn);
  }

  /** Tells those who watch what is sent of the open packet. */
  private announceOpen(event: "flush" | "drain", conn: Socket, data: string): void {
    if (!this._watched) return;
    const packet = { type: "open", data, options: { compress: true } };
    this.emit(event, conn, [packet]);
  }

  private cookieFor(id: string): string {
    const { name, ...options } = this.opts.cookie;
    return cookie.serialize(name, id, options);
  }

  private onAdmittedUpgrade(granted: Granted): void {
    const { req } = granted.upgrade;
    const session = this.clients[req._query.sid];
    if (session !== undefined) {
      return acceptUpgrade(
        granted.upgrade,
        this.native,
        this.closed,
        () => this.upgradeHeaders(granted, false),
        {
          attach: (connection) => {
            if (req._query.transport !== "websocket") return engine.turnAway(connection);
            if (engine.upgrade(session._handle, connection)) session.upgrading = true;
          },
        },
      );
    }
    this.openWebSocket(granted).catch((error) => {
      granted.upgrade.socket.destroy();
      throw error;
    });
  }

  private async openWebSocket(granted: Granted): Promise<void> {
    const { upgrade } = granted;
    const { req } = upgrade;
    if (req._query.transport !== "websocket") {
      return acceptUpgrade(
        upgrade,
        this.native,
        this.closed,
        () => this.upgradeHeaders(granted, false),
        { attach: (connection) => engine.turnAway(connection) },
      );
    }
    const id = await this.newId(req);
    if (typeof id !== "string") return this.refuseUpgrade(upgrade, id);
    let handle = 0;
    acceptUpgrade(upgrade, this.native, this.closed, () => this.upgradeHeaders(granted, true), {
      attach: (connection) => {
        const request = this.openRequest(id, "websocket");
        handle = engine.openWebSocket(this.native, request, connection);
      },
      attached: () => {
        const conn = this.addSession(req, id, handle, true);
        this.announceOpen("flush", conn, "");
        this.announceOpen("drain", conn, "");
        this.emit("connection", conn);
        this.settleDecoding(conn);
      },
    });
  }

  /**
   * The header lines of a 101: the middlewares', then what listeners add; null, and the request
   * refused, if one of them would be more than one line.
   */
  private upgradeHeaders({ upgrade, lines }: Granted, initial: boolean): string[] | null {
    const headers: Record<string, any> = {};
    if (initial) this.emit("initial_headers", headers, upgrade.req);
    this.emit("headers", headers, upgrade.req);
    try {
      checkHeaders(headers);
    } catch (error) {
      const context = { name: "TRANSPORT_HANDSHAKE_ERROR", error };
      this.refuseUpgrade(upgrade, refuse(ErrorCode.BAD_REQUEST, context));
      return null;
    }
    return [...lines, ...headerLines(Object.entries(headers))];
  }

  private addSession(req: EngineRequest, id: string, handle: number, websocket: boolean): Socket {
    // A socket that is pumped lives on in JavaScript, and can be asked (for certificates, say).
    const pumped = !isAdoptable(req.socket);
    const seen = pumped || this.isRequestSeen();
    if (seen && websocket && !pumped) pinEnds(req.socket);
    const conn = new Socket({
      server: this,
      id,
      handle,
      protocol: 4,
      websocket,
      remoteAddress: share(req.socket.remoteAddress ?? "") || undefined,
      request: seen ? req : null,
      packed: seen ? null : packRequest(req),
    });
    this.clients[id] = conn;
    this.clientsCount++;
    register(conn);
    hold();
    return conn;
  }

  /** Whether the application may have put something on the request object. */
  private isRequestSeen(): boolean {
    return (
      this.middlewares.length > this.ownMiddlewares ||
      this.opts.allowRequest !== undefined ||
      this.listenerCount("initial_headers") + this.listenerCount("headers") > 0
    );
  }

  /** Sessions whose packets nobody takes decoded show them undecoded. */
  private settleDecoding(conn: Socket): void {
    if (!conn._hasSink) conn._setRaw();
  }

  /** A session has ended. */
  _onClosed(conn: Socket): void {
    if (this.clients[conn.id] !== conn) return;
    delete this.clients[conn.id];
    this.clientsCount--;
  }

  /** Closes all sessions; WebSockets are refused from now on. */
  close(): this {
    for (const id of Object.keys(this.clients)) this.clients[id].close(true);
    this.closed = true;
    return this;
  }

  private noteListener(event: string | symbol): void {
    if (event !== "flush" && event !== "drain") return;
    this._watched = true;
    reach.value++;
  }

  override on(event: string | symbol, listener: (...args: any[]) => void): this {
    this.noteListener(event);
    return super.on(event, listener);
  }

  override addListener(event: string | symbol, listener: (...args: any[]) => void): this {
    return this.on(event, listener);
  }

  override prependListener(event: string | symbol, listener: (...args: any[]) => void): this {
    this.noteListener(event);
    return super.prependListener(event, listener);
  }
}

function middlewareFailure(): Refusal {
  return refuse(ErrorCode.BAD_REQUEST, { name: "MIDDLEWARE_FAILURE" });
}

function onSocketError(error: Error): void {
  debug("socket error: %s", error.message);
}

/** Ends a connection that nobody has answered, without a word. */
function endLater(socket: Duplex, ms: number): void {
  socket.on("error", onSocketError);
  setTimeout(() => {
    const written = (socket as any).bytesWritten;
    if (socket.writable && written <= 0) socket.end();
  }, ms);
}

/** Whether a header value holds characters that no header may hold. */
function hasControls(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 32 && code !== 9) || code === 127 || code > 255) return true;
  }
  return false;
}
