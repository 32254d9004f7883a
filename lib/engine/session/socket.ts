/** One session as applications see it: `socket.conn`. */
import createDebug = require("debug");

import type { PacketSink } from "../../native-conn";
import { isDeeper, TOO_DEEP } from "../depth";
import { transportError } from "../errors";
import { limitBehind } from "../limit-behind";
import { engine, release } from "../native/binding";
import {
  Bound,
  CLOSE_REASONS,
  CloseState,
  Note,
  type PacketForm,
  Reason,
  SendFlag,
} from "../native/contract";
import { cacheEpoch, closeSession } from "../native/outbound";
import { type SessionEvents, unregister } from "../native/session-table";
import { noteReplacement } from "../replaced";
import type { SocketInit } from "../requests/open-session";
import { nextTick, setImmediate } from "../scheduling";
import { ExternalConnections, type ExternalWebSocket, type LinkName } from "./external-connections";
import { Jsonp } from "./jsonp";
import {
  encodeAgain,
  PACKET_EVENTS,
  packetType,
  SEND_EVENTS,
  showPacket,
  showUndecodable,
} from "./observers";
import { afterLastPoll, answerPoll, endTaking } from "./polling-http";
import { SendingSocket } from "./sending-socket";
import { promoteStream } from "./tcp-sockets";
import { Polling, type Transport } from "./transports";

const debug = createDebug("engine:socket");

/** The types of messages, as text and as bytes. Lower numbers are control frames of a WebSocket. */
const MESSAGE = 4;
const BINARY = -1;

/** The transports that upgrades try and of which `upgrading` has told. */
const probes = new WeakMap<Socket, Transport>();

/**
 * A session. Events: `packet`, `data`, `message`, `packetCreate`, `heartbeat`, `flush`, `drain`,
 * `upgrading`, `upgrade`, `close(reason, description?)`.
 */
export class Socket extends SendingSocket implements SessionEvents {
  /** Packets are decoded by the native engine. @internal */
  get native(): true {
    return true;
  }

  /** The id of the session. Who knows it can take the session over: keep it secret. */
  readonly id: string;
  /** Revision of the Engine.IO protocol: 4, or 3 with the option `allowEIO3`. */
  readonly protocol: number;
  /** True if an upgrade to another transport is being tried. */
  upgrading = false;
  /** True if the session has moved to a WebSocket, or to WebTransport. */
  upgraded = false;
  /** @internal */
  private _sink: PacketSink | null = null;

  /** @internal */
  constructor(init: SocketInit) {
    super(init);
    this.id = init.id;
    this.protocol = init.protocol;
    if (init.jsonp !== undefined) {
      this._transport = new Jsonp(this, init.jsonp);
      // Its answers are scripts, also to requests that do not say so.
      this._watchPolls();
    }
  }

  /**
   * Closes the session (reason: "forced close").
   *
   * @param discard - whether packets that wait for a poll are dropped, and not sent before it ends;
   *   default: `false`
   *
   * @example
   * ```ts
   * socket.conn.close();
   * ```
   */
  close(discard?: boolean): void {
    if (this.readyState === "closed" || (this.readyState === "closing" && !discard)) return;
    this.readyState = "closing";
    if (!discard) this._handHeld();
    if (this._websocket) {
      closeSession(this._handle, discard ? SendFlag.Discard : 0);
      if (!discard && this._isQueued) nextTick(() => this._onclose("forced close"));
      else this._onclose("forced close");
      return;
    }
    const { payload, state } = engine.closePolling(this._handle, discard === true);
    if (payload != null) answerPoll(this, payload);
    // Otherwise it is over with the next poll, or when none comes.
    if (state === CloseState.Ended) this._onclose("forced close");
  }

  /**
   * Closes the connection that carries the session, which ends as if the client had left.
   *
   * @internal
   */
  _closeTransport(callback?: () => void): void {
    if (this.readyState !== "open" || this._observers?.reason != null) return;
    this.observers().reason = "transport close";
    if (this._websocket) {
      closeSession(this._handle, 0);
      callback?.();
      setImmediate(() => this._onclose("transport close"));
      return;
    }
    if (callback !== undefined) this.transport.once("close", callback);
    const { payload, state } = engine.closePolling(this._handle, false);
    if (payload != null) answerPoll(this, payload);
    if (state === CloseState.Ended) this._onclose("transport close");
  }

  /** Gives decoded packets to `sink` from now on. @internal */
  setSink(sink: PacketSink): void {
    this._sink = sink;
  }

  /** True if the connection of its request is the one of its WebSocket. @internal */
  get _isCarriedByRequest(): boolean {
    return this._websocket && !this.upgraded;
  }

  /** The address that the session is counted for: empty for a UNIX socket, null over WebTransport. @internal */
  get _countedAddress(): string | null {
    return this.remoteAddress ?? (this._hasRequest ? "" : null);
  }

  /** True if somebody takes decoded packets. @internal */
  get _hasSink(): boolean {
    return this._sink !== null;
  }

  /** True if listeners see each packet. @internal */
  get _isShown(): boolean {
    return this._observers?.decodesInJs === true;
  }

  /** @internal */
  protected override noteListener(event: string | symbol): void {
    if (PACKET_EVENTS.has(event)) this._decodeInJs();
    else if (SEND_EVENTS.has(event)) this._announceSends(event);
  }

  /** `"data"` stands for the sink too: without it, messages are the listeners' alone. @internal */
  override removeAllListeners(event?: string | symbol): this {
    if (event === undefined || event === "data") {
      this._decodeInJs();
      this.observers().sinkRemoved = true;
    }
    return super.removeAllListeners(event);
  }

  /** @internal */
  _onpacket(type: number, nsp: string, id: number | undefined, data: any): void {
    if (this.readyState !== "open") return;
    if (!this._observers?.decodesInJs) return this.deliver(type, nsp, id, data);
    // Decoded before the engine heard that somebody wants to see packets: shown all the same.
    const text = encodeAgain(type, nsp, id, data);
    showPacket(this, "message", text, (shown) => {
      if (shown !== text) this._take(shown);
      else if (this.readyState === "open") this.deliver(type, nsp, id, data);
    });
    this._transport?._onmessage(MESSAGE, text);
  }

  private deliver(type: number, nsp: string, id: number | undefined, data: any): void {
    if (!this._observers?.sinkRemoved) this._sink?.onpacket(type, nsp, id, data);
  }

  /** Decodes the data of a message for the sink, if there is one. @internal */
  private _take(data: any): void {
    if (this._sink !== null && !this._observers?.sinkRemoved) this._decode(data);
  }

  /** Its client leaves a namespace, or the session (`null`), in the read that is dispatched. @internal */
  _onleaving(nsp: string | null): void {
    this._sink?.onleaving(nsp);
  }

  /** @internal */
  _onraw(type: number, data: string | Buffer): void {
    if (this.readyState !== "open") return;
    const { _transport: transport } = this;
    if (type < BINARY) return transport?._oncontrol(type, data as Buffer);
    showPacket(this, packetType(type), data, (shown) => this._take(shown));
    transport?._onmessage(type, data);
  }

  /** Decodes a message here; `readyState` may have changed in a listener. @internal */
  private _decode(data: any): void {
    if (this.readyState !== "open") return;
    if (data === "" || data === undefined) return this._onrefused("empty message");
    try {
      const { maxAttachments, maxDepth } = this.server._limits;
      if (typeof data === "string" && isDeeper(data, maxDepth)) throw new Error(TOO_DEEP);
      this.observers().decode(data, maxAttachments, () => this._sink);
    } catch (error) {
      const { message } = error as Error;
      if (message === "too many attachments") this.server._options.reached(Bound.Attachments);
      if (message === TOO_DEEP) this.server._options.reached(Bound.Depth);
      this._onrefused(message);
    }
  }

  /** @internal */
  _onrefused(message: string): void {
    if (this.readyState === "open" && !this._observers?.sinkRemoved) this._sink?.onerror(message);
  }

  /** @internal */
  _onanswer(payload: string | Buffer): void {
    answerPoll(this, payload);
  }

  /** @internal */
  _onclosed(reason: number, message: string | null): void {
    const description =
      message === null ? undefined : transportError(message, limitBehind(message, this.server));
    if (
      reason === Reason.ParseError &&
      this._observers?.decodesInJs &&
      this.readyState !== "closed"
    ) {
      showUndecodable(this);
    }
    this._onclose(CLOSE_REASONS[reason], description);
  }

  /**
   * Gives the session a WebSocket of another engine; `probe`: one that an upgrade tries.
   *
   * @internal
   */
  _takeExternal(
    ws: ExternalWebSocket,
    probe: boolean,
    form: PacketForm,
    name: LinkName = "websocket",
  ): void {
    this._external ??= new ExternalConnections(this);
    this._external.take(ws, probe, form, name);
  }

  /** @internal */
  _onframe(probe: boolean, message: string | Buffer): void {
    this._external?.write(probe, message);
  }

  /** @internal */
  _onnote(note: number): void {
    switch (note) {
      case Note.Upgrading:
        this.announceProbe();
        break;
      case Note.Upgraded:
        this._switch();
        break;
      case Note.UpgradeLost:
        this.upgrading = false;
        this._external?.dropProbe();
        this.endProbe();
        break;
      case Note.Offered:
        this.upgrading = true;
        break;
      case Note.Pinged:
        this._announceSent("ping");
        break;
      case Note.PostAborted:
        this.abortPost();
        break;
      case Note.Stopped:
        this._external?.stop();
        break;
      case Note.GoesOn:
        this._external?.goOn();
        break;
      case Note.PostTaken:
        endTaking(this);
        break;
      case Note.Blocked:
        this._blocked = true;
        break;
      case Note.Drained:
        this._blocked = false;
        this._lookWritten();
        break;
    }
  }

  /** Tells of the transport that an upgrade tries. */
  private announceProbe(): void {
    if (this.listenerCount("upgrading") === 0) return;
    const transport = this._transportFor(true);
    probes.set(this, transport);
    this.emit("upgrading", transport);
  }

  /** The upgrade is given up: so is its transport, if it was told of. */
  private endProbe(): void {
    const transport = probes.get(this);
    if (transport === undefined) return;
    probes.delete(this);
    transport.discard();
    transport.emit("close");
  }

  /**
   * Ends the session at once, for what a listener has made of a packet.
   *
   * @internal
   */
  _breakOff(reason: string, description?: Error): void {
    if (this.readyState === "closed") return;
    if (this._websocket) {
      closeSession(this._handle, SendFlag.Discard);
    } else {
      const { payload } = engine.closePolling(this._handle, true);
      if (payload != null) answerPoll(this, payload);
    }
    this._onclose(reason, description);
  }

  /** Gives up the POST that is being received: its connection is closed without an answer. */
  private abortPost(): void {
    const { _transport: transport } = this;
    if (transport instanceof Polling) transport.post?.req.destroy();
  }

  /** @internal */
  private _switch(): void {
    debug("upgraded: %s", this.id);
    const before = this._transport;
    before?.discard();
    this._transport = probes.get(this) ?? null;
    probes.delete(this);
    this._websocket = true;
    this.upgrading = false;
    this.upgraded = true;
    this._blocked = false;
    cacheEpoch.value++;
    this._external?.promote();
    promoteStream(this);
    before?.emit("close");
    this.emit("upgrade", this.transport);
    this._onmoved();
  }

  /** @internal */
  _onclose(reason: string, description?: Error): void {
    if (this.readyState === "closed") return;
    const isForced = reason === "forced close";
    const settled = this._observers?.reason ?? null;
    const isLost = settled === null && !isForced;
    if (isForced && settled !== null) reason = settled;
    debug("closed: %s, %s", this.id, reason);
    this.readyState = "closed";
    this.abortPost();
    afterLastPoll(this, this._transport, () => unregister(this));
    endTaking(this);
    release();
    this._dropHeld();
    this._observers?.end();
    this._observers = null;
    this._external?.end(isLost);
    this.server._onClosed(this);
    this._sink?.onclose(reason, description);
    this.emit("close", reason, description);
    const { _transport: transport } = this;
    transport?._onend(isLost, description);
    this.endProbe();
  }
}

// An instrumentation that replaces it expects to see all that is sent.
noteReplacement(Socket.prototype, "write", () => cacheEpoch.value++);
