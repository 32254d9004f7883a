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
  /** True if a packet sent now goes out at once. */
  abstract readonly writable: boolean;
  /** True if bytes are sent as they are, and not as base64. */
  readonly supportsBinary: boolean = true;
  /** True if another transport has replaced it. */
  discarded = false;

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

  /** Revision of the protocol. */
  get protocol(): number {
    return this.conn.protocol;
  }

  /** `"open"`, `"closing"` or `"closed"`. */
  get readyState(): string {
    return this.discarded ? "closed" : this.conn.readyState;
  }

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

  /** True if a poll waits for packets. */
  get writable(): boolean {
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

  /** True if a packet sent now goes out at once. */
  get writable(): boolean {
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
}

/** A stream of WebTransport. */
export class WebTransport extends Transport {
  /** Name of the transport. */
  readonly name = "webtransport";

  /** True if a packet sent now goes out at once. */
  get writable(): boolean {
    return this.conn._isWritable();
  }
}
