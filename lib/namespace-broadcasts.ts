/** The part of a namespace that selects sockets and sends to them. */
import type { Adapter, Room, SocketId } from "socket.io-adapter";
import { BroadcastOperator, type RemoteSocket } from "./broadcast-operator";
import {
  type DecorateAcknowledgements,
  type DecorateAcknowledgementsWithMultipleResponses,
  type EventsMap,
  type MessageParams,
  type RemoveAcknowledgements,
  StrictEventEmitter,
} from "./typed-events";

/** A namespace, as far as it reaches all its sockets. */
export abstract class BroadcastingNamespace<
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
  ReservedEvents extends EventsMap,
> extends StrictEventEmitter<ServerSideEvents, RemoveAcknowledgements<EmitEvents>, ReservedEvents> {
  /** Keeps the rooms and broadcasts to them. */
  abstract adapter: Adapter;

  private operator() {
    return new BroadcastOperator<
      DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
      SocketData
    >(this.adapter);
  }

  /**
   * Selects the sockets of one room, or of several.
   *
   * @returns a new operator; nothing is sent until its `emit()`
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.to("table-7").emit("dish ready", "soup");
   * kitchen.to(["table-7", "table-8"]).emit("last orders");
   * ```
   */
  to(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().to(room);
  }

  /**
   * Same as {@link BroadcastingNamespace.to}.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.in("table-7").disconnectSockets();
   * ```
   */
  in(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().in(room);
  }

  /**
   * Selects all sockets but those of one room, or of several.
   *
   * @returns a new operator; nothing is sent until its `emit()`
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.except("table-7").emit("table free", 7);
   * ```
   */
  except(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().except(room);
  }

  /**
   * Selects all sockets and sets whether the transport may compress the packet. Default: `true`;
   * it has an effect only if the option `perMessageDeflate` or `httpCompression` is on.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.compress(false).emit("photo", Buffer.alloc(1024));
   * ```
   */
  compress(
    compress: boolean,
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.operator().compress(compress);
  }

  /**
   * Selects all sockets; a client whose connection is not ready to be written to does not get the
   * packet.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.volatile.emit("oven temperature", 180);
   * ```
   */
  get volatile(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.operator().volatile;
  }

  /**
   * Selects the sockets of this server only; without it, a broadcast reaches the whole cluster.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.local.emit("printer ready");
   * ```
   */
  get local(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.operator().local;
  }

  /**
   * Sets how long the acknowledgements of the next event are awaited.
   *
   * @param timeout - milliseconds
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.timeout(5000).emit("shift over", (err: Error | null, answers: string[]) => {
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
    return this.operator().timeout(timeout) as BroadcastOperator<any, SocketData>;
  }

  /**
   * Sends an event named `message` to all clients.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.send("the kitchen is closed");
   * ```
   */
  send(...args: MessageParams<EmitEvents>): this {
    this.emit("message" as any, ...(args as any));
    return this;
  }

  /**
   * Same as {@link BroadcastingNamespace.send}.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.write("the kitchen is closed");
   * ```
   */
  write(...args: MessageParams<EmitEvents>): this {
    this.emit("message" as any, ...(args as any));
    return this;
  }

  /**
   * Tells the ids of the connected sockets, of the whole cluster.
   *
   * @deprecated use {@link BroadcastingNamespace.fetchSockets}
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * const ids = await kitchen.allSockets();
   * console.log("%d guests", ids.size);
   * ```
   */
  allSockets(): Promise<Set<SocketId>> {
    return this.operator().allSockets();
  }

  /**
   * Fetches the connected sockets of the whole cluster: those of this server as `Socket`, the
   * others as {@link RemoteSocket}.
   *
   * @returns rejected if the adapter cannot reach the other servers in time
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * for (const socket of await kitchen.fetchSockets()) {
   *   console.log(socket.id, socket.data.table);
   * }
   * ```
   */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.operator().fetchSockets() as Promise<any[]>;
  }

  /**
   * Makes all sockets of the cluster join one room, or several.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.socketsJoin("evening");
   * ```
   */
  socketsJoin(room: Room | Room[]): void {
    this.operator().socketsJoin(room);
  }

  /**
   * Makes all sockets of the cluster leave one room, or several.
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.socketsLeave(["lunch", "evening"]);
   * ```
   */
  socketsLeave(room: Room | Room[]): void {
    this.operator().socketsLeave(room);
  }

  /**
   * Disconnects all sockets of the cluster from the namespace.
   *
   * @param close - also closes their connections, and with them the other namespaces of the
   *   clients; default: `false`
   *
   * @example
   * ```ts
   * const kitchen = io.of("/kitchen");
   * kitchen.disconnectSockets(true);
   * ```
   */
  disconnectSockets(close = false): void {
    this.operator().disconnectSockets(close);
  }
}
