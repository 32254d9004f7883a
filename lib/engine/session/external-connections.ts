/**
 * WebSockets of an engine that the application has chosen (option `wsEngine`): whole messages in
 * by the events of its objects, whole messages out by their `send`. The session they carry is the
 * native one. Nothing that such an engine does may hurt more than its own connections.
 */
import type { Duplex } from "node:stream";

import createDebug = require("debug");

import { engine, flush } from "../native/binding";
import { Bound, CLOSE_WAIT_MS, Note, PacketForm } from "../native/contract";
import { drain, inOrder, isUpToDate } from "../native/inbound";
import type { ResolvedOptions } from "../options";
import { refuseUnavailable, refuseUpgrade } from "../refuse-upgrade";
import type { UpgradeRequest } from "../requests/upgrade";
import { nextTick } from "../scheduling";
import type { LinkCounts } from "./engine-counts";
import { answerPoll } from "./polling-http";
import type { EngineRequest } from "./request-snapshot";
import { Crowd, SlowReaderWatch, type Waiting } from "./slow-reader-watch";
import type { Socket } from "./socket";

const debug = createDebug("engine:ws");

/** The members of a WebSocket object that are used, as the package `ws` has them. */
export interface ExternalWebSocket {
  /** Adds a listener for the messages, the end or the errors of the connection. */
  on(event: "message", listener: (data: any, isBinary?: boolean) => void): unknown;
  on(event: "close", listener: (code?: number, reason?: Buffer) => void): unknown;
  on(event: "error", listener: (error: any) => void): unknown;
  /** The callback is called when the message has been written; it keeps the queue short. */
  send(data: string | Uint8Array, callback: (error?: Error | null) => void): void;
  /** Closes the connection with the closing handshake. */
  close(): void;
  /** Ends the connection without waiting for the peer. */
  terminate?(): void;
  /** Reads no more from the connection. */
  pause?(): void;
  /** Reads on. */
  resume?(): void;
}

/** The members of a WebSocket server that are used. */
export interface ExternalServer {
  /** Answers an upgrade request and calls back with the WebSocket. */
  handleUpgrade(
    req: EngineRequest,
    socket: Duplex,
    head: Buffer,
    callback: (ws: ExternalWebSocket) => void,
  ): void;
  /** Accepts no more connections. */
  close(): void;
  /** Adds a listener for the header lines of the answer to an upgrade request. */
  on?(event: "headers", listener: (lines: string[], req: EngineRequest) => void): unknown;
}

/** The bounds that a WebSocket of the package `ws` has found reached, by the codes of its errors. */
const BOUNDS_BY_CODE = new Map<unknown, Bound>([
  ["WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", Bound.MessageBytes],
  ["WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH", Bound.MessageBytes],
  ["WS_ERR_TOO_MANY_BUFFERED_PARTS", Bound.Fragments],
]);

/** Bytes on their way above which a session counts as blocked: volatile packets are dropped. */
const BLOCKED_BYTES = 64 << 10;

/** An upgrade request that the application's server is dealing with. */
interface Handing {
  /** More header lines for the 101; null if there is a bad one, and the request is refused. */
  headerLines: () => string[] | null;
  refused: boolean;
}

const handings = new WeakMap<EngineRequest, Handing>();

/** The options for the application's WebSocket server. */
export function externalOptions(opts: ResolvedOptions): object {
  const { perMessageDeflate, maxHttpBufferSize: maxPayload, maxBufferedChunks } = opts;
  return {
    noServer: true,
    clientTracking: false,
    perMessageDeflate,
    maxPayload,
    maxBufferedChunks,
  };
}

/** Adds the header lines of requests to the answers of the application's WebSocket server. */
export function adoptExternal(server: ExternalServer): ExternalServer {
  if (typeof server.on !== "function") return server;
  server.on("headers", (lines, req) => {
    const handing = handings.get(req);
    if (handing === undefined || !Array.isArray(lines)) return;
    const more = handing.headerLines();
    if (more === null) handing.refused = true;
    else lines.push(...more);
  });
  return server;
}

/** Hands an upgrade request to the application's server; `accept` gets its WebSocket, once. */
export function handOverExternal(
  server: ExternalServer,
  upgrade: UpgradeRequest,
  closed: boolean,
  headerLines: () => string[] | null,
  accept: (ws: ExternalWebSocket) => void,
): void {
  const { req, socket, head } = upgrade;
  if (closed) return refuseUnavailable(socket);
  const handing: Handing = { headerLines, refused: false };
  handings.set(req, handing);
  let taken: ExternalWebSocket | null = null;
  const done = (ws: ExternalWebSocket) => {
    if (ws !== null && ws === taken) return;
    if (!isWebSocket(ws)) {
      debug("the WebSocket engine gave no WebSocket");
      if (taken === null) socket.destroy();
      return;
    }
    ws.on("error", (error) => debug("WebSocket error: %s", error));
    if (taken !== null || handing.refused) return end(ws);
    taken = ws;
    handings.delete(req);
    accept(ws);
  };
  try {
    server.handleUpgrade(req, socket, head, done);
  } catch (error) {
    // One of a listener, which was told of the session, remains the application's.
    if (taken !== null) throw error;
    debug("the WebSocket engine failed: %s", error);
    handing.refused = true;
    refuseUpgrade(socket, "Bad request");
  }
}

function isWebSocket(ws: any): ws is ExternalWebSocket {
  return ws != null && [ws.on, ws.send, ws.close].every((method) => typeof method === "function");
}

/** Closes a WebSocket, and drops it if its peer takes too long. */
function end(ws: ExternalWebSocket): void {
  const timer = setTimeout(() => attempt(() => ws.terminate?.()), CLOSE_WAIT_MS).unref();
  ws.on("close", () => clearTimeout(timer));
  attempt(() => ws.close());
}

/** Accepts a WebSocket only to close it. */
export { end as turnAwayExternal };

function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    debug("the WebSocket engine failed: %s", error);
  }
}

/** The name of the transport of such a connection. */
export type LinkName = "websocket" | "webtransport";

/** The WebSockets of one session: the one that carries it, and the one that an upgrade tries. */
export class ExternalConnections {
  private main: ExternalConnection | null = null;
  private probe: ExternalConnection | null = null;

  constructor(private readonly conn: Socket) {}

  /** The object of the WebSocket in use. */
  get ws(): ExternalWebSocket | undefined {
    const link = this.main ?? this.probe;
    return link?.name === "websocket" ? link.ws : undefined;
  }

  /** True if the session is carried here, and not by a WebSocket that is served natively. */
  get carries(): boolean {
    return this.main !== null;
  }

  /** The number of messages that the WebSocket in use was given and has not written. */
  get waiting(): number {
    return this.main?.waiting ?? 0;
  }

  /** The transport that carries the session here, or tries to (`probe`). */
  name(probe: boolean): LinkName | undefined {
    return (probe ? this.probe : this.main)?.name;
  }

  /** Takes `ws` to carry the session, or to probe. `form`: the encoding that its request names. */
  take(ws: ExternalWebSocket, probe: boolean, form: PacketForm, name: LinkName): void {
    const link = new ExternalConnection(ws, this.conn, probe, form, name);
    if (probe) {
      this.dropProbe();
      this.probe = link;
    } else {
      this.main = link;
    }
    link.listen();
  }

  /** Sends a packet: one with text is encoded already. */
  write(probe: boolean, message: string | Uint8Array): void {
    (probe ? this.probe : this.main)?.write(message);
  }

  /**
   * Sends a message packet; it waits while a session that polls is about to move here.
   *
   * @returns false if the session is not carried here: the native engine has to send it
   */
  send(data: string | Uint8Array, polls: boolean): boolean {
    const message = typeof data === "string" ? `4${data}` : data;
    const link = this.main ?? (polls ? this.probe : null);
    if (link === null) return false;
    link.counts.messagesOut++;
    if (link === this.main) link.write(message);
    else link.held.push(message);
    return true;
  }

  /** The probing WebSocket carries the session from now on. */
  promote(): void {
    this.main?.end();
    this.main = this.probe;
    this.probe = null;
    this.main?.promote();
  }

  /** The client is too fast: no more is read from it. */
  stop(): void {
    this.main?.stop();
    this.probe?.stop();
    // Those that cannot be paused hold nothing back.
    if (!this.main?.stopped && !this.probe?.stopped) engine.caughtUp(this.conn._handle);
  }

  /** Reading goes on. */
  goOn(): void {
    this.main?.goOn();
    this.probe?.goOn();
  }

  /** The upgrade was given up. */
  dropProbe(): void {
    this.probe?.end();
    this.probe = null;
  }

  /** The session has ended; `lost`: the client is not there to be waited for. */
  end(lost: boolean): void {
    this.dropProbe();
    this.main?.end(lost);
    this.main = null;
  }
}

/** One WebSocket. */
class ExternalConnection {
  /** The packets to be sent once it carries the session. */
  readonly held: (string | Uint8Array)[] = [];
  private open = true;
  /** Messages and bytes sent and not yet written. */
  waiting = 0;
  private bytes = 0;
  /** Counts messages that were written. */
  private written = 0;
  private blocked = false;
  private slowReader: SlowReaderWatch | null = null;
  /** Of all connections of its transport. */
  readonly counts: LinkCounts;
  /** The clients of the engine, and this one among them while much waits. */
  private readonly crowd: Crowd;
  private waitingInCrowd: Waiting | null = null;
  /** No more is read from it. */
  stopped = false;
  /** The messages that were read before it stopped and are yet to be received, and its end. */
  private readonly behind: (() => void)[] = [];

  constructor(
    readonly ws: ExternalWebSocket,
    private readonly conn: Socket,
    private probe: boolean,
    private readonly form: PacketForm,
    readonly name: LinkName,
  ) {
    this.counts = conn.server._counts.links[name];
    this.counts.open++;
    this.crowd = Crowd.of(conn.server._options);
  }

  listen(): void {
    const { ws } = this;
    ws.on("message", (data, isBinary) => {
      let message: string | Buffer;
      try {
        message = isBinary === true ? bytesOf(data) : String(data);
      } catch (error) {
        return this.arrive(() => this.lost(String(error)));
      }
      // Some engines lend the memory for the time of this call.
      const waits = !isUpToDate() || this.stopped || this.behind.length > 0;
      if (typeof message !== "string" && waits) message = Buffer.from(message);
      this.arrive(() => this.receive(message));
    });
    ws.on("close", () => this.arrive(() => this.lost(null, true)));
    ws.on("error", (error) => {
      const bound = BOUNDS_BY_CODE.get(error?.code);
      if (bound !== undefined) this.conn.server._options.reached(bound);
      this.arrive(() => this.lost(String(error)));
    });
  }

  /** Carries out `step`, for what has come from the client, once those before it are carried out. */
  private arrive(step: () => void): void {
    inOrder(this.conn._handle, () => {
      if (this.stopped || this.behind.length > 0) this.behind.push(step);
      else step();
    });
  }

  /** Reads no more, if the WebSocket can be paused. */
  stop(): void {
    if (this.stopped || !this.open || typeof this.ws.pause !== "function") return;
    this.stopped = true;
    attempt(() => this.ws.pause?.());
  }

  /** Reads on, after the messages that were read before it stopped. */
  goOn(): void {
    if (!this.stopped) return;
    this.stopped = false;
    nextTick(() => this.catchUp());
  }

  private catchUp(): void {
    inOrder(this.conn._handle, () => {
      while (!this.stopped && this.behind.length > 0) {
        this.behind.shift()?.();
        // The note that stops it may be on its way here.
        if (!isUpToDate()) return nextTick(() => this.catchUp());
      }
      if (this.stopped || !this.open) return;
      engine.caughtUp(this.conn._handle);
      attempt(() => this.ws.resume?.());
    });
  }

  promote(): void {
    this.probe = false;
    for (const message of this.held.splice(0)) this.write(message);
  }

  private receive(message: string | Buffer): void {
    if (!this.open) return;
    this.counts.bytesIn += sizeOf(message);
    // Packets that were sent before an upgrade go to the old transport.
    if (this.probe) flush();
    const answer = engine.receive(this.conn._handle, this.probe, message, this.form);
    if (answer !== null) answerPoll(this.conn, answer);
    drain();
  }

  write(packet: string | Uint8Array): void {
    if (!this.open) return;
    let message = packet;
    if (typeof packet !== "string" && this.form !== PacketForm.V4) {
      message = engine.binaryMessage(this.form, bytesOf(packet));
    }
    const size = sizeOf(message);
    this.waiting++;
    this.counts.bytesOut += size;
    this.counts.waiting += size;
    this.count(size);
    let called = false;
    const written = (error?: Error | null) => {
      if (called) return;
      called = true;
      this.waiting--;
      this.written++;
      if (this.open) this.counts.waiting -= size;
      this.count(-size);
      if (error) return this.lost("write error");
      if (this.waiting > 0) return;
      if (this.blocked) this.setBlocked(false);
      else if (this.open && !this.probe) this.conn._lookWritten();
    };
    try {
      this.ws.send(message, written);
    } catch (error) {
      debug("the WebSocket engine failed: %s", error);
      // Not within the caller's loop over all sessions.
      nextTick(written, error);
    }
    if (this.bytes > this.conn.server._limits.maxBufferedBytes) this.watchReader();
    if (!this.blocked && this.bytes > BLOCKED_BYTES) this.setBlocked(true);
  }

  /** Much waits: the peer has to go on taking it. */
  private watchReader(): void {
    this.slowReader ??= new SlowReaderWatch(this.conn.server._limits, this.asWaiting("the client"));
    this.slowReader.look();
  }

  private asWaiting(whom: string): Waiting {
    return {
      bytes: () => this.bytes,
      taken: () => this.written,
      close: () => {
        this.lost(`too many bytes are waiting for ${whom}`);
        attempt(() => this.ws.terminate?.());
      },
    };
  }

  /** Adds to the bytes that wait; a negative number takes from them. */
  private count(change: number): void {
    this.bytes += change;
    if (this.open) this.crowd.count(change, this.conn.server._limits);
  }

  private setBlocked(blocked: boolean): void {
    this.blocked = blocked;
    if (!this.open) return;
    if (blocked) {
      this.waitingInCrowd ??= this.asWaiting("all clients");
      this.crowd.add(this.waitingInCrowd);
    } else if (this.waitingInCrowd !== null) {
      this.crowd.delete(this.waitingInCrowd);
    }
    if (!this.probe) this.conn._onnote(blocked ? Note.Blocked : Note.Drained);
  }

  /** The WebSocket has ended (`gone`), or broken. */
  private lost(message: string | null, gone = false): void {
    if (!this.open) return;
    if (gone) this.leave();
    else this.end();
    engine.lost(this.conn._handle, this.probe, message ?? undefined);
    // Maybe called within a send, where nothing else may be dispatched.
    nextTick(drain);
  }

  private leave(): void {
    this.crowd.count(-this.bytes, this.conn.server._limits);
    this.open = false;
    this.counts.open--;
    this.counts.waiting -= this.bytes;
    if (this.waitingInCrowd !== null) this.crowd.delete(this.waitingInCrowd);
    this.slowReader?.end();
    this.behind.length = 0;
    if (!this.stopped) return;
    this.stopped = false;
    engine.caughtUp(this.conn._handle);
    // Its end has to be read.
    attempt(() => this.ws.resume?.());
  }

  /** Nothing more is taken from it or sent. */
  end(lost = false): void {
    if (!this.open) return;
    this.leave();
    // A WebSocket says goodbye all the same.
    if (lost && this.name === "webtransport") attempt(() => this.ws.terminate?.());
    else end(this.ws);
  }
}

function sizeOf(message: string | Uint8Array): number {
  return typeof message === "string" ? Buffer.byteLength(message) : message.length;
}

/** A binary message as one piece of memory. */
function bytesOf(data: any): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (Array.isArray(data)) return Buffer.concat(data.map(bytesOf));
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data);
}
