/** Who a broadcast reaches and how, collected call by call; and the sockets of other servers. */
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
  constructor(
    private readonly adapter: Adapter,
    private readonly rooms: Set<Room> = new Set(),
    private readonly exceptRooms: Set<Room> = new Set(),
    private readonly flags: OperatorFlags = {},
  ) {}

  /** Adds rooms; a socket in several of them is reached once. */
  to(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(
      this.adapter,
      withRooms(this.rooms, room),
      this.exceptRooms,
      this.flags,
    );
  }

  /** Alias of {@link BroadcastOperator.to}. */
  in(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this.to(room);
  }

  /** Excludes rooms, whatever else their sockets are in. */
  except(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(
      this.adapter,
      this.rooms,
      withRooms(this.exceptRooms, room),
      this.flags,
    );
  }

  /** Whether the packet may be compressed (default: true). */
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this.withFlags({ compress });
  }

  /** The packet may be lost by clients that are not ready to receive. */
  get volatile(): BroadcastOperator<EmitEvents, SocketData> {
    return this.withFlags({ volatile: true });
  }

  /** Only sockets of this server. */
  get local(): BroadcastOperator<EmitEvents, SocketData> {
    return this.withFlags({ local: true });
  }

  /** Acknowledgements are awaited for `timeout` ms. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.withFlags({ timeout }) as BroadcastOperator<any, SocketData>;
  }

  private withFlags(flags: OperatorFlags): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.adapter, this.rooms, this.exceptRooms, {
      ...this.flags,
      ...flags,
    });
  }

  /** What adapters take a selection as. Each call has sets of its own. */
  private get selection() {
    return { rooms: this.rooms, except: this.exceptRooms, flags: this.flags };
  }

  /**
   * Sends an event to all selected clients. A function as last argument is called with an Error,
   * if not all clients have answered in time, and the array of answers.
   *
   * @throws Error when the name is reserved
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
      // The adapter has given the packet its id. Nobody waits for the missing answers any more.
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
   * Sends an event and waits for the acknowledgements.
   *
   * @returns the answers; rejected with an Error carrying `responses` after the timeout
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
   * Ids of the selected sockets.
   *
   * @deprecated use {@link BroadcastOperator.fetchSockets}
   */
  allSockets(): Promise<Set<SocketId>> {
    return this.adapter.sockets(this.rooms);
  }

  /** The selected sockets; those of other servers as {@link RemoteSocket}. */
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

  /** Makes the selected sockets join rooms. */
  socketsJoin(room: Room | Room[]): void {
    this.adapter.addSockets(this.selection, Array.isArray(room) ? room : [room]);
  }

  /** Makes the selected sockets leave rooms. */
  socketsLeave(room: Room | Room[]): void {
    this.adapter.delSockets(this.selection, Array.isArray(room) ? room : [room]);
  }

  /** Disconnects the selected sockets; with `close`, closes their connections. */
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

/** What an adapter tells about a socket of another server. */
interface SocketDetails<SocketData> {
  id: SocketId;
  handshake: Handshake;
  rooms: Iterable<Room>;
  data: SocketData;
}

/** A socket of another server of the cluster. */
export class RemoteSocket<EmitEvents extends EventsMap, SocketData>
  implements TypedEventBroadcaster<EmitEvents>
{
  readonly id: SocketId;
  readonly handshake: Handshake;
  /** Its rooms when it was fetched. */
  readonly rooms: Set<Room>;
  /** Its data when it was fetched. */
  readonly data: SocketData;

  private readonly operator: BroadcastOperator<EmitEvents, SocketData>;

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

  /** The acknowledgement of the next event is awaited for `timeout` ms. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.operator.timeout(timeout);
  }

  /** Sends an event to the client. */
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean {
    return this.operator.emit(ev, ...args);
  }

  /** Makes the socket join rooms. */
  join(room: Room | Room[]): void {
    this.operator.socketsJoin(room);
  }

  /** Makes the socket leave a room. */
  leave(room: Room): void {
    this.operator.socketsLeave(room);
  }

  /** Disconnects the socket; with `close`, closes its connection. */
  disconnect(close = false): this {
    this.operator.disconnectSockets(close);
    return this;
  }
}
