/** A namespace: its sockets, its middlewares, and how clients join it. */
import debugModule from "debug";
import type { Adapter, SocketId } from "socket.io-adapter";
import { type Arrival, arrive, conclusions } from "./arrivals";
import type { Attempt } from "./attempts";
import { BroadcastOperator } from "./broadcast-operator";
import type { Client } from "./client";
import { checkAdapter } from "./engine/option-rules";
import { nextTick } from "./engine/scheduling";
import { checkFunction } from "./engine/validate";
import type { Server } from "./index";
import { type Middleware, runMiddlewares } from "./middleware";
import { BroadcastingNamespace } from "./namespace-broadcasts";
import { RecoveringAdapter } from "./recovering-adapter";
import { Recovery } from "./recovery";
import { Socket } from "./socket";
import type {
  AllButLast,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  RemoveAcknowledgements,
} from "./typed-events";

const debug = debugModule("socket.io:namespace");

/** The error of a middleware; `data` is sent to the client. */
export interface ExtendedError extends Error {
  /** More about the refusal, sent to the client. */
  data?: any;
}

/** Events the library emits on a namespace. */
export interface NamespaceReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> {
  /** Same as `connection`, and earlier. */
  connect: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
  /** A client has connected to the namespace. */
  connection: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

/** Events the library emits on the main namespace, hence on the server. */
export interface ServerReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  /** A namespace was created. */
  new_namespace: (
    namespace: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ) => void;
}

/** The outcome of {@link Namespace._add}, which nobody waits for. */
const ARRIVED = Promise.resolve();

/** Names that cannot be emitted to other servers. */
export const RESERVED_EVENTS: ReadonlySet<string | symbol> = new Set([
  "connect",
  "connection",
  "new_namespace",
]);

/**
 * A communication channel shared by all clients that connect to its name.
 *
 * @typeParam ListenEvents - events sent by the clients
 * @typeParam EmitEvents - events sent to the clients
 * @typeParam ServerSideEvents - events between servers
 * @typeParam SocketData - type of `socket.data`
 */
export class Namespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends BroadcastingNamespace<
  EmitEvents,
  ServerSideEvents,
  SocketData,
  NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  /** Its name, which starts with a slash. */
  readonly name: string;
  /** The connected sockets of this server, by id. */
  readonly sockets: Map<SocketId, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> =
    new Map();
  /** Keeps the rooms and broadcasts to them. */
  adapter!: Adapter;
  /** The server it belongs to. */
  readonly server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;

  /** Sockets whose middlewares still run, by id. */
  private readonly _preConnectSockets: Map<
    SocketId,
    Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  protected _fns: Middleware<
    Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    ExtendedError
  >[] = [];
  /** The id of the next acknowledgement. */
  _ids = 0;

  /**
   * Called by `io.of()`.
   *
   * @param server - the server it belongs to
   * @param name - its name, with the slash
   */
  constructor(
    server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    name: string,
  ) {
    super();
    this.server = server;
    this.name = name;
    this._initAdapter();
  }

  /** Creates the adapter; called again when the adapter of the server is replaced. */
  _initAdapter(): void {
    // @ts-expect-error: a function is accepted too, called with `new` like a class
    this.adapter = new (this.server.adapter())(this);
    checkAdapter(this.adapter);
    // The adapter may prepare itself asynchronously; nothing here waits for it.
    Promise.resolve(this.adapter.init()).catch((err) => {
      if (debug.enabled) debug("adapter could not be initialized: %s", err);
    });
  }

  // --- connection of a client -----------------------------------------------------------------

  /**
   * Adds a middleware: each client that connects to the namespace passes it before the
   * `connection` event. Middlewares run in the order in which they were added.
   *
   * @param fn - calls `next()` to go on; `next(error)` refuses the client, which gets a
   *   `connect_error` event with the error's `message` and `data`
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.use((socket, next) => {
   *   const { token } = socket.handshake.auth;
   *   next(token === "waiter" ? undefined : new Error("unknown token"));
   * });
   * ```
   */
  use(
    fn: (
      socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      next: (err?: ExtendedError) => void,
    ) => void,
  ): this {
    checkFunction("use()", "middleware", fn);
    this._fns.push(fn);
    return this;
  }

  private run(
    socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    done: (err: ExtendedError | null) => void,
  ): void {
    runMiddlewares(this._fns.slice(), socket, done);
  }

  /**
   * Leads a client into the namespace.
   *
   * @param auth - payload of the CONNECT packet
   * @param fn - called with the socket when it is accepted
   * @param attempt - given up when the client asks for the namespace again
   */
  _add(
    client: Client<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    auth: Record<string, unknown> | undefined,
    fn: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
    attempt: Attempt,
  ): Promise<void> {
    if (debug.enabled) debug("adding socket to nsp %s", this.name);
    const isPlain =
      this._createSocket === createSocket && !this.server._opts.connectionStateRecovery;
    if (!isPlain) return this.addLater(client, auth, fn, attempt);
    try {
      arrive({ socket: new Socket(this, client, auth), attempt, fn });
      return ARRIVED;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private async addLater(
    client: Client<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    auth: Record<string, unknown> | undefined,
    fn: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
    attempt: Attempt,
  ): Promise<void> {
    this._admit({ socket: await this._createSocket(client, auth), attempt, fn });
  }

  /** Has the middlewares decide on a socket. @internal */
  _admit(arrival: Arrival): void {
    const { socket, attempt, fn } = arrival;
    if (!socket.client._isUnderWay(attempt)) {
      this._drop(socket);
      return;
    }
    this._preConnectSockets.set(socket.id, socket);
    attempt.socket = socket;

    const recovery = this.server._opts.connectionStateRecovery;
    if (recovery?.skipMiddlewares && socket.recovered) {
      this._doConnect(socket, fn);
      return;
    }
    if (this._fns.length === 0 && this.run === run) {
      conclusions.push(this, arrival);
      return;
    }
    conclusions.boundary();
    this.run(socket, (err) => nextTick(() => this._conclude(arrival, err)));
  }

  /** Applies the outcome of the middlewares. @internal */
  _conclude({ socket, attempt, fn }: Arrival, err: ExtendedError | null): void {
    const { client } = socket;
    if (!client._isUnderWay(attempt)) {
      if (debug.enabled) debug("next called after the attempt was over - ignoring socket");
      this._drop(socket);
    } else if (err) {
      if (debug.enabled) debug("middleware error, sending CONNECT_ERROR packet to the client");
      this._drop(socket);
      client._endAttempt(attempt);
      if (client.conn.protocol === 3) socket._error(err.data || err.message);
      else socket._error({ message: err.message, data: err.data });
    } else {
      this._doConnect(socket, fn);
    }
  }

  private async _createSocket(
    client: Client<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    auth: Record<string, unknown> | undefined,
  ): Promise<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> {
    const pid = auth?.pid;
    const offset = auth?.offset as string;
    if (
      this.server._opts.connectionStateRecovery &&
      typeof pid === "string" &&
      this.isOffset(offset)
    ) {
      try {
        const session = await this.adapter.restoreSession(pid, offset);
        if (session) {
          if (debug.enabled) debug("connection state recovered for sid %s", session.sid);
          return new Socket(this, client, auth, new Recovery(this.adapter, session));
        }
      } catch (err) {
        if (debug.enabled) debug("error while restoring session: %s", err);
      }
      if (debug.enabled) debug("unable to restore session state");
    }
    return new Socket(this, client, auth);
  }

  /** Returns true if the adapter can tell from the event which packets a client has received. */
  private isOffset(offset: unknown): boolean {
    if (offset === undefined) return this.adapter instanceof RecoveringAdapter;
    return typeof offset === "string";
  }

  private _doConnect(
    socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    fn: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): void {
    if (socket._recovery?.send(socket.client) === false) {
      socket.client.onerror(new Error("what the client has missed was dropped meanwhile"));
      return;
    }
    socket._recovery = undefined;
    this._preConnectSockets.delete(socket.id);
    this.sockets.set(socket.id, socket);
    // The client has to know the socket before a listener can disconnect it.
    fn(socket);
    socket._onconnect();
    this.emitReserved("connect", socket);
    this.emitReserved("connection", socket);
  }

  /** Gives up a socket that is not connected yet. @internal */
  _drop(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this._preConnectSockets.delete(socket.id);
    socket._cleanup();
    socket._recovery?.putBack();
    socket._recovery = undefined;
  }

  /** Removes a socket that has left, or was refused. */
  _remove(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    if (this.sockets.get(socket.id) === socket) this.sockets.delete(socket.id);
  }

  // --- broadcasts -----------------------------------------------------------------------------

  /**
   * Sends an event to all clients of the namespace, on every server of the cluster. Local listeners
   * do not run.
   *
   * @returns true
   * @throws Error for a reserved name, as `connect` or `disconnect`
   *
   * @example
   * ```ts
   * io.of("/kitchen").emit("order", { table: 7, dish: "soup" });
   * ```
   */
  override emit<Ev extends EventNames<RemoveAcknowledgements<EmitEvents>>>(
    ev: Ev,
    ...args: EventParams<RemoveAcknowledgements<EmitEvents>, Ev>
  ): boolean;
  override emit(...args: any[]): boolean {
    const operator: any = new BroadcastOperator(this.adapter);
    return operator.emit(...args);
  }

  // --- other servers --------------------------------------------------------------------------

  /**
   * Sends an event to the other servers of the cluster, whose listeners on the same namespace run.
   * A function as last argument is called with an Error or `null`, and the array of answers. The
   * adapter has to support it; the in-memory one warns and sends nothing.
   *
   * @returns true
   * @throws Error for the reserved names `connect`, `connection` and `new_namespace`
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.on("menu changed", (dish: string) => console.log("new dish: %s", dish));
   * kitchen.serverSideEmit("menu changed", "risotto");
   * ```
   */
  serverSideEmit<Ev extends EventNames<ServerSideEvents>>(
    ev: Ev,
    ...args: EventParams<
      DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>,
      Ev
    >
  ): boolean {
    if (RESERVED_EVENTS.has(ev)) throw new Error(`"${String(ev)}" is a reserved event name`);
    this.adapter.serverSideEmit([ev, ...args]);
    return true;
  }

  /**
   * Sends an event to the other servers of the cluster and waits for their answers.
   *
   * @returns one answer per server; rejected with an Error that has the answers so far in
   *   `responses` when the adapter stops waiting
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * const stocks: number[] = await kitchen.serverSideEmitWithAck("stock", "risotto");
   * ```
   */
  serverSideEmitWithAck<Ev extends EventNamesWithAck<ServerSideEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<ServerSideEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, Ev>>>[]> {
    return new Promise((resolve, reject) => {
      const callback = (err: any, responses: any) => {
        if (!err) return resolve(responses);
        err.responses = responses;
        reject(err);
      };
      this.serverSideEmit(ev, ...([...args, callback] as any));
    });
  }

  /** Runs the local listeners of an event of another server; adapters call it. */
  _onServerSideEmit(args: [string, ...any[]]): void {
    this.emitUntyped.apply(this, args);
  }
}

const { run, _createSocket: createSocket } = Namespace.prototype as any;
