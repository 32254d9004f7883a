/** The engine: requests become sessions. `io.engine`. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import cookie = require("cookie");
import createDebug = require("debug");

import { attachTo, pathOf } from "./attach";
import { ConfiguredServer } from "./configured-server";
import { ErrorCode, errorMessages, type Refusal } from "./errors";
import { engine } from "./native/binding";
import { watchExit } from "./native/exit";
import { lookAhead } from "./native/inbound";
import { NativePermissions } from "./native-permissions";
import { checkAttachOptions } from "./option-rules";
import type { AttachOptions, ServerOptions } from "./options";
import { type AttachedListener, serveAttached } from "./port/first-bytes";
import { methodsOf } from "./port/instrumentation";
import { LearnedOrigins, learnsOrigins } from "./port/static-cors";
import { enterRequest, enterUpgrade } from "./requests/entrance";
import type { Middleware } from "./requests/middleware";
import { announceSession, type SocketInit, takeWebSocket } from "./requests/open-session";
import { refuseRequest, verifyRequest } from "./requests/verify";
import { takeWebTransport } from "./requests/webtransport";
import { WorkBudget } from "./requests/work-budget";
import { BodiesUnderWay } from "./session/bodies-under-way";
import type { ExternalWebSocket } from "./session/external-connections";
import { type EngineRequest, parseQuery } from "./session/request-snapshot";
import type { Socket } from "./session/socket";
import { type OpenedSession, SessionRegistry } from "./session-registry";
import { checkFunction, checkHttpServer, checkOptionsObject } from "./validate";
import { WebSocketServers } from "./ws-server";

const debug = createDebug("engine");

/**
 * Serves Engine.IO sessions on HTTP servers. Events: `connection`, `initial_headers`, `headers`,
 * `connection_error`, `flush`, `drain`.
 */
export class Server extends ConfiguredServer {
  /** Codes of `connection_error`, and of the JSON that answers a refused request, by name. */
  static errors = ErrorCode;
  /** The texts that go with the codes. */
  static errorMessages = errorMessages;

  /** The middlewares, in order; the one of the option `cors` is the first. */
  middlewares: Middleware[] = [];
  /** The server of WebSockets. @internal */
  readonly _webSockets = new WebSocketServers(
    () => this.opts,
    () => this._isEnabled("websocket"),
    () => this._changed(),
  );
  /** The HTTP server that `listen()` has made; `undefined` for an engine that was attached. */
  httpServer?: HttpServer;
  /** Prefix of the requests on the server attached to last. @internal */
  _path = "";
  /**
   * True if a Socket.IO server takes the packets, and its parser is the one that the native engine has.
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
  /** The origins for which the native listeners know the answer of `cors`. @internal */
  readonly _origins = new LearnedOrigins();
  /** The middleware of the option `cors`. @internal */
  readonly _corsMiddleware: Middleware | null;
  /**
   * Called with a session that is found in {@link clients} before `connection` tells of it: the
   * Socket.IO server has a client for each that is there.
   *
   * @internal
   */
  _introduce: ((conn: Socket) => void) | null = null;
  private readonly registry = new SessionRegistry(this);
  /** The sessions by id, as far as this thread has heard of them. @internal */
  readonly _sessions = this.registry.byId;
  private readonly permissions: NativePermissions;
  /** True while WebSockets are refused. @internal */
  _closed = false;
  private readonly turns = new WorkBudget();
  private readonly detachments: (() => void)[] = [];

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
    super(options);
    let corsMiddleware: Middleware | null = null;
    if (this.opts.cors) {
      corsMiddleware = require("cors")(this.opts.cors) as Middleware;
      this._corsOptions = this.opts.cors;
      this.use(corsMiddleware);
    }
    this._corsMiddleware = corsMiddleware;
    this.permissions = new NativePermissions(this, ORIGINALS, corsMiddleware);
    this.init();
    watchExit();
  }

  /**
   * Has the native listeners answer further requests of an origin, if `cors` gives it the same answer.
   *
   * @internal
   */
  _learnOrigin(origin: string | undefined): void {
    if (!this._hasListeners || !learnsOrigins(this._corsOptions)) return;
    if (this._origins.add(origin)) this._changed();
  }

  /** Opens for WebSockets, again if need be. */
  private init(): void {
    this._closed = false;
    this._webSockets.open();
  }

  /**
   * The WebSocket server: one of the package `ws`, without an HTTP server of its own, or of the option
   * `wsEngine`; `undefined` without the transport `websocket`. The native engine serves in its place,
   * and tells its listeners of `headers` and `wsClientError`. If its methods or options are changed, or
   * another server is assigned, that serves the WebSockets that are opened later.
   */
  get ws(): any {
    return this._webSockets.current;
  }

  set ws(server: any) {
    this._webSockets.current = server;
  }

  /** The bodies that Node receives. @internal */
  readonly _bodies = new BodiesUnderWay();

  /**
   * The engine that serves: `"native"`, or `"javascript"` where the environment variable
   * `SOCKET_IO_NATIVE_ENGINE` has chosen that of the package `engine.io`.
   */
  get implementation(): "native" | "javascript" {
    return "native";
  }

  /**
   * The sessions by id: do not show the ids to others. Those that a native listener has opened just
   * now are among them, before `connection` tells of them.
   */
  get clients(): Record<string, Socket> {
    if (this._hasListeners) lookAhead();
    return this._sessions;
  }

  /** The number of sessions in {@link clients}. */
  get clientsCount(): number {
    if (this._hasListeners) lookAhead();
    return this.registry.count;
  }

  /**
   * Adds a middleware that sees every request and upgrade request of this engine, before it is
   * verified. A middleware of Express will do. `next(error)` refuses the request with status 400.
   *
   * @example
   * ```ts
   * import type { IncomingMessage, ServerResponse } from "node:http";
   *
   * io.engine.use((_req: IncomingMessage, res: ServerResponse, next: () => void) => {
   *   res.setHeader("x-kitchen", "open");
   *   next();
   * });
   * ```
   */
  use(fn: Middleware): void {
    checkFunction("use()", "middleware", fn);
    this.middlewares.push(fn);
    this._changed();
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
    const path = pathOf(options);
    this._path = path;
    let native: AttachedListener | null = null;
    const detach = attachTo(server, path, options, {
      takesWebSockets: this._isEnabled("websocket"),
      onRequest: (req, res) => this.handleRequest(req, res),
      onUpgrade: (req, socket, head) => this.handleUpgrade(req, socket, head),
      onListening: () => {
        this.reopen();
        native?.listening();
      },
      onClose: () => this.close(),
      onSocketError,
    });
    native = serveAttached(server, this);
    this.detachments.push(detach, () => native?.detach());
  }

  /** Takes the listeners of the engine off the servers that it is attached to. @internal */
  _detach(): void {
    for (const detach of this.detachments.splice(0)) detach();
  }

  /** A server that the engine is attached to listens, perhaps again. */
  private reopen(): void {
    try {
      this.init();
    } catch (error) {
      // Nobody could catch it here: upgrades are refused.
      this._closed = true;
      process.emitWarning(error as Error);
    }
    this._changed();
  }

  /**
   * Parses the query of a request into `req._query`, once. The methods that answer requests do it
   * too.
   *
   * @example
   * ```ts
   * httpServer.on("request", (req) => {
   *   // Private in the declarations of engine.io.
   *   io.engine["prepare"](req);
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
    enterRequest(this, req, res);
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
    const begin = () => enterUpgrade(this, { req, socket, head });
    if (turn === undefined) begin();
    else turn.then(begin);
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
   *   webSockets.handleUpgrade(req, socket, head, (ws) => {
   *     // Private in the declarations of engine.io.
   *     io.engine["onWebSocket"](req, socket, ws);
   *   });
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
   *   // Protected in the declarations of engine.io.
   *   console.log((io.engine as any).verify(request, false)?.code);
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

  /** The transports that a handshake on `transport` offers. @internal */
  _offer(transport: string): string[] {
    return this.upgrades(transport).filter((name) => this._isEnabled(name));
  }

  /** The cookie that tells a client its session id. @internal */
  _cookieFor(id: string): string {
    const { name, ...options } = this.opts.cookie;
    return cookie.serialize(name, id, options);
  }

  /** Makes a session and keeps it until it ends. @internal */
  _keep(init: SocketInit): Socket {
    return this.registry.keep(init);
  }

  /** The kinds of requests that may be answered without this thread. @internal */
  _mayServe() {
    return this.permissions.mayServe();
  }

  /** A native listener has opened a session: `connection` tells of it. @internal */
  _onOpened(opened: OpenedSession): void {
    const conn = this.registry.takeOpened(opened);
    // It came in while the engine was being closed.
    if (this._closed) conn.close(true);
    // It may have been found in `clients` and closed.
    if (conn.readyState === "open") announceSession(this, conn);
  }

  /** A native listener has opened a session of which `connection` tells later. @internal */
  _onOpenedAhead(opened: OpenedSession): void {
    this.registry.keepAhead(opened);
  }

  /** True if the application may have put something on the object of a request. @internal */
  _isRequestSeen(): boolean {
    return this.permissions.isRequestSeen();
  }

  /** A session has ended. @internal */
  _onClosed(conn: Socket): void {
    this.registry.forget(conn);
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
    this._webSockets.close();
    this._changed();
    return this;
  }
}

const ORIGINALS = methodsOf(Server.prototype);

function onSocketError(error: Error): void {
  debug("socket error: %s", error.message);
}
