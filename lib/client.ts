/**
 * An engine connection as Socket.IO sees it: packets in, packets out, one socket per namespace.
 *
 * Packets come decoded from a native connection; for any other connection, or with another parser,
 * they are decoded here. State that a client of a single namespace does not need is created on demand.
 */
import type { IncomingMessage } from "node:http";
import debugModule from "debug";
import type { SocketId } from "socket.io-adapter";
import * as defaultParser from "socket.io-parser";
import { type Decoder, type Encoder, type Packet, PacketType } from "socket.io-parser";
import {
  Attempt,
  type Attempts,
  attemptAt,
  countAttempts,
  listAttempts,
  withAttempt,
  withoutAttempt,
} from "./attempts";
import { encodeParts, isDefaultEncoder } from "./encode";
import { type Socket as EngineSocket, nativeSession } from "./engine/declared";
import { isDeeper, TOO_DEEP } from "./engine/depth";
import { limitBehind } from "./engine/limit-behind";
import { Bound, MAX_DEPTH, MAX_PENDING_BYTES } from "./engine/native/contract";
import { cacheEpoch } from "./engine/native/outbound";
import { TickQueue } from "./engine/native/tick-queue";
import { noteReplacement } from "./engine/replaced";
import { setImmediate } from "./engine/scheduling";
import { HeldPackets } from "./held-packets";
import type { Server } from "./index";
import type { Namespace } from "./namespace";
import { isNative, type NativeConn, type PacketSink, type WriteOptions } from "./native-conn";
import type { Socket } from "./socket";
import { type DisconnectReason, RESERVED_EVENTS } from "./socket-types";
import type { EventsMap } from "./typed-events";

const debug = debugModule("socket.io:client");

/** The options of {@link Client._packet}. An encoded packet is passed on unchanged. */
type PacketOptions = WriteOptions & { preEncoded?: boolean };

/** First stage of an incoming packet: catch-all listeners and middlewares, or acknowledgement. */
const packetStage = new TickQueue<Socket<any, any, any, any>, Packet>((socket, packet) =>
  socket._onpacket(packet),
);

/** Tells the client of a socket that it is accepted. */
const accepted = (socket: Socket<any, any, any, any>) => socket.client._onaccepted(socket);

/** The limits that clients have gone beyond, which are closed for it. */
const faults = new WeakMap<PacketSink, Error>();

/** One per engine connection. */
export class Client<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData = any,
> implements PacketSink
{
  /** The engine connection. */
  readonly conn: EngineSocket;
  /** Id of the engine connection: secret, unlike the ids of the sockets. */
  readonly id: string;
  private readonly server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** True if the connection decodes packets natively. @internal */
  readonly _native: boolean;

  /** The joined socket while there is no more than one and the maps are not needed. */
  private only?: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData> = undefined;
  private maps?: {
    /** The joined sockets, by id. */
    sockets: Map<SocketId, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>;
    /** The joined sockets, by name of their namespace. */
    nsps: Map<string, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>;
  } = undefined;
  /** The namespaces that the client is about to join. */
  private joining: Attempts = undefined;
  private connectTimeout?: NodeJS.Timeout = undefined;
  /** Decodes the data of connections that are not native. */
  decoder?: Decoder = undefined;
  /** Removes the listeners from the connection; set for connections that are not native. */
  private detach?: () => void = undefined;

  /** Called by {@link Server.bind} for each connection. */
  constructor(
    server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    conn: EngineSocket,
  ) {
    this.server = server;
    this.conn = conn;
    this.id = (conn as any).id;
    const native: object = conn;
    if (isNative(native) && server._parser === defaultParser) {
      this._native = true;
      native.setSink(this);
    } else {
      this._native = false;
      this.detach = this.listen();
    }
    // If this thread was late, packets that the client has sent in time come first.
    this.connectTimeout = setTimeout(
      () => setImmediate(() => this.onconnecttimeout()),
      server._connectTimeout,
    );
  }

  private onconnecttimeout(): void {
    if (this.connectTimeout === undefined) return;
    if (debug.enabled) debug("no namespace joined yet, close the client");
    this.close();
  }

  /** The request that opened the connection. */
  get request(): IncomingMessage {
    return this.conn.request;
  }

  private get encoder(): Encoder {
    return this.server.encoder;
  }

  // --- sockets of the client ------------------------------------------------------------------

  /** Joined sockets by id. */
  get sockets() {
    return this.joined().sockets;
  }

  /** Joined sockets by name of their namespace. */
  get nsps() {
    return this.joined().nsps;
  }

  private joined() {
    if (this.maps === undefined) {
      this.maps = { sockets: new Map(), nsps: new Map() };
      if (this.only) this.register(this.only);
      this.only = undefined;
    }
    return this.maps;
  }

  private register(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    if (this.maps === undefined && this.only === undefined) {
      this.only = socket;
      return;
    }
    const { sockets, nsps } = this.joined();
    sockets.set(socket.id, socket);
    nsps.set(socket.nsp.name, socket);
  }

  private socketOf(
    name: string,
  ): Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData> | undefined {
    if (this.maps !== undefined) return this.maps.nsps.get(name);
    return this.only !== undefined && this.only.nsp.name === name ? this.only : undefined;
  }

  private allSockets(): Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>[] {
    if (this.maps !== undefined) return [...this.maps.sockets.values()];
    return this.only === undefined ? [] : [this.only];
  }

  /** Forgets a socket that has left its namespace. */
  _remove(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    if (this.maps === undefined) {
      if (this.only === socket) this.only = undefined;
    } else if (this.maps.sockets.delete(socket.id)) {
      this.maps.nsps.delete(socket.nsp.name);
    }
  }

  // --- joining a namespace --------------------------------------------------------------------

  /**
   * Connects the client to a namespace, created by a dynamic one if need be. An attempt that is
   * under way gives way: its middlewares may never come to an end, and two would give the client
   * two sockets in the namespace.
   *
   * @param auth - payload of the CONNECT packet
   */
  private connect(name: string, auth?: Record<string, unknown>): void {
    if (this.hasTooManyNamespaces(name)) {
      const message = "too many namespaces";
      const data = this.conn.protocol === 3 ? message : { message };
      this._packet({ type: PacketType.CONNECT_ERROR, nsp: name, data });
      return;
    }
    const attempt = new Attempt(name);
    const before = attemptAt(this.joining, name)?.socket;
    this.joining = withAttempt(this.joining, attempt);
    before?.nsp._drop(before);
    const nsp = this.server._nsps.get(name);
    if (nsp) {
      if (debug.enabled) debug("connecting to namespace %s", name);
      this.join(nsp, auth, attempt);
      return;
    }
    this.server._checkNamespace(name, auth ?? {}, (dynamic) => {
      if (!this._isUnderWay(attempt)) return;
      if (dynamic) {
        this.join(dynamic, auth, attempt);
        return;
      }
      if (debug.enabled) debug("creation of namespace %s was denied", name);
      this._endAttempt(attempt);
      this._packet({
        type: PacketType.CONNECT_ERROR,
        nsp: name,
        data: { message: "Invalid namespace" },
      });
    });
  }

  /** True if the client may join no more namespaces than those that it has joined or is joining. */
  private hasTooManyNamespaces(name: string): boolean {
    const { server } = nativeSession(this.conn);
    const most = server?._limits?.maxNamespaces;
    if (!most || attemptAt(this.joining, name)) return false;
    const joined = this.maps?.nsps.size ?? (this.only === undefined ? 0 : 1);
    if (joined + countAttempts(this.joining) < most) return false;
    server._options.reached(Bound.Namespaces);
    return true;
  }

  private join(
    nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    auth: Record<string, unknown> | undefined,
    attempt: Attempt,
  ): void {
    nsp._add(this, auth, accepted, attempt);
  }

  /** The namespace has accepted a socket. @internal */
  _onaccepted(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    const attempt = attemptAt(this.joining, socket.nsp.name);
    if (attempt !== undefined) this._endAttempt(attempt);
    this.register(socket);
    clearTimeout(this.connectTimeout);
    this.connectTimeout = undefined;
    // Dispatched in a later tick: the listeners of "connection" come first.
    for (const packet of attempt?.held?.packets ?? []) packetStage.push(socket, packet);
  }

  /** True if the connection is open and the client has not asked for the namespace again. @internal */
  _isUnderWay(attempt: Attempt): boolean {
    return this.conn.readyState === "open" && attemptAt(this.joining, attempt.name) === attempt;
  }

  /** An attempt to join a namespace is over. @internal */
  _endAttempt(attempt: Attempt): void {
    this.joining = withoutAttempt(this.joining, attempt);
  }

  // --- incoming packets -----------------------------------------------------------------------

  /** Follows a connection by its events. Returns a function that removes the listeners. */
  private listen(): () => void {
    const { conn } = this;
    const decoder = new this.server._parser.Decoder();
    this.decoder = decoder;
    const isDefault = this.server._parser === defaultParser;
    const ondata = (data: unknown) => {
      // An error of a decoder is caused by the data: only the client that sent it is closed.
      try {
        if (typeof data === "string" && isDefault && isDeeper(data, MAX_DEPTH)) {
          throw new Error(TOO_DEEP);
        }
        decoder.add(data);
      } catch (err) {
        if (debug.enabled) debug("invalid packet format: %s", err);
        this.onerror(err as Error);
      }
    };
    const ondecoded = (packet: Packet) => this.ondecoded(packet);
    const onerror = (err: Error) => this.onerror(err);
    const onclose = (reason: DisconnectReason, description?: any) =>
      this.onclose(reason, description);
    // The decoder of another parser is an emitter of unknown typings.
    (decoder as any).on("decoded", ondecoded);
    conn.on("data", ondata);
    conn.on("error", onerror);
    conn.on("close", onclose);
    return () => {
      conn.removeListener("data", ondata);
      conn.removeListener("error", onerror);
      conn.removeListener("close", onclose);
      decoder.destroy();
      (decoder as any).removeListener("decoded", ondecoded);
    };
  }

  private ondecoded(packet: Packet): void {
    if (this.server._parser !== defaultParser && !isAcceptable(packet)) {
      this.onerror(new Error("invalid payload"));
      return;
    }
    this.route(packet);
  }

  /** A packet decoded by the native connection. @internal */
  onpacket(type: number, nsp: string, id: number | undefined, data: any): void {
    // A dynamic namespace may throw at a name: as with a decoder, only the client is closed.
    try {
      this.route({ type, nsp, data, id });
    } catch (err) {
      this.onerror(err as Error);
    }
  }

  /**
   * The client leaves a namespace, or all (`null`), in the read whose packets are being dispatched.
   *
   * @internal
   */
  onleaving(nsp: string | null): void {
    if (nsp === null) {
      for (const socket of this.allSockets()) socket._leaves();
      return;
    }
    const packet: Packet = { type: PacketType.DISCONNECT, nsp };
    try {
      if (this.conn.protocol === 3) readNamespaceUrl(packet);
    } catch {
      // Refused when its turn has come.
      return;
    }
    this.socketOf(packet.nsp)?._leaves();
  }

  /** Hands a packet to its socket, or connects the client. Anything else is a violation. */
  private route(packet: Packet): void {
    if (this.conn.protocol === 3) readNamespaceUrl(packet);
    const { type, nsp } = packet;
    const socket = this.socketOf(nsp);
    if (type === PacketType.CONNECT) {
      if (socket === undefined) this.connect(nsp, packet.data);
      else this.close();
      return;
    }
    if (type !== PacketType.CONNECT_ERROR) {
      if (socket !== undefined) {
        if (!this._native || (this.conn as unknown as NativeConn)._isShown) packetStage.boundary();
        packetStage.push(socket, packet);
        return;
      }
      const attempt = attemptAt(this.joining, nsp);
      if (attempt !== undefined) return this.hold(packet, attempt);
    }
    if (debug.enabled) debug("unexpected packet of type %s for namespace %s", type, nsp);
    this.close();
  }

  /** Keeps a packet for a namespace that the client is joining, or closes a client that sends too much. */
  private hold(packet: Packet, attempt: Attempt): void {
    attempt.held ??= new HeldPackets();
    attempt.held.add(packet);
    let cost = 0;
    for (const { held } of listAttempts(this.joining)) cost += held?.cost ?? 0;
    const { server } = nativeSession(this.conn);
    const most = server?._limits?.maxPendingBytes ?? MAX_PENDING_BYTES;
    if (cost <= most) return;
    server?._options?.reached(Bound.PendingOfClient);
    this.onerror(new Error("too many bytes for a namespace that is being joined"));
  }

  // --- outgoing packets -----------------------------------------------------------------------

  /** Encodes a packet and writes it; ignored when the connection is not open. */
  _packet(packet: Packet | (string | Buffer)[], opts: PacketOptions = {}): void {
    if (this.conn.readyState !== "open") {
      if (debug.enabled) debug("ignoring packet write %j", packet);
      return;
    }
    this.writeToEngine(
      opts.preEncoded ? (packet as (string | Buffer)[]) : this.encode(packet as Packet),
      opts,
    );
  }

  private encode(packet: Packet): (string | Buffer)[] {
    const { encoder } = this;
    if (isDefaultEncoder(encoder)) {
      const parts = encodeParts(packet);
      if (parts !== undefined) return parts;
    }
    return encoder.encode(packet);
  }

  /**
   * Writes the parts of an encoded packet. Adapters call it for every socket of a broadcast, with
   * the same array.
   */
  private writeToEngine(
    encodedPackets: (string | Buffer)[] | string | Buffer,
    opts: PacketOptions,
  ): void {
    if (opts.volatile && !this.conn.transport.writable) {
      if (debug.enabled) {
        debug("volatile packet is discarded since the transport is not currently writable");
      }
      return;
    }
    const packets = Array.isArray(encodedPackets) ? encodedPackets : [encodedPackets];
    if (this._native) {
      (this.conn as unknown as NativeConn).writeEncoded(packets, opts);
      return;
    }
    for (const packet of packets) this.conn.write(packet, opts as any);
  }

  /** True if adapters may bypass {@link writeToEngine}. @internal */
  get _bypassable(): boolean {
    return this.writeToEngine === writeToEngine;
  }

  // --- closing --------------------------------------------------------------------------------

  /** Disconnects the client from all namespaces and closes the connection. */
  _disconnect(): void {
    for (const socket of this.allSockets()) socket.disconnect();
    this.close();
  }

  /** Closes the connection; the sockets do not wait for a transport that takes its time. */
  private close(): void {
    if (this.conn.readyState !== "open") return;
    if (debug.enabled) debug("forcing transport close");
    this.conn.close();
    this.onclose("forced server close");
  }

  /** An undecodable packet, or an error of the connection. @internal */
  onerror(err: Error | string): void {
    const error = typeof err === "string" ? new Error(err) : err;
    const limit = limitBehind(error.message, nativeSession(this.conn).server);
    if (limit !== undefined) faults.set(this, Object.assign(error, { description: limit }));
    for (const socket of this.allSockets()) socket._onerror(error);
    this.conn.close();
  }

  /**
   * The connection is closed: so are the sockets, and those whose middlewares still run.
   *
   * @internal
   */
  onclose(reason: string, description?: any): void {
    if (debug.enabled) debug("client close with reason %s", reason);
    this.detach?.();
    this.detach = undefined;
    clearTimeout(this.connectTimeout);
    this.connectTimeout = undefined;

    const { joining } = this;
    this.joining = undefined;
    for (const { socket } of listAttempts(joining)) socket?.nsp._drop(socket);
    for (const socket of this.allSockets()) {
      socket._onclose(reason as DisconnectReason, description ?? faults.get(this));
    }
  }
}

const writeToEngine = noteReplacement(
  Client.prototype as any,
  "writeToEngine",
  () => cacheEpoch.value++,
);

/**
 * Protocol 3: the namespace is a URL, and its query the payload of CONNECT.
 *
 * @throws TypeError when it is none
 */
function readNamespaceUrl(packet: Packet): void {
  const auth: Record<string, string> = Object.create(null);
  if (packet.nsp !== "/") {
    const url = new URL(packet.nsp, "http://localhost");
    packet.nsp = url.pathname;
    for (const [key, value] of url.searchParams) auth[key] = value;
  }
  if (packet.type === PacketType.CONNECT) packet.data = auth;
}

/**
 * Returns true if a packet of a custom parser can be dispatched. The default decoder has checked it
 * already; others may let a client name an event "disconnect", or send data that is no event.
 */
function isAcceptable(packet: Packet): boolean {
  const { type, nsp, data } = packet;
  if (typeof nsp !== "string") return false;
  switch (type) {
    case PacketType.CONNECT:
      return data === undefined || data === null || typeof data === "object";
    case PacketType.EVENT:
    case PacketType.BINARY_EVENT:
      return data === undefined || (Array.isArray(data) && !RESERVED_EVENTS.has(data[0]));
    case PacketType.ACK:
    case PacketType.BINARY_ACK:
      return data === undefined || Array.isArray(data);
    default:
      return true;
  }
}
