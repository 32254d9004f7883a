/** WebSocket upgrades: checks, the 101, and the connection's way into the native engine. */
import type { Server as NetServer, Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import { type Connection, engine, flush, hold, type NativeOptions } from "../native/binding";
import { takeStreamWrites } from "../native/inbound";
import { feed, holdOutput, runInline, written } from "../native/inline";
import {
  forgetStream,
  registerStream,
  setAdoptedEnd,
  writeStream,
  writeTogether,
} from "../native/stream-table";
import {
  adoptableDescriptor,
  connectionsOf,
  countConnection,
  isReplaceable,
  readHandleOf,
  serverOf,
  streamUnder,
  takeReads,
  uncountConnection,
} from "../node-internals";
import { finish, isHttp2Stream, respond, UNAVAILABLE } from "../refuse-upgrade";
import type { RefusalName } from "../session/engine-counts";
import { type EngineRequest, packetForm } from "../session/request-snapshot";
import { type HeldConnection, holdSocket, keepSocket } from "../session/tcp-sockets";

/** An upgrade request as Node gives it. */
export interface UpgradeRequest {
  req: EngineRequest;
  socket: Duplex;
  /** Bytes that followed the request. */
  head: Buffer;
  /** False if the connection keeps no contexts of compression, as its answer says. */
  keepsContexts?: boolean;
}

/** Takes an accepted WebSocket. */
export interface Acceptor {
  /** True if the application may hold the socket: it stays open then. */
  readonly isHeld: boolean;
  /** The request is refused, or its client has gone. */
  refused(reason: RefusalName): void;
  /** Tells of the lines of the answer, which may be changed. */
  announce(lines: string[]): void;
  /** Answers a bad request; false: it does not. */
  answerBad(): boolean;
  /** Hands the connection to the native engine; may throw. */
  attach(connection: Connection): void;
  /**
   * The engine has it; the addresses of the socket can still be read.
   *
   * @param stream - the socket, if it stays
   * @param held - the native connection that it stands for, if it is not pumped
   */
  attached?(stream: Duplex | null, held: HeldConnection | null): void;
}

/** Stands for the key of a request over HTTP/2, which has none. */
const NO_KEY = "AAAAAAAAAAAAAAAAAAAAAA==";

/** Answers a request with 101 and hands its connection over; or refuses it. */
export function acceptUpgrade(
  upgrade: UpgradeRequest,
  options: NativeOptions,
  closed: boolean,
  headerLines: () => string[] | null,
  acceptor: Acceptor,
): void {
  const { req, socket } = upgrade;
  const { headers } = req;
  const isTunnel = isHttp2Stream(socket);
  const checked = engine.checkUpgrade(
    options,
    isTunnel ? "websocket" : headers.upgrade,
    isTunnel ? NO_KEY : headers["sec-websocket-key"],
    headers["sec-websocket-version"] as string | undefined,
    headers["sec-websocket-protocol"],
    headers["sec-websocket-extensions"],
  );
  const refusal = checked.refusal ?? (closed ? UNAVAILABLE : null);
  if (refusal !== null) {
    acceptor.refused(checked.refusal == null ? "closed" : "badWebSocketRequest");
    if (checked.refusal != null && acceptor.answerBad()) return;
    return finish(socket, refusal);
  }
  if (!socket.readable || !socket.writable) {
    acceptor.refused("aborted");
    socket.destroy();
    return;
  }
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${checked.accept}`,
  ];
  if (checked.protocol != null) lines.push(`Sec-WebSocket-Protocol: ${checked.protocol}`);
  if (checked.extensions != null) {
    lines.push(`Sec-WebSocket-Extensions: ${checked.extensions}`);
  }
  const more = headerLines();
  if (more === null) return;
  upgrade.keepsContexts = checked.keepsContexts;
  lines.push(...more);
  acceptor.announce(lines);
  const response = `${lines.join("\r\n")}\r\n\r\n`;
  // The server's timeout is for requests; frames are not to wait for one another.
  (socket as Partial<NetSocket>).setTimeout?.(0);
  (socket as Partial<NetSocket>).setNoDelay?.();
  whenWritten(socket, () => handOver(upgrade, response, acceptor));
}

/** An answer to an earlier request of the connection must be out before the socket is taken. */
function whenWritten(socket: Duplex, callback: () => void): void {
  if (socket.writableLength === 0) return callback();
  socket.write("", () => {
    if (!socket.destroyed) callback();
  });
}

function handOver(upgrade: UpgradeRequest, response: string, acceptor: Acceptor): void {
  const socket = upgrade.socket as NetSocket;
  const fd = adoptableDescriptor(socket);
  const isHeld = acceptor.isHeld && fd !== null;
  if (fd === null || (isHeld && !isReplaceable(socket))) return pump(upgrade, response, acceptor);
  readHandleOf(socket)?.readStop();
  const head = pending(upgrade);
  // The one that accepted it, which counts it; `server` may name another.
  const server = serverOf(socket);
  const held = isHeld ? holdSocket(socket) : null;
  const { bytesRead, bytesWritten } = socket;
  const connection = {
    stream: held === null ? ownerNumber(server) : held.number,
    fd,
    bytesRead,
    bytesWritten,
    ...connectionFields(upgrade, head, response),
  };
  if (!attach(acceptor, connection)) {
    if (held !== null) forgetStream(held.number);
    socket.destroy();
    return;
  }
  if (held !== null) {
    keepSocket(socket, held);
    acceptor.attached?.(socket, held);
    return;
  }
  if (server !== undefined) countConnection(server);
  try {
    acceptor.attached?.(null, null);
  } finally {
    socket.destroy();
  }
}

/** Returns false if the system has no descriptor left: one client is lost, and nothing crashes. */
function attach(acceptor: Acceptor, connection: Connection): boolean {
  try {
    acceptor.attach(connection);
  } catch {
    acceptor.refused("aborted");
    return false;
  }
  hold();
  runInline(false);
  return true;
}

/** The description of a connection for the native engine. */
function connectionFields({ req, keepsContexts }: UpgradeRequest, head: Buffer, response: string) {
  const extensions = req.headers["sec-websocket-extensions"];
  return {
    head: head.length > 0 ? head : undefined,
    response,
    extensions,
    keepsContexts,
    form: packetForm(req),
  };
}

/** The bytes that have been received and not been read: they came with the request, or after it. */
function pending({ socket, head }: UpgradeRequest): Buffer {
  const chunks = [head];
  // From Node 26 on one call gives one chunk.
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  return chunks.length === 1 ? head : Buffer.concat(chunks);
}

/** Servers that sockets were taken from; a connection's number is its server's place here. */
const owners: (NetServer | undefined)[] = [undefined];

function ownerNumber(server: NetServer | undefined): number {
  const known = owners.indexOf(server);
  if (known !== -1) return known;
  const free = owners.findIndex((owner, i) => i > 0 && owner !== undefined && !isInUse(owner));
  if (free !== -1) {
    owners[free] = server;
    return free;
  }
  return owners.push(server) - 1;
}

function isInUse(server: NetServer): boolean {
  return server.listening || connectionsOf(server) > 0;
}

// An adopted connection still counts as one of its server, so that `close()` waits for it.
setAdoptedEnd((owner) => {
  const server = owners[owner];
  if (server !== undefined) uncountConnection(server);
});

const NO_BYTES = Buffer.alloc(0);

/** Bytes fed to the engine before it is asked whether it has taken them. */
const FEED_WINDOW = 256 * 1024;

/** A stream that falls behind may keep so many bytes of others. */
const SHARED_BYTES = 64 * 1024;

/** Feeds the engine from a stream that cannot be adopted, and writes the bytes that it gives. */
function pump(upgrade: UpgradeRequest, response: string, acceptor: Acceptor): void {
  const { socket } = upgrade;
  if (isHttp2Stream(socket)) {
    if (respond(socket, response) === null) {
      acceptor.refused("aborted");
      socket.destroy();
      return;
    }
    response = "";
  }
  const stream = engine.nextStream();
  let isOver = false;
  /** Bytes that the socket has not written yet. */
  let waiting = 0;
  registerStream(stream, {
    write(data) {
      const { length } = data;
      if (length === 0) return void socket.end();
      // A stream that is behind, or is from now on, keeps what it gets: without the bytes of all others
      // beside it.
      const { byteLength } = data.buffer;
      const isPart = length < byteLength / 2;
      const own = isPart && (waiting > 0 || byteLength > SHARED_BYTES) ? Buffer.from(data) : data;
      waiting += length;
      socket.write(own, () => {
        waiting -= length;
        if (!isOver) written(stream, length);
      });
    },
    taken() {
      socket.resume();
    },
    end(abort) {
      isOver = true;
      if (abort) return socket.destroy();
      finish(socket);
    },
  });
  const ended = () => {
    if (!isOver) feed(stream, NO_BYTES);
  };
  const connection = {
    stream,
    bytesRead: 0,
    bytesWritten: 0,
    ...connectionFields(upgrade, pending(upgrade), response),
  };
  if (!attach(acceptor, connection)) {
    forgetStream(stream);
    socket.destroy();
    return;
  }
  let fed = 0;
  const take = (chunk: Uint8Array) => {
    // The session has ended: later bytes of its client are dropped.
    if (isOver) return;
    feed(stream, chunk);
    fed += chunk.length;
    if (fed < FEED_WINDOW) return;
    fed = 0;
    socket.pause();
    engine.awaitTaken(stream);
  };
  socket.on("data", take);
  takeReads(socket, take);
  socket.once("end", ended);
  socket.once("close", ended);
  writeBeforeEnd(socket, stream, () => isOver);
  const under = streamUnder(socket);
  if (under !== null) writeBeforeEnd(under, stream, () => isOver || !socket.writable);
  acceptor.attached?.(socket, null);
}

/**
 * Writes the frames that were sent before the application ends a pumped stream, before it ends: they
 * would have been written at once by another server.
 */
function writeBeforeEnd(socket: Duplex, stream: number, isOver: () => boolean): void {
  const precede = <F extends (...args: any[]) => unknown>(method: F): F =>
    function (this: Duplex, ...args: unknown[]) {
      // A stream that has ended or failed by itself takes no bytes.
      const isHealthy = !isOver() && socket.writable && !socket.readableEnded && !socket.errored;
      if (isHealthy) writePumped(stream);
      return method.apply(this, args);
    } as F;
  socket.end = precede(socket.end);
  socket.destroy = precede(socket.destroy);
}

/** More bytes are not taken from the engine when the application ends a pumped stream. */
const MAX_WRITTEN_BYTES = 16 << 20;

/** Writes the frames of a pumped stream that is about to end, without dispatching other records. */
function writePumped(ending: number): void {
  holdOutput(() => writeTogether(ending, takeLast(ending)));
}

/** Takes the bytes for a stream that is about to end; those for others are written. */
function takeLast(ending: number): Buffer[] {
  const last: Buffer[] = [];
  flush();
  let isMore = true;
  for (let bytes = 0; isMore && bytes < MAX_WRITTEN_BYTES; ) {
    isMore = false;
    engine.settle();
    for (const [stream, data] of takeStreamWrites()) {
      if (stream !== ending) {
        writeStream(stream, data);
        continue;
      }
      last.push(data);
      // It stands in the buffer of the stream soon: the engine gives what follows.
      written(stream, data.length);
      bytes += data.length;
      isMore = true;
    }
  }
  return last;
}
