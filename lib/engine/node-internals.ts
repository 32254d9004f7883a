/**
 * The private parts of Node that this package touches: all of them stand here. They are checked
 * when the package is loaded, and each handle when it is first seen. Where one is not as expected,
 * the functions answer `null` or `false`, and their callers take a way that needs public
 * interfaces only: Node's own listener for a port, a stream that Node reads for a WebSocket.
 */
import { executionAsyncId } from "node:async_hooks";
import cluster from "node:cluster";
import { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Taking } from "./native/contract";
import { nextTick } from "./scheduling";

import net = require("node:net");

import createDebug = require("debug");

const debug = createDebug("engine");

const noop = () => {};

// --- what is there ------------------------------------------------------------------------------

/** The names by which a socket knows the memory that it reads into, and whom it tells. */
const READ_NAMES = readNames();

function readNames(): (symbol | undefined)[] {
  const symbols = Object.getOwnPropertySymbols(new net.Socket());
  const named = (name: string) => symbols.find(({ description }) => description === name);
  return ["kBuffer", "kBufferCb", "kBufferGen"].map(named);
}

/** The groups of private members, each true if all of its members are as expected. */
function inspect() {
  const server = new net.Server() as any;
  const { prototype } = net.Socket as any;
  const found = {
    /** A server can be given a bound handle to listen on. */
    listening:
      typeof (net as any)._createServerHandle === "function" &&
      typeof server._listen2 === "function" &&
      "_handle" in server,
    /** The number of a server's connections can be changed. */
    counting:
      typeof server._connections === "number" && typeof server._emitCloseIfDrained === "function",
    /** A socket can be given another handle. */
    handles: typeof Object.getOwnPropertyDescriptor(prototype, "_handle")?.set === "function",
    /** A socket can be made to read into memory that it is given, as its option `onread` does it. */
    reading: READ_NAMES.every((symbol) => symbol !== undefined),
    /** Headers can be added to a request as Node's parser does it. */
    headers:
      typeof (require("node:http") as any).IncomingMessage.prototype._addHeaderLines === "function",
  };
  for (const [name, is] of Object.entries(found)) {
    if (!is) debug("this Node differs: %s", name);
  }
  return found;
}

const found = inspect();

// --- a port ---------------------------------------------------------------------------------------

/** A handle that listens. */
export interface ListenHandle {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  listen(backlog: number): number;
  close(callback?: () => void): void;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

/** Gives the handle that a server is to listen on; `null`: Node is to make it. */
export type Bind = (
  address: string | null,
  port: number,
  type: number,
  fd: number | undefined,
  flags: number | undefined,
) => ListenHandle | null;

/**
 * Has `bind` asked for a handle when a server begins to listen.
 *
 * @returns false if this Node does not let that be done
 */
export function interceptListen(server: HttpServer, bind: Bind): boolean {
  if (!found.listening || !found.counting) return false;
  const own = server as any;
  const listen = own._listen2;
  own._listen2 = (
    address: string | null,
    port: number,
    type: number,
    ...rest: [number, number | undefined, number | undefined]
  ) => {
    if (!own._handle) own._handle = bind(address, port, type, rest[1], rest[2]);
    listen.call(own, address, port, type, ...rest);
  };
  return true;
}

/** A bound handle, of either family if there is no address; `null`: Node is to tell what is wrong. */
export function createListenHandle(
  address: string | null,
  port: number,
  type: number,
  fd: number | undefined,
  flags: number | undefined,
): ListenHandle | null {
  const create: (...args: unknown[]) => ListenHandle | number = (net as any)._createServerHandle;
  let handle: ListenHandle | number;
  try {
    if (address) {
      handle = create(address, port, type, fd, flags);
    } else {
      // As Node does: any address of either family.
      handle = create("::", port, 6, fd, flags);
      if (typeof handle === "number") handle = create("0.0.0.0", port, 4, fd, flags);
    }
  } catch (error) {
    // Another runtime than Node, which has the function in name only.
    debug("no handle to listen on: %s", error);
    return null;
  }
  if (typeof handle === "number") return null;
  const isWhole = typeof handle.fd === "number" && handle.fd >= 0;
  if (isWhole && typeof handle.getsockname === "function") {
    rememberTcp(handle);
    return handle;
  }
  handle.close();
  return null;
}

// --- connections that a server accepts -------------------------------------------------------------

/** A TCP connection for which Node has made no socket yet. */
export interface AcceptedHandle extends ReadHandle {
  readonly fd: number;
  /** The number of bytes that were read of it. */
  readonly bytesRead: number;
  /** Called with a chunk; with anything else at the end, or after an error. */
  onread: unknown;
  setKeepAlive?(on: boolean, seconds: number): unknown;
  close(): void;
}

/** The type of a handle that is a connection. */
const SOCKET = 0;

/** Hears of the connections that a server accepts. */
export interface Acceptance {
  /** Takes a connection of which nothing has been read, or tells what becomes of it. */
  take(handle: AcceptedHandle): Taking;
  /**
   * Waits for what comes of a silent connection.
   *
   * @param pass - has Node serve the connection, with what was read of it
   */
  wait(handle: AcceptedHandle, pass: (chunk?: ArrayBuffer | null) => void): void;
  /**
   * Accepts further connections of a listening socket, and takes them.
   *
   * @returns the descriptor of one that it has accepted and not taken; -1 if there is none
   */
  takeMore(listening: number): number;
  /** The server stops listening. */
  closed(): void;
}

/**
 * Hears of the connections that a listening server accepts, before Node makes sockets for them.
 *
 * @returns false if this Node does not let that be done
 */
export function interceptAccepted(server: HttpServer, acceptance: Acceptance): boolean {
  const own = server as any;
  const listening = own._handle;
  if (!found.counting || typeof listening?.onconnection !== "function") return false;
  const { onconnection, close } = listening;
  /** Returns true if the connection is taken. */
  const offer = (handle: AcceptedHandle): boolean => {
    if (own.keepAlive) handle.setKeepAlive?.(true, own.keepAliveInitialDelay);
    const taking = acceptance.take(handle);
    if (taking === Taking.Taken) return true;
    const accept = () => onconnection.call(listening, 0, handle);
    if (taking === Taking.Silent) acceptance.wait(handle, (chunk) => passOn(handle, accept, chunk));
    else accept();
    return false;
  };
  listening.onconnection = (error: unknown, handle: any) => {
    if (error || !isAcceptedTcp(handle)) return onconnection.call(listening, error, handle);
    // Workers of a cluster share the connections evenly.
    if (!offer(handle) || own.keepAlive || cluster.isWorker) return;
    const fd = acceptance.takeMore(listening.fd);
    if (fd >= 0) offer(openLike(handle, fd));
  };
  listening.close = (callback: unknown) => {
    acceptance.closed();
    close.call(listening, callback);
  };
  return true;
}

/** A handle for the descriptor of a connection, of the class of another one. */
function openLike({ constructor: Handle }: any, fd: number): AcceptedHandle {
  const handle = new Handle(SOCKET);
  handle.open(fd);
  return handle;
}

function isAcceptedTcp(handle: any): handle is AcceptedHandle {
  const isTcp = handle?.constructor?.name === "TCP" && handle.fd >= 0 && handle.bytesRead === 0;
  return isTcp && typeof handle.readStart === "function" && typeof handle.readStop === "function";
}

/**
 * The bytes of the first chunk of a connection. Its memory may be longer than they, from Node 24 on: what
 * stands behind them is not the client's.
 */
export function bytesOf(handle: AcceptedHandle, chunk: ArrayBuffer): Buffer {
  return Buffer.from(chunk, 0, Math.min(handle.bytesRead, chunk.byteLength));
}

/** Reads the first chunk of a connection; `null`: it has ended or failed. */
export function readFirstChunk(
  handle: AcceptedHandle,
  callback: (chunk: ArrayBuffer | null) => void,
): void {
  handle.onread = (chunk: unknown) => callback(chunk instanceof ArrayBuffer ? chunk : null);
  handle.readStart();
}

/** Has Node serve a connection, and gives the socket that it makes what was read before. */
function passOn(handle: AcceptedHandle, accept: () => void, chunk?: ArrayBuffer | null): void {
  handle.onread = noop;
  // A handle that has ended or failed cannot begin to read again, and Node would tell that error.
  if (chunk === null)
    Object.defineProperty(handle, "readStart", { value: () => 0, configurable: true });
  else handle.readStop();
  try {
    accept();
  } finally {
    if (chunk === null) delete (handle as Partial<AcceptedHandle>).readStart;
    // The number of bytes, or of the error, is still where Node looks for it. A listener that throws
    // does not keep the others from serving the connection.
    const { onread } = handle;
    if (chunk !== undefined && typeof onread === "function")
      onread.call(handle, chunk ?? undefined);
  }
}

/** Symbols of the classes that an HTTP server makes requests and answers of, by their names. */
const CLASSES = { IncomingMessage, ServerResponse } as Record<string, unknown>;

const plain = new HttpServer() as any;

/**
 * Returns true if an HTTP server parses requests as it does without options, makes objects of Node's
 * own classes of them, and accepts all connections.
 */
export function isPlainHttpServer(server: HttpServer): boolean {
  const own = server as any;
  const isParsedAlike = [
    "insecureHTTPParser",
    "maxHeaderSize",
    "joinDuplicateHeaders",
    "requireHostHeader",
    "pauseOnConnect",
    "blockList",
  ].every((name) => own[name] === plain[name]);
  const hasOwnClasses = Object.getOwnPropertySymbols(own).some((symbol) => {
    const expected = CLASSES[symbol.description as string];
    return expected !== undefined && own[symbol] !== expected;
  });
  // Node makes a function for each server.
  const { shouldUpgradeCallback } = own;
  const upgradesAlike = String(shouldUpgradeCallback) === String(plain.shouldUpgradeCallback);
  return isParsedAlike && !hasOwnClasses && upgradesAlike;
}

// --- connections of a server ------------------------------------------------------------------

/** The number of connections that a server counts. */
export function connectionsOf(server: net.Server): number {
  return (server as any)._connections;
}

/** Has a server count one more connection. */
export function countConnection(server: net.Server): void {
  (server as any)._connections++;
}

/** The opposite of {@link countConnection}: `close()` of the server may be complete. */
export function uncountConnection(server: net.Server): void {
  (server as any)._connections--;
  (server as any)._emitCloseIfDrained();
}

/** The server that accepted a socket and counts it. */
export function serverOf(socket: Duplex): net.Server | undefined {
  return (socket as any)._server ?? undefined;
}

/**
 * Lets a socket be one that `server` has accepted, and counts it.
 *
 * @param bytesRead - bytes that were read of its connection before Node knew it
 */
export function setServer(socket: net.Socket, server: net.Server, bytesRead: number): void {
  countConnection(server);
  (socket as any).server = server;
  (socket as any)._server = server;
  const handle = (socket as any)._handle;
  const count = findGetter(handle, "bytesRead");
  if (count === undefined) return;
  Object.defineProperty(handle, "bytesRead", {
    get: () => bytesRead + count.call(handle),
    configurable: true,
  });
}

/** The getter of a property, wherever on the chain of prototypes it stands. */
function findGetter(object: object, name: string): (() => number) | undefined {
  for (let at = object; at != null; at = Object.getPrototypeOf(at)) {
    const property = Object.getOwnPropertyDescriptor(at, name);
    if (property !== undefined) return property.get;
  }
  return undefined;
}

/** Node's own listener for the connections of an HTTP server. */
const [connectionListener] = new HttpServer().listeners("connection");

/** Returns true if a listener of `connection` is the one with which Node serves HTTP. */
export function isConnectionListener(listener: unknown): boolean {
  return listener === connectionListener;
}

/** Puts a listener in the place of another, without the events that tell of listeners. */
export function swapListener(
  emitter: NodeJS.EventEmitter,
  event: string,
  from: unknown,
  to: unknown,
): void {
  const events = (emitter as any)._events;
  const now = events?.[event];
  if (now === from) events[event] = to;
  else if (Array.isArray(now) && now.includes(from)) now[now.indexOf(from)] = to;
}

/** The open sockets that a server has accepted, also those that it does not serve HTTP on any more. */
export function socketsOf(server: net.Server): Duplex[] {
  const handles: unknown = (process as any)._getActiveHandles?.() ?? [];
  if (!Array.isArray(handles)) return [];
  return handles.filter((one) => {
    const accepted = one instanceof net.Socket ? ((one as any)._parent ?? one) : null;
    return accepted !== null && (accepted._server === server || accepted.server === server);
  });
}

// --- sockets ------------------------------------------------------------------------------------

/** The part of a handle that starts and stops reading. */
export interface ReadHandle {
  readStart(): unknown;
  readStop(): unknown;
}

/** The handle of a socket, if it lets reading be stopped; `null`: it is closed or another kind. */
export function readHandleOf(socket: Duplex): ReadHandle | null {
  const handle = (socket as any)._handle;
  const can = typeof handle?.readStop === "function" && typeof handle.readStart === "function";
  return can ? handle : null;
}

/**
 * Returns true if the native engine may adopt a socket: a plain TCP or UNIX socket. The descriptor of
 * a TLS socket carries ciphertext, any other stream has none.
 */
export function isAdoptable(socket: Duplex): boolean {
  if (process.platform === "win32" || !(socket instanceof net.Socket)) return false;
  return !(socket as any).encrypted && !(socket as any)._parent;
}

/** The descriptor of a socket that the native engine may take over. */
export function adoptableDescriptor(socket: Duplex): number | null {
  if (!found.counting || !isAdoptable(socket)) return null;
  const handle = (socket as any)._handle;
  if (typeof handle?.fd !== "number" || handle.fd < 0) return null;
  rememberTcp(handle);
  return handle.fd;
}

/** The memory that sockets read into: what one has read is taken before another one reads. */
let readMemory: Buffer | null = null;
/** A TLS record, and some more. */
const READ_BYTES = 64 * 1024;

/**
 * Has the bytes of a TLS socket taken as they come, without a buffer for each and without events, as
 * long as `take` is its only listener of `data` and nothing keeps it from flowing. It is a stream as
 * before otherwise.
 *
 * @param take - takes bytes, which are valid during the call only
 */
export function takeReads(socket: Duplex, take: (bytes: Uint8Array) => void): void {
  const own = socket as any;
  const [memory, callback, generator] = READ_NAMES as symbol[];
  if (!found.reading || !own.encrypted || own[memory] !== null) return;
  const { _handle: handle } = own;
  if (typeof handle?.useUserBuffer !== "function") return;
  readMemory ??= Buffer.allocUnsafeSlow(READ_BYTES);
  own[memory] = readMemory;
  own[generator] = null;
  own[callback] = (length: number, buffer: Buffer) => {
    const bytes = buffer.subarray(0, length);
    const flows =
      socket.readableFlowing && socket.readableLength === 0 && socket.readableEncoding === null;
    if (!flows || own._events?.data !== take) return socket.push(Buffer.from(bytes));
    take(bytes);
    return true;
  };
  handle.useUserBuffer(readMemory);
}

/** The stream under a TLS socket that it owns. */
export function streamUnder(socket: Duplex): Duplex | null {
  const under = (socket as any)._parent;
  return under instanceof net.Socket ? under : null;
}

/** The symbol by which a handle knows its socket. */
function ownerSymbol(socket: any): symbol | undefined {
  const handle = socket._handle;
  return Object.getOwnPropertySymbols(handle).find((symbol) => handle[symbol] === socket);
}

/** Returns true if {@link replaceHandle} can be called with a socket. */
export function isReplaceable(socket: Duplex): boolean {
  const handle = (socket as any)._handle;
  return (
    found.handles &&
    typeof handle?.close === "function" &&
    typeof handle.readStop === "function" &&
    ownerSymbol(socket) !== undefined
  );
}

/** The address of one end of a connection. */
export interface End {
  address?: string;
  family?: string;
  port?: number;
}

/** A connection that Node does not serve, as a handle speaks to it. */
export interface ForeignConnection {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that wait to be written. */
  readonly bytesQueued: number;
  readonly local: End;
  readonly remote: End;
  /** Nothing is written any more after what was sent before. */
  shutdown(): void;
  /** Closes the connection, or resets it; `done` is called once it has ended. */
  close(reset: boolean, done: () => void): void;
  /** Has the kernel probe an idle peer, after so many seconds; 0: the system's default. */
  keepAlive(on: boolean, seconds: number): void;
  /** Writes behind what was sent before. */
  write(bytes: Uint8Array): void;
  /** Lets the connection keep the process alive, or not. */
  reference(on: boolean): void;
}

/** The methods of a handle that speaks to a connection served elsewhere; `this` is the handle. */
class ForeignHandle {
  reading = true;
  onread: unknown = noop;
  private referenced = true;

  constructor(
    private readonly connection: ForeignConnection,
    private readonly asyncId: number,
  ) {}

  close(done: () => void = noop): void {
    this.connection.close(false, () => done.call(this));
  }

  reset(done: () => void = noop): number {
    this.connection.close(true, () => done.call(this));
    return 0;
  }

  /** Says that it is done, which it is as far as this side can tell. */
  shutdown(_req: unknown): number {
    this.connection.shutdown();
    return 1;
  }

  readStart(): number {
    return 0;
  }

  readStop(): number {
    return 0;
  }

  ref(): void {
    this.referenced = true;
    this.connection.reference(true);
  }

  unref(): void {
    this.referenced = false;
    this.connection.reference(false);
  }

  hasRef(): boolean {
    return this.referenced;
  }

  getAsyncId(): number {
    return this.asyncId;
  }

  getsockname(out: End): number {
    Object.assign(out, this.connection.local);
    return 0;
  }

  getpeername(out: End): number {
    Object.assign(out, this.connection.remote);
    return 0;
  }

  get fd(): number {
    return -1;
  }

  get bytesRead(): number {
    return this.connection.bytesRead;
  }

  get bytesWritten(): number {
    return this.connection.bytesWritten;
  }

  get writeQueueSize(): number {
    return this.connection.bytesQueued;
  }

  get _externalStream(): undefined {
    return undefined;
  }

  setNoDelay(): number {
    return 0;
  }

  setKeepAlive(on: boolean, seconds: number): number {
    this.connection.keepAlive(on, seconds);
    return 0;
  }

  setTypeOfService(): number {
    return 0;
  }

  getTypeOfService(): number {
    return 0;
  }

  setBlocking(): number {
    return 0;
  }

  useUserBuffer(): void {}

  writeBuffer(req: WriteRequest, data: Uint8Array): number {
    return this.write(req, data);
  }

  writeUtf8String(req: WriteRequest, text: string): number {
    return this.write(req, Buffer.from(text, "utf8"));
  }

  writeAsciiString(req: WriteRequest, text: string): number {
    return this.write(req, Buffer.from(text, "latin1"));
  }

  writeLatin1String(req: WriteRequest, text: string): number {
    return this.write(req, Buffer.from(text, "latin1"));
  }

  writeUcs2String(req: WriteRequest, text: string): number {
    return this.write(req, Buffer.from(text, "utf16le"));
  }

  writev(req: WriteRequest, chunks: any[], allBuffers: boolean): number {
    const parts: Buffer[] = allBuffers ? chunks : [];
    for (let i = 0; i < chunks.length && !allBuffers; i += 2) {
      const [chunk, encoding] = [chunks[i], chunks[i + 1]];
      parts.push(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    }
    return this.write(req, Buffer.concat(parts));
  }

  private write(req: WriteRequest, bytes: Uint8Array): number {
    this.connection.write(bytes);
    // Up to Node 25 a request says how it ended; a global that only Node's own handles set decides
    // whether Node waits for that. From Node 26 on the number returned is the end.
    if (req !== null) {
      nextTick(() => {
        if (req.async) req.oncomplete?.(0, this, undefined);
      });
    }
    return 0;
  }
}

/** A write in progress, up to Node 25. */
type WriteRequest = { async?: boolean; oncomplete?: (...args: unknown[]) => void } | null;

/** Prototypes of handles by the prototype of the handle they stand for. */
const prototypes = new WeakMap<object, object>();

/** The methods of {@link ForeignHandle} over a prototype of Node, which `instanceof` asks for. */
function prototypeOver(base: object): object {
  let made = prototypes.get(base);
  if (made === undefined) {
    const { constructor: _, ...own } = Object.getOwnPropertyDescriptors(ForeignHandle.prototype);
    made = Object.create(base, own as PropertyDescriptorMap) as object;
    prototypes.set(base, made);
  }
  return made;
}

/** The prototype of TCP handles, once one was seen. */
let tcpPrototype: object | null = null;

/** Lets the sockets that {@link createSocket} makes be like those over a TCP handle. */
function rememberTcp(handle: any): void {
  if (tcpPrototype === null && handle.constructor?.name === "TCP") {
    tcpPrototype = Object.getPrototypeOf(handle);
  }
}

function createHandle(connection: ForeignConnection, base: object | null, asyncId: number): any {
  const handle = new ForeignHandle(connection, asyncId);
  if (base !== null) Object.setPrototypeOf(handle, prototypeOver(base));
  return handle;
}

/**
 * Gives a socket a handle that speaks to `connection`, and closes its own: the connection goes on
 * as the descriptor's duplicate.
 */
export function replaceHandle(socket: net.Socket, connection: ForeignConnection): void {
  const own = socket as any;
  const before = own._handle;
  const owner = ownerSymbol(own) as symbol;
  const handle = createHandle(
    connection,
    Object.getPrototypeOf(before),
    before.getAsyncId?.() ?? 0,
  );
  handle[owner] = socket;
  extendSocket(own, connection);
  own._handle = handle;
  before.onread = noop;
  before.close();
}

/** The ends of the connection of a socket. */
export function endsOf(socket: net.Socket): { local: End; remote: End } {
  const { localAddress, localPort, remoteAddress, remotePort, remoteFamily: family } = socket;
  const { localFamily } = socket;
  return {
    local: { address: localAddress, family: localFamily, port: localPort },
    remote: { address: remoteAddress, family, port: remotePort },
  };
}

/** A socket for a connection that Node does not know. */
export function createSocket(connection: ForeignConnection): net.Socket {
  const handle = createHandle(connection, tcpPrototype, executionAsyncId());
  const socket = new net.Socket({ handle, allowHalfOpen: true } as net.SocketConstructorOpts);
  extendSocket(socket, connection);
  return socket;
}

const BYTES_QUEUED = Symbol("bytesQueued");
/** The getters that count them, by that of the class: a getter for each socket would slow all down. */
const countingGetters = new WeakMap<() => number, () => number>();

/** Has `writableLength` of a stream count the bytes that wait for it elsewhere, too. */
export function countQueued(stream: Duplex, bytesQueued: () => number): void {
  const isCounted = BYTES_QUEUED in stream;
  (stream as any)[BYTES_QUEUED] = bytesQueued;
  const own = isCounted ? undefined : findGetter(stream, "writableLength");
  if (own === undefined) return;
  let get = countingGetters.get(own);
  if (get === undefined) {
    get = function (this: any) {
      return own.call(this) + this[BYTES_QUEUED]();
    };
    countingGetters.set(own, get);
  }
  Object.defineProperty(stream, "writableLength", { get, configurable: true });
}

/**
 * Has a socket tell what waits natively, and its timeout count from the last traffic of its
 * connection.
 */
function extendSocket(socket: any, connection: ForeignConnection): void {
  countQueued(socket, () => connection.bytesQueued);
  const elapsed = socket._onTimeout;
  if (typeof elapsed !== "function" || typeof socket._unrefTimer !== "function") return;
  const traffic = () => connection.bytesRead + connection.bytesWritten;
  let before = traffic();
  socket._onTimeout = () => {
    const now = traffic();
    if (now === before) return elapsed.call(socket);
    before = now;
    socket._unrefTimer();
  };
}

// --- answers ------------------------------------------------------------------------------------

/** Changes when the kernel takes more of an answer, as far as Node shows that. */
export function deliveredOf(res: ServerResponse): string {
  const { socket } = res;
  const queued: unknown = (socket as any)?._handle?.writeQueueSize;
  return `${socket?.bytesWritten ?? 0} ${typeof queued === "number" ? queued : 0}`;
}

// --- requests -----------------------------------------------------------------------------------

/** Gives a request its headers: names and values in turn. */
export function setHeaders(req: IncomingMessage, rawHeaders: string[]): void {
  if (found.headers) {
    // The object of headers is made when it is first read.
    (req as any)._addHeaderLines(rawHeaders, rawHeaders.length);
    return;
  }
  req.rawHeaders = rawHeaders;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    const before = req.headers[name];
    const value = rawHeaders[i + 1];
    if (before === undefined) req.headers[name] = name === "set-cookie" ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else req.headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
}
