/** The selection of the sockets that a broadcast reaches, call by call; and sockets of other servers. */
import debugModule from "debug";
import type { Adapter, BroadcastFlags, Room, SocketId } from "socket.io-adapter";
import { type Packet, PacketType } from "socket.io-parser";
import { type Handshake, RESERVED_EVENTS } from "./socket-types";
import type {
  AllButLast,
  DecorateAcknowledgements,
  EventNames,
  EventNamesWithError,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  TypedEventBroadcaster,
} from "./typed-events";

const debug = debugModule("socket.io:broadcast-operator");

/** Flags of an operator: those of a broadcast, and what a {@link RemoteSocket} adds. */
type OperatorFlags = BroadcastFlags & { expectSingleResponse?: boolean };

/**
 * A selection of sockets. Immutable: every method returns a new operator, and one operator may
 * emit any number of times.
 *
 * @typeParam EmitEvents - events sent to the clients
 * @typeParam SocketData - type of `socket.data`
 */
export class BroadcastOperator<EmitEvents extends EventsMap, SocketData>
  implements TypedEventBroadcaster<EmitEvents>
{
  /**
   * Called by `io.to()`, `socket.broadcast` and the like.
   *
   * @param adapter - of the namespace
   * @param rooms - reached; all sockets, if empty
   * @param exceptRooms - not reached
   * @param flags - of the packets
   */
  constructor(
    private readonly adapter: Adapter,
    private readonly rooms: Set<Room> = new Set(),
    private readonly exceptRooms: Set<Room> = new Set(),
    private readonly flags: OperatorFlags = {},
  ) {}

  /**
   * Adds one room, or several; a socket in several of them is reached once.
   *
   * @returns a new operator
   *
   * @example
   * ```ts
   * io.to("table-7").to("table-8").emit("dish ready", "soup");
   * ```
   */
  to(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(
      this.adapter,
      withRooms(this.rooms, room),
      this.exceptRooms,
      this.flags,
    );
  }

  /**
   * Same as {@link BroadcastOperator.to}.
   *
   * @example
   * ```ts
   * io.in("table-7").in("table-8").socketsLeave("lunch");
   * ```
   */
  in(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this.to(room);
  }

  /**
   * Excludes one room, or several, whatever other rooms their sockets are in.
   *
   * @returns a new operator
   *
   * @example
   * ```ts
   * io.to("waiters").except("on-break").emit("order", "soup");
   * ```
   */
  except(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(
      this.adapter,
      this.rooms,
      withRooms(this.exceptRooms, room),
      this.flags,
    );
  }

  /**
   * Sets whether the transport may compress the packet. Default: `true`.
   *
   * @returns a new operator
   *
   * @example
   * ```ts
   * io.to("table-7").compress(false).emit("photo", Buffer.alloc(1024));
   * ```
   */
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this.withFlags({ compress });
  }

  /**
   * Lets clients whose connection is not ready to be written to miss the packet.
   *
   * @example
   * ```ts
   * io.to("kitchen").volatile.emit("oven temperature", 180);
   * ```
   */
  get volatile(): BroadcastOperator<EmitEvents, SocketData> {
    return this.withFlags({ volatile: true });
  }

  /**
   * Selects sockets of this server only.
   *
   * @example
   * ```ts
   * io.to("kitchen").local.emit("printer ready");
   * ```
   */
  get local(): BroadcastOperator<EmitEvents, SocketData> {
    return this.withFlags({ local: true });
  }

  /**
   * Sets how long acknowledgements are awaited.
   *
   * @param timeout - milliseconds
   * @returns a new operator
   *
   * @example
   * ```ts
   * const answers = await io.to("table-7").timeout(5000).emitWithAck("more wine?");
   * ```
   */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.withFlags({ timeout }) as BroadcastOperator<any, SocketData>;
  }

  private withFlags(flags: OperatorFlags): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.adapter, this.rooms, this.exceptRooms, {
      ...this.flags,
      ...flags,
    });
  }

  /** The selection as adapters take it. Each call makes new sets. */
  private get selection() {
    return { rooms: this.rooms, except: this.exceptRooms, flags: this.flags };
  }

  /**
   * Sends an event to all selected clients. A function as last argument is called once: with an
   * Error or `null`, and the array of the answers that have come. Acknowledgements need
   * {@link BroadcastOperator.timeout}: without it they are awaited for 1 ms.
   *
   * @returns true
   * @throws Error for a reserved name, as `connect` or `disconnect`
   *
   * @example
   * ```ts
   * io.to("table-7").emit("dish ready", "soup");
   *
   * io.to("table-7").timeout(5000).emit("dessert?", (err: Error | null, answers: boolean[]) => {
   *   console.log("%d guests want one", answers.filter(Boolean).length);
   * });
   * ```
   */
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emit(...data: any[]): boolean {
    if (RESERVED_EVENTS.has(data[0])) throw new Error(`"${data[0]}" is a reserved event name`);
    if (data.length === 0) data.push(undefined);
    const packet = { type: PacketType.EVENT, data } as Packet;
    if (typeof data[data.length - 1] === "function") this.emitAndCollect(packet, data.pop());
    else this.adapter.broadcast(packet, this.selection);
    return true;
  }

  /** Broadcasts a packet and gathers the acknowledgements of this and the other servers. */
  private emitAndCollect(packet: Packet, callback: (...args: any[]) => void): void {
    const single = this.flags.expectSingleResponse;
    const responses: any[] = [];
    // -1: the number of servers is not known yet.
    let expectedServers = -1;
    let servers = 0;
    let expectedClients = 0;
    let timedOut = false;

    const timer = setTimeout(() => {
      timedOut = true;
      if (debug.enabled) debug("%d answers of %d in time", responses.length, expectedClients);
      // The adapter has given the packet its id. The missing answers are not awaited any more.
      for (const socket of this.adapter.nsp.sockets.values()) socket._forgetAck(packet.id);
      callback.call(this, new Error("operation has timed out"), single ? null : responses);
    }, this.flags.timeout);

    const check = () => {
      if (timedOut || servers !== expectedServers || responses.length !== expectedClients) return;
      clearTimeout(timer);
      callback.call(this, null, single ? responses[0] : responses);
    };

    this.adapter.broadcastWithAck(
      packet,
      this.selection,
      (clientCount) => {
        expectedClients += clientCount;
        servers++;
        check();
      },
      (response) => {
        responses.push(response);
        check();
      },
    );
    this.adapter.serverCount().then((count) => {
      expectedServers = count;
      check();
    });
  }

  /**
   * Sends an event to all selected clients and waits for their answers. It needs
   * {@link BroadcastOperator.timeout}.
   *
   * @returns the answers; rejected when the time is over, with an Error that has the answers so far
   *   in `responses`
   *
   * @example
   * ```ts
   * try {
   *   const answers = await io.to("table-7").timeout(5000).emitWithAck("dessert?");
   *   console.log(answers);
   * } catch (err) {
   *   console.log("not all have answered", err);
   * }
   * ```
   */
  emitWithAck<Ev extends EventNamesWithError<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, Ev>>>> {
    return new Promise((resolve, reject) => {
      const callback = (err: any, responses: any) => {
        if (!err) return resolve(responses);
        err.responses = responses;
        reject(err);
      };
      this.emit(ev, ...([...args, callback] as any));
    });
  }

  /**
   * Tells the ids of the sockets in the selected rooms.
   *
   * @deprecated use {@link BroadcastOperator.fetchSockets}
   *
   * @example
   * ```ts
   * const ids = await io.in("table-7").allSockets();
   * ```
   */
  allSockets(): Promise<Set<SocketId>> {
    return this.adapter.sockets(this.rooms);
  }

  /**
   * Fetches the selected sockets of the whole cluster: those of this server as they are, the others
   * as {@link RemoteSocket}.
   *
   * @returns rejected if the adapter cannot reach the other servers in time
   *
   * @example
   * ```ts
   * const guests = await io.in("table-7").fetchSockets();
   * console.log(guests.map((guest) => guest.data.name));
   * ```
   */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.adapter
      .fetchSockets(this.selection)
      .then((sockets: any[]) =>
        sockets.map((socket) =>
          socket.server
            ? (socket as RemoteSocket<EmitEvents, SocketData>)
            : new RemoteSocket<EmitEvents, SocketData>(this.adapter, socket),
        ),
      );
  }

  /**
   * Makes the selected sockets join one room, or several.
   *
   * @example
   * ```ts
   * io.in("table-7").socketsJoin("table-8");
   * ```
   */
  socketsJoin(room: Room | Room[]): void {
    this.adapter.addSockets(this.selection, Array.isArray(room) ? room : [room]);
  }

  /**
   * Makes the selected sockets leave one room, or several.
   *
   * @example
   * ```ts
   * io.in("table-7").socketsLeave("vegetarian");
   * ```
   */
  socketsLeave(room: Room | Room[]): void {
    this.adapter.delSockets(this.selection, Array.isArray(room) ? room : [room]);
  }

  /**
   * Disconnects the selected sockets from their namespace.
   *
   * @param close - also closes their connections; default: `false`
   *
   * @example
   * ```ts
   * io.in("table-7").disconnectSockets();
   * ```
   */
  disconnectSockets(close = false): void {
    this.adapter.disconnectSockets(this.selection, close);
  }
}

function withRooms(rooms: Set<Room>, added: Room | Room[]): Set<Room> {
  const union = new Set(rooms);
  if (Array.isArray(added)) for (const room of added) union.add(room);
  else union.add(added);
  return union;
}

/** The description of a socket of another server, as adapters give it. */
interface SocketDetails<SocketData> {
  /** Identifier of the socket. */
  id: SocketId;
  /** Facts about the request that opened its connection. */
  handshake: Handshake;
  /** Its rooms. */
  rooms: Iterable<Room>;
  /** Its data. */
  data: SocketData;
}

/** A socket of another server of the cluster. */
export class RemoteSocket<EmitEvents extends EventsMap, SocketData>
  implements TypedEventBroadcaster<EmitEvents>
{
  /** Identifier of the socket, unique in the cluster. */
  readonly id: SocketId;
  /** Facts about the request that opened its connection. */
  readonly handshake: Handshake;
  /** Its rooms when it was fetched. */
  readonly rooms: Set<Room>;
  /** Its data when it was fetched: a copy. */
  readonly data: SocketData;

  private readonly operator: BroadcastOperator<EmitEvents, SocketData>;

  /**
   * Called by `fetchSockets()`.
   *
   * @param adapter - of the namespace
   * @param details - of the socket, as its server has told them
   */
  constructor(adapter: Adapter, details: SocketDetails<SocketData>) {
    this.id = details.id;
    this.handshake = details.handshake;
    this.rooms = new Set(details.rooms);
    this.data = details.data;
    // A room of one: an acknowledgement is its answer, not an array of answers.
    this.operator = new BroadcastOperator<EmitEvents, SocketData>(
      adapter,
      new Set([this.id]),
      new Set(),
      { expectSingleResponse: true },
    );
  }

  /**
   * Sets how long the answer to the next event is awaited.
   *
   * @param timeout - milliseconds
   *
   * @example
   * ```ts
   * const [guest] = await io.in("table-7").fetchSockets();
   * const answer = await guest?.timeout(5000).emitWithAck("dessert?");
   * ```
   */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.operator.timeout(timeout);
  }

  /**
   * Sends an event to the client. A function as last argument is called with what the client
   * answers: use {@link RemoteSocket.timeout} with it.
   *
   * @returns true
   * @throws Error for a reserved name, as `connect` or `disconnect`
   *
   * @example
   * ```ts
   * for (const guest of await io.fetchSockets()) guest.emit("bill", guest.data.total);
   * ```
   */
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean {
    return this.operator.emit(ev, ...args);
  }

  /**
   * Makes the socket join one room, or several.
   *
   * @example
   * ```ts
   * for (const guest of await io.fetchSockets()) guest.join("evening");
   * ```
   */
  join(room: Room | Room[]): void {
    this.operator.socketsJoin(room);
  }

  /**
   * Makes the socket leave a room.
   *
   * @example
   * ```ts
   * for (const guest of await io.fetchSockets()) guest.leave("lunch");
   * ```
   */
  leave(room: Room): void {
    this.operator.socketsLeave(room);
  }

  /**
   * Disconnects the socket from its namespace.
   *
   * @param close - also closes its connection; default: `false`
   * @returns this object
   *
   * @example
   * ```ts
   * for (const guest of await io.fetchSockets()) {
   *   if (guest.data.paid) guest.disconnect(true);
   * }
   * ```
   */
  disconnect(close = false): this {
    this.operator.disconnectSockets(close);
    return this;
  }
}
