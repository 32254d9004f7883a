/**
 * The server: its options, the HTTP servers and engines it is attached to, and its namespaces.
 *
 * The CommonJS export is a function that creates a server, with the classes as properties.
 */
import cors from "cors";
import debugModule from "debug";
import type { Room, SocketId } from "socket.io-adapter";
import * as defaultParser from "socket.io-parser";
import type { BroadcastOperator, RemoteSocket } from "./broadcast-operator";
import { Client } from "./client";
import { attachClientFiles, clientFiles, type RequestMiddleware } from "./client-files";
import { attach as attachEngine, Server as Engine, type Socket as EngineSocket } from "./engine";
import { delay } from "./engine/options";
import { type ExtendedError, Namespace, type ServerReservedEventsMap } from "./namespace";
import { ParentNamespace } from "./parent-namespace";
import { listenOnPort } from "./port";
import {
  type AdapterConstructor,
  chooseAdapter,
  fillInOptions,
  option,
  type ParentNspNameMatchFn,
  type ServerOptions,
  type TServerInstance,
} from "./server-options";
import { Socket } from "./socket";
import {
  type AllButLast,
  type DecorateAcknowledgementsWithMultipleResponses,
  type DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  type DefaultEventsMap,
  delegateEmitter,
  type EventNames,
  type EventNamesWithAck,
  type EventParams,
  type EventsMap,
  type FirstNonErrorArg,
  type Last,
  type MessageParams,
  type RemoveAcknowledgements,
  StrictEventEmitter,
} from "./typed-events";
import { attachUwsApp } from "./uws";

const debug = debugModule("socket.io:server");

/**
 * A Socket.IO server.
 *
 * @typeParam ListenEvents - events sent by the clients
 * @typeParam EmitEvents - events sent to the clients
 * @typeParam ServerSideEvents - events between servers
 * @typeParam SocketData - type of `socket.data`
 */
export class Server<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends StrictEventEmitter<
  ServerSideEvents,
  RemoveAcknowledgements<EmitEvents>,
  ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  /** The main namespace, `/`. */
  sockets!: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** The engine bound last. */
  declare engine: Engine;
  /** The HTTP server attached to last. */
  declare httpServer: TServerInstance;

  /** The parser in use. */
  readonly _parser: typeof defaultParser;
  /** Encodes the packets of all clients. */
  readonly encoder: defaultParser.Encoder;
  /** All namespaces but the dynamic ones, by name. */
  _nsps: Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> = new Map();
  private readonly parentNsps: Map<
    ParentNspNameMatchFn,
    ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  // The subset of the dynamic namespaces that can be told from the name alone.
  private readonly parentNamespacesFromRegExp: Map<
    RegExp,
    ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  private readonly opts: Partial<ServerOptions>;
  private _adapter?: AdapterConstructor;
  private _serveClient!: boolean;
  private _path!: string;
  /** Milliseconds a client has to join a namespace. */
  _connectTimeout!: number;
  declare private eio: Engine;
  private readonly clientFilesMiddleware?: RequestMiddleware;

  /**
   * Creates a server, attached if an HTTP server or a port is given.
   *
   * @param srv - HTTP server, port to listen on, or options
   * @param opts - options; the object is kept, and defaults are filled in
   */
  constructor(opts?: Partial<ServerOptions>);
  constructor(srv?: TServerInstance | number, opts?: Partial<ServerOptions>);
  constructor(
    srv: undefined | Partial<ServerOptions> | TServerInstance | number,
    opts?: Partial<ServerOptions>,
  );
  constructor(srv?: unknown, opts: Partial<ServerOptions> = {}) {
    super();
    let server = srv;
    if (typeof server === "object" && server instanceof Object && !(server as any).listen) {
      opts = server;
      server = undefined;
    }
    this.path(option(opts, "path") || "/socket.io");
    this.connectTimeout(option(opts, "connectTimeout") || 45000);
    // What is no delay at all is told here, and not by the first connection.
    delay(this._connectTimeout);
    this.serveClient(option(opts, "serveClient") !== false);
    this._parser = option(opts, "parser") || defaultParser;
    this.encoder = new this._parser.Encoder();
    this.opts = opts;
    fillInOptions(opts);
    this.adapter(chooseAdapter(opts));
    this.sockets = this.of("/");
    const corsOptions = option(opts, "cors");
    if (corsOptions) this.clientFilesMiddleware = cors(corsOptions as cors.CorsOptions);
    if (server || typeof server === "number") this.attach(server as TServerInstance | number);
  }

  /** The options of the constructor. */
  get _opts(): Partial<ServerOptions> {
    return this.opts;
  }

  // --- settings -------------------------------------------------------------------------------

  /** Gets or sets whether the client bundles are served. Read when attaching. */
  serveClient(v: boolean): this;
  serveClient(): boolean;
  serveClient(v?: boolean): this | boolean;
  serveClient(...args: [] | [boolean]): this | boolean {
    if (args.length === 0) return this._serveClient;
    this._serveClient = args[0];
    return this;
  }

  /** Gets or sets the prefix of the requests. One trailing slash is removed. */
  path(v: string): this;
  path(): string;
  path(v?: string): this | string;
  path(...args: [] | [string]): this | string {
    if (args.length === 0) return this._path;
    const [v] = args;
    this._path = v.replace(/\/$/, "");
    return this;
  }

  /** Gets or sets the milliseconds a client has to join a namespace. */
  connectTimeout(v: number): this;
  connectTimeout(): number;
  connectTimeout(v?: number): this | number;
  connectTimeout(v?: number): this | number {
    if (v === undefined) return this._connectTimeout;
    this._connectTimeout = v;
    return this;
  }

  /** Gets or sets the adapter. Every namespace gets a new one. */
  adapter(): AdapterConstructor | undefined;
  adapter(v: AdapterConstructor): this;
  adapter(...args: [] | [AdapterConstructor]): AdapterConstructor | undefined | this {
    if (args.length === 0) return this._adapter;
    this._adapter = args[0];
    for (const nsp of this._nsps.values()) nsp._initAdapter();
    return this;
  }

  // --- attaching ------------------------------------------------------------------------------

  /** Alias of {@link Server.attach}. */
  listen(srv: TServerInstance | number, opts: Partial<ServerOptions> = {}): this {
    return this.attach(srv, opts);
  }

  /**
   * Attaches the server to an HTTP server, or to a new one that listens on a port.
   *
   * @param opts - options of the engine; those of the constructor win
   * @throws Error for a request handler instead of a server
   */
  attach(srv: TServerInstance | number, opts: Partial<ServerOptions> = {}): this {
    if (typeof srv === "function") {
      throw new Error(
        "You are trying to attach socket.io to an express request handler function. Please pass a http.Server instance.",
      );
    }
    // biome-ignore lint/suspicious/noDoubleEquals: whatever equals its number is a port, as "8080"
    if (Number(srv) == (srv as unknown)) srv = Number(srv);
    if (typeof srv === "number") {
      if (debug.enabled) debug("creating http server and binding to %d", srv);
      const files = this._serveClient ? clientFiles(() => this._path) : null;
      listenOnPort(srv, (server) => this.initEngine(server, opts), files);
      return this;
    }
    this.initEngine(srv, opts);
    return this;
  }

  /**
   * Attaches the server to an application of µWebSockets.js. Needs the package `engine.io`.
   *
   * @throws Error when that package is not there
   */
  attachApp(app: unknown, opts: Partial<ServerOptions> = {}): void {
    Object.assign(opts, this.opts);
    opts.path = option(opts, "path") || this._path;
    const path = () => this._path;
    this.bind(attachUwsApp(app, opts, this._serveClient ? path : undefined) as Engine);
  }

  private initEngine(srv: TServerInstance, opts: Partial<ServerOptions>): Engine {
    Object.assign(opts, this.opts);
    opts.path = option(opts, "path") || this._path;
    if (debug.enabled) debug("creating engine.io instance with opts %j", opts);
    // Every kind of server has the events of an HTTP/1 one.
    this.eio = attachEngine(srv as any, opts as any);
    if (this._serveClient) {
      attachClientFiles(srv as any, () => this._path, this.clientFilesMiddleware);
    }
    this.httpServer = srv;
    this.bind(this.eio);
    return this.eio;
  }

  /** Takes the connections of an engine. */
  bind(engine: Engine): this {
    this.engine = engine;
    if (engine instanceof Engine) engine._decodesNatively = this._parser === defaultParser;
    this.engine.on("connection", (conn: EngineSocket) => this.onconnection(conn));
    return this;
  }

  /** Takes one connection. Protocol 3 joins the main namespace without being asked. */
  private onconnection(conn: EngineSocket): this {
    if (debug.enabled) debug("incoming connection with id %s", (conn as any).id);
    const client = new Client(this, conn);
    if (conn.protocol === 3) (client as any).connect("/");
    return this;
  }

  /**
   * Disconnects all clients, then closes adapters, engine and HTTP server.
   *
   * @param fn - called when the HTTP server is closed, with its error if there is one
   */
  async close(fn?: (err?: Error) => void): Promise<void> {
    const closing = [...this._nsps.values()].map(async (nsp) => {
      for (const socket of nsp.sockets.values()) socket._onclose("server shutting down");
      await nsp.adapter.close();
    });
    await Promise.allSettled(closing);
    this.engine.close();
    if (!this.httpServer) {
      fn?.();
      return;
    }
    return new Promise((resolve) => {
      this.httpServer.close((err) => {
        fn?.(err);
        if (err && debug.enabled) debug("server was not running");
        resolve();
      });
    });
  }

  // --- namespaces -----------------------------------------------------------------------------

  /**
   * The namespace of a name, created if need be; or, for an expression or a function, a new dynamic
   * namespace, the template of those whose name it accepts.
   *
   * @param fn - listener for connections
   * @throws Error for a `g` or `y` expression, which would match every other time
   */
  of(
    name: string | RegExp | ParentNspNameMatchFn,
    fn?: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    if (typeof name === "function" || name instanceof RegExp) {
      const parent = this.createParent(name);
      if (fn) parent.on("connect", fn as any);
      return parent;
    }
    name = String(name);
    if (name[0] !== "/") name = `/${name}`;
    let nsp = this._nsps.get(name);
    if (nsp === undefined) {
      for (const [regex, parent] of this.parentNamespacesFromRegExp) {
        if (regex.test(name)) return parent.createChild(name);
      }
      if (debug.enabled) debug("initializing namespace %s", name);
      nsp = new Namespace(this, name);
      this._nsps.set(name, nsp);
      if (name !== "/") (this.sockets as any).emitReserved("new_namespace", nsp);
    }
    if (fn) nsp.on("connect", fn as any);
    return nsp;
  }

  private createParent(matcher: RegExp | ParentNspNameMatchFn) {
    if (matcher instanceof RegExp && (matcher.global || matcher.sticky)) {
      throw new Error("stateful regular expressions are not supported");
    }
    const parent = new ParentNamespace(this);
    if (debug.enabled) debug("initializing parent namespace %s", parent.name);
    if (matcher instanceof RegExp) {
      this.parentNsps.set((name, _auth, next) => next(null, matcher.test(name)), parent);
      this.parentNamespacesFromRegExp.set(matcher, parent);
    } else {
      this.parentNsps.set(matcher, parent);
    }
    return parent;
  }

  /**
   * Asks the dynamic namespaces, in order of creation, for one that accepts `name`.
   *
   * @param fn - called with its child of that name, or `false`
   */
  _checkNamespace(
    name: string,
    auth: { [key: string]: any },
    fn: (nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> | false) => void,
  ): void {
    const parents = this.parentNsps.entries();
    const ask = () => {
      const next = parents.next();
      if (next.done) return fn(false);
      const [accepts, parent] = next.value;
      let answered = false;
      accepts(name, auth, (err, allow) => {
        if (answered) return;
        answered = true;
        if (err || !allow) return ask();
        // It may have been created while this answer was awaited.
        fn(this._nsps.get(name) ?? parent.createChild(name));
      });
    };
    ask();
  }

  // --- the main namespace ---------------------------------------------------------------------

  /** Adds a middleware to the main namespace. */
  use(
    fn: (
      socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      next: (err?: ExtendedError) => void,
    ) => void,
  ): this {
    this.sockets.use(fn);
    return this;
  }

  /** Selects the sockets of a room. */
  to(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.to(room);
  }

  /** Alias of {@link Server.to}. */
  in(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.in(room);
  }

  /** Selects the sockets that are not in a room. */
  except(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.except(room);
  }

  /** Whether the packet may be compressed (default: true). */
  compress(
    compress: boolean,
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.compress(compress);
  }

  /** The packet may be lost by clients that are not ready to receive. */
  get volatile(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.sockets.volatile;
  }

  /** Only sockets of this server. */
  get local(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.sockets.local;
  }

  /** Acknowledgements are awaited for `timeout` ms. */
  timeout(
    timeout: number,
  ): BroadcastOperator<
    DecorateAcknowledgementsWithTimeoutAndMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.sockets.timeout(timeout);
  }

  /** Sends a `message` event to all clients. */
  send(...args: MessageParams<EmitEvents>): this {
    this.sockets.emit("message" as any, ...(args as any));
    return this;
  }

  /** Alias of {@link Server.send}. */
  write(...args: MessageParams<EmitEvents>): this {
    this.sockets.emit("message" as any, ...(args as any));
    return this;
  }

  /** Sends an event to the other servers of the cluster. */
  serverSideEmit<Ev extends EventNames<ServerSideEvents>>(
    ev: Ev,
    ...args: EventParams<
      DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>,
      Ev
    >
  ): boolean {
    return this.sockets.serverSideEmit(ev, ...args);
  }

  /** Sends an event to the other servers and waits for their answers. */
  serverSideEmitWithAck<Ev extends EventNamesWithAck<ServerSideEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<ServerSideEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, Ev>>>[]> {
    return this.sockets.serverSideEmitWithAck(ev, ...args);
  }

  /**
   * Ids of the connected sockets.
   *
   * @deprecated use {@link Server.fetchSockets}
   */
  allSockets(): Promise<Set<SocketId>> {
    return this.sockets.allSockets();
  }

  /** The connected sockets of all servers. */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.sockets.fetchSockets();
  }

  /** Makes all sockets join rooms. */
  socketsJoin(room: Room | Room[]): void {
    this.sockets.socketsJoin(room);
  }

  /** Makes all sockets leave rooms. */
  socketsLeave(room: Room | Room[]): void {
    this.sockets.socketsLeave(room);
  }

  /** Disconnects all sockets; with `close`, closes their connections. */
  disconnectSockets(close = false): void {
    this.sockets.disconnectSockets(close);
  }
}

// The server is no emitter itself: its listeners, and what it emits, are those of `io.sockets`.
delegateEmitter(Server.prototype, (server) => server.sockets);

module.exports = (srv?: any, opts?: any) => new Server(srv, opts);
module.exports.Server = Server;
module.exports.Namespace = Namespace;
module.exports.Socket = Socket;

export type { DisconnectReason, Event } from "./socket-types";
export type {
  BroadcastOperator,
  DefaultEventsMap,
  ExtendedError,
  ParentNamespace,
  RemoteSocket,
  ServerOptions,
};
export { Namespace, Socket };
