/**
 * The TCP sockets of WebSockets that the native engine serves, as the application sees them.
 *
 * A `net.Socket` that somebody may hold stays open for as long as its connection: its handle speaks
 * to the native connection. One that nobody has seen is destroyed when its connection is taken
 * over, and another one is made if somebody asks for it.
 */
import type { Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import { bufferedBytes, engine, flush, hold, release } from "../native/binding";
import { EndMode } from "../native/contract";
import { registerStream, type StreamEvents } from "../native/stream-table";
import {
  countQueued,
  createSocket,
  type End,
  endsOf,
  type ForeignConnection,
  replaceHandle,
  serverOf,
} from "../node-internals";
import { isListenedTo, isUnobserved } from "../own-listeners";
import { nextTick, setImmediate } from "../scheduling";
import { abandonPoll } from "./polling-http";
import type { Socket } from "./socket";

/**
 * True if the application may hold a socket that asks for an upgrade: a listener or an earlier
 * request has shown it.
 */
export function isHeld(socket: NetSocket): boolean {
  const server = serverOf(socket) as any;
  return (
    server === undefined ||
    server !== (socket as any).server ||
    socket.bytesWritten > 0 ||
    isListenedTo(server, "connection") ||
    isListenedTo(server, "upgrade") ||
    !isUnobserved(server)
  );
}

/** A connection of the native engine that a `net.Socket` of the application stands for. */
export class HeldConnection implements ForeignConnection, StreamEvents {
  readonly number = engine.nextStream();
  readonly local: End;
  readonly remote: End;
  private socket: NetSocket | null = null;
  /** The handle of the session whose WebSocket it is; null while there is none. */
  private session: number | null = null;
  private counts: readonly [read: number, written: number];
  private onended: (() => void) | null = null;
  private isOver = false;
  private referenced = true;

  constructor(ends: { local: End; remote: End }, counts: readonly [number, number] = [0, 0]) {
    this.local = ends.local;
    this.remote = ends.remote;
    this.counts = counts;
    registerStream(this.number, this);
  }

  /** Ends with the connection. */
  hand(socket: NetSocket): void {
    this.socket = socket;
  }

  /** Counts the bytes of a session's WebSocket. */
  carry(session: number): void {
    this.session = session;
  }

  private get traffic(): readonly [read: number, written: number] {
    if (this.isOver || this.session === null) return this.counts;
    const counts = engine.connectionTraffic(this.session);
    // Zero: the news that it carries the session is on its way.
    if (counts != null && counts[0] > 0) this.counts = counts as [number, number];
    return this.counts;
  }

  get bytesRead(): number {
    return this.traffic[0];
  }

  get bytesWritten(): number {
    return this.traffic[1];
  }

  get bytesQueued(): number {
    return this.isOver || this.session === null ? 0 : bufferedBytes(this.session);
  }

  shutdown(): void {
    this.ask(EndMode.Shutdown);
  }

  close(reset: boolean, done: () => void): void {
    if (this.isOver) {
      nextTick(done);
      return;
    }
    this.onended = done;
    this.ask(reset ? EndMode.Reset : EndMode.Close);
  }

  private ask(how: number): void {
    if (this.isOver) return;
    // Messages that this tick has sent before go out first.
    flush();
    engine.endConnection(this.number, how);
  }

  write(bytes: Uint8Array): void {
    if (this.isOver) return;
    flush();
    engine.writeRaw(this.number, Buffer.from(bytes));
  }

  keepAlive(on: boolean, seconds: number): void {
    engine.keepConnectionAlive(this.number, on, seconds);
  }

  reference(on: boolean): void {
    if (this.isOver || on === this.referenced) return;
    this.referenced = on;
    if (on) hold();
    else release();
  }

  // Called for streams that are pumped only.
  taken(): void {}

  /** The native connection has ended. */
  end(_abort: boolean, read: number, written: number): void {
    // The end of a stream releases what its beginning held.
    if (!this.referenced) hold();
    if (read + written > 0) this.counts = [read, written];
    this.isOver = true;
    if (this.onended !== null) return this.onended();
    const { socket } = this;
    if (socket === null || socket.destroyed) return;
    // Listeners of `end` hear of it, if they read.
    socket.push(null);
    socket.resume();
    setImmediate(() => socket.destroy());
  }
}

/** Keeps a socket of the application open for a connection that the native engine has taken. */
export function keepSocket(socket: NetSocket, connection: HeldConnection): void {
  replaceHandle(socket, connection);
  connection.hand(socket);
}

/** The connection for a socket that is about to be taken over. */
export function holdSocket(socket: NetSocket): HeldConnection {
  return new HeldConnection(endsOf(socket), [socket.bytesRead, socket.bytesWritten]);
}

// --- the sockets of sessions ----------------------------------------------------------------------

/** The stream of the WebSocket that carries a session, and of the one that an upgrade tries. */
interface Streams {
  main?: Duplex;
  probe?: Duplex;
}

/** The streams of sessions that the application may hold. */
const streams = new WeakMap<Socket, Streams>();

/** Notes the stream of a session's WebSocket; `connection`: it is served natively. */
export function setStream(
  conn: Socket,
  stream: Duplex,
  connection: HeldConnection | null,
  probe: boolean,
): void {
  const known = streams.get(conn) ?? {};
  if (probe) known.probe = stream;
  else known.main = stream;
  streams.set(conn, known);
  if (connection !== null) connection.carry(conn._handle);
  // A pumped stream: what waits for it natively has not reached it.
  else countQueued(stream, () => (conn.readyState === "closed" ? 0 : bufferedBytes(conn._handle)));
}

/** The WebSocket that an upgrade tried carries the session from now on. */
export function promoteStream(conn: Socket): void {
  const known = streams.get(conn);
  if (known !== undefined) streams.set(conn, { main: known.probe });
}

/** The ends of the connection that a request came over. */
export interface RequestEnds {
  remote: End;
  local: End;
}

/** The socket for a request that is built again, at the ends that are known of it. */
export function requestSocket(conn: Socket, ends: RequestEnds): NetSocket {
  if (!conn._isCarriedByRequest) return pollingSocket(conn, ends);
  const known = streams.get(conn)?.main;
  if (known !== undefined) return known as NetSocket;
  // The end of a connection is told to one socket: that of its WebSocket is the same.
  const socket = watchSession(conn, ends);
  streams.set(conn, { main: socket });
  return socket;
}

/** The TCP socket of the WebSocket that carries a session. */
export function webSocketStream(conn: Socket): Duplex {
  const known = streams.get(conn)?.main;
  if (known !== undefined) return known;
  // A WebSocket that began with the session came with the session's request.
  const { request } = conn;
  if (conn._isCarriedByRequest && request !== null) return request.socket;
  const ends = engine.connectionEnds(conn._handle);
  if (ends == null) return request?.socket ?? endedSocket(endsKnown(conn));
  const { family, localAddress, localPort, remoteAddress, remotePort } = ends;
  const socket = watchSession(conn, {
    local: { address: localAddress, family, port: localPort },
    remote: { address: remoteAddress, family, port: remotePort },
  });
  streams.set(conn, { main: socket });
  return socket;
}

/** The ends of a connection of which nothing is known but the client's address. */
function endsKnown({ remoteAddress: address }: Socket): RequestEnds {
  const nothing = { address: undefined, family: undefined, port: undefined };
  return { remote: { ...nothing, address }, local: nothing };
}

/** A socket for the WebSocket that carries a session and of which Node knows nothing. */
function watchSession(conn: Socket, ends: RequestEnds): NetSocket {
  if (conn.readyState === "closed") return endedSocket(ends);
  const connection = new HeldConnection(ends);
  connection.carry(conn._handle);
  hold();
  engine.watchConnection(conn._handle, connection.number);
  const socket = createSocket(connection);
  connection.hand(socket);
  return socket;
}

/** A socket for the connection over which a session that polls was opened: it is Node's own. */
function pollingSocket(conn: Socket, ends: RequestEnds): NetSocket {
  if (conn.readyState === "closed") return endedSocket(ends);
  let ended = false;
  const end = () => {
    if (!ended) abandonPoll(conn);
    ended = true;
  };
  const socket = createSocket(unknownConnection(ends, end));
  conn.once("close", () => {
    ended = true;
    socket.destroy();
  });
  return socket;
}

/** A socket for a connection that has ended: it knows the client's address. */
function endedSocket(ends: RequestEnds): NetSocket {
  const socket = createSocket(unknownConnection(ends, () => {}));
  // Node remembers it when it has been read.
  void socket.remoteAddress;
  return socket.destroy();
}

/** A connection of which nothing but its ends is known; `end` is called when it is to end. */
function unknownConnection(ends: RequestEnds, end: () => void): ForeignConnection {
  return {
    ...ends,
    bytesRead: 0,
    bytesWritten: 0,
    bytesQueued: 0,
    shutdown: end,
    close(_reset, done) {
      end();
      nextTick(done);
    },
    keepAlive() {},
    write() {},
    reference() {},
  };
}
