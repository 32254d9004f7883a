/** The WebSocket object of a transport that the native engine serves. */
import type { Duplex } from "node:stream";
import { WatchfulEmitter } from "../emitter";
import { bufferedBytes, engine, flush } from "../native/binding";
import { normalize } from "../native/bytes";
import { CLOSE_FRAME, PING_FRAME, PONG_FRAME } from "../native/contract";
import { nextTick } from "../scheduling";
import type { Socket } from "./socket";
import { webSocketStream } from "./tcp-sockets";
import type { Transport } from "./transports";

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const STATES = { opening: CONNECTING, open: OPEN, closing: CLOSING, closed: CLOSED };
const STATE_NAMES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];

/** Close codes of a connection whose close frame had none, and that ended without one (RFC 6455, 7.4.1). */
const NO_STATUS = 1005;
const ABNORMAL = 1006;

/** The largest payload of a control frame, in bytes (RFC 6455, 5.5). */
const MAX_CONTROL = 125;

/** Events for which the frames of the client have to be shown. */
const FRAME_EVENTS = new Set<string | symbol>(["message", "ping", "pong", "close"]);

/** Called when a message was handed over, or could not be. */
type Sent = (error?: Error | null) => void;

/**
 * `socket.conn.transport.socket`: modelled on that of the package `ws`. Events: `message`, `ping`,
 * `pong`, `close`, `error`.
 */
export class NativeWebSocket extends WatchfulEmitter {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  /** Value of {@link readyState} before it is open. */
  declare readonly CONNECTING: 0;
  /** Value of {@link readyState} while it is open. */
  declare readonly OPEN: 1;
  /** Value of {@link readyState} while it closes. */
  declare readonly CLOSING: 2;
  /** Value of {@link readyState} when it is closed. */
  declare readonly CLOSED: 3;
  /** Subprotocol: none is agreed on. */
  readonly protocol = "";
  /** Binary messages of `message` are Buffers; another value has no effect. */
  binaryType = "nodebuffer";
  /** The client's close frame, as far as it has come. */
  private closing: readonly [code: number, reason: Buffer] | null = null;
  private agreed: string | null = null;

  /** @internal */
  constructor(
    private readonly conn: Socket,
    private readonly transport: Transport,
  ) {
    super();
    transport.once("close", () => {
      this.emit("close", ...(this.closing ?? [NO_STATUS, Buffer.alloc(0)]));
    });
  }

  /** The extensions that were agreed on: `"permessage-deflate"`, or an empty string. */
  get extensions(): string {
    if (this.agreed !== null) return this.agreed;
    if (this.readyState === CLOSED) return "";
    flush();
    this.agreed = engine.isCompressed(this.conn._handle) ? "permessage-deflate" : "";
    return this.agreed;
  }

  /** Bytes sent that the kernel has not taken yet; messages that wait for these do not count. */
  get bufferedAmount(): number {
    return this.readyState === CLOSED ? 0 : bufferedBytes(this.conn._handle);
  }

  /** False: what the client sends is always read. */
  get isPaused(): boolean {
    return false;
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
    if (this.readyState !== OPEN) return this.refuse(done);
    this.conn._sendWhole(normalize(data));
    this.tellWritten(done);
  }

  /**
   * Sends a ping of WebSocket: `pong` tells of the client's answer. The heartbeat of Engine.IO, which
   * ends sessions whose client is gone, is another one.
   *
   * @param data - at most 125 bytes, which the answer repeats; default: none
   * @param _mask - has no effect: a server masks nothing
   * @param callback - called once it is written, or with an Error when it cannot be
   * @throws RangeError for more than 125 bytes
   *
   * @example
   * ```ts
   * import { transports } from "socket.io-native/engine";
   *
   * const { transport } = socket.conn;
   * if (transport instanceof transports.websocket) {
   *   transport.socket.once("pong", () => console.log("still there"));
   *   transport.socket.ping();
   * }
   * ```
   */
  ping(data?: any, _mask?: boolean | Sent, callback?: Sent): void {
    this.control(PING_FRAME, data, _mask, callback);
  }

  /**
   * Sends a pong of WebSocket. Pings of the client are answered without it.
   *
   * @param data - at most 125 bytes; default: none
   * @param _mask - has no effect: a server masks nothing
   * @param callback - called once it is written, or with an Error when it cannot be
   * @throws RangeError for more than 125 bytes
   *
   * @example
   * ```ts
   * import { transports } from "socket.io-native/engine";
   *
   * const { transport } = socket.conn;
   * if (transport instanceof transports.websocket) transport.socket.pong();
   * ```
   */
  pong(data?: any, _mask?: boolean | Sent, callback?: Sent): void {
    this.control(PONG_FRAME, data, _mask, callback);
  }

  /**
   * Closes the connection.
   *
   * @param code - close code for the client; default: none
   * @param reason - at most 123 bytes for the client; default: none
   * @throws TypeError for a code that an application may not send, or a reason of another type
   * @throws RangeError for a reason that is too long
   *
   * @example
   * ```ts
   * import { transports } from "socket.io-native/engine";
   *
   * const { transport } = socket.conn;
   * if (transport instanceof transports.websocket) transport.socket.close(4001, "out of soup");
   * ```
   */
  close(code?: number, reason: string | Uint8Array = ""): void {
    if (this.readyState !== OPEN) return;
    if (code !== undefined) {
      if (!isCloseCode(code)) {
        throw new TypeError("First argument must be a valid error code number");
      }
      if (ArrayBuffer.isView(reason) && !(reason instanceof Uint8Array)) {
        throw new TypeError("the reason must be a string or a Uint8Array");
      }
      const payload = Buffer.concat([Buffer.alloc(2), bytesOf(reason)]);
      payload.writeUInt16BE(code);
      this.sendControl(CLOSE_FRAME, payload);
      // Clients answer with the same.
      this.closing = [code, payload.subarray(2)];
    }
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
    this.closing ??= [ABNORMAL, Buffer.alloc(0)];
    this.transport.close();
  }

  private control(frame: number, data: any, mask?: boolean | Sent, callback?: Sent): void {
    const done = [data, mask, callback].find((one) => typeof one === "function");
    const payload = typeof data === "function" ? Buffer.alloc(0) : bytesOf(data);
    if (this.readyState !== OPEN) return this.refuse(done);
    this.sendControl(frame, payload);
    this.tellWritten(done);
  }

  private sendControl(frame: number, payload: Buffer): void {
    if (payload.length > MAX_CONTROL) {
      throw new RangeError(`The data size must not be greater than ${MAX_CONTROL} bytes`);
    }
    flush();
    engine.sendControl(this.conn._handle, -frame, payload);
  }

  private tellWritten(done: Sent | undefined): void {
    if (done !== undefined) this.conn._afterWritten((error) => done(error ?? null));
  }

  private refuse(done: Sent | undefined): void {
    if (done === undefined) return;
    const state = this.readyState;
    const message = `WebSocket is not open: readyState ${state} (${STATE_NAMES[state]})`;
    nextTick(done, new Error(message));
  }

  /** Shows a message of the client, as it came. @internal */
  _onmessage(message: string | Buffer): void {
    if (this.listenerCount("message") === 0) return;
    const isBinary = typeof message !== "string";
    this.emit("message", isBinary ? message : Buffer.from(message), isBinary);
  }

  /** Shows a control frame of the client. @internal */
  _oncontrol(frame: number, payload: Buffer): void {
    if (frame === PING_FRAME) this.emit("ping", payload);
    else if (frame === PONG_FRAME) this.emit("pong", payload);
    else if (payload.length < 2) this.closing = [NO_STATUS, payload];
    else this.closing = [payload.readUInt16BE(), payload.subarray(2)];
  }

  /** The connection has ended, and not because the server closed it. @internal */
  _onlost(): void {
    this.closing ??= [ABNORMAL, Buffer.alloc(0)];
  }

  /** Shows why the connection breaks. @internal */
  _onerror(error: Error): void {
    if (this.listenerCount("error") > 0) this.emit("error", error);
  }

  /** @internal */
  protected override noteListener(event: string | symbol): void {
    if (FRAME_EVENTS.has(event)) this.conn._decodeInJs();
  }
}

for (const [state, name] of STATE_NAMES.entries()) {
  Object.defineProperty(NativeWebSocket.prototype, name, { value: state, enumerable: true });
}

/** True for a close code that an application may send (RFC 6455, 7.4). */
function isCloseCode(code: unknown): boolean {
  if (typeof code !== "number") return false;
  const isReserved = code === 1004 || code === NO_STATUS || code === ABNORMAL;
  return (code >= 1000 && code <= 1014 && !isReserved) || (code >= 3000 && code <= 4999);
}

/** The payload of a control frame. */
function bytesOf(data: any): Buffer {
  return Buffer.from(normalize(data) as Uint8Array);
}
