/**
 * The sending half of a session: what is sent, how it reaches the transport, and who is told.
 *
 * A transport whose `send` the application has replaced is handed every packet, as it would be by a
 * server without a native side; what it sends on goes the usual way.
 */
import type { WriteOptions } from "../../native-conn";
import {
  currentTick,
  engine,
  MAX_QUEUED_BYTES,
  scheduleFlush,
  VOLATILE,
  WHOLE,
} from "../native/binding";
import {
  cacheEpoch,
  decodeInJs,
  gather,
  normalize,
  sendBinary,
  sendText,
} from "../native/outbound";
import type { SocketInit } from "../requests/open-session";
import type { Server } from "../server";
import type { ExternalConnections } from "./external-connections";
import { Observers, packetDigit, type SendCallback, type SentPacket } from "./observers";
import { answerPoll, failOverflowing } from "./polling-http";
import type { Socket } from "./socket";
import { RequestedSession } from "./stored-request";
import { originalSend, Polling, type Transport, WebSocket, WebTransport } from "./transports";

/** What a packet that waits costs beside its data, in bytes. */
const PACKET_OVERHEAD = 64;

/** Pings that a transport's `send` is given though they have been sent. */
const sent = new WeakSet<object>();

/** A packet as it is sent without options. */
function packetOf(type: string, data?: any): SentPacket {
  const packet: SentPacket = { type, options: { compress: true } };
  if (data !== undefined) packet.data = data;
  return packet;
}

/** The part of a session that sends. */
export abstract class SendingSocket extends RequestedSession {
  /** The engine of the session. */
  readonly server: Server;
  /** State of the session: `"open"`, `"closing"` or `"closed"`. */
  readyState: "opening" | "open" | "closing" | "closed" = "open";
  /** @internal */
  readonly _handle: number;
  /** Its WebSockets, if they are served by the engine that the application has chosen. @internal */
  _external: ExternalConnections | null = null;
  /** See {@link SocketInit.pollsNatively}. @internal */
  _pollsNatively: boolean;
  /** @internal */
  protected _transport: Transport | null = null;
  /** @internal */
  protected _observers: Observers | null = null;
  /** @internal */
  protected _websocket: boolean;
  /** @internal */
  protected _blocked = false;
  /** The tick of the last send, and how many it had before it. @internal */
  private _sentAt = -1;
  /** @internal */
  private _waiting = 0;

  /** @internal */
  constructor(init: SocketInit) {
    super(init);
    this.server = init.server;
    this._handle = init.handle;
    this._websocket = init.websocket;
    this._pollsNatively = init.pollsNatively;
    // The open packet was just written.
    if (init.websocket) {
      this._sentAt = currentTick();
      scheduleFlush();
    }
  }

  /** The same, whole. @internal */
  private get self(): Socket {
    return this as unknown as Socket;
  }

  /** @internal */
  protected observers(): Observers {
    this._observers ??= new Observers();
    return this._observers;
  }

  /** The current transport; another one after an upgrade. */
  get transport(): Transport {
    this._transport ??= this._websocket ? this._transportFor(false) : new Polling(this.self);
    return this._transport;
  }

  /** The class of what carries the session as a WebSocket does, or tries to (`probe`). */
  private transportClass(probe: boolean): typeof WebSocket | typeof WebTransport {
    return this._external?.name(probe) === "webtransport" ? WebTransport : WebSocket;
  }

  /** What carries the session as a WebSocket does, or tries to (`probe`). @internal */
  protected _transportFor(probe: boolean): Transport {
    return new (this.transportClass(probe))(this.self);
  }

  /** Packets that wait for a poll, or for the end of the tick. */
  get writeBuffer(): SentPacket[] {
    this._watchPolls();
    const { buffer = null, waitingForSend: held = null } = this._observers ?? {};
    if (held !== null) return [...(buffer ?? []), ...held];
    if (buffer !== null) return buffer;
    // Those of Socket.IO are encoded behind this object: it knows their number.
    const length = this._websocket && this._sentAt === currentTick() ? this._waiting : 0;
    return Array.from({ length }, () => ({ type: "message", options: { compress: true } }));
  }

  /** Callbacks of messages that are not handed over yet. */
  get packetsFn(): SendCallback[] {
    return this._observers?.callbacks ?? [];
  }

  /** Callbacks of messages that the transport has and has not sent: here there are none. */
  get sentCallbackFn(): SendCallback[] {
    return [];
  }

  // --- sending --------------------------------------------------------------------------------

  /**
   * Sends a message: a string, or bytes.
   *
   * @param options - `compress: false` sends it uncompressed
   * @param callback - called with the transport once the message was handed over
   * @returns this object
   *
   * @example
   * ```ts
   * socket.conn.send("plain text for a client of the engine", { compress: false }, (transport) => {
   *   console.log("sent over %s", transport.name);
   * });
   * ```
   */
  send(data: any, options?: any, callback?: SendCallback): this {
    this._send(data, options, callback);
    return this;
  }

  /**
   * Same as {@link SendingSocket.send}.
   *
   * @example
   * ```ts
   * socket.conn.write(Buffer.from([1, 2, 3]));
   * ```
   */
  write(data: any, options?: any, callback?: SendCallback): this {
    this._send(data, options, callback);
    return this;
  }

  /** @internal */
  private _send(data: any, options?: any, callback?: SendCallback): void {
    if (typeof options === "function") {
      callback = options;
      options = undefined;
    }
    if (this.readyState !== "open") return;
    if (callback !== undefined) this._await(callback);
    const packet: SentPacket = {
      type: "message",
      options: { ...options, compress: options?.compress !== false },
    };
    if (data !== undefined) packet.data = data;
    this.emit("packetCreate", packet);
    if (this._isDiverted) return this._divert(packet);
    if (!this._websocket) return this._sendPolling(packet);
    if (!this._isWritable()) {
      this._keep(packet);
      return this._sendSocket(normalize(data));
    }
    if (!this._observers?.announced && !this.server._watched)
      return this._sendSocket(normalize(data));
    this._announceFlush([packet]);
    this._sendSocket(normalize(data));
    this._announceDrain();
  }

  /**
   * Sends a packet of any type; types that the protocol does not have are ignored. A session is
   * closed by `close()`, and not by a packet `close`.
   *
   * @param type - `"message"`, `"ping"`, `"noop"` and so on
   * @param callback - for messages: called with the transport once the packet was handed over
   *
   * @example
   * ```ts
   * socket.conn.sendPacket("noop");
   * ```
   */
  sendPacket(type: string, data?: any, options?: any, callback?: SendCallback): void {
    if (type === "message") return this._send(data, options, callback);
    if (packetDigit(type) === -1 || this.readyState !== "open") return;
    const packet = packetOf(type, data);
    if (this._isDiverted) {
      this.emit("packetCreate", packet);
      return this._divert(packet);
    }
    this._announcePacket(packet);
    this._transmitPacket(packet);
  }

  /**
   * Sends a packet that is encoded already; without a WebSocket, when it is due to be polled.
   *
   * @internal
   */
  _sendWhole(packet: string | Uint8Array): void {
    this._noteSend();
    if (this._external?.carries) {
      scheduleFlush();
      return this._external.write(false, packet);
    }
    if (typeof packet === "string") sendText(this._handle, WHOLE, packet);
    else sendBinary(this._handle, 0, packet);
  }

  /** Shows a packet as waiting. Natively it is on its way, behind those before it. @internal */
  private _keep(packet: SentPacket): void {
    const watch = this.observers();
    if (watch.buffer === null && this._websocket) {
      // After the flush that makes the transport writable again.
      process.nextTick(() => {
        if (this._observers?.buffer == null) return;
        this._ondelivery();
        this._announceDrain();
        process.nextTick(() => this._settle());
      });
    }
    watch.buffer ??= [];
    const { type, options } = packet;
    const shown = this._websocket || watch.announced || this.server._watched;
    // The native engine has it already: memory is not spent twice on a client that does not poll.
    watch.buffer.push(shown || watch.mayKeep(packet.data) ? packet : { type, options });
  }

  /** @internal */
  private _noteSend(): void {
    const tick = currentTick();
    if (this._sentAt === tick) {
      this._waiting++;
    } else {
      this._sentAt = tick;
      this._waiting = 0;
    }
  }

  /** @internal */
  private _sendSocket(data: string | Uint8Array): void {
    this._noteSend();
    if (this._external !== null) {
      // The tick ends with a flush.
      scheduleFlush();
      if (this._external.send(data, !this._websocket)) return;
    }
    if (typeof data === "string") sendText(this._handle, 0, data);
    else sendBinary(this._handle, 0, data);
  }

  /** @internal */
  private _sendPolling(packet: SentPacket): void {
    const { compress } = packet.options;
    const native = this._isPollNative();
    const waiting = native || (this._transport as Polling | null)?.poll != null;
    if (waiting) this._announceFlush([packet]);
    else if (!compress || this._observers !== null || this.server._watched) this._watchPolls();
    const way = this._transmit(packet.data, compress);
    if (way === "buffer" && !native) {
      if (!this._pollsNatively) this._keep(packet);
    } else if (way !== "socket") {
      this._settle();
      this._announceDrain();
    }
  }

  /** Hands a packet to the engine, as transports do: nobody is told. @internal */
  _transmitPacket(packet: { type: string; data?: any; options?: any }): void {
    const { type, data, options } = packet;
    if (type === "message") {
      this._transmit(data, options?.compress !== false);
    } else if (!sent.has(packet)) {
      const digit = packetDigit(type);
      if (digit !== -1) this._sendWhole(`${digit}${data ?? ""}`);
    }
  }

  /**
   * Hands a message to the engine, as transports do: nobody is told. Returns where it went.
   *
   * @internal
   */
  _transmit(data: any, compress: boolean): "buffer" | "poll" | "socket" {
    const message = normalize(data);
    if (!this._websocket) {
      const answer = engine.sendPolling(this._handle, message as string | Buffer, compress);
      if (answer === "") return "buffer";
      if (answer !== null) {
        answerPoll(this.self, answer, compress);
        return "poll";
      }
      // It has moved to a WebSocket and the news is on its way: the same place, the other road.
    }
    this._sendSocket(message);
    return "socket";
  }

  /** Sends the parts of one Socket.IO packet. See `lib/native-conn.ts`. @internal */
  writeEncoded(encoded: (string | Buffer)[], options: WriteOptions): void {
    if (this.readyState !== "open") return;
    if (!this._isBypassable) {
      if (options.volatile && !this._isWritable()) return;
      for (const part of encoded) this.write(part, { compress: options.compress });
      return;
    }
    this._noteSend();
    gather(this._handle, encoded, options.volatile === true ? VOLATILE : 0);
  }

  /**
   * Whether what is sent goes straight to the native engine, so that it may be sent in bulk.
   *
   * @internal
   */
  get _isBypassable(): boolean {
    return (
      this._websocket &&
      this._external?.carries !== true &&
      !this._observers?.announced &&
      !this.server._watched &&
      this.write === write &&
      !this._isDiverted
    );
  }

  /** @internal */
  _isWritable(): boolean {
    if (!this._websocket) return this.transport.writable;
    return !this._blocked && this._sentAt !== currentTick();
  }

  // --- polls ----------------------------------------------------------------------------------

  /** Whether a poll waits, here or where it is answered natively. @internal */
  _isPollPending(): boolean {
    return engine.isPollPending(this._handle);
  }

  /**
   * Whether a poll waits that is answered natively: also one that came before they are watched.
   *
   * @internal
   */
  private _isPollNative(): boolean {
    return (this._transport as Polling | null)?.poll == null && this._isPollPending();
  }

  /** Has the polls come here, from the next one on: somebody wants to know of them. @internal */
  protected _watchPolls(): void {
    if (!this._pollsNatively || this._websocket) return;
    this._pollsNatively = false;
    engine.watchPolls(this._handle);
  }

  // --- a transport's `send` of the application ------------------------------------------------

  /** Whether the application has replaced the `send` of its transport. @internal */
  protected get _isDiverted(): boolean {
    const kind = this._websocket ? this.transportClass(false) : Polling;
    const transport = this._transport ?? kind.prototype;
    return transport.send !== originalSend;
  }

  /** The `send` of its transport was replaced: pings are sends too. @internal */
  _ondiverted(): void {
    this._watchPolls();
    this._decodeInJs();
  }

  /** @internal */
  private _divert(packet: SentPacket): void {
    this._ondiverted();
    const watch = this.observers();
    if (watch.waitingForSend === null && this._isWritable()) return this._hand([packet]);
    if (watch.waitingForSend === null) {
      watch.waitingForSend = [];
      watch.waitingBytes = 0;
      // After the flush that makes the transport writable again.
      if (this._websocket) process.nextTick(() => this._handHeld());
    }
    watch.waitingForSend.push(packet);
    const before = watch.waitingBytes;
    watch.waitingBytes += PACKET_OVERHEAD + normalize(packet.data ?? "").length;
    if (before <= MAX_QUEUED_BYTES && watch.waitingBytes > MAX_QUEUED_BYTES && !this._websocket) {
      failOverflowing(this.self);
    }
  }

  /** Hands packets to the transport's `send`. @internal */
  private _hand(packets: SentPacket[]): void {
    this._announceFlush(packets);
    this.transport.send(packets);
    this._announceDrain();
    this._settle();
  }

  /**
   * Hands over what has waited, as the transport is writable again. Returns whether it may be
   * compressed; null if there was nothing.
   *
   * @internal
   */
  _handHeld(): boolean | null {
    const packets = this._observers?.waitingForSend;
    if (this._observers === null || packets == null) return null;
    this._observers.waitingForSend = null;
    this._hand(packets);
    return packets.some((packet) => packet.options.compress);
  }

  /** A ping was sent natively: it is shown, and not sent again. @internal */
  protected _onpinged(): void {
    if (!this._isDiverted) return this._announceSent("ping");
    const ping = packetOf("ping");
    sent.add(ping);
    this.emit("packetCreate", ping);
    this._hand([ping]);
  }

  // --- who is told ----------------------------------------------------------------------------

  /** Tells listeners that packets are about to be handed to the transport. @internal */
  _announceFlush(packets: SentPacket[]): void {
    this.emit("flush", packets);
    if (this.server._watched) this.server.emit("flush", this.self, packets);
  }

  /** Tells listeners that packets were handed to the transport. @internal */
  _announceDrain(): void {
    this.emit("drain");
    if (this.server._watched) this.server.emit("drain", this.self);
    const { _transport: transport } = this;
    if (!this._websocket || transport === null || !this._observers?.announced) return;
    process.nextTick(() => {
      transport.emit("drain");
      transport.emit("ready");
    });
  }

  /** Tells listeners of a packet without data that was sent natively. @internal */
  _announceSent(type: string): void {
    this._announcePacket(packetOf(type));
  }

  /** Tells listeners of a packet that is sent by itself. @internal */
  private _announcePacket(packet: SentPacket): void {
    this.emit("packetCreate", packet);
    if (!this._observers?.announced && !this.server._watched) return;
    this._announceFlush([packet]);
    this._announceDrain();
  }

  /** Somebody listens to what is sent. @internal */
  _announceSends(): void {
    this._watchPolls();
    this.observers().announced = true;
    cacheEpoch.value++;
    // The server's pings are sends too: only a session that is watched tells of them.
    this._decodeInJs();
  }

  /** Has packets come here undecoded: somebody wants to see them. @internal */
  _decodeInJs(): void {
    if (this._observers?.decodesInJs) return;
    this.observers().decodesInJs = true;
    decodeInJs(this._handle);
  }

  /** Calls back when what is sent now has left this thread. @internal */
  private _await(callback: SendCallback): void {
    const watch = this.observers();
    if (watch.callbacks !== null) {
      watch.callbacks.push(callback);
      return;
    }
    watch.callbacks = [callback];
    process.nextTick(() => process.nextTick(() => this._settle()));
  }

  /** Calls back, unless something waits. @internal */
  _settle(): void {
    if ((this._observers?.buffer?.length ?? 0) + (this._observers?.waitingForSend?.length ?? 0) > 0)
      return;
    const callbacks = this._observers?.callbacks;
    if (this._observers === null || callbacks == null) return;
    this._observers.callbacks = null;
    for (const callback of callbacks) callback(this.transport);
  }

  /** What is buffered is about to be delivered. Returns whether it may be compressed. @internal */
  _ondelivery(): boolean {
    const packets = this._observers?.buffer;
    if (this._observers === null || packets == null) return true;
    this._observers.buffer = null;
    this._announceFlush(packets);
    return packets.some((packet) => packet.options.compress);
  }

  /** What was buffered has been delivered. @internal */
  _ondelivered(): void {
    if (this._observers?.callbacks != null) this._settle();
    this._announceDrain();
  }

  /** Whether something that was sent in this tick came behind something else. @internal */
  protected get _isQueued(): boolean {
    return this._waiting > 0 && this._sentAt === currentTick();
  }
}

const { write } = SendingSocket.prototype;
