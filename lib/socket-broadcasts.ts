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
  abstract readonly id: SocketId;
  protected abstract readonly adapter: Adapter;
  protected flags: BroadcastFlags = NO_FLAGS;

  protected setFlag(name: "volatile" | "compress" | "timeout", value: boolean | number): void {
    if (this.flags === NO_FLAGS) this.flags = {};
    (this.flags as Record<string, unknown>)[name] = value;
  }

  /** The next packet may be lost if the client is not ready to receive. */
  get volatile(): this {
    this.setFlag("volatile", true);
    return this;
  }

  /** Whether the next packet may be compressed (default: true). */
  compress(compress: boolean): this {
    this.setFlag("compress", compress);
    return this;
  }

  /** Broadcasts to everyone else. */
  get broadcast(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.newBroadcastOperator();
  }

  /** Broadcasts to everyone else on this server. */
  get local(): BroadcastOperator<
    DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
    SocketData
  > {
    return this.newBroadcastOperator().local;
  }

  /** Broadcasts to `room`, without this socket. */
  to(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.newBroadcastOperator().to(room);
  }

  /** Alias of {@link Socket.to}. */
  in(
    room: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.newBroadcastOperator().in(room);
  }

  /** Broadcasts to everyone else who is not in `room`. */
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
