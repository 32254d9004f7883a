/** The sending half of a session: packets, and their way to the transport. */
import type { WriteOptions } from "../../native-conn";
import { calls, currentTick, scheduleFlush } from "../native/binding";
import { normalize, normalizeAll } from "../native/bytes";
import { PACKET_OVERHEAD, SendFlag } from "../native/contract";
import { onBeforeExit } from "../native/exit";
import { gather, sendBinary, sendText } from "../native/outbound";
import type { SocketInit } from "../requests/open-session";
import { packetDigit, packetType, type SendCallback, type SentPacket } from "./observers";
import { answerPoll } from "./polling-http";
import { Polling, type Transport, WebSocket, WebTransport } from "./transports";
import { WatchedSession } from "./watched-session";

/** Sessions with packets that wait here for their transport. */
const holders = new Set<SendingSocket>();

/** A packet as it is sent without options. */
function packetOf(type: string, data?: any): SentPacket {
  const packet: SentPacket = { type, options: { compress: true } };
  if (data !== undefined) packet.data = data;
  return packet;
}

/** The part of a session that sends. */
export abstract class SendingSocket extends WatchedSession {
  /** @internal */
  constructor(init: SocketInit) {
    super(init);
    // The open packet was just written.
    if (init.websocket) {
      this._sentAt = currentTick();
      scheduleFlush();
    }
  }

  /** The current transport; another one after an upgrade. */
  get transport(): Transport {
    this._transport ??= this._websocket ? this._transportFor(false) : new Polling(this.self);
    return this._transport;
  }

  /** The class of what carries the session as a WebSocket does, or tries to (`probe`). @internal */
  private transportClass(probe: boolean): typeof WebSocket | typeof WebTransport {
    return this._external?.name(probe) === "webtransport" ? WebTransport : WebSocket;
  }

  /** The transport that carries the session as a WebSocket does, or tries to (`probe`). @internal */
  protected _transportFor(probe: boolean): Transport {
    return new (this.transportClass(probe))(this.self);
  }

  // --- sending --------------------------------------------------------------------------------

  /**
   * Sends a message: a string, or bytes.
   *
   * @param options - `compress: false` sends it uncompressed
   * @param callback - called with the transport once the kernel has taken the message
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
    const packet: SentPacket = {
      type: "message",
      options: { ...options, compress: options?.compress !== false },
    };
    if (data !== undefined) packet.data = data;
    // A listener may change it.
    this.emit("packetCreate", packet);
    if (callback !== undefined) this._await(callback);
    if (!this._websocket) return this._sendPolling(packet);
    if (this._observesFlushes) return this._hold(packet);
    // The native engine gets it at once, behind what was sent before.
    if (this._isWritable()) this._startBatch();
    else if (this._sentAt === currentTick() && !this._blocked) this._keep(packet);
    else if (callback !== undefined) this._awaitWritten();
    this._dropAssigned();
    if (packet.type === "message") this._sendSocket(normalize(packet.data));
    else this._transmitPacket(packet);
  }

  /**
   * Sends a packet of any type; types that the protocol does not have are ignored. A session is
   * closed by `close()`, and not by a packet `close`.
   *
   * @param type - `"message"`, `"ping"`, `"noop"` and so on
   * @param callback - for messages: called with the transport once the kernel has taken the packet
   *
   * @example
   * ```ts
   * // Private in the declarations of engine.io.
   * socket.conn["sendPacket"]("noop");
   * ```
   */
  sendPacket(type: string, data?: any, options?: any, callback?: SendCallback): void {
    if (type === "message") return this._send(data, options, callback);
    if (packetDigit(type) === -1 || this.readyState !== "open") return;
    const packet = packetOf(type, data);
    if (this._websocket && this._observesFlushes) {
      this.emit("packetCreate", packet);
      return this._hold(packet);
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
    if (typeof packet === "string") sendText(this._handle, SendFlag.Whole, packet);
    else sendBinary(this._handle, SendFlag.Whole, packet);
  }

  /** Shows a packet as waiting. Natively it is on its way, behind those before it. @internal */
  private _keep(packet: SentPacket): void {
    const watch = this.observers();
    watch.buffer ??= [];
    const { type, options } = packet;
    const shown = watch.announced || this.server._watched;
    // The native engine has it already: memory is not spent twice on a client that does not read.
    watch.buffer.push(shown || watch.mayKeep(packet.data) ? packet : { type, options });
    if (this._websocket) this._awaitWritten();
  }

  /** @internal */
  protected override _keepWaiting(packets: (string | Buffer)[]): void {
    for (const packet of packets) {
      if (typeof packet !== "string") this._keep(packetOf("message", packet));
      else
        this._keep(
          packetOf(packetType(Number(packet[0])), packet.length > 1 ? packet.slice(1) : undefined),
        );
    }
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
    const watch = this._observers;
    if (watch !== null && (watch.writable === false || watch.waitingForSend !== null)) {
      watch.waitingForSend ??= [];
      watch.waitingForSend.push(packet);
      holders.add(this);
      if (watch.writable !== false) this._handHeld();
      return;
    }
    this._dropAssigned();
    this._sendPacketPolling(packet);
  }

  /** @internal */
  private _sendPacketPolling(packet: SentPacket): void {
    if (packet.type !== "message") return this._transmitPacket(packet);
    const compress = packet.options?.compress === true;
    const native = this._isPollNative();
    const waiting = native || (this._transport as Polling | null)?.poll != null;
    if (waiting) this._announceBatch([packet]);
    else if (!compress || this._observers !== null || this.server._watched) this._watchPolls();
    const way = this._transmit(packet.data, compress);
    if (way === "buffer" && !native) {
      if (!this._pollsNatively) this._keep(packet);
      return;
    }
    // One that waits natively has its answer; one that waits here has told of it.
    if (way === "buffer") this._ondrained();
    if (way !== "socket") this._announceDrain();
  }

  /** Hands a packet to the engine, as transports do: nobody is told. @internal */
  _transmitPacket(packet: { type: string; data?: any; options?: any }): void {
    const { type, data, options } = packet;
    if (type === "message") {
      this._transmit(data, options?.compress !== false);
    } else {
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
      const flag = compress ? 1 : 0;
      const answer =
        typeof message === "string"
          ? calls.sendPollingText(this._handle, flag, message, message.length)
          : calls.sendPollingBinary(this._handle, flag, message);
      if (answer === null) return "buffer";
      if (answer !== undefined) {
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
      // Throws before anything of the packet is sent.
      normalizeAll(encoded);
      for (const part of encoded) this.write(part, { compress: options.compress });
      return;
    }
    this._noteSend();
    gather(this._handle, encoded, options.volatile === true ? SendFlag.Volatile : 0);
  }

  /**
   * True if what is sent goes straight to the native engine, so that it may be sent in bulk.
   *
   * @internal
   */
  get _isBypassable(): boolean {
    return (
      this._websocket &&
      this._external?.carries !== true &&
      !this._observers?.announced &&
      this._assignedWritable === null &&
      !this.server._watched &&
      this.write === write
    );
  }

  // --- polls ----------------------------------------------------------------------------------

  /** True if a poll waits, here or where it is answered natively. @internal */
  _isPollPending(): boolean {
    return calls.isPollPending(this._handle);
  }

  /**
   * True if a poll waits that is answered natively: also one that came before they are watched.
   *
   * @internal
   */
  private _isPollNative(): boolean {
    return (this._transport as Polling | null)?.poll == null && this._isPollPending();
  }

  // --- batches -----------------------------------------------------------------------------------

  /**
   * Hands a packet to the WebSocket, with the next batch if it is not writable.
   *
   * @internal
   */
  private _hold(packet: SentPacket): void {
    this._observeFlushes();
    const watch = this.observers();
    if (watch.waitingForSend === null && this._isWritable()) return this._hand([packet]);
    if (watch.waitingForSend === null) {
      watch.waitingForSend = [];
      watch.waitingBytes = 0;
      holders.add(this);
      // Without anything on its way, the application has to say when it is writable.
      if (watch.writable !== false) this._awaitWritten();
    }
    watch.waitingForSend.push(packet);
    if (watch.writable === true) return this._handHeld();
    watch.waitingBytes += PACKET_OVERHEAD + normalize(packet.data ?? "").length;
    // The native engine finds out if the client takes nothing.
    if (watch.waitingBytes > this.server._limits.maxBufferedBytes) this._handHeld();
  }

  /** Hands packets to the WebSocket. @internal */
  private _hand(packets: SentPacket[]): void {
    this._dropAssigned();
    this._announceBatch(packets);
    this.transport.send(packets);
    this._announceDrain();
    this._awaitWritten();
  }

  /** @internal */
  _handHeld(): void {
    const packets = this._observers?.waitingForSend;
    if (this._observers === null || packets == null) return;
    this._observers.waitingForSend = null;
    holders.delete(this);
    if (this._websocket) return this._hand(packets);
    this._dropAssigned();
    for (const packet of packets) this._sendPacketPolling(packet);
  }

  /** Gives the engine what waits here, and tells nobody: the process ends. @internal */
  _sendHeldForExit(): void {
    const packets = this._observers?.waitingForSend;
    if (this._observers === null || packets == null) return;
    this._observers.waitingForSend = null;
    for (const packet of packets) this._transmitPacket(packet);
  }

  /** The session has ended: nothing waits any more. @internal */
  protected _dropHeld(): void {
    holders.delete(this);
  }

  /** Tells listeners of a packet without data that was sent natively. @internal */
  _announceSent(type: string): void {
    this._announcePacket(packetOf(type));
  }

  /** Tells listeners of a packet that is sent by itself. @internal */
  private _announcePacket(packet: SentPacket): void {
    this.emit("packetCreate", packet);
    if (!this._observesFlushes) return;
    if (this._websocket) this._announceBatch([packet]);
    else this._announceFlush([packet]);
    this._announceDrain();
    if (this._websocket) this._awaitWritten();
  }

  // --- callbacks ------------------------------------------------------------------------------

  /** Calls back when what is sent now is written. @internal */
  private _await(callback: SendCallback): void {
    const watch = this.observers();
    watch.callbacks ??= [];
    watch.callbacks.push(callback);
  }

  /**
   * The message that is sent now is a batch by itself: nobody is told, but for its callbacks.
   *
   * @internal
   */
  private _startBatch(): void {
    if (this._observers?.callbacks == null) return;
    this._observers.beginBatch();
    this._awaitWritten();
  }

  /** True if something that was sent in this tick came behind something else. @internal */
  protected get _isQueued(): boolean {
    return this._waiting > 0 && this._sentAt === currentTick();
  }
}

const { write } = SendingSocket.prototype;

// Packets that wait in this thread are sent before the process ends; no listener is told.
onBeforeExit(() => {
  for (const holder of holders) holder._sendHeldForExit();
  holders.clear();
});
