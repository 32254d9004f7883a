/** The flags of a socket's next packet, and the broadcasts that take them over. */
import type { Adapter, BroadcastFlags, Room, SocketId } from "socket.io-adapter";
import { BroadcastOperator } from "./broadcast-operator";
import { CatchAllEmitter } from "./catch-all";
import type { SocketReservedEventsMap } from "./socket-types";
import type { DecorateAcknowledgementsWithMultipleResponses, EventsMap } from "./typed-events";

/** The flags of most packets. */
export const NO_FLAGS: BroadcastFlags = Object.freeze({});

/** The part of a socket that reaches the other sockets of its namespace. */
export abstract class BroadcastingSocket<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  SocketData,
> extends CatchAllEmitter<ListenEvents, EmitEvents, SocketReservedEventsMap> {
  /** Identifier of the socket. */
  abstract readonly id: SocketId;
  /** The adapter of the namespace. */
  protected abstract readonly adapter: Adapter;
  /** The flags of the next packet. */
  protected flags: BroadcastFlags = NO_FLAGS;

  /** Sets a flag of the next packet. */
  protected setFlag(name: "volatile" | "compress" | "timeout", value: boolean | number): void {
    if (this.flags === NO_FLAGS) this.flags = {};
    (this.flags as Record<string, unknown>)[name] = value;
  }

  /**
   * Lets the next packet be lost if the connection is not ready to be written to.
   *
   * @example
   * ```ts
   * socket.volatile.emit("oven temperature", 180);
   * ```
   */
  get volatile(): this {
    this.setFlag("volatile", true);
    return this;
  }

  /**
   * Sets whether the transport may compress the next packet. Default: `true`; it has an effect only
   * if the option `perMessageDeflate` or `httpCompression` is on.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * socket.compress(false).emit("photo", Buffer.alloc(1024));
   * ```
   */
  compress(compress: boolean): this {
    this.setFlag("compress", compress);
    return this;
  }

  /**
   * Selects all sockets of the namespace but this one.
   *
   * @example
   * ```ts
   * socket.broadcast.emit("guest arrived", socket.data.name);
   * ```
   */
  get broadcast(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.newBroadcastOperator();
  }

  /**
   * Selects the sockets of this server but this one; without it, a broadcast reaches the whole
   * cluster.
   *
   * @example
   * ```ts
   * socket.local.emit("printer ready");
   * ```
   */
  get local(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.newBroadcastOperator().local;
  }

  /**
   * Selects the sockets of one room, or of several, but this one.
   *
   * @returns a new operator; nothing is sent until its `emit()`
   *
   * @example
   * ```ts
   * socket.to("table-7").emit("guest arrived", socket.data.name);
   * ```
   */
  to(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.newBroadcastOperator().to(room);
  }

  /**
   * Same as {@link Socket.to}.
   *
   * @example
   * ```ts
   * socket.in(["table-7", "table-8"]).emit("last orders");
   * ```
   */
  in(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.newBroadcastOperator().in(room);
  }

  /**
   * Selects all sockets but this one and those of one room, or of several.
   *
   * @returns a new operator; nothing is sent until its `emit()`
   *
   * @example
   * ```ts
   * socket.except("waiters").emit("table free", 7);
   * ```
   */
  except(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.newBroadcastOperator().except(room);
  }

  private newBroadcastOperator() {
    const { flags } = this;
    this.flags = NO_FLAGS;
    return new BroadcastOperator<
      DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
      SocketData
    >(this.adapter, new Set(), new Set([this.id]), { ...flags });
  }
}
