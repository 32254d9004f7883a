/** The WebSocket object of a transport that the native engine serves. */
import type { Duplex } from "node:stream";
import { LeanEmitter } from "../emitter";
import { bufferedBytes } from "../native/binding";
import { normalize } from "../native/bytes";
import type { Socket } from "./socket";
import { webSocketStream } from "./tcp-sockets";
import type { Transport } from "./transports";

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const STATES = { opening: CONNECTING, open: OPEN, closing: CLOSING, closed: CLOSED };

/** Close code of a connection that was closed without one (RFC 6455, 7.1.5). */
const NO_STATUS = 1005;

/** Called when a message was handed over, or could not be. */
type Sent = (error?: Error | null) => void;

/**
 * `socket.conn.transport.socket`: modelled on that of the package `ws`. Event: `close`. Messages
 * are taken in natively and not shown here; `socket.conn` shows them.
 */
export class NativeWebSocket extends LeanEmitter {
  /** Subprotocol: none is agreed on. */
  readonly protocol = "";
  /** Extensions are not told. */
  readonly extensions = "";

  /** @internal */
  constructor(
    private readonly conn: Socket,
    private readonly transport: Transport,
  ) {
    super();
    transport.once("close", () => this.emit("close", NO_STATUS, Buffer.alloc(0)));
  }

  /** Bytes sent that the kernel has not taken yet; messages that wait for these do not count. */
  get bufferedAmount(): number {
    return this.readyState === CLOSED ? 0 : bufferedBytes(this.conn._handle);
  }

  /** 1: open; 2: closing; 3: closed. */
  get readyState(): number {
    return STATES[this.transport.readyState as keyof typeof STATES];
  }

  /** The TCP socket that carries the WebSocket. */
  get _socket(): Duplex {
    return webSocketStream(this.conn);
  }

  /**
   * Sends a message as it is: a text begins with the type of an Engine.IO packet.
   *
   * @param callback - called once it is written, or with an Error when it cannot be
   *
   * @example
   * ```ts
   * import { transports } from "socket.io-native/engine";
   *
   * const { transport } = socket.conn;
   * if (transport instanceof transports.websocket) transport.socket.send("4soup");
   * ```
   */
  send(data: any, options?: object | Sent, callback?: Sent): void {
    const done = typeof options === "function" ? (options as Sent) : callback;
    const { readyState } = this;
    if (readyState === OPEN) {
      this.conn._sendWhole(normalize(data));
      if (done !== undefined) this.conn._afterWritten((error) => done(error ?? null));
    } else if (done !== undefined) {
      process.nextTick(done, new Error(`WebSocket is not open: readyState ${readyState}`));
    }
  }

  /**
   * Closes the connection. The code is not sent to the client.
   *
   * @example
   * ```ts
   * import { transports } from "socket.io-native/engine";
   *
   * const { transport } = socket.conn;
   * if (transport instanceof transports.websocket) transport.socket.close();
   * ```
   */
  close(_code?: number, _reason?: string | Buffer): void {
    this.transport.close();
  }

  /**
   * Closes the connection without waiting for the client.
   *
   * @example
   * ```ts
   * import { transports } from "socket.io-native/engine";
   *
   * const { transport } = socket.conn;
   * if (transport instanceof transports.websocket) transport.socket.terminate();
   * ```
   */
  terminate(): void {
    this.transport.close();
  }
}
