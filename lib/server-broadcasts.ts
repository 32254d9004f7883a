/** The part of a server that stands for its main namespace. */
import type { Room, SocketId } from "socket.io-adapter";
import type { BroadcastOperator, RemoteSocket } from "./broadcast-operator";
import type { ExtendedError, Namespace, ServerReservedEventsMap } from "./namespace";
import type { Socket } from "./socket";
import {
  type AllButLast,
  type DecorateAcknowledgements,
  type DecorateAcknowledgementsWithMultipleResponses,
  type DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
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

/** A server, as far as it reaches the sockets of its main namespace. */
export abstract class BroadcastingServer<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends StrictEventEmitter<
  ServerSideEvents,
  RemoveAcknowledgements<EmitEvents>,
  ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  /** The main namespace, `/`. */
  abstract sockets: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;

  /**
   * Adds a middleware: each client that connects to the main namespace passes it before the
   * `connection` event. Middlewares run in the order in which they were added.
   *
   * @param fn - calls `next()` to go on; `next(error)` refuses the client, which gets a
   *   `connect_error` event with the error's `message` and `data`
   *
   * @example
   * ```ts
   * io.use((socket, next) => {
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
    this.sockets.use(fn);
    return this;
  }

  /**
   * Selects the sockets of one room, or of several.
   *
   * @returns a new operator; nothing is sent until its `emit()`
   *
   * @example
   * ```ts
   * io.to("table-7").emit("dish ready", "soup");
   * io.to(["table-7", "table-8"]).emit("last orders");
   * ```
   */
  to(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.to(room);
  }

  /**
   * Same as {@link BroadcastingServer.to}.
   *
   * @example
   * ```ts
   * io.in("table-7").disconnectSockets();
   * ```
   */
  in(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.in(room);
  }

  /**
   * Selects all sockets but those of one room, or of several.
   *
   * @returns a new operator; nothing is sent until its `emit()`
   *
   * @example
   * ```ts
   * io.except("table-7").emit("table free", 7);
   * ```
   */
  except(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.except(room);
  }

  /**
   * Selects all sockets and sets whether the transport may compress the packet. Default: `true`;
   * it has an effect only if the option `perMessageDeflate` or `httpCompression` is on.
   *
   * @example
   * ```ts
   * io.compress(false).emit("photo", Buffer.alloc(1024));
   * ```
   */
  compress(
    compress: boolean,
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.compress(compress);
  }

  /**
   * Selects all sockets; a client whose connection is not ready to be written to does not get the
   * packet.
   *
   * @example
   * ```ts
   * io.volatile.emit("oven temperature", 180);
   * ```
   */
  get volatile(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.sockets.volatile;
  }

  /**
   * Selects the sockets of this server only; without it, a broadcast reaches the whole cluster.
   *
   * @example
   * ```ts
   * io.local.emit("printer ready");
   * ```
   */
  get local(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.sockets.local;
  }

  /**
   * Sets how long the acknowledgements of the next event are awaited.
   *
   * @param timeout - milliseconds
   *
   * @example
   * ```ts
   * io.timeout(5000).emit("shift over", (err: Error | null, answers: string[]) => {
   *   if (err) console.log("only %d have answered", answers.length);
   * });
   * ```
   */
  timeout(
    timeout: number,
  ): BroadcastOperator<
    DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>>,
    SocketData
  > {
    return this.sockets.timeout(timeout);
  }

  /**
   * Sends an event named `message` to all clients.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * io.send("the kitchen is closed");
   * ```
   */
  send(...args: MessageParams<EmitEvents>): this {
    this.sockets.emit("message" as any, ...(args as any));
    return this;
  }

  /**
   * Same as {@link BroadcastingServer.send}.
   *
   * @example
   * ```ts
   * io.write("the kitchen is closed");
   * ```
   */
  write(...args: MessageParams<EmitEvents>): this {
    this.sockets.emit("message" as any, ...(args as any));
    return this;
  }

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
   * io.on("menu changed", (dish: string) => console.log("new dish: %s", dish));
   * io.serverSideEmit("menu changed", "risotto");
   * ```
   */
  serverSideEmit<Ev extends EventNames<ServerSideEvents>>(
    ev: Ev,
    ...args: EventParams<
      DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>,
      Ev
    >
  ): boolean {
    return this.sockets.serverSideEmit(ev, ...args);
  }

  /**
   * Sends an event to the other servers of the cluster and waits for their answers.
   *
   * @returns one answer per server; rejected with an Error that has the answers so far in
   *   `responses` when the adapter stops waiting
   *
   * @example
   * ```ts
   * const stocks: number[] = await io.serverSideEmitWithAck("stock", "risotto");
   * ```
   */
  serverSideEmitWithAck<Ev extends EventNamesWithAck<ServerSideEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<ServerSideEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, Ev>>>[]> {
    return this.sockets.serverSideEmitWithAck(ev, ...args);
  }

  /**
   * Tells the ids of the connected sockets, of the whole cluster.
   *
   * @deprecated use {@link BroadcastingServer.fetchSockets}
   *
   * @example
   * ```ts
   * const ids = await io.allSockets();
   * console.log("%d guests", ids.size);
   * ```
   */
  allSockets(): Promise<Set<SocketId>> {
    return this.sockets.allSockets();
  }

  /**
   * Fetches the connected sockets of the whole cluster: those of this server as `Socket`, the
   * others as {@link RemoteSocket}.
   *
   * @returns rejected if the adapter cannot reach the other servers in time
   *
   * @example
   * ```ts
   * for (const socket of await io.fetchSockets()) {
   *   console.log(socket.id, socket.data.table);
   * }
   * ```
   */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.sockets.fetchSockets();
  }

  /**
   * Makes all sockets of the cluster join one room, or several.
   *
   * @example
   * ```ts
   * io.socketsJoin("evening");
   * ```
   */
  socketsJoin(room: Room | Room[]): void {
    this.sockets.socketsJoin(room);
  }

  /**
   * Makes all sockets of the cluster leave one room, or several.
   *
   * @example
   * ```ts
   * io.socketsLeave(["lunch", "evening"]);
   * ```
   */
  socketsLeave(room: Room | Room[]): void {
    this.sockets.socketsLeave(room);
  }

  /**
   * Disconnects all sockets of the cluster from the main namespace.
   *
   * @param close - also closes their connections, and with them the other namespaces of the
   *   clients; default: `false`
   *
   * @example
   * ```ts
   * io.disconnectSockets(true);
   * ```
   */
  disconnectSockets(close = false): void {
    this.sockets.disconnectSockets(close);
  }
}
