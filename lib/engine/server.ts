/** The engine: requests become sessions. `io.engine`. */
import { EventEmitter } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import cookie = require("cookie");
import createDebug = require("debug");

import { askApplication } from "./allow-request";
import { ErrorCode, errorMessages, type Refusal, refuse } from "./errors";
import { checkHeaders, headerLines } from "./headers";
import { checkCompression, respond, serveSession } from "./http";
import { drain, register } from "./inbox";
import { type Middleware, runMiddlewares, UpgradeResponse } from "./middleware";
import { engine, hold, NativeOptions } from "./native";
import {
  type AttachOptions,
  deflateOptions,
  delay,
  type ResolvedOptions,
  readSettings,
  resolveOptions,
  type ServerOptions,
} from "./options";
import { reach } from "./outbox";
import {
  type EngineRequest,
  type PackedRequest,
  packetForm,
  packRequest,
  parseQuery,
  pinEnds,
  share,
} from "./request";
import { Socket, type SocketInit } from "./socket";
import { acceptUpgrade, isAdoptable, refuseUpgrade, type UpgradeRequest } from "./upgrade";
import {
  adoptExternal,
  type ExternalServer,
  externalOptions,
  handOverExternal,
  turnAwayExternal,
} from "./ws-engine";

const debug = createDebug("engine");

/** How an upgrade request was answered. */
interface Granted {
  upgrade: UpgradeRequest;
  /** Gives the header lines of the 101 that middlewares have set; asked once, when it is due. */
  lines: () => string[];
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

  readonly opts: ResolvedOptions;
  middlewares: Middleware[] = [];
  /** The WebSocket server of the option `wsEngine`; without it, the native engine serves. */
  ws?: ExternalServer;
  /** Set by the stand-alone `listen()`. */
  httpServer?: HttpServer;
  /** Somebody listens to what is sent. */
  _watched = false;
  /** The options that live sessions read. */
  readonly _options = new NativeOptions();
  /** Prefix of the requests on the server attached to last. */
  _path = "";
  /** Called when what may be answered natively may have changed. */
  _onchange: (() => void) | null = null;
  private readonly sessions: Record<string, Socket> = {};
  private count = 0;
  private ownMiddlewares = 0;
  private closed = false;

  constructor(options: ServerOptions = {}) {
    super();
    this.opts = resolveOptions(options);
    if (this.opts.cors) {
      this.use(require("cors")(this.opts.cors));
      this.ownMiddlewares = 1;
    }
    this.checkOptions();
    const deflate = deflateOptions(this.opts.perMessageDeflate);
    if (deflate !== null) this._options.setDeflate(deflate);
    this.init();
  }

  /** Opens for WebSockets, again if need be. */
  private init(): void {
    this.closed = false;
    const { opts } = this;
    if (!Object.hasOwn(opts, "wsEngine") || !this.isEnabled("websocket")) return;
    this.ws?.close();
    this.ws = adoptExternal(new this.opts.wsEngine(externalOptions(opts)));
  }

  /** Wrong values are told at once, and not by the first request. */
  private checkOptions(): void {
    void this.opts.transports.indexOf("websocket");
    const { cookie, httpCompression, allowRequest } = this.opts;
    if (cookie) this.cookieFor("check");
    checkCompression(httpCompression);
    if (allowRequest && typeof allowRequest !== "function") {
      throw new TypeError("allowRequest is not a function");
    }
    readSettings(this.opts);
  }

  /** Sessions by their id. */
  get clients(): Record<string, Socket> {
    this.catchUp();
    return this.sessions;
  }

  /** How many sessions there are. */
  get clientsCount(): number {
    this.catchUp();
    return this.count;
  }

  /** Who looks sees the sessions, too, that a native listener has opened just now. */
  private catchUp(): void {
    if (this._onchange !== null) drain();
  }

  /** Adds a middleware, called with every request and upgrade request of this engine. */
  use(fn: Middleware): void {
    this.middlewares.push(fn);
    this._onchange?.();
  }

  /** The id of a new session; may be replaced, also by a function that returns a promise. */
  generateId(_req: IncomingMessage): string | Promise<string> {
    return engine.generateId();
  }

  /** What sessions on `transport` can be upgraded to, whether it is enabled or not. */
  upgrades(transport: string): string[] {
    if (!this.opts.allowUpgrades || transport !== "polling") return [];
    return ["websocket", "webtransport"];
  }

  private isEnabled(transport: string | undefined): boolean {
    return this.opts.transports.indexOf(transport as "polling") !== -1;
  }

  /** Serves the requests of `server` whose URL begins with the path. */
  attach(server: HttpServer, options: AttachOptions = {}): void {
    const path = this.pathOf(options);
    this._path = path;
    const destroyTimeout = delay(options.destroyUpgradeTimeout || 1000);
    const isOurs = (req: IncomingMessage): req is EngineRequest => {
      const ours = req.url?.startsWith(path) === true;
      if (ours) (req as EngineRequest)._own = true;
      return ours;
    };
    const others = server.listeners("request").slice() as RequestListener[];
    server.removeAllListeners("request");
    server.on("close", () => this.close());
    server.on("listening", () => {
      try {
        this.init();
      } catch (error) {
        // Nobody could catch it here: upgrades are refused.
        this.closed = true;
        process.emitWarning(error as Error);
      }
      this._onchange?.();
    });
    server.on("request", (req, res) => {
      if (isOurs(req)) return this.handleRequest(req, res);
      for (const other of others) other.call(server, req, res);
    });
    if (!this.isEnabled("websocket")) return;
    server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (isOurs(req)) return this.handleUpgrade(req, socket, head);
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
        if (sid) return serveSession(this.sessions[sid], req, res);
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
    const proceed = (lines: () => string[]) => {
      this.admit(req, true, (refusal) => {
        if (refusal !== null) return this.refuseUpgrade(upgrade, refusal);
        this.onAdmittedUpgrade({ upgrade, lines });
      });
    };
    if (this.middlewares.length === 0) return proceed(() => []);
    const res = new UpgradeResponse(req, socket);
    runMiddlewares(this.middlewares, req, res).then(
      (passed) => {
        if (passed && !res.finished) proceed(() => res.lines());
      },
      () => this.refuseUpgrade(upgrade, middlewareFailure()),
    );
  }

  /** Checks a request; the order is that of upstream and visible in its answers. */
  verify(req: EngineRequest, upgrade: boolean): Refusal | null {
    const { transport, sid } = req._query;
    if (!this.isEnabled(transport) || transport === "webtransport") {
      return refuse(ErrorCode.UNKNOWN_TRANSPORT, { transport });
    }
    const origin = req.headers.origin;
    if (origin !== undefined && hasControls(origin)) {
      delete req.headers.origin;
      return refuse(ErrorCode.BAD_REQUEST, { name: "INVALID_ORIGIN", origin });
    }
    if (sid) {
      if (!Object.hasOwn(this.clients, sid)) return refuse(ErrorCode.UNKNOWN_SID, { sid });
      const { protocol } = packetForm(req);
      return this.verifySession(this.sessions[sid], transport, protocol, upgrade);
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
    if (!this.opts.allowRequest) return done(this.verifyProtocol(req));
    askApplication(this.opts as any, req, (refused) => done(refused ?? this.verifyProtocol(req)));
  }

  private verifyProtocol(req: EngineRequest): Refusal | null {
    const { protocol } = packetForm(req);
    if (protocol === 4 || this.opts.allowEIO3) return null;
    return refuse(ErrorCode.UNSUPPORTED_PROTOCOL_VERSION, { protocol });
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
      if (id === undefined || id === null || id === "") throw new Error("there is no id");
      if (Object.hasOwn(this.sessions, id)) throw new Error("the id is in use");
      return String(id);
    } catch (error) {
      return refuse(ErrorCode.BAD_REQUEST, { name: "ID_GENERATION_ERROR", error });
    }
  }

  /** What sessions are told and held to; those that live are held to it from now on. */
  _settings() {
    const { told, upgradeTimeout, maxMessage } = readSettings(this.opts);
    this._options.set(told.pingInterval, told.pingTimeout, upgradeTimeout, maxMessage);
    return told;
  }

  /** The transports that a handshake on `transport` offers, as JSON. */
  _offer(transport: string): string {
    return JSON.stringify(this.upgrades(transport).filter((name) => this.isEnabled(name)));
  }

  private openRequest(req: EngineRequest, sid: string, transport: "polling" | "websocket") {
    const form = packetForm(req);
    // A script can hold text only.
    if (transport === "polling" && req._query.j !== undefined) form.base64 = true;
    return {
      sid,
      form,
      upgrades: this._offer(transport),
      ...this._settings(),
      external: this.ws !== undefined,
    };
  }

  private async openPolling(req: EngineRequest, res: ServerResponse): Promise<void> {
    const id = await this.newId(req);
    if (typeof id !== "string") return this.refuseRequest(req, res, id);
    const initial: Record<string, any> = this.opts.cookie
      ? { "Set-Cookie": [this.cookieFor(id)] }
      : {};
    const request = this.openRequest(req, id, "polling");
    const { handle, body } = engine.openPolling(this._options, request);
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
  private announceOpen(event: "flush" | "drain", conn: Socket, data: string | Buffer): void {
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
    const session = this.sessions[req._query.sid];
    if (session !== undefined) {
      if (this.ws !== undefined) return this.handOver(this.ws, granted, session);
      return acceptUpgrade(
        granted.upgrade,
        this._options,
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

  /** Has the application's WebSocket server take an upgrade request; `id` of a new session. */
  private handOver(server: ExternalServer, granted: Granted, to: Socket | string | null): void {
    const { upgrade } = granted;
    const { req } = upgrade;
    const headers = () => this.upgradeHeaders(granted, typeof to === "string");
    handOverExternal(server, upgrade, this.closed, headers, (ws) => {
      if (typeof to === "string") {
        const request = this.openRequest(req, to, "websocket");
        const { handle, messages } = engine.openExternal(this._options, request);
        const conn = this.addSession(req, to, handle, true);
        conn._takeExternal(ws, false);
        for (const message of messages) conn._onframe(false, message);
        this.announceSession(conn);
      } else if (req._query.transport === "websocket" && to && engine.upgradeExternal(to._handle)) {
        to.upgrading = true;
        to._takeExternal(ws, true);
      } else {
        turnAwayExternal(ws);
      }
    });
  }

  private announceSession(conn: Socket): void {
    this.announceOpen("flush", conn, "");
    this.announceOpen("drain", conn, "");
    this.emit("connection", conn);
    this.settleDecoding(conn);
  }

  private async openWebSocket(granted: Granted): Promise<void> {
    const { upgrade } = granted;
    const { req } = upgrade;
    if (this.ws !== undefined && req._query.transport !== "websocket") {
      return this.handOver(this.ws, granted, null);
    }
    if (req._query.transport !== "websocket") {
      return acceptUpgrade(
        upgrade,
        this._options,
        this.closed,
        () => this.upgradeHeaders(granted, false),
        { attach: (connection) => engine.turnAway(connection) },
      );
    }
    const id = await this.newId(req);
    if (typeof id !== "string") return this.refuseUpgrade(upgrade, id);
    if (this.ws !== undefined) return this.handOver(this.ws, granted, id);
    let handle = 0;
    acceptUpgrade(upgrade, this._options, this.closed, () => this.upgradeHeaders(granted, true), {
      attach: (connection) => {
        const request = this.openRequest(req, id, "websocket");
        handle = engine.openWebSocket(this._options, request, connection);
      },
      attached: () => {
        this.announceSession(this.addSession(req, id, handle, true));
      },
    });
  }

  /**
   * The header lines of a 101: the middlewares', then what listeners add; null, and the request
   * refused, if one of them would be more than one line.
   */
  private upgradeHeaders({ upgrade, lines }: Granted, initial: boolean): string[] | null {
    const refused = (error: unknown) => {
      const context = { name: "TRANSPORT_HANDSHAKE_ERROR", error };
      this.refuseUpgrade(upgrade, refuse(ErrorCode.BAD_REQUEST, context));
      return null;
    };
    let own: string[];
    try {
      own = lines();
    } catch (error) {
      return refused(error);
    }
    const headers: Record<string, any> = {};
    if (initial) this.emit("initial_headers", headers, upgrade.req);
    this.emit("headers", headers, upgrade.req);
    try {
      checkHeaders(headers);
    } catch (error) {
      return refused(error);
    }
    return [...own, ...headerLines(Object.entries(headers))];
  }

  private addSession(req: EngineRequest, id: string, handle: number, websocket: boolean): Socket {
    // A socket that is pumped lives on in JavaScript, and can be asked (for certificates, say).
    const pumped = this.ws !== undefined || !isAdoptable(req.socket);
    const seen = pumped || !req._own || this.isRequestSeen();
    if (seen && websocket && !pumped) pinEnds(req.socket);
    return this.keep({
      server: this,
      id,
      handle,
      protocol: packetForm(req).protocol,
      websocket,
      jsonp: websocket ? undefined : req._query.j,
      remoteAddress: share(req.socket.remoteAddress ?? "") || undefined,
      request: seen ? req : null,
      packed: seen ? null : packRequest(req),
      unseen: false,
    });
  }

  private keep(init: SocketInit): Socket {
    const conn = new Socket(init);
    // Ids that were generated at the same time may be the same: the later one has it.
    if (Object.hasOwn(this.sessions, conn.id)) this.sessions[conn.id].close(true);
    this.sessions[conn.id] = conn;
    this.count++;
    register(conn);
    hold();
    return conn;
  }

  /** The native engine, for its listeners. */
  get _engine(): typeof engine {
    return engine;
  }

  /** What may be answered without this thread: whatever no function of the application sees. */
  _mayServe() {
    const { opts } = this;
    const has = (event: string) => this.listenerCount(event) > 0;
    const plain = this.middlewares.length === this.ownMiddlewares && !has("headers");
    const polling =
      plain && this.isEnabled("polling") && !this._watched && isPlain(opts.httpCompression);
    const websocket = plain && this.isEnabled("websocket") && !opts.wsEngine && !this.closed;
    const newcomers =
      !opts.allowRequest &&
      !has("initial_headers") &&
      this.generateId === Server.prototype.generateId;
    return {
      handshakes: polling && newcomers,
      polls: polling,
      websockets: websocket && newcomers,
      upgrades: websocket,
    };
  }

  /** A native listener has opened a session. */
  _onOpened(
    handle: number,
    websocket: boolean,
    id: string,
    address: string,
    request: PackedRequest,
  ): void {
    const conn = this.keep({
      server: this,
      id,
      handle,
      protocol: 4,
      websocket,
      remoteAddress: share(address),
      request: null,
      packed: { shared: share(request.shared), own: request.own },
      jsonp: undefined,
      unseen: true,
    });
    // It came in while the engine was being closed.
    if (this.closed) conn.close(true);
    else this.announceSession(conn);
  }

  /** Whether the application may have put something on the request object. */
  private isRequestSeen(): boolean {
    return (
      Object.hasOwn(this, "handleRequest") ||
      Object.hasOwn(this, "handleUpgrade") ||
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
    if (this.sessions[conn.id] !== conn) return;
    delete this.sessions[conn.id];
    this.count--;
  }

  /** Closes all sessions; WebSockets are refused from now on. */
  close(): this {
    for (const id of Object.keys(this.clients)) this.clients[id].close(true);
    this.closed = true;
    this.ws?.close();
    this._onchange?.();
    return this;
  }

  private noteListener(event: string | symbol): void {
    queueMicrotask(() => this._onchange?.());
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

/** Whether the compression is one that the native side does: the defaults, and a threshold. */
function isPlain(compression: any): boolean {
  return typeof compression !== "object" || Object.keys(compression).join() === "threshold";
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
