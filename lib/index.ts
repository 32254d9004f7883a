/**
 * The server: its options, the HTTP servers and engines it is attached to, and its namespaces.
 *
 * The CommonJS export is a function that creates a server, with the classes as properties.
 */
import cors from "cors";
import debugModule from "debug";
import * as defaultParser from "socket.io-parser";
import type { BroadcastOperator, RemoteSocket } from "./broadcast-operator";
import { Client } from "./client";
import { attachClientFiles, type RequestMiddleware } from "./client-files";
import { type Closed, type CloseOptions, closeArguments, Deadline } from "./close";
import { attach as attachEngine, Server as NativeEngine } from "./engine";
import {
  type Server as Engine,
  type Socket as EngineSocket,
  nativeServer,
} from "./engine/declared";
import { checkAdapterClass, checkServerOptions } from "./engine/option-rules";
import {
  checkDelay,
  checkHttpServer,
  checkMethod,
  checkOptionsObject,
  checkText,
  portOf,
} from "./engine/validate";
import { type ExtendedError, Namespace } from "./namespace";
import { askParents, ParentNamespace } from "./parent-namespace";
import { listenOnPort } from "./port";
import { BroadcastingServer } from "./server-broadcasts";
import {
  type AdapterConstructor,
  chooseAdapter,
  fillInOptions,
  mergeOptions,
  option,
  type ParentNspNameMatchFn,
  type ServerOptions,
  type TServerInstance,
} from "./server-options";
import { Socket } from "./socket";
import { type DefaultEventsMap, delegateEmitter, type EventsMap } from "./typed-events";
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
> extends BroadcastingServer<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  /** The main namespace, `/`: `io.emit()`, `io.to()` and the like reach its clients. */
  sockets!: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** The engine bound last: it serves the HTTP requests and holds the connections. */
  declare engine: Engine;
  /** The HTTP server attached to last; `undefined` before. */
  declare httpServer: TServerInstance;

  /** The parser in use: `socket.io-parser`, or the option `parser`. */
  readonly _parser: typeof defaultParser;
  /** Encodes the packets of all clients. */
  readonly encoder: defaultParser.Encoder;
  /** The namespaces by name, children of dynamic ones included. */
  _nsps: Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> = new Map();
  private readonly parentNsps: Map<
    ParentNspNameMatchFn,
    ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  // The dynamic namespaces that decide by the name alone.
  private readonly parentNamespacesFromRegExp: Map<
    RegExp,
    ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  private readonly opts: Partial<ServerOptions>;
  private _adapter?: AdapterConstructor;
  private _serveClient!: boolean;
  private _path!: string;
  /** Milliseconds that a client has to join a namespace. */
  _connectTimeout!: number;
  declare private eio: Engine;
  private readonly clientFilesMiddleware?: RequestMiddleware;
  private detachClientFiles?: () => void;

  /**
   * Creates a server that is attached to nothing yet.
   *
   * @param opts - options; the object is kept, and defaults are filled in
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native";
   *
   * const io = new Server({ pingInterval: 10_000 });
   * io.attach(httpServer);
   * ```
   */
  constructor(opts?: Partial<ServerOptions>);
  /**
   * Creates a server, attached if an HTTP server or a port is given.
   *
   * @param srv - HTTP server, or the number of a port to listen on
   * @param opts - options; the object is kept, and defaults are filled in
   * @throws TypeError for an option that cannot be used
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native";
   *
   * const io = new Server(3000, { cors: { origin: "https://bistro.example" } });
   * io.on("connection", (socket) => console.log("%s is here", socket.id));
   * ```
   */
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
    checkOptionsObject("new Server()", opts);
    checkServerOptions((name) => option(opts, name as keyof ServerOptions));
    this.path(option(opts, "path") || "/socket.io");
    this.connectTimeout(option(opts, "connectTimeout") || 45000);
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

  /**
   * Sets whether the client bundles are served below the path, as `/socket.io/socket.io.js`. It is
   * read when the server attaches. Default: `true`.
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native";
   *
   * const io = new Server().serveClient(false);
   * io.attach(httpServer);
   * ```
   */
  serveClient(v: boolean): this;
  /** Tells whether the client bundles are served. */
  serveClient(): boolean;
  serveClient(v?: boolean): this | boolean;
  serveClient(...args: [] | [boolean]): this | boolean {
    if (args.length === 0) return this._serveClient;
    this._serveClient = args[0];
    return this;
  }

  /**
   * Sets the prefix of the URLs that are for this server, without a slash at its end. It is read
   * when the server attaches. Default: `"/socket.io"`.
   *
   * @example
   * ```ts
   * import { Server } from "socket.io-native";
   *
   * const io = new Server().path("/orders");
   * io.attach(httpServer);
   * ```
   */
  path(v: string): this;
  /** Tells the prefix of the URLs. */
  path(): string;
  path(v?: string): this | string;
  path(...args: [] | [string]): this | string {
    if (args.length === 0) return this._path;
    const [v] = args;
    checkMethod("path()", "path", "a string", v, "replace");
    this._path = v.replace(/\/$/, "");
    return this;
  }

  /**
   * Sets how long a client may take to join its first namespace, in milliseconds; its connection is
   * closed then. Default: 45000. Clients that are connected already keep their limit.
   *
   * @example
   * ```ts
   * io.connectTimeout(10_000);
   * ```
   */
  connectTimeout(v: number): this;
  /** Tells how long a client may take to join its first namespace, in milliseconds. */
  connectTimeout(): number;
  connectTimeout(v?: number): this | number;
  connectTimeout(v?: number): this | number {
    if (v === undefined) return this._connectTimeout;
    checkDelay("connectTimeout()", "timeout", v);
    this._connectTimeout = v;
    return this;
  }

  /**
   * Tells the class of the adapters.
   *
   * @example
   * ```ts
   * console.log(io.adapter()?.name);
   * ```
   */
  adapter(): AdapterConstructor | undefined;
  /**
   * Sets the class of the adapters. Each namespace gets a new one, without the rooms of the one it
   * had: call it before clients connect.
   *
   * @example
   * ```ts
   * import { Adapter } from "socket.io-adapter";
   *
   * class LoggingAdapter extends Adapter {
   *   override addAll(id: string, rooms: Set<string>) {
   *     console.log("%s joins %s", id, [...rooms]);
   *     return super.addAll(id, rooms);
   *   }
   * }
   * io.adapter(LoggingAdapter);
   * ```
   */
  adapter(v: AdapterConstructor): this;
  adapter(...args: [] | [AdapterConstructor]): AdapterConstructor | undefined | this {
    if (args.length === 0) return this._adapter;
    checkAdapterClass("adapter()", args[0]);
    this._adapter = args[0];
    for (const nsp of this._nsps.values()) nsp._initAdapter();
    return this;
  }

  // --- attaching ------------------------------------------------------------------------------

  /**
   * Same as {@link Server.attach}.
   *
   * @example
   * ```ts
   * io.listen(3000);
   * ```
   */
  listen(srv: TServerInstance | number, opts: Partial<ServerOptions> = {}): this {
    return this.attach(srv, opts);
  }

  /**
   * Attaches the server to an HTTP server, or to a new one that listens on a port and answers
   * requests for other paths with 404.
   *
   * @param srv - HTTP, HTTPS or HTTP/2 server, or a port
   * @param opts - options of the engine; those of the constructor win, and are copied into it
   * @returns this object
   * @throws Error for a request handler, as that of Express, instead of a server
   *
   * @example
   * ```ts
   * io.attach(httpServer, { path: "/orders" });
   * httpServer.listen(3000);
   * ```
   */
  attach(srv: TServerInstance | number, opts: Partial<ServerOptions> = {}): this {
    if (typeof srv === "function") {
      throw new Error(
        "You are trying to attach socket.io to an express request handler function. Please pass a http.Server instance.",
      );
    }
    checkOptionsObject("attach()", opts);
    const port = portOf(srv);
    if (port !== undefined) {
      if (debug.enabled) debug("creating http server and binding to %d", port);
      listenOnPort(port, (server) => this.initEngine(server, opts));
      return this;
    }
    checkHttpServer("attach()", srv);
    this.initEngine(srv as TServerInstance, opts);
    return this;
  }

  /**
   * Attaches the server to an application of µWebSockets.js, served by the engine of the package
   * `engine.io`.
   *
   * @param app - what `App()` of that library returns
   * @param opts - options of the engine; those of the constructor win
   * @throws Error when `engine.io` is not installed
   *
   * @example
   * ```ts
   * declare const app: { listen(port: number, done: () => void): void };
   *
   * io.attachApp(app);
   * app.listen(3000, () => console.log("open"));
   * ```
   */
  attachApp(app: unknown, opts: Partial<ServerOptions> = {}): void {
    checkOptionsObject("attachApp()", opts);
    mergeOptions(opts, this.opts, this._path);
    const path = () => this._path;
    this.bind(attachUwsApp(app, opts, this._serveClient ? path : undefined));
  }

  private initEngine(srv: TServerInstance, opts: Partial<ServerOptions>): NativeEngine {
    mergeOptions(opts, this.opts, this._path);
    if (debug.enabled) debug("creating engine.io instance with opts %j", opts);
    // Every kind of server has the events of an HTTP/1 one.
    const engine = attachEngine(srv as any, opts as any);
    this.eio = engine as unknown as Engine;
    if (this._serveClient) {
      const path = () => this._path;
      this.detachClientFiles = attachClientFiles(srv as any, path, this.clientFilesMiddleware);
    }
    this.httpServer = srv;
    this.bind(engine);
    return engine;
  }

  /**
   * Takes the connections of an engine, one of `engine.io` too.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * import { attach } from "socket.io-native/engine";
   *
   * io.bind(attach(httpServer, { path: "/orders" }));
   * ```
   */
  bind(engine: any): this {
    this.engine = engine;
    checkMethod("bind()", "engine", "an engine, which emits connections", engine, "on");
    const known = new WeakSet<object>();
    if (engine instanceof NativeEngine && engine.implementation === "native") {
      engine._decodesNatively = this._parser === defaultParser;
      engine._introduce = (conn) => {
        known.add(conn);
        this.onconnection(conn as unknown as EngineSocket);
      };
    }
    this.engine.on("connection", (conn: EngineSocket) => {
      if (!known.has(conn)) this.onconnection(conn);
    });
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
   * Disconnects all clients (reason: "server shutting down"), then closes adapters, engine and HTTP
   * server.
   *
   * @param fn - called when the HTTP server has closed, with its error if there is one
   * @returns resolved when the HTTP server has closed, also if it was not running
   *
   * @example
   * ```ts
   * process.once("SIGTERM", async () => {
   *   io.emit("closing time");
   *   await io.close();
   * });
   * ```
   */
  close(fn?: (err?: Error) => void): Promise<void>;
  /**
   * Closes in bounded time, or leaves the HTTP server open.
   *
   * @param options - `timeout`: milliseconds after which the connections that the HTTP server still has
   *   are destroyed; `keepHttpServer`: it goes on serving, without Socket.IO
   * @param fn - called when all has closed, with the error of the HTTP server if there is one: with
   *   the code `ERR_CLOSE_TIMEOUT` if it is not closed although its connections are destroyed
   * @returns resolved when all has closed
   *
   * @example
   * ```ts
   * process.once("SIGTERM", async () => {
   *   await io.close({ timeout: 5000 });
   * });
   * ```
   */
  close(options: CloseOptions, fn?: (err?: Error) => void): Promise<void>;
  async close(first?: CloseOptions | Closed, fn?: Closed): Promise<void> {
    const { options, done } = closeArguments(first, fn);
    const deadline = new Deadline(options.timeout);
    const closing = [...this._nsps.values()].map(async (nsp) => {
      for (const socket of nsp.sockets.values()) socket._onclose("server shutting down");
      await nsp.adapter.close();
    });
    await deadline.wait(Promise.allSettled(closing));
    this.engine.close();
    if (options.keepHttpServer) {
      this.detachClientFiles?.();
      nativeServer(this.engine)?._detach?.();
    }
    if (!this.httpServer || options.keepHttpServer) {
      deadline.cancel();
      done?.();
      return;
    }
    await deadline.close(this.httpServer, (err) => {
      done?.(err);
      if (err && debug.enabled) debug("server was not running");
    });
  }

  // --- namespaces -----------------------------------------------------------------------------

  /**
   * Returns the namespace of a name, created if it is not there yet. A regular expression or a
   * function creates a dynamic namespace: clients may connect to each name that it accepts.
   *
   * @param name - a name, with or without the slash in front; or what decides about names
   * @param fn - added as a listener of `connection`
   * @throws Error for a regular expression with the flag `g` or `y`
   *
   * @example
   * ```ts
   * io.of("/kitchen").emit("order", "soup");
   *
   * io.of(/^\/table-\d+$/, (socket) => {
   *   console.log("a guest at %s", socket.nsp.name);
   * });
   * ```
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
    checkText("of()", "name", "a string, a regular expression or a function", name);
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
   * @param auth - payload of the client's CONNECT packet
   * @param fn - called with its child of that name, or `false`
   */
  _checkNamespace(
    name: string,
    auth: { [key: string]: any },
    fn: (nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> | false) => void,
  ): void {
    // A namespace may have been created while an answer was awaited.
    const child = (
      parent: ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    ) => this._nsps.get(name) ?? parent.createChild(name);
    askParents(this.parentNsps, name, auth, (parent) => fn(parent ? child(parent) : false));
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
  CloseOptions,
  DefaultEventsMap,
  ExtendedError,
  ParentNamespace,
  RemoteSocket,
  ServerOptions,
};
export { Namespace, Socket };
