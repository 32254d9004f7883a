/** One session as applications see it: `socket.conn`. */
import type { PacketForm } from "../../binding";
import type { PacketSink, WriteOptions } from "../native-conn";
import { noteReplacement } from "../replaced";
import { LeanEmitter } from "./emitter";
import { closeReasons } from "./errors";
import { answerPoll } from "./http";
import { Note } from "./inbox";
import { Jsonp } from "./jsonp";
import { currentTick, DISCARD, engine, release, scheduleFlush, VOLATILE } from "./native";
import type { SocketInit } from "./opening";
import { closeSession, gather, normalize, reach, sendBinary, sendText, setRaw } from "./outbox";
import { type Recipient, unregister } from "./recipients";
import {
  type EngineRequest,
  isPackedSecure,
  type PackedRequest,
  packedUrl,
  parseQuery,
  unpackRequest,
} from "./request";
import type { Server } from "./server";
import { Polling, type Transport, WebSocket } from "./transports";
import {
  encodeAgain,
  PACKET_EVENTS,
  packetType,
  SEND_EVENTS,
  type SendCallback,
  type SentPacket,
  showPacket,
  Watch,
} from "./watch";
import { ExternalLinks, type ExternalWebSocket } from "./ws-engine";

/**
 * A session. Events: `packet`, `data`, `message`, `packetCreate`, `heartbeat`, `flush`, `drain`,
 * `upgrading`, `upgrade`, `close(reason, description?)`.
 */
export class Socket extends LeanEmitter implements Recipient {
  /** Packets are decoded by the native engine. */
  get native(): true {
    return true;
  }

  /** The engine session id: the only key to the session. */
  readonly id: string;
  readonly server: Server;
  /** Revision of the Engine.IO protocol. */
  readonly protocol: number;
  /** Address of the TCP peer. */
  readonly remoteAddress: string;
  /** `"open"`, `"closing"` or `"closed"`. */
  readyState: "opening" | "open" | "closing" | "closed" = "open";
  /** An upgrade is being tried. */
  upgrading = false;
  /** The session has moved to a WebSocket. */
  upgraded = false;
  readonly _handle: number;
  _requestedIn = -1;
  private _transport: Transport | null = null;
  private _sink: PacketSink | null = null;
  private _websocket: boolean;
  private _blocked = false;
  /** Its WebSockets, if they are served by the engine that the application has chosen. */
  _external: ExternalLinks | null = null;
  private _watch: Watch | null = null;
  /** The tick of the last send, and whether it came behind another one. */
  private _sentAt = -1;
  private _waits = false;
  /** See {@link SocketInit.unseen}. */
  _unseen: boolean;
  private _packed: PackedRequest | null;
  private _request: EngineRequest | null;

  constructor(init: SocketInit) {
    super();
    this.id = init.id;
    this.server = init.server;
    this.protocol = init.protocol;
    this.remoteAddress = init.remoteAddress as string;
    this._handle = init.handle;
    this._websocket = init.websocket;
    this._request = init.request;
    this._packed = init.packed;
    this._unseen = init.unseen;
    if (init.jsonp !== undefined) this._transport = new Jsonp(this, init.jsonp);
    // The open packet was just written.
    if (init.websocket) {
      this._sentAt = currentTick();
      scheduleFlush();
    }
  }

  private watch(): Watch {
    this._watch ??= new Watch();
    return this._watch;
  }

  /** The current transport; another one after an upgrade. */
  get transport(): Transport {
    this._transport ??= this._websocket ? new WebSocket(this) : new Polling(this);
    return this._transport;
  }

  /** The request that opened the session. */
  get request(): EngineRequest {
    this._request ??= unpackRequest(this._packed as PackedRequest, this.remoteAddress);
    return this._request;
  }

  set request(request: EngineRequest) {
    this._request = request;
  }

  /** Packets that wait for a poll. */
  get writeBuffer(): SentPacket[] {
    this._watchPolls();
    return this._watch?.buffer ?? [];
  }

  _headers(): EngineRequest["headers"] {
    return this.request.headers;
  }

  get _url(): string {
    return this._request?.url ?? packedUrl(this._packed as PackedRequest);
  }

  _query(): Record<string, string> {
    return this._request?._query ?? parseQuery(this._url);
  }

  get _secure(): boolean {
    if (this._packed !== null) return isPackedSecure(this._packed);
    return (this._request as any).socket.encrypted === true;
  }

  /** Sends a message. `callback` is called with the transport once it was handed over. */
  send(data: any, options?: any, callback?: SendCallback): this {
    this._send(data, options, callback);
    return this;
  }

  /** Alias of {@link send}. */
  write(data: any, options?: any, callback?: SendCallback): this {
    this._send(data, options, callback);
    return this;
  }

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
    if (!this._websocket) return this._sendPolling(packet);
    if (!this._watch?.announced && !this.server._watched) return this._sendSocket(normalize(data));
    if (!this._isWritable()) {
      this._keep(packet);
      return this._sendSocket(normalize(data));
    }
    this._announceFlush([packet]);
    this._sendSocket(normalize(data));
    this._announceDrain();
  }

  /** Shows a packet as waiting. Natively it is on its way, behind those before it. */
  private _keep(packet: SentPacket): void {
    if (this._watch?.buffer == null && this._websocket) {
      // After the flush that makes the transport writable again.
      process.nextTick(() => {
        this._ondelivery();
        this._announceDrain();
      });
    }
    const watch = this.watch();
    watch.buffer ??= [];
    const seen = watch.announced || this.server._watched;
    watch.buffer.push(seen ? packet : { type: packet.type, options: packet.options });
  }

  private _noteSend(): void {
    const tick = currentTick();
    if (this._sentAt === tick) {
      this._waits = true;
    } else {
      this._sentAt = tick;
      this._waits = false;
    }
  }

  private _sendSocket(data: string | Uint8Array): void {
    this._noteSend();
    if (this._external !== null) {
      // The tick ends with a flush.
      scheduleFlush();
      return this._external.send(data);
    }
    if (typeof data === "string") sendText(this._handle, 0, data);
    else sendBinary(this._handle, 0, data);
  }

  private _sendPolling(packet: SentPacket): void {
    const data = normalize(packet.data);
    const { compress } = packet.options;
    const unseen = this._unseen && engine.isPollPending(this._handle);
    const waiting = unseen || (this._transport as Polling | null)?.poll != null;
    if (waiting) this._announceFlush([packet]);
    else if (!compress || this._watch !== null || this.server._watched) this._watchPolls();
    const answer = engine.sendPolling(this._handle, data as string | Buffer, compress);
    if (answer === null) {
      // It has moved to a WebSocket and the news is on its way: the same place, the other road.
      this._sendSocket(data);
    } else if (answer === "" && !unseen) {
      if (!this._unseen) this._keep(packet);
    } else {
      if (answer !== "") answerPoll(this, answer, compress);
      this._announceDrain();
      if (unseen) this._settle();
    }
  }

  /** Has the polls come here, from the next one on: somebody wants to know of them. */
  private _watchPolls(): void {
    if (!this._unseen || this._websocket) return;
    this._unseen = false;
    engine.watchPolls(this._handle);
  }

  /** Sends the parts of one Socket.IO packet. See `lib/native-conn.ts`. */
  writeEncoded(encoded: (string | Buffer)[], options: WriteOptions): void {
    if (this.readyState !== "open") return;
    if (!this._plain) {
      if (options.volatile && !this._isWritable()) return;
      for (const part of encoded) this.write(part, { compress: options.compress });
      return;
    }
    this._noteSend();
    gather(this._handle, encoded, options.volatile === true ? VOLATILE : 0);
  }

  /** Whether a poll waits that is answered natively. */
  _isPollPending(): boolean {
    return this._unseen && engine.isPollPending(this._handle);
  }

  /** Whether what is sent goes straight to the native engine, so that it may be sent in bulk. */
  get _plain(): boolean {
    return (
      this._websocket &&
      this._external === null &&
      !this._watch?.announced &&
      !this.server._watched &&
      this.write === write
    );
  }

  _isWritable(): boolean {
    if (!this._websocket) return this.transport.writable;
    return !this._blocked && this._sentAt !== currentTick();
  }

  /** Tells listeners that packets are about to be handed to the transport. */
  _announceFlush(packets: SentPacket[]): void {
    this.emit("flush", packets);
    if (this.server._watched) this.server.emit("flush", this, packets);
  }

  /** Tells listeners that packets were handed to the transport. */
  _announceDrain(): void {
    this.emit("drain");
    if (this.server._watched) this.server.emit("drain", this);
  }

  /** Calls back when what is sent now has left this thread. */
  private _await(callback: SendCallback): void {
    const watch = this.watch();
    if (watch.callbacks !== null) {
      watch.callbacks.push(callback);
      return;
    }
    watch.callbacks = [callback];
    process.nextTick(() => process.nextTick(() => this._settle()));
  }

  private _settle(): void {
    if ((this._watch?.buffer?.length ?? 0) > 0) return;
    const callbacks = this._watch?.callbacks;
    if (this._watch === null || callbacks == null) return;
    this._watch.callbacks = null;
    for (const callback of callbacks) callback(this.transport);
  }

  /** What is buffered is about to be delivered. Returns whether it may be compressed. */
  _ondelivery(): boolean {
    const packets = this._watch?.buffer;
    if (this._watch === null || packets == null) return true;
    this._watch.buffer = null;
    this._announceFlush(packets);
    return packets.some((packet) => packet.options.compress);
  }

  /** What was buffered has been delivered. */
  _ondelivered(): void {
    this._announceDrain();
    if (this._watch?.callbacks != null) this._settle();
  }

  /**
   * Closes the session.
   *
   * @param discard - without waiting for buffered packets to be polled
   */
  close(discard?: boolean): void {
    if (this.readyState === "closed" || (this.readyState === "closing" && !discard)) return;
    this.readyState = "closing";
    if (this._websocket) {
      closeSession(this._handle, discard ? DISCARD : 0);
      const waits = !discard && this._waits && this._sentAt === currentTick();
      if (waits) process.nextTick(() => this._onclose("forced close"));
      else this._onclose("forced close");
      return;
    }
    const { payload, state } = engine.closePolling(this._handle, discard === true);
    if (payload != null) answerPoll(this, payload);
    // Otherwise it is over with the next poll, or when none comes.
    if (state === 0) this._onclose("forced close");
  }

  /** Has decoded packets given to `sink` from now on. */
  setSink(sink: PacketSink): void {
    this._sink = sink;
  }

  /** Whether somebody takes decoded packets. */
  get _hasSink(): boolean {
    return this._sink !== null;
  }

  /** Whether listeners see each packet. */
  get _isShown(): boolean {
    return this._watch?.raw === true;
  }

  /** Has packets come here undecoded: somebody wants to see them. */
  _setRaw(): void {
    if (this._watch?.raw) return;
    this.watch().raw = true;
    setRaw(this._handle);
  }

  private _announceSends(): void {
    this._watchPolls();
    this.watch().announced = true;
    reach.value++;
    // The server's pings are sends too: only a session that is watched tells of them.
    this._setRaw();
  }

  private _noteListener(event: string | symbol): void {
    if (PACKET_EVENTS.has(event)) this._setRaw();
    else if (SEND_EVENTS.has(event)) this._announceSends();
  }

  override on(event: string | symbol, listener: (...args: any[]) => void): this {
    this._noteListener(event);
    return super.on(event, listener);
  }

  override addListener(event: string | symbol, listener: (...args: any[]) => void): this {
    return this.on(event, listener);
  }

  override prependListener(event: string | symbol, listener: (...args: any[]) => void): this {
    this._noteListener(event);
    return super.prependListener(event, listener);
  }

  /** `"data"` stands for the sink too: without it, messages are the listeners' alone. */
  override removeAllListeners(event?: string | symbol): this {
    if (event === undefined || event === "data") {
      this._setRaw();
      this.watch().deaf = true;
    }
    return super.removeAllListeners(event);
  }

  _onpacket(type: number, nsp: string, id: number | undefined, data: any): void {
    if (this.readyState !== "open") return;
    // Decoded before the engine heard that somebody wants to see packets: shown all the same.
    const deliver = () => {
      if (this.readyState === "open" && !this._watch?.deaf)
        this._sink?.onpacket(type, nsp, id, data);
    };
    if (!this._watch?.raw) return deliver();
    showPacket(this, "message", encodeAgain(type, nsp, id, data), deliver);
  }

  _onraw(type: number, data: string | Buffer): void {
    if (this.readyState !== "open") return;
    showPacket(this, packetType(type), data, () => {
      if (this._sink !== null && !this._watch?.deaf) this._decode(data);
    });
  }

  /** Decodes a message here; `readyState` may have changed in a listener. */
  private _decode(data: string | Buffer): void {
    if (this.readyState !== "open") return;
    try {
      this.watch().decode(data, () => this._sink);
    } catch (error) {
      this._onrefused((error as Error).message);
    }
  }

  _onrefused(message: string): void {
    if (this.readyState === "open" && !this._watch?.deaf) this._sink?.onerror(message);
  }

  _onanswer(payload: string | Buffer): void {
    answerPoll(this, payload);
  }

  _onclosed(reason: number, message: string | null): void {
    const description = message === null ? undefined : new Error(message);
    this._onclose(closeReasons[reason], description);
  }

  /** Gives the session a WebSocket of another engine; `probe`: one that an upgrade tries. */
  _takeExternal(ws: ExternalWebSocket, probe: boolean, form: PacketForm): void {
    this._external ??= new ExternalLinks(this);
    this._external.take(ws, probe, form);
  }

  _onframe(probe: boolean, message: string | Buffer): void {
    this._external?.write(probe, message);
  }

  _onnote(note: number): void {
    switch (note) {
      case Note.Upgrading:
        this.emit("upgrading", new WebSocket(this));
        break;
      case Note.Upgraded:
        this._switch();
        break;
      case Note.UpgradeLost:
        this.upgrading = false;
        this._external?.dropProbe();
        break;
      case Note.Offered:
        this.upgrading = true;
        break;
      case Note.Pinged:
        this.emit("packetCreate", { type: "ping", options: { compress: true } });
        break;
      case Note.Blocked:
        this._blocked = true;
        break;
      case Note.Drained:
        this._blocked = false;
        break;
    }
  }

  private _switch(): void {
    this._transport?.discard();
    this._transport = null;
    this._websocket = true;
    this.upgrading = false;
    this.upgraded = true;
    this._blocked = false;
    reach.value++;
    this._external?.promote();
    this.emit("upgrade", this.transport);
    this._ondelivery();
    this._ondelivered();
  }

  _onclose(reason: string, description?: Error): void {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    unregister(this);
    release();
    this._watch?.end();
    this._watch = null;
    this._external?.end();
    this.server._onClosed(this);
    this._sink?.onclose(reason, description);
    this.emit("close", reason, description);
  }
}

// An instrumentation that replaces it expects to see all that is sent.
const write = noteReplacement(Socket.prototype, "write", () => reach.value++);
