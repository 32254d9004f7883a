/** The transport of a session as applications see it: `socket.conn.transport`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import * as parser from "engine.io-parser";
import { WatchfulEmitter } from "../emitter";
import { engine } from "../native/binding";
import type { ServerOptions } from "../options";
import { PACKET_EVENTS } from "./observers";
import type { Socket } from "./socket";
import { NativeWebSocket } from "./websocket-view";

/** A request that waits for packets. */
export interface PendingPoll {
  req: IncomingMessage;
  res: ServerResponse;
}

/** The options of the engine that transports heed. */
export type TransportOptions = Pick<
  ServerOptions,
  | "perMessageDeflate"
  | "maxHttpBufferSize"
  | "maxBufferedChunks"
  | "httpCompression"
  | "httpRequestBodyTimeout"
>;

/** Events of a transport for which its session has to be watched. */
const SEND_EVENTS = new Set<string | symbol>(["drain", "ready", "headers"]);

/** The part that all transports share. Events: `packet`, `drain`, `ready`, `headers`, `close`. */
export abstract class Transport extends WatchfulEmitter {
  /** Names of the transports that a session can move to. */
  static upgradesTo: string[] = [];
  /** `"polling"`, `"websocket"` or `"webtransport"`. */
  abstract readonly name: string;
  /** True if bytes are sent as they are, and not as base64. */
  readonly supportsBinary: boolean = true;
  /** True if another transport has replaced it. */
  discarded = false;
  /** The state that the application has set. */
  private assigned: string | null = null;

  constructor(
    /** The session. */
    protected readonly conn: Socket,
  ) {
    super();
  }

  /** The session's id. */
  get sid(): string {
    return this.conn.id;
  }

  set sid(sid: string) {
    assign(this, "sid", sid);
  }

  /** Revision of the protocol. */
  get protocol(): number {
    return this.conn.protocol;
  }

  set protocol(protocol: number) {
    assign(this, "protocol", protocol);
  }

  /**
   * `"open"`, `"closing"` or `"closed"`. The application may set it: one that is not open is not closed
   * by {@link close}. When the session ends, it is `"closed"` all the same.
   */
  get readyState(): string {
    if (this.discarded || this.conn.readyState === "closed") return "closed";
    return this.assigned ?? this.conn.readyState;
  }

  set readyState(state: string) {
    this.assigned = state;
  }

  /**
   * True if a packet sent now goes out at once. The application may set it. `false`: what is sent from
   * now on waits, until the transport has written what it was given before, or a poll comes, or until
   * something is sent after `true`. `true`: the next packet goes out at once.
   */
  get writable(): boolean {
    return this.conn._assignedWritable ?? this.isReady();
  }

  set writable(writable: boolean) {
    if (this.conn.transport === this) this.conn._assignWritable(Boolean(writable));
  }

  /** True if a packet sent now goes out at once. @internal */
  protected abstract isReady(): boolean;

  /** The options of the engine that transports heed. */
  get opts(): TransportOptions {
    const { opts } = this.conn.server;
    return {
      perMessageDeflate: opts.perMessageDeflate,
      maxHttpBufferSize: opts.maxHttpBufferSize,
      maxBufferedChunks: opts.maxBufferedChunks,
      httpCompression: opts.httpCompression,
      httpRequestBodyTimeout: opts.httpRequestBodyTimeout,
    };
  }

  /** Packets and payloads of protocol 4; its sessions are encoded natively. */
  get parser(): typeof parser {
    return parser;
  }

  /**
   * Marks the transport as replaced: its `readyState` is `"closed"`.
   *
   * @example
   * ```ts
   * socket.conn.transport.discard();
   * ```
   */
  discard(): void {
    this.discarded = true;
  }

  /**
   * Closes the transport, and with it the session (reason: "transport close").
   *
   * @param callback - called when it is closed
   *
   * @example
   * ```ts
   * socket.conn.transport.close(() => console.log("closed"));
   * ```
   */
  close(callback?: () => void): void {
    if (this.readyState !== "open") return;
    this.conn._closeTransport(callback);
  }

  /**
   * Sends packets, and tells no listener of them.
   *
   * @example
   * ```ts
   * socket.conn.transport.send([{ type: "message", data: "plain text" }]);
   * ```
   */
  send(packets: { type: string; data?: any; options?: any }[]): void {
    if (this.conn.readyState === "closed") return;
    for (const packet of packets) this.conn._transmitPacket(packet);
  }

  /** Shows a message of a WebSocket as it came, to those who listen. @internal */
  _onmessage(_type: number, _data: string | Buffer): void {}

  /** Shows a control frame of a WebSocket to those who listen. @internal */
  _oncontrol(_frame: number, _payload: Buffer): void {}

  /** The session has ended: because of `error`, if there is one; `isLost`: the server did not end it. @internal */
  _onend(_isLost: boolean, error?: Error): void {
    if (error !== undefined && this.listenerCount("error") > 0) this.emit("error", error);
    this.emit("close");
  }

  /** @internal */
  protected override noteListener(event: string | symbol): void {
    if (PACKET_EVENTS.has(event)) this.conn._decodeInJs();
    else if (SEND_EVENTS.has(event)) this.conn._announceSends(event);
  }
}

/** HTTP long polling, over Node's requests and responses. */
export class Polling extends Transport {
  /** Names of the transports that a session can move to. */
  static override upgradesTo = ["websocket", "webtransport"];
  /** Name of the transport. */
  readonly name = "polling";
  /** The poll that waits, if one does. @internal */
  poll: PendingPoll | null = null;
  /** The post being received, if one is. @internal */
  post: PendingPoll | null = null;

  /** True if a poll waits for packets. @internal */
  protected override isReady(): boolean {
    return this.poll !== null || this.conn._isPollPending();
  }

  /** A payload as it stands in an answer. @internal */
  wrap(payload: string | Buffer): string | Buffer {
    return payload;
  }

  /**
   * Takes the body of a post. Returns the payload that answers the pending poll, if it is due.
   *
   * @internal
   */
  push(body: Buffer, isBinary: boolean): string | Buffer | null {
    const { _handle } = this.conn;
    return isBinary ? engine.pushBinary(_handle, body) : engine.push(_handle, body);
  }

  /** The largest body of a post, in bytes. */
  get maxHttpBufferSize(): number {
    return this.conn.server.opts.maxHttpBufferSize;
  }

  /** The options of compression. */
  get httpCompression(): ServerOptions["httpCompression"] {
    return this.conn.server.opts.httpCompression;
  }

  /** The poll that waits for packets, if there is one. */
  get req(): IncomingMessage | null {
    return this.poll?.req ?? null;
  }

  /** The response of the poll that waits for packets, if there is one. */
  get res(): ServerResponse | null {
    return this.poll?.res ?? null;
  }
}

/** A WebSocket, served natively. */
export class WebSocket extends Transport {
  /** Name of the transport. */
  readonly name = "websocket";
  private view: NativeWebSocket | null = null;

  /** @internal */
  protected override isReady(): boolean {
    return this.conn._isWritableNow();
  }

  /** The options of compression. */
  get perMessageDeflate(): ServerOptions["perMessageDeflate"] {
    return this.conn.server.opts.perMessageDeflate;
  }

  /** The object of the engine that the application has chosen, or what stands for one. */
  get socket(): NativeWebSocket {
    const external: any = this.conn._external?.ws;
    if (external !== undefined) return external;
    this.view ??= new NativeWebSocket(this.conn, this);
    return this.view;
  }

  /** @internal */
  override _onmessage(type: number, data: string | Buffer): void {
    if (this.view === null) return;
    if (typeof data === "string") return this.view._onmessage(`${type}${data}`);
    // Revision 3 of the protocol puts the type before the bytes.
    const isBare = this.conn.protocol !== 3;
    this.view._onmessage(isBare ? data : Buffer.concat([Buffer.of(4), data]));
  }

  /** @internal */
  override _oncontrol(frame: number, payload: Buffer): void {
    this.view?._oncontrol(frame, payload);
  }

  /** @internal */
  override _onend(isLost: boolean, error?: Error): void {
    if (isLost) this.view?._onlost();
    if (error !== undefined) this.view?._onerror(error);
    super._onend(isLost, error);
  }
}

/** A stream of WebTransport. */
export class WebTransport extends Transport {
  /** Name of the transport. */
  readonly name = "webtransport";

  /** @internal */
  protected override isReady(): boolean {
    return this.conn._isWritable();
  }
}

/** Puts a value in the place of a member that is computed. */
function assign(object: object, name: string, value: unknown): void {
  const options = { value, writable: true, configurable: true, enumerable: true };
  Object.defineProperty(object, name, options);
}

/**
 * Lets the application put values of its own in the place of members that are computed here: with
 * another server they are plain properties.
 */
function letAssign(prototype: object, names: string[]): void {
  for (const name of names) {
    const { get } = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
    const set = function (this: object, value: unknown) {
      assign(this, name, value);
    };
    Object.defineProperty(prototype, name, { get, set, configurable: true });
  }
}

letAssign(Transport.prototype, ["opts", "parser"]);
letAssign(Polling.prototype, ["maxHttpBufferSize", "httpCompression", "req", "res"]);
letAssign(WebSocket.prototype, ["perMessageDeflate", "socket"]);
