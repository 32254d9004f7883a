/** The engine: requests become sessions. `io.engine`. */
import { EventEmitter } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import cookie = require("cookie");
import createDebug = require("debug");

import { ErrorCode, errorMessages, type Refusal } from "./errors";
import { engine, hold, NativeOptions } from "./native/binding";
import { watchExit } from "./native/exit";
import { ANYBODY, catchUp, inOrder } from "./native/inbound";
import { cacheEpoch } from "./native/outbound";
import { register } from "./native/session-table";
import { type NativeServerOptions, readNativeOptions } from "./native-options";
import { checkAttachOptions, checkEngineOptions, checkWsEngine } from "./option-rules";
import {
  type AttachOptions,
  deflateOptions,
  delay,
  type ResolvedOptions,
  readSettings,
  resolveOptions,
  type ServerOptions,
} from "./options";
import { ownListener } from "./own-listeners";
import { isOriginal, methodsOf } from "./port/instrumentation";
import { throttleConnections } from "./requests/connection-throttle";
import { type Middleware, runMiddlewares, UpgradeResponse } from "./requests/middleware";
import {
  acceptWebSocket,
  announceSession,
  openPolling,
  type SocketInit,
  takeWebSocket,
} from "./requests/open-session";
import type { UpgradeRequest } from "./requests/upgrade";
import {
  admit,
  middlewareFailure,
  refuseRequest,
  refuseUpgradeRequest,
  verifyRequest,
} from "./requests/verify";
import { takeWebTransport } from "./requests/webtransport";
import { WorkBudget } from "./requests/work-budget";
import {
  adoptExternal,
  type ExternalServer,
  type ExternalWebSocket,
  externalOptions,
} from "./session/external-connections";
import { serveSession } from "./session/polling-http";
import { holdBody } from "./session/post-body";
import {
  type EngineRequest,
  type PackedRequest,
  parseQuery,
  share,
} from "./session/request-snapshot";
import { Socket } from "./session/socket";
import { checkFunction, checkHttpServer, checkOptionsObject } from "./validate";

const debug = createDebug("engine");

/** `attach` installs listeners that are called for requests of others, too. */
type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * Serves Engine.IO sessions on HTTP servers. Events: `connection`, `initial_headers`, `headers`,
 * `connection_error`, `flush`, `drain`.
 */
export class Server extends EventEmitter {
  /** Codes of `connection_error`, and of the JSON that answers a refused request, by name. */
  static errors = ErrorCode;
  /** The texts that go with the codes. */
  static errorMessages = errorMessages;

  /**
   * The options with their defaults. A new value counts for sessions opened later; `pingInterval`,
   * `pingTimeout`, `upgradeTimeout` and `maxHttpBufferSize` for live ones, too.
   */
  opts: ResolvedOptions;
  /** The middlewares, in order; the one of the option `cors` is the first. */
  middlewares: Middleware[] = [];
  /** The WebSocket server of the option `wsEngine`; without it, the native engine serves. */
  ws?: ExternalServer;
  /** The HTTP server that `listen()` has made; `undefined` for an engine that was attached. */
  httpServer?: HttpServer;
  /** Somebody listens to what is sent. @internal */
  _watched = false;
  /** The options that live sessions read. @internal */
  readonly _options = new NativeOptions();
  /** The options of `native`. @internal */
  _limits: Required<NativeServerOptions> = readNativeOptions(undefined);
  /** The object that they were read from. */
  private limitsOf: NativeServerOptions | undefined;
  /** Prefix of the requests on the server attached to last. @internal */
  _path = "";
  /**
   * A Socket.IO server takes the packets, and its parser is the one that the native engine has.
   *
   * @internal
   */
  _decodesNatively = false;
  /**
   * The options of the middleware for CORS, which a later option `cors` does not replace.
   *
   * @internal
   */
  readonly _corsOptions: ServerOptions["cors"];
  /** Called when what may be answered natively may have changed. @internal */
  _onchange: (() => void) | null = null;
  /** See {@link clients}; without those that a native listener has opened just now. @internal */
  readonly _sessions: Record<string, Socket> = {};
  private count = 0;
  private isCaughtUp = false;
  /** The middleware of the option `cors`. */
  private corsMiddleware: Middleware | null = null;
  /** WebSockets are refused. @internal */
  _closed = false;
  private readonly turns = new WorkBudget();

  /**
   * Creates an engine that is attached to nothing yet.
   *
   * @param options - options; those left out have their defaults
   * @throws TypeError for an option that cannot be used
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native/engine";
   *
   * const engine = new Server({ pingInterval: 10_000, transports: ["websocket"] });
   * engine.attach(httpServer);
   * ```
   */
  constructor(options: ServerOptions = {}) {
    super();
    if (options === null) checkOptionsObject("new Server()", options);
    this.opts = resolveOptions(options);
    checkEngineOptions(this.opts, options);
    this.applyLimits();
    if (this.opts.cors) {
      this.corsMiddleware = require("cors")(this.opts.cors) as Middleware;
      this._corsOptions = this.opts.cors;
      this.use(this.corsMiddleware);
    }
    const deflate = deflateOptions(this.opts.perMessageDeflate);
    if (deflate !== null) this._options.setDeflate(deflate);
    this.init();
    watchExit();
  }

  /** Opens for WebSockets, again if need be. */
  private init(): void {
    this._closed = false;
    const { opts } = this;
    if (!Object.hasOwn(opts, "wsEngine") || !this._isEnabled("websocket")) return;
    checkWsEngine(opts.wsEngine);
    this.ws?.close();
    this.ws = adoptExternal(new this.opts.wsEngine(externalOptions(opts)));
  }

  private applyLimits(): void {
    const { native } = this.opts;
    if (this.limitsOf === native) return;
    this.limitsOf = native;
    this._limits = readNativeOptions(this.opts.native);
    this._options.setBuffering(this._limits.maxBufferedBytes, this._limits.keepReadersMs);
  }

  /** The sessions by id: do not show the ids to others. */
  get clients(): Record<string, Socket> {
    this.catchUp();
    return this._sessions;
  }

  /** The number of sessions. */
  get clientsCount(): number {
    this.catchUp();
    return this.count;
  }

  /** Who looks sees the sessions, too, that a native listener has opened just now. */
  private catchUp(): void {
    if (this._onchange === null || this.isCaughtUp) return;
    // Once: who walks through the sessions does not lose one under way.
    this.isCaughtUp = true;
    queueMicrotask(() => {
      this.isCaughtUp = false;
    });
    catchUp();
  }

  /**
   * Adds a middleware that sees every request and upgrade request of this engine, before it is
   * verified. A middleware of Express will do. `next(error)` refuses the request with status 400.
   *
   * @example
   * ```ts
   * io.engine.use((req, res, next) => {
   *   res.setHeader("x-kitchen", "open");
   *   next();
   * });
   * ```
   */
  use(fn: Middleware): void {
    checkFunction("use()", "middleware", fn);
    this.middlewares.push(fn);
    this._onchange?.();
  }

  /**
   * Returns the id of a new session: 20 characters of `A-Z a-z 0-9 _ -` from the system's random
   * source. It may be replaced; a promise is awaited.
   *
   * @param _req - the request that opens the session
   *
   * @example
   * ```ts
   * import { randomUUID } from "node:crypto";
   *
   * io.engine.generateId = () => randomUUID();
   * ```
   */
  generateId(_req: IncomingMessage): string | Promise<string> {
    return engine.generateId();
  }

  /**
   * Tells the transports that a session on `transport` may be upgraded to; the option `transports`
   * does not matter here. It is empty without `allowUpgrades`.
   *
   * @example
   * ```ts
   * console.log(io.engine.upgrades("polling"));
   * ```
   */
  upgrades(transport: string): string[] {
    if (!this.opts.allowUpgrades || transport !== "polling") return [];
    return ["websocket", "webtransport"];
  }

  /** Whether the option `transports` names it. @internal */
  _isEnabled(transport: string | undefined): boolean {
    return this.opts.transports.indexOf(transport as "polling") !== -1;
  }

  /**
   * Serves the requests of `server` whose URL begins with the path. The listeners of `request` that
   * the server has get the others. When the server closes, so does the engine.
   *
   * @param server - HTTP or HTTPS server
   * @param options - path (default: `"/engine.io"`), and what becomes of other upgrade requests
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native/engine";
   *
   * const engine = new Server();
   * engine.attach(httpServer, { path: "/orders" });
   * ```
   */
  attach(server: HttpServer, options: AttachOptions = {}): void {
    checkHttpServer("attach()", server);
    if (options === null) checkOptionsObject("attach()", options);
    checkAttachOptions(options);
    const path = this.pathOf(options);
    this._path = path;
    const destroyTimeout = delay(options.destroyUpgradeTimeout || 1000);
    const isOurs = (req: IncomingMessage): req is EngineRequest => {
      const ours = req.url?.startsWith(path) === true;
      if (ours) (req as EngineRequest)._own = true;
      return ours;
    };
    const requested = throttleConnections(server);
    const others = server.listeners("request").slice() as RequestListener[];
    server.removeAllListeners("request");
    server.on("close", () => this.close());
    server.on("listening", () => {
      try {
        this.init();
      } catch (error) {
        // Nobody could catch it here: upgrades are refused.
        this._closed = true;
        process.emitWarning(error as Error);
      }
      this._onchange?.();
    });
    const onrequest = (req: IncomingMessage, res: ServerResponse) => {
      requested();
      if (isOurs(req)) return this.handleRequest(req, res);
      for (const other of others) other.call(server, req, res);
    };
    server.on("request", ownListener(onrequest));
    if (!this._isEnabled("websocket")) return;
    const onupgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      requested();
      if (isOurs(req)) return this.handleUpgrade(req, socket, head);
      if (options.destroyUpgrade !== false) endLater(socket, destroyTimeout);
    };
    server.on("upgrade", ownListener(onupgrade));
  }

  private pathOf(options: AttachOptions): string {
    const path = (options.path || "/engine.io").replace(/\/$/, "");
    return options.addTrailingSlash === false ? path : `${path}/`;
  }

  /**
   * Parses the query of a request into `req._query`, once. The methods that answer requests do it
   * too.
   *
   * @example
   * ```ts
   * httpServer.on("request", (req) => {
   *   io.engine.prepare(req);
   *   console.log("_query" in req);
   * });
   * ```
   */
  prepare(req: IncomingMessage): void;
  prepare(req: EngineRequest): void {
    req._query ??= parseQuery(req.url as string);
  }

  /**
   * Answers a request: a handshake, a poll or a post. It is for servers that route requests by
   * themselves; {@link Server.attach} calls it otherwise.
   *
   * @see https://github.com/socketio/engine.io-protocol
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native/engine";
   *
   * const engine = new Server();
   * httpServer.on("request", (req, res) => {
   *   if (req.url?.startsWith("/orders/")) engine.handleRequest(req, res);
   * });
   * ```
   */
  handleRequest(req: IncomingMessage, res: ServerResponse): void;
  handleRequest(req: EngineRequest, res: ServerResponse): void {
    if (debug.enabled) debug("handling %s request %s", req.method, req.url);
    this.prepare(req);
    req.res = res;
    const proceed = () => {
      admit(this, req, false, (refusal) => {
        if (refusal !== null) return refuseRequest(this, req, res, refusal);
        const sid = req._query.sid;
        if (sid) return serveSession(this._sessions[sid], req, res);
        openPolling(this, req, res).catch((error) => {
          // A listener's exception stays one; the client gets no answer from it.
          res.destroy();
          throw error;
        });
      });
    };
    const enter = () => {
      const { sid } = req._query;
      if (!sid || Object.hasOwn(this._sessions, sid)) return proceed();
      // It may have been opened natively just now.
      if (req.method === "POST") holdBody(req, res, this.opts.maxHttpBufferSize);
      inOrder(ANYBODY, proceed);
    };
    if (this.middlewares.length === 0) return enter();
    runMiddlewares(this.middlewares, req, res).then(
      (passed) => (passed ? enter() : res.end()),
      () => refuseRequest(this, req, res, middlewareFailure()),
    );
  }

  /**
   * Answers an upgrade request: opens a WebSocket, for a new session or for the one it names.
   *
   * @param socket - the connection; it is ended if the request is refused
   * @param head - what has been read behind the request
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native/engine";
   *
   * const engine = new Server();
   * httpServer.on("upgrade", (req, socket, head) => {
   *   if (req.url?.startsWith("/orders/")) engine.handleUpgrade(req, socket, head);
   *   else socket.destroy();
   * });
   * ```
   */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  handleUpgrade(req: EngineRequest, socket: Duplex, head: Buffer): void {
    // From the first moment: a reset while a middleware waits must not become an exception.
    socket.on("error", onSocketError);
    const turn = this.turns.enter();
    this.prepare(req);
    const begin = () => this.beginUpgrade({ req, socket, head });
    if (turn === undefined) begin();
    else turn.then(begin);
  }

  private beginUpgrade(upgrade: UpgradeRequest): void {
    const { req, socket } = upgrade;
    const enter = (lines: () => string[]) => {
      admit(this, req, true, (refusal) => {
        if (refusal !== null) return refuseUpgradeRequest(this, upgrade, refusal);
        acceptWebSocket(this, { upgrade, lines });
      });
    };
    const proceed = (lines: () => string[]) => {
      const { sid } = req._query;
      if (!sid) return enter(lines);
      const handle = Object.hasOwn(this._sessions, sid) ? this._sessions[sid]._handle : ANYBODY;
      inOrder(handle, () => enter(lines));
    };
    if (this.middlewares.length === 0) return proceed(() => []);
    const res = new UpgradeResponse(req, socket);
    runMiddlewares(this.middlewares, req, res).then(
      (passed) => {
        if (passed && !res.finished) proceed(() => res.lines());
      },
      () => refuseUpgradeRequest(this, upgrade, middlewareFailure()),
    );
  }

  /**
   * Serves a WebSocket that somebody else has opened, as frameworks with a WebSocket server of
   * their own do. They run `allowRequest` and middlewares themselves.
   *
   * @param req - the upgrade request
   * @param _socket - the connection's stream; not used
   * @param ws - a WebSocket of the package `ws`, or one like it
   *
   * @example
   * ```ts
   * import { WebSocketServer } from "ws";
   *
   * const webSockets = new WebSocketServer({ noServer: true });
   * httpServer.on("upgrade", (req, socket, head) => {
   *   webSockets.handleUpgrade(req, socket, head, (ws) => io.engine.onWebSocket(req, socket, ws));
   * });
   * ```
   */
  onWebSocket(req: IncomingMessage, _socket: Duplex, ws: ExternalWebSocket): void;
  onWebSocket(req: EngineRequest, _socket: Duplex, ws: ExternalWebSocket): void {
    this.prepare(req);
    ws.on("error", onSocketError);
    takeWebSocket(this, req, ws);
  }

  /**
   * Serves a WebTransport session of the application's HTTP/3 server: opens a session on its first
   * bidirectional stream, or moves one there. As there is no request, middlewares and the option
   * `cors` refuse it; the options `transports`, `allowUpgrades` and `allowRequest` do not, and
   * `generateId()` is not called.
   *
   * @param session - `incomingBidirectionalStreams`, `closed` and `close()` of it are used
   * @returns resolved once it is accepted, or closed again
   * @throws TypeError for an object without these members
   *
   * @example
   * ```ts
   * declare const sessions: AsyncIterable<{ ready: Promise<void> }>;
   *
   * for await (const session of sessions) {
   *   session.ready.then(() => io.engine.onWebTransportSession(session));
   * }
   * ```
   */
  onWebTransportSession(session: any): Promise<any> {
    return takeWebTransport(this, session);
  }

  /**
   * Checks a request before it is answered; its query has to be parsed.
   *
   * @param upgrade - whether it asks for an upgrade
   * @returns the code and the context of the refusal; null if the request may be answered
   *
   * @example
   * ```ts
   * httpServer.on("request", (req) => {
   *   const url = new URL(req.url ?? "/", "http://localhost");
   *   const request = Object.assign(req, { _query: Object.fromEntries(url.searchParams) });
   *   console.log(io.engine.verify(request, false)?.code);
   * });
   * ```
   */
  verify(req: EngineRequest, upgrade: boolean): Refusal | null {
    return verifyRequest(this, req, upgrade);
  }

  /**
   * Reports a request that is refused, and answers it.
   *
   * @internal
   */
  _refuse(req: EngineRequest, res: ServerResponse, refusal: Refusal): void {
    refuseRequest(this, req, res, refusal);
  }

  /** What sessions are told and held to; those that live are held to it from now on. @internal */
  _settings() {
    const { told, upgradeTimeout, maxMessage } = readSettings(this.opts);
    this.applyLimits();
    this._options.set(told.pingInterval, told.pingTimeout, upgradeTimeout, maxMessage);
    return told;
  }

  /** The transports that a handshake on `transport` offers, as JSON. @internal */
  _offer(transport: string): string {
    return JSON.stringify(this.upgrades(transport).filter((name) => this._isEnabled(name)));
  }

  /** The cookie that tells a client its session id. @internal */
  _cookieFor(id: string): string {
    const { name, ...options } = this.opts.cookie;
    return cookie.serialize(name, id, options);
  }

  /** Keeps a new session until it ends. @internal */
  _keep(init: SocketInit): Socket {
    debug("session opened: %s", init.id);
    const conn = new Socket(init);
    // Ids that were generated at the same time may be the same: the later one has it.
    if (Object.hasOwn(this._sessions, conn.id)) this._sessions[conn.id].close(true);
    this._sessions[conn.id] = conn;
    this.count++;
    register(conn);
    if (!this._decodesNatively) conn._decodeInJs();
    hold();
    return conn;
  }

  /**
   * What may be answered without this thread: whatever no function of the application sees.
   *
   * @internal
   */
  _mayServe() {
    const { opts } = this;
    const has = (event: string) => this.listenerCount(event) > 0;
    const own = this.corsMiddleware === null ? [] : [this.corsMiddleware];
    const plain =
      this.middlewares.length === own.length &&
      this.middlewares.every((one, i) => one === own[i]) &&
      isOriginal(this, ORIGINALS) &&
      !has("headers");
    const polling =
      plain && this._isEnabled("polling") && !this._watched && isPlain(opts.httpCompression);
    const websocket = plain && this._isEnabled("websocket") && !opts.wsEngine && !this._closed;
    const newcomers =
      !opts.allowRequest && !has("initial_headers") && this.generateId === ORIGINALS.generateId;
    return {
      handshakes: polling && newcomers,
      polls: polling,
      websockets: websocket && newcomers,
      upgrades: websocket,
    };
  }

  /** A native listener has opened a session. @internal */
  _onOpened(
    handle: number,
    websocket: boolean,
    id: string,
    address: string,
    request: PackedRequest,
  ): void {
    const conn = this._keep({
      server: this,
      id,
      handle,
      protocol: 4,
      websocket,
      remoteAddress: share(address),
      request: null,
      packed: { shared: share(request.shared), own: request.own },
      jsonp: undefined,
      pollsNatively: true,
    });
    // It came in while the engine was being closed.
    if (this._closed) conn.close(true);
    else announceSession(this, conn);
  }

  /** Whether the application may have put something on the request object. @internal */
  _isRequestSeen(): boolean {
    return (
      this.handleRequest !== ORIGINALS.handleRequest ||
      this.handleUpgrade !== ORIGINALS.handleUpgrade ||
      this.middlewares.length > (this.corsMiddleware === null ? 0 : 1) ||
      this.opts.allowRequest !== undefined ||
      this.listenerCount("initial_headers") + this.listenerCount("headers") > 0
    );
  }

  /** A session has ended. @internal */
  _onClosed(conn: Socket): void {
    if (this._sessions[conn.id] !== conn) return;
    delete this._sessions[conn.id];
    this.count--;
  }

  /**
   * Closes all sessions (reason: "forced close"). Requests for WebSockets are refused from now on,
   * until an HTTP server that the engine is attached to listens again.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * httpServer.close();
   * io.engine.close();
   * ```
   */
  close(): this {
    for (const conn of Object.values(this.clients)) conn.close(true);
    this._closed = true;
    this.ws?.close();
    this._onchange?.();
    return this;
  }

  /** @internal */
  private noteListener(event: string | symbol): void {
    if (event === "flush" || event === "drain") {
      this._watched = true;
      cacheEpoch.value++;
    }
    this._onchange?.();
  }

  /** @internal */
  override on(event: string | symbol, listener: (...args: any[]) => void): this {
    super.on(event, listener);
    this.noteListener(event);
    return this;
  }

  /** @internal */
  override addListener(event: string | symbol, listener: (...args: any[]) => void): this {
    return this.on(event, listener);
  }

  /** @internal */
  override prependListener(event: string | symbol, listener: (...args: any[]) => void): this {
    super.prependListener(event, listener);
    this.noteListener(event);
    return this;
  }
}

const ORIGINALS = methodsOf(Server.prototype);

/** Whether the compression is one that the native side does: the defaults, and a threshold. */
function isPlain(compression: any): boolean {
  return typeof compression !== "object" || Object.keys(compression).join() === "threshold";
}

function onSocketError(error: Error): void {
  debug("socket error: %s", error.message);
}

/** How long the client of a connection that has been ended may take to end it too, in ms. */
const END_WAIT = 30_000;

/** Ends a connection that nobody has answered, without a word. */
function endLater(socket: Duplex, ms: number): void {
  socket.on("error", onSocketError);
  setTimeout(() => {
    const written = (socket as any).bytesWritten;
    if (!socket.writable || written > 0) return;
    socket.end();
    // Its end comes behind what it has sent. If nobody reads that, the end is never seen.
    if (socket.readableFlowing !== null || socket.listenerCount("readable") > 0) return;
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), END_WAIT).unref();
    socket.once("close", () => clearTimeout(timer));
  }, ms);
}
