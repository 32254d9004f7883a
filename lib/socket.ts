/**
 * A client in a namespace: incoming events, rooms, and the way from its connection to its
 * disconnection.
 *
 * One exists per client and namespace, so state that a quiet socket does not use is created on demand.
 */
import type { IncomingMessage } from "node:http";
import debugModule from "debug";
import type { Adapter, PrivateSessionId, Room, SocketId } from "socket.io-adapter";
import { type Packet, PacketType } from "socket.io-parser";
import { failAwaited } from "./awaited-acks";
import type { Client } from "./client";
import type { Socket as EngineSocket } from "./engine/declared";
import { TickQueue } from "./engine/native/tick-queue";
import { checkFunction } from "./engine/validate";
import { buildHandshake } from "./handshake";
import { randomId } from "./ids";
import type { Server } from "./index";
import { type Middleware, runMiddlewares } from "./middleware";
import type { Namespace } from "./namespace";
import { isRecoverable, type Recovery } from "./recovery";
import { type AckListener, OutgoingSocket } from "./socket-outgoing";
import type { DisconnectReason, Event, Handshake } from "./socket-types";
import type { DefaultEventsMap, EventsMap } from "./typed-events";

export type { Event };

const debug = debugModule("socket.io:socket");

type AnySocket = Socket<any, any, any, any>;

function ignoreError(): void {}

/** The value of properties that are created on demand; applications may set any other, `null` too. */
const NOT_YET: any = Symbol("not yet");

/**
 * The listeners every socket starts with: an `error` event must always find one. A prototype
 * without properties keeps event names of clients away from `Object.prototype` as a null prototype
 * does, but leaves a small object with fast properties.
 */
function InitialListeners(this: Record<string, unknown>): void {
  this.error = ignoreError;
}
InitialListeners.prototype = Object.create(null);

/** An event that a middleware refused. It keeps its place among the others. */
class Refusal {
  constructor(readonly err: Error) {}
}

/** Sockets whose clients leave in the read that is being dispatched: no more listeners are called. */
const leaving = new Set<AnySocket>();

/** Last stage of an incoming event, after the middlewares: its listeners. */
const listenerStage = new TickQueue<AnySocket, any[] | Refusal>((socket, event) => {
  if (event instanceof Refusal) socket._onerror(event.err);
  else socket._deliver(event);
});

/**
 * A client connected to a namespace.
 *
 * @typeParam ListenEvents - events sent by the client
 * @typeParam EmitEvents - events sent to the client
 * @typeParam ServerSideEvents - events between servers
 * @typeParam SocketData - type of {@link Socket.data}
 */
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends OutgoingSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  /** Identifier of the socket, unique in the cluster. It is no secret: it names a room, too. */
  readonly id: SocketId;
  /** True if the state of a former connection was recovered (option `connectionStateRecovery`). */
  readonly recovered: boolean = false;
  /** True while the socket is in the namespace: from its CONNECT packet to its disconnection. */
  connected = false;

  /** Known to the client only; lets it recover the session. */
  private readonly pid?: PrivateSessionId;
  /** The adapter of the namespace. */
  protected readonly adapter: Adapter;
  /** @internal */
  private _leaving = false;
  /** @internal */
  private readonly _issued = Date.now();
  /** @internal */
  private readonly _auth?: { [key: string]: any };
  /** @internal */
  private _handshake: Handshake = NOT_YET;
  /** @internal */
  private _data: SocketData = NOT_YET;
  /** The recovered session, until the socket is connected. @internal */
  _recovery?: Recovery = undefined;
  /** @internal */
  private _fns?: Middleware<Event, Error>[] = undefined;

  /**
   * Called by the namespace that a client joins.
   *
   * @param nsp - the namespace
   * @param client - the connection
   * @param auth - payload of the CONNECT packet
   */
  constructor(
    nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents>,
    client: Client<ListenEvents, EmitEvents, ServerSideEvents>,
    auth?: Record<string, unknown>,
  );
  /** @internal */
  constructor(
    nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents>,
    client: Client<ListenEvents, EmitEvents, ServerSideEvents>,
    auth?: Record<string, unknown>,
    recovery?: Recovery,
  );
  constructor(
    /** The namespace. */
    readonly nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents>,
    /** The client, which has one socket per namespace. */
    readonly client: Client<ListenEvents, EmitEvents, ServerSideEvents>,
    auth?: Record<string, unknown>,
    recovery?: Recovery,
  ) {
    super();
    const self = this as any;
    self._events = new (InitialListeners as any)();
    self._eventsCount = 1;
    this.adapter = nsp.adapter;
    this._auth = auth;
    if (client.conn.protocol === 3) {
      this.id = nsp.name === "/" ? client.id : `${nsp.name}#${client.id}`;
    } else {
      this.id = recovery ? recovery.session.sid : randomId();
      if (this.server._opts.connectionStateRecovery) {
        this.pid = recovery ? recovery.session.pid : randomId();
      }
    }
    // Another engine may change its request later on; the native one keeps what it was sent.
    if (!client._native) this._handshake = this.buildHandshake();
    if (recovery) {
      this.recovered = true;
      this._recovery = recovery;
      this._data = recovery.session.data as SocketData;
      for (const room of recovery.session.rooms) this.join(room);
    }
  }

  private buildHandshake(): Handshake {
    return buildHandshake(this.client.conn, this._issued, this._auth ?? {});
  }

  /** Facts about the request that opened the connection, and what came with the CONNECT packet. */
  get handshake(): Handshake {
    if (this._handshake === NOT_YET) this._handshake = this.buildHandshake();
    return this._handshake;
  }

  set handshake(handshake: Handshake) {
    this._handshake = handshake;
  }

  /** Any data of the application; `fetchSockets()` shows it on every server of the cluster. */
  get data(): SocketData {
    if (this._data === NOT_YET) this._data = {} as SocketData;
    return this._data;
  }

  set data(data: SocketData) {
    this._data = data;
  }

  private get fns(): Middleware<Event, Error>[] {
    this._fns ??= [];
    return this._fns;
  }

  /** The server this socket belongs to. */
  get server(): Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    return this.nsp.server;
  }

  /** True if the socket is not in the namespace; the opposite of `connected`. */
  get disconnected(): boolean {
    return !this.connected;
  }

  /** The request that opened the connection. */
  get request(): IncomingMessage {
    return this.client.request;
  }

  /** The engine connection, shared by the sockets of one client. */
  get conn(): EngineSocket {
    return this.client.conn;
  }

  /** The rooms of this socket, with the one named by its id; empty once it is disconnected. */
  get rooms(): Set<Room> {
    return this.adapter.socketRooms(this.id) ?? new Set();
  }

  // --- rooms ----------------------------------------------------------------------------------

  /**
   * Enters one room, or several. It does nothing once the socket has left its namespace.
   *
   * @returns a promise, if the adapter works asynchronously
   *
   * @example
   * ```ts
   * io.on("connection", async (socket) => {
   *   await socket.join(["table-7", "vegetarian"]);
   * });
   * ```
   */
  join(rooms: Room | Room[]): Promise<void> | void {
    if (this._left) return;
    if (debug.enabled) debug("join room %s", rooms);
    return this.adapter.addAll(this.id, new Set(Array.isArray(rooms) ? rooms : [rooms]));
  }

  /**
   * Leaves a room.
   *
   * @returns a promise, if the adapter works asynchronously
   *
   * @example
   * ```ts
   * socket.on("pay", () => socket.leave("table-7"));
   * ```
   */
  leave(room: Room): Promise<void> | void {
    if (debug.enabled) debug("leave room %s", room);
    return this.adapter.del(this.id, room);
  }

  private leaveAll(): void {
    this.adapter.delAll(this.id);
  }

  // --- incoming packets -----------------------------------------------------------------------

  /** Handles a packet of the client, in the first stage of dispatch. */
  _onpacket(packet: Packet): void {
    if (debug.enabled) debug("got packet %j", packet);
    switch (packet.type) {
      case PacketType.EVENT:
      case PacketType.BINARY_EVENT:
        this.onevent(packet);
        break;
      case PacketType.ACK:
      case PacketType.BINARY_ACK:
        this.onack(packet);
        break;
      case PacketType.DISCONNECT:
        this.ondisconnect();
        break;
    }
  }

  private onevent(packet: Packet): void {
    const event: any[] = packet.data ?? [];
    if (packet.id !== undefined && packet.id !== null) event.push(this.ack(packet.id));
    if (this._anyListeners !== undefined) {
      this.notifyIncomingListeners(event);
      listenerStage.boundary();
    }
    this.dispatch(event as Event);
  }

  /** The function that answers the event with ack id `id`, once. */
  private ack(id: number): AckListener {
    let sent = false;
    return (...data) => {
      if (sent) return;
      if (debug.enabled) debug("sending ack %j", data);
      this.packet({ id, type: PacketType.ACK, data });
      // Not before: an answer that cannot be encoded may be followed by one that can.
      sent = true;
    };
  }

  private onack(packet: Packet): void {
    const id = packet.id as number;
    const callback = this._acks?.get(id);
    if (typeof callback !== "function") {
      if (debug.enabled) debug("bad ack %s", id);
      return;
    }
    this.acks.delete(id);
    listenerStage.boundary();
    callback.apply(this, packet.data);
  }

  private ondisconnect(): void {
    if (debug.enabled) debug("got disconnect packet");
    listenerStage.boundary();
    this._onclose("client namespace disconnect");
  }

  private dispatch(event: Event): void {
    if (this._fns === undefined) {
      listenerStage.push(this, event);
      return;
    }
    this.run(event, (err) => {
      listenerStage.boundary();
      listenerStage.push(this, err ? new Refusal(err) : event);
    });
  }

  /** The client leaves in the read that its events came in: their listeners are not called. @internal */
  _leaves(): void {
    if (this.connected) leaving.add(this);
  }

  /** Runs the listeners of an event of the client. @internal */
  _deliver(event: any[]): void {
    if (!this.connected || (leaving.size > 0 && leaving.has(this))) {
      if (debug.enabled) debug("ignore packet received after disconnection");
      return;
    }
    // A client may name an event "error"; the application may have removed every listener.
    if (event[0] === "error" && this.listenerCount("error") === 0) return;
    this.emitUntyped.apply(this, event as [string, ...any[]]);
  }

  /**
   * Adds a middleware for incoming events. `next(error)` drops the event and emits `error` on this
   * socket.
   *
   * @param fn - gets the name and the arguments of the event as one array
   * @returns this object
   *
   * @example
   * ```ts
   * socket.use(([name], next) => {
   *   next(name === "order" && !socket.data.table ? new Error("no table") : undefined);
   * });
   * socket.on("error", (err) => console.log(err.message));
   * ```
   */
  use(fn: (event: Event, next: (err?: Error) => void) => void): this {
    checkFunction("use()", "middleware", fn);
    this.fns.push(fn);
    return this;
  }

  private run(event: Event, done: (err: Error | null) => void): void {
    runMiddlewares(this.fns.slice(), event, done);
  }

  // --- connection and disconnection -----------------------------------------------------------

  /** Tells the client that the namespace has accepted it. */
  _onconnect(): void {
    if (debug.enabled) debug("socket connected - writing packet");
    this.connected = true;
    this.join(this.id);
    if (this.client.conn.protocol === 3) this.packet({ type: PacketType.CONNECT });
    else this.packet({ type: PacketType.CONNECT, data: { sid: this.id, pid: this.pid } });
  }

  /** Emits `error`, unless it has no listener: that would throw. */
  _onerror(err: Error): void {
    if (this.listenerCount("error") > 0) this.emitReserved("error", err);
  }

  /** Leaves the namespace. Only the first call of a connected socket has an effect. */
  _onclose(reason: DisconnectReason, description?: any): this {
    // A "disconnecting" listener may disconnect the socket itself.
    if (!this.connected || this._leaving) return this;
    if (debug.enabled) debug("closing socket - reason %s", reason);
    this._leaving = true;
    try {
      this.emitReserved("disconnecting", reason, description);
    } finally {
      if (this.pid !== undefined && isRecoverable(reason)) {
        if (debug.enabled) debug("connection state recovery is enabled for sid %s", this.id);
        this.adapter.persistSession({
          sid: this.id,
          pid: this.pid,
          rooms: [...this.rooms],
          data: this.data,
        });
      }
      this._cleanup();
      this.client._remove(this);
      this.connected = false;
      leaving.delete(this);
      this.emitReserved("disconnect", reason, description);
    }
    return this;
  }

  /** Leaves rooms and namespace for good. */
  _cleanup(): void {
    // Once only: the id may be in use again, by the client that has recovered its session.
    if (this._left) return;
    this.leaveAll();
    this.nsp._remove(this);
    this._left = true;
    this._acks = undefined;
    failAwaited(this);
  }

  /** Refuses the connection to the namespace. */
  _error(data: any): void {
    this.packet({ type: PacketType.CONNECT_ERROR, data });
  }

  /**
   * Disconnects the client from the namespace. The client gets the reason "io server disconnect"
   * and does not connect again by itself.
   *
   * @param close - also from all other namespaces, and closes its connection; default: `false`
   * @returns this object
   *
   * @example
   * ```ts
   * socket.on("leave", () => socket.disconnect());
   * ```
   */
  disconnect(close = false): this {
    if (!this.connected) return this;
    if (close) {
      this.client._disconnect();
    } else {
      this.packet({ type: PacketType.DISCONNECT });
      this._onclose("server namespace disconnect");
    }
    return this;
  }
}
