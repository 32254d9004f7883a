/**
 * WebTransport: sessions that an HTTP/3 server of the application has accepted. The first stream of
 * each carries packets as a WebSocket does that JavaScript serves (`ws-engine.ts`). What the client
 * does, or the object that stands for it, ends that session and nothing else.
 *
 * @see https://www.w3.org/TR/webtransport/
 */
import { EventEmitter } from "node:events";
import type { ReadableStream, ReadableStreamDefaultReader, WritableStream } from "node:stream/web";

import createDebug = require("debug");

import { engine } from "../native/binding";
import { Bound, PacketForm } from "../native/contract";
import { delay } from "../options";
import { throwLater } from "../scheduling";
import type { Server } from "../server";
import type { ExternalWebSocket } from "../session/external-connections";
import type { Socket } from "../session/socket";
import { FrameReader, frameHeader } from "../session/webtransport-frames";
import { refuseHandshake } from "./admission";
import { announceSession, firstPackets, offerExternal } from "./open-session";
import { report } from "./verify";

const debug = createDebug("engine:webtransport");

/** The members of a stream that are used. */
interface Stream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** The members of a WebTransport session that are used. */
interface Session {
  readonly incomingBidirectionalStreams: ReadableStream<Stream>;
  readonly closed: Promise<unknown>;
  close(): void;
}

/** Stands for a packet that cannot be read: no packet is empty. */
const UNREADABLE = "";

function isSession(session: any): session is Session {
  return (
    typeof session?.incomingBidirectionalStreams?.getReader === "function" &&
    typeof session.closed?.then === "function" &&
    typeof session.close === "function"
  );
}

function closeSession(session: Session): void {
  attempt(() => session.close());
}

/** Calls a function that may fail, now or later, once the client is gone. */
async function attempt(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    debug("failed: %s", error);
  }
}

/** Serves a session, unless its client does not begin in time, or badly. */
export async function takeWebTransport(server: Server, session: unknown): Promise<void> {
  if (!isSession(session)) throw new TypeError("this is no WebTransport session");
  const streams = session.incomingBidirectionalStreams.getReader();
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<null>((resolve) => {
    const end = () => resolve(null);
    timer = setTimeout(end, delay(server.opts.upgradeTimeout));
    session.closed.then(end, end);
  });
  // A middleware expects to be asked first.
  const refused = server.middlewares.length > 0;
  const stream = refused ? null : await Promise.race([firstOf(streams), over]);
  const socket = stream === null ? null : socketOn(session, stream, server);
  const taken = socket !== null && (await Promise.race([begin(server, socket), over]));
  clearTimeout(timer);
  if (taken) return;
  debug("the session is closed: it has not begun");
  if (socket === null) closeSession(session);
  else socket.terminate();
}

async function firstOf(streams: ReadableStreamDefaultReader<Stream>): Promise<Stream | null> {
  try {
    return (await streams.read()).value ?? null;
  } catch (error) {
    debug("no stream: %s", error);
    return null;
  }
}

function socketOn(session: Session, stream: Stream, server: Server): StreamSocket | null {
  try {
    const tooLong = () => server._options.reached(Bound.MessageBytes);
    return new StreamSocket(session, stream, Number(server.opts.maxHttpBufferSize), tooLong);
  } catch (error) {
    debug("a stream that cannot be used: %s", error);
    return null;
  }
}

/** Handles the first packet, before the next one. Returns false if no session begins with it. */
function begin(server: Server, socket: StreamSocket): Promise<boolean> {
  return new Promise((resolve) => {
    const isTaken = () => resolve(socket.listenerCount("message") > 0);
    socket.once("message", (packet: string | Buffer) => {
      try {
        open(server, socket, packet);
      } finally {
        // A listener's exception is not the client's fault.
        isTaken();
      }
    });
    socket.read().then(() => resolve(false));
  });
}

/** The open packet names the session to be moved, if there is one. */
function open(server: Server, socket: StreamSocket, packet: string | Buffer): void {
  if (packet === "0") {
    const full = refuseHandshake(server, null);
    if (full === null) openSession(server, socket);
    else report(server, null, full);
    return;
  }
  const conn = typeof packet === "string" && packet[0] === "0" && named(server, packet.slice(1));
  if (conn) offerExternal(conn, socket, PacketForm.V4, "webtransport");
}

function named(server: Server, text: string): Socket | undefined {
  let sid: unknown;
  try {
    sid = JSON.parse(text)?.sid;
  } catch {
    return undefined;
  }
  const { clients } = server;
  return typeof sid === "string" && Object.hasOwn(clients, sid) ? clients[sid] : undefined;
}

function openSession(server: Server, socket: StreamSocket): void {
  const id = engine.generateId();
  const { handle, messages } = engine.openExternal(server._options, {
    sid: id,
    ...firstPackets(server, id, "webtransport"),
    form: PacketForm.V4,
    external: true,
    pumped: false,
    webtransport: true,
    raw: !server._decodesNatively,
  });
  const conn = server._keep({
    server,
    id,
    handle,
    protocol: 4,
    websocket: true,
    jsonp: undefined,
    remoteAddress: undefined,
    request: null,
    packed: null,
    pollsNatively: false,
  });
  conn._takeExternal(socket, false, PacketForm.V4, "webtransport");
  for (const message of messages) conn._onframe(false, message);
  announceSession(server, conn);
}

/** A stream, used like a WebSocket. */
class StreamSocket extends EventEmitter implements ExternalWebSocket {
  private readonly reader;
  private readonly writer;
  private readonly frames: FrameReader;
  /** Packets being written. */
  private writing = 0;
  private closing = false;
  private closed = false;
  /** Settled when reading goes on; null while it does. */
  private pausing: Promise<void> | null = null;
  private goOn: () => void = () => {};

  constructor(
    private readonly session: Session,
    stream: Stream,
    maxLength: number,
    private readonly tooLong: () => void,
  ) {
    super();
    this.reader = stream.readable.getReader();
    this.writer = stream.writable.getWriter();
    this.frames = new FrameReader(maxLength);
    // Each write tells too.
    attempt(() => this.writer.closed);
  }

  /** Gives packets as messages, until the stream ends. That alone does not end the session. */
  async read(): Promise<void> {
    const lost = (error: unknown) => this.listenerCount("error") > 0 && this.emit("error", error);
    this.session.closed.then(() => this.emit("close"), lost);
    try {
      for (;;) {
        const { done, value } = await this.reader.read();
        if (done || this.closed) return;
        if (this.pausing !== null) await this.pausing;
        const readable = this.frames.push(value, (content, binary) => {
          this.tell(binary ? content : content.toString(), binary);
        });
        if (this.frames.isTooLong) this.tooLong();
        if (!readable) return this.tell(UNREADABLE, false);
      }
    } catch (error) {
      debug("the stream broke: %s", error);
    }
  }

  /** Gives no more messages until {@link resume}, but for those that have come already. */
  pause(): void {
    this.pausing ??= new Promise((resolve) => {
      this.goOn = resolve;
    });
  }

  resume(): void {
    this.pausing = null;
    this.goOn();
  }

  /** An exception of the application's listeners is thrown by itself. */
  private tell(packet: string | Buffer, binary: boolean): void {
    try {
      this.emit("message", packet, binary);
    } catch (error) {
      throwLater(error);
    }
  }

  send(packet: string | Uint8Array, callback: () => void): void {
    const binary = typeof packet !== "string";
    const content = binary ? packet : Buffer.from(packet);
    const frame = Buffer.concat([frameHeader(content.length, binary), content]);
    // A stream that broke takes no packet; whether the session has ended, it tells itself.
    const done = () => {
      this.writing--;
      callback();
      if (this.closing) this.close();
    };
    const written = this.writer.write(frame);
    this.writing++;
    written.then(done, done);
  }

  /** Closes the session after what was sent. */
  close(): void {
    this.closing = true;
    if (this.writing === 0) this.terminate();
  }

  terminate(): void {
    if (this.closed) return;
    this.closed = true;
    this.resume();
    attempt(() => this.reader.cancel());
    closeSession(this.session);
  }
}
