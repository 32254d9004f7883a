/** A namespace: its sockets, its middlewares, and the way a client takes into it. */
import debugModule from "debug";
import type { Adapter, Room, SocketId } from "socket.io-adapter";
import { BroadcastOperator, type RemoteSocket } from "./broadcast-operator";
import type { Client } from "./client";
import type { Server } from "./index";
import { type Middleware, runMiddlewares } from "./middleware";
import { RecoveringAdapter } from "./recovering-adapter";
import { Recovery } from "./recovery";
import { Socket } from "./socket";
import {
  type AllButLast,
  type DecorateAcknowledgementsWithMultipleResponses,
  type DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  type DefaultEventsMap,
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

const debug = debugModule("socket.io:namespace");

/** The error of a middleware; `data` is sent to the client. */
export interface ExtendedError extends Error {
  data?: any;
}

/** Events the library emits on a namespace. */
export interface NamespaceReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> {
  connect: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
  connection: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

/** Events the library emits on the main namespace, hence on the server. */
export interface ServerReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  new_namespace: (
    namespace: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ) => void;
}

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
> extends StrictEventEmitter<
  ServerSideEvents,
  RemoveAcknowledgements<EmitEvents>,
  NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  /** Starts with a slash. */
  readonly name: string;
  /** The connected sockets, by id. */
  readonly sockets: Map<SocketId, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> =
    new Map();
  /** Keeps the rooms. */
  adapter!: Adapter;
  /** The server. */
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
  /** Next acknowledgement id. */
  _ids = 0;

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
    // The adapter may prepare itself asynchronously; nothing here waits for it.
    Promise.resolve(this.adapter.init()).catch((err) => {
      if (debug.enabled) debug("adapter could not be initialized: %s", err);
    });
  }

  // --- connection of a client -----------------------------------------------------------------

  /** Adds a middleware that each client has to pass. `next(err)` refuses the client. */
  use(
    fn: (
      socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      next: (err?: ExtendedError) => void,
    ) => void,
  ): this {
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
   * @param fn - called with the socket when it is accepted
   */
  async _add(
    client: Client<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    auth: Record<string, unknown> | undefined,
    fn: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): Promise<void> {
    if (debug.enabled) debug("adding socket to nsp %s", this.name);
    const socket = await this._createSocket(client, auth);
    if (client.conn.readyState !== "open") {
      this._drop(socket);
      return;
    }
    this._preConnectSockets.set(socket.id, socket);
    client._preconnect(socket);

    const recovery = this.server._opts.connectionStateRecovery;
    if (recovery?.skipMiddlewares && socket.recovered) {
      this._doConnect(socket, fn);
      return;
    }
    this.run(socket, (err) => process.nextTick(() => this.conclude(socket, err, fn)));
  }

  /** Applies the outcome of the middlewares. */
  private conclude(
    socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    err: ExtendedError | null,
    fn: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): void {
    const { client } = socket;
    if (client.conn.readyState !== "open") {
      if (debug.enabled) debug("next called after client was closed - ignoring socket");
      this._drop(socket);
    } else if (err) {
      if (debug.enabled) debug("middleware error, sending CONNECT_ERROR packet to the client");
      this._drop(socket);
      client._refused(this.name);
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

  /** Whether the adapter can tell from it what a client has received. */
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

  /** Gives up a socket that is not connected yet. */
  _drop(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this._preConnectSockets.delete(socket.id);
    socket._cleanup();
    socket._recovery?.putBack();
    socket._recovery = undefined;
  }

  /** Forgets a socket that has left, or was refused. */
  _remove(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    if (this.sockets.get(socket.id) === socket) this.sockets.delete(socket.id);
  }

  // --- broadcasts -----------------------------------------------------------------------------

  private operator() {
    return new BroadcastOperator<
      DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
      SocketData
    >(this.adapter);
  }

  /** Selects the sockets of a room. */
  to(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().to(room);
  }

  /** Alias of {@link Namespace.to}. */
  in(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().in(room);
  }

  /** Selects the sockets that are not in a room. */
  except(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().except(room);
  }

  /** Whether the packet may be compressed (default: true). */
  compress(
    compress: boolean,
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().compress(compress);
  }

  /** The packet may be lost by clients that are not ready to receive. */
  get volatile(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.operator().volatile;
  }

  /** Only sockets of this server. */
  get local(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.operator().local;
  }

  /** Acknowledgements are awaited for `timeout` ms. */
  timeout(
    timeout: number,
  ): BroadcastOperator<
    DecorateAcknowledgementsWithTimeoutAndMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.operator().timeout(timeout) as BroadcastOperator<any, SocketData>;
  }

  /** Sends an event to all clients of the namespace; it does not run local listeners. */
  override emit<Ev extends EventNames<RemoveAcknowledgements<EmitEvents>>>(
    ev: Ev,
    ...args: EventParams<RemoveAcknowledgements<EmitEvents>, Ev>
  ): boolean;
  override emit(...args: any[]): boolean {
    const operator: any = new BroadcastOperator(this.adapter);
    return operator.emit(...args);
  }

  /** Sends a `message` event to all clients. */
  send(...args: MessageParams<EmitEvents>): this {
    this.emit("message" as any, ...(args as any));
    return this;
  }

  /** Alias of {@link Namespace.send}. */
  write(...args: MessageParams<EmitEvents>): this {
    this.emit("message" as any, ...(args as any));
    return this;
  }

  /**
   * Ids of the connected sockets.
   *
   * @deprecated use {@link Namespace.fetchSockets}
   */
  allSockets(): Promise<Set<SocketId>> {
    return this.operator().allSockets();
  }

  /** The connected sockets of all servers. */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.operator().fetchSockets() as Promise<any[]>;
  }

  /** Makes all sockets join rooms. */
  socketsJoin(room: Room | Room[]): void {
    this.operator().socketsJoin(room);
  }

  /** Makes all sockets leave rooms. */
  socketsLeave(room: Room | Room[]): void {
    this.operator().socketsLeave(room);
  }

  /** Disconnects all sockets; with `close`, closes their connections. */
  disconnectSockets(close = false): void {
    this.operator().disconnectSockets(close);
  }

  // --- other servers --------------------------------------------------------------------------

  /**
   * Sends an event to the other servers of the cluster.
   *
   * @throws Error when the name is reserved
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
   * Sends an event to the other servers and waits for their answers.
   *
   * @returns the answers; rejected with an Error carrying `responses` if one is missing
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
