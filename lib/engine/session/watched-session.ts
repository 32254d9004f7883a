/**
 * The half of a session's sending that is told: what waits, what was handed to the transport, and
 * when that is written. A session that nobody watches has none of it.
 *
 * As with upstream, a WebSocket is given one batch at a time where somebody watches: what is sent
 * before that is written waits here, and goes with the next one.
 */
import { currentTick, engine, isDrained } from "../native/binding";
import { cacheEpoch, decodeInJs } from "../native/outbound";
import type { SocketInit } from "../requests/open-session";
import { nextTick } from "../scheduling";
import type { Server } from "../server";
import type { ExternalConnections } from "./external-connections";
import { FLUSH_EVENTS, Observers, type SendCallback, type SentPacket } from "./observers";
import type { Socket } from "./socket";
import { RequestedSession } from "./stored-request";
import type { Transport } from "./transports";

/** The longest time that a property waits for a busy I/O thread, in ms. */
const READ_WAIT = 1000;
/** The longest time that an event waits for a busy I/O thread, in ms; it comes later then. */
const WRITE_WAIT = 5;

/** The part of a session that tells what waits and what is written. */
export abstract class WatchedSession extends RequestedSession {
  /** The engine of the session. */
  readonly server: Server;
  /** State of the session: `"open"`, `"closing"` or `"closed"`. */
  readyState: "opening" | "open" | "closing" | "closed" = "open";
  /** @internal */
  _handle: number;
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
  /** The native engine has told that what is sent now waits. @internal */
  protected _blocked = false;
  /** The tick of the last send, and how many it had before it. @internal */
  protected _sentAt = -1;
  /** @internal */
  protected _waiting = 0;

  /** @internal */
  constructor(init: SocketInit) {
    super(init);
    this.server = init.server;
    this._handle = init.handle;
    this._websocket = init.websocket;
    this._pollsNatively = init.pollsNatively;
  }

  /** This object, as the class that applications see. @internal */
  protected get self(): Socket {
    return this as unknown as Socket;
  }

  /** The current transport. */
  abstract get transport(): Transport;

  /** Hands the packets that wait here to the WebSocket. @internal */
  abstract _handHeld(): void;

  /** @internal */
  protected observers(): Observers {
    this._observers ??= new Observers();
    return this._observers;
  }

  /** True if somebody listens to batches being handed over or written. @internal */
  protected get _observesFlushes(): boolean {
    return this._observers?.observesFlushes === true || this.server._watched;
  }

  // --- what waits -------------------------------------------------------------------------------

  /** Packets that wait for a poll, for the end of the tick, or for what was sent before. */
  get writeBuffer(): SentPacket[] {
    this._watchPolls();
    const { buffer = null, waitingForSend: held = null } = this._observers ?? {};
    const known = buffer !== null && held !== null ? [...buffer, ...held] : (buffer ?? held);
    const unseen = this._websocket ? this.countUnseen(buffer?.length ?? 0) : 0;
    if (unseen === 0) return known ?? [];
    // Those of Socket.IO are encoded behind this object: it knows their number.
    const placeholder = () => ({ type: "message", options: { compress: true } });
    return [...Array.from({ length: unseen }, placeholder), ...(known ?? [])];
  }

  /** Number of packets that wait, beside the `shown` ones that this object has. @internal */
  private countUnseen(shown: number): number {
    if (this._observers?.observesFlushes) return this._observers.sentBefore;
    if (this._external?.carries) return Math.max(this._external.waiting - 1 - shown, 0);
    const inTick = this._sentAt === currentTick() ? this._waiting + (this._blocked ? 1 : 0) : 0;
    return Math.max(engine.waitingMessages(this._handle) + inTick - shown, 0);
  }

  /** True if packets that are shown wait for a poll. @internal */
  get _isBuffering(): boolean {
    return this._observers?.buffer != null;
  }

  /** Callbacks of messages that are not handed over yet. */
  get packetsFn(): SendCallback[] {
    return this._observers?.callbacks ?? [];
  }

  /** Callbacks of messages that the transport has and has not written, by batch. */
  get sentCallbackFn(): (SendCallback[] | null)[] {
    return this._observers?.sent ?? [];
  }

  /** True if what is sent now goes out at once, as far as this thread knows. @internal */
  _isWritable(): boolean {
    const { _assignedWritable: assigned } = this;
    if (assigned !== null) return assigned;
    if (!this._websocket) return this.transport.writable;
    if (this._sentAt === currentTick() || this._observers?.isWriting) return false;
    return this._external?.carries ? this._external.waiting === 0 : !this._blocked;
  }

  /** The application's value of the transport's `writable`, while it counts. @internal */
  get _assignedWritable(): boolean | null {
    return this._observers?.writable ?? null;
  }

  /** The application sets the transport's `writable`. @internal */
  _assignWritable(writable: boolean): void {
    if (this.readyState === "closed") return;
    this._watchPolls();
    if (!writable && this._websocket) this._observeFlushes();
    this.observers().writable = writable;
    // Native sends do not heed it.
    cacheEpoch.value++;
  }

  /** The transport was given something, or is free: the application's value counts no more. @internal */
  protected _dropAssigned(): void {
    if (this._observers !== null) this._observers.writable = null;
  }

  /** A poll has come: what waits for it here is sent. @internal */
  _onpoll(): void {
    if (this._observers === null || this._websocket) return;
    this._dropAssigned();
    this._handHeld();
  }

  /** The same, but a WebSocket asks its I/O thread whether all is written. @internal */
  _isWritableNow(): boolean {
    return this._isWritable() && this.isThrough(READ_WAIT);
  }

  /** True if the WebSocket has written all that it was given. @internal */
  private isThrough(ms: number): boolean {
    return this._external?.carries ? this._external.waiting === 0 : isDrained(this._handle, ms);
  }

  // --- observers --------------------------------------------------------------------------------

  /** Brings the polls to this thread, from the next one on: somebody observes them. @internal */
  protected _watchPolls(): void {
    if (!this._pollsNatively || this._websocket) return;
    this._pollsNatively = false;
    const waiting = engine.watchPolls(this._handle);
    if (waiting.length > 0) this._keepWaiting(waiting);
  }

  /**
   * Shows packets that wait for a poll, which the native engine has.
   *
   * @param packets - text with the digit of the type, or the data of binary messages
   * @internal
   */
  protected abstract _keepWaiting(packets: (string | Buffer)[]): void;

  /** Brings packets to this thread undecoded: somebody observes them. @internal */
  _decodeInJs(): void {
    if (this._observers?.decodesInJs) return;
    this.observers().decodesInJs = true;
    decodeInJs(this._handle);
  }

  /**
   * Somebody listens to what is sent: to an event of the session, or of its transport.
   *
   * @internal
   */
  _announceSends(event: string | symbol): void {
    this._watchPolls();
    const watch = this.observers();
    if (!watch.announced) {
      watch.announced = true;
      cacheEpoch.value++;
      // The server's pings are sends too: only a session that is watched tells of them.
      this._decodeInJs();
    }
    if (FLUSH_EVENTS.has(event)) this._observeFlushes();
  }

  /** From now on a WebSocket is given one batch at a time. @internal */
  protected _observeFlushes(): void {
    const watch = this.observers();
    if (watch.observesFlushes) return;
    // Messages that were sent before may have yet to be written.
    if (this._websocket && (this._sentAt === currentTick() || !this.isThrough(READ_WAIT))) {
      watch.sentBefore = this.countUnseen(watch.buffer?.length ?? 0);
      this._awaitWritten();
    }
    watch.observesFlushes = true;
    engine.sendInBatches(this._handle);
  }

  /** Tells listeners that packets are about to be handed to the transport. @internal */
  _announceFlush(packets: SentPacket[]): void {
    this.emit("flush", packets);
    if (this.server._watched) this.server.emit("flush", this.self, packets);
  }

  /** Tells the same, and begins a batch: {@link _ondrained} tells of its end. @internal */
  _announceBatch(packets: SentPacket[]): void {
    this._announceFlush(packets);
    this._observers?.beginBatch();
  }

  /** Tells listeners that packets were handed to the transport. @internal */
  _announceDrain(): void {
    this.emit("drain");
    if (this.server._watched) this.server.emit("drain", this.self);
  }

  /** Tells that the buffered packets are delivered. Returns true if they may be compressed. @internal */
  _ondelivery(): boolean {
    const packets = this._observers?.buffer;
    if (this._observers === null || packets == null) return true;
    this._observers.buffer = null;
    this._announceBatch(packets);
    return packets.some((packet) => packet.options.compress);
  }

  /** The transport has written a batch. @internal */
  _ondrained(): void {
    const callbacks = this._observers?.sent.shift();
    if (callbacks != null) for (const callback of callbacks) callback(this.transport);
    this._transport?.emit("drain");
  }

  // --- when a WebSocket has written -------------------------------------------------------------

  /** Tells of the batch that a WebSocket was given, once it is written. @internal */
  protected _awaitWritten(): void {
    const watch = this.observers();
    if (watch.isWriting) return;
    watch.isWriting = true;
    // After the flush of this tick.
    nextTick(() => this._lookWritten());
  }

  /** Calls back once all that was given to the WebSocket by now is written. @internal */
  _afterWritten(callback: (error?: Error) => void): void {
    const watch = this.observers();
    watch.after ??= [];
    watch.after.push(callback);
    nextTick(() => this._lookWritten());
  }

  /** Finds out whether all is written: after a tick's flush, and when that is told. @internal */
  _lookWritten(): void {
    const watch = this._observers;
    if (watch === null || !this._websocket || !(watch.isWriting || watch.after !== null)) return;
    if (!this.isThrough(WRITE_WAIT)) {
      // Another engine calls back by itself.
      if (!this._external?.carries) engine.tellDrained(this._handle);
      return;
    }
    const { after } = watch;
    watch.after = null;
    if (after !== null) for (const callback of after) callback();
    if (watch.isWriting && this._observers === watch) this.onwritten(watch);
  }

  /** @internal */
  private onwritten(watch: Observers): void {
    try {
      this._ondrained();
    } finally {
      // It is not writable for those who hear of that, as with upstream.
      watch.isWriting = false;
      watch.writable = null;
    }
    if (this._observers !== watch) return;
    if (watch.buffer !== null) {
      this._ondelivery();
      watch.sentBefore++;
      // The native engine has these already.
      this._awaitWritten();
    } else if (watch.callbacks !== null && watch.waitingForSend === null) {
      watch.beginBatch();
      this._awaitWritten();
    }
    if (watch.sentBefore > 0) {
      watch.sentBefore = 0;
      this._announceDrain();
    }
    this._handHeld();
    this._transport?.emit("ready");
  }

  /** The session has moved to a WebSocket, which is given what has waited for a poll. @internal */
  protected _onmoved(): void {
    const watch = this._observers;
    if (watch === null) return;
    watch.isWriting = false;
    watch.writable = null;
    if (watch.buffer !== null) {
      this._ondelivery();
      this._announceDrain();
      this._awaitWritten();
    } else if (watch.callbacks !== null) {
      watch.beginBatch();
      this._awaitWritten();
    }
    this._handHeld();
  }
}
