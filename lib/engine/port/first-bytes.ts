/**
 * The first bytes of a connection decide who serves it. For an HTTP server of the application, the
 * first chunk is read before Node's parser gets it: a connection that begins with a request which may
 * be answered natively goes to the native listener, and no socket is made for it. Every other one
 * goes to Node's own listener, with the chunk, and is Node's for good.
 */
import { Server as HttpServer } from "node:http";

import {
  type AcceptedHandle,
  bytesOf,
  interceptAccepted,
  isPlainHttpServer,
  readFirstChunk,
} from "../node-internals";
import { isUnobserved } from "../own-listeners";
import { throttleOf } from "../requests/connection-throttle";
import type { Server } from "../server";
import { extendServer } from "./extend-server";
import { isNativePort } from "./listening-port";
import { hasNativeListeners, NativeListener } from "./native-listener";

// Not those that an application's tests replace by a clock of their own.
const { setTimeout } = globalThis;

/**
 * The time in ms after which a connection that has sent nothing goes to Node, whose timeouts count from
 * then on. It may take twice as long.
 */
const PATIENCE = 500;

/** The methods of requests that may be answered natively. */
const METHODS = ["GET ", "POST "];

/** Returns true if bytes begin a request at a path of the engine, with a query. */
function isFor(bytes: Buffer, path: string): boolean {
  const head = bytes.toString("latin1", 0, path.length + 7);
  for (const method of METHODS) {
    if (!head.startsWith(method)) continue;
    if (!head.startsWith(path, method.length)) return false;
    const end = method.length + path.length;
    return head[end] === "?" || (head[end] === "/" && head[end + 1] === "?");
  }
  return false;
}

/** The connections that have sent nothing yet, each with the function that gives it to Node. */
type Silent = Map<AcceptedHandle, () => void>;

/** Reads the first bytes of the connections of one HTTP server. */
class FirstBytes {
  private listeners: NativeListener[] = [];
  private isListening = false;
  /** The silent connections: those since the last round of the timer, and the others. */
  private fresh: Silent = new Map();
  private stale: Silent = new Map();
  private isTiming = false;

  constructor(private readonly server: HttpServer) {
    extendServer(server, {
      count: () => this.fresh.size + this.stale.size,
      end: (all) => {
        if (all) this.giveUp();
      },
    });
    if (server.listening) this.listen();
  }

  /** Has the requests of an engine answered natively, before those of the engines that there are. */
  add(listener: NativeListener): void {
    this.listeners.unshift(listener);
    if (this.isListening) listener.begin();
  }

  /** The server has begun to listen. */
  listen(): void {
    if (this.isListening) return;
    const isHeard = interceptAccepted(this.server, {
      accepted: (handle, pass) => this.accepted(handle, pass),
      closed: () => this.stop(),
    });
    if (!isHeard) return;
    this.isListening = true;
    for (const listener of this.listeners) listener.begin();
  }

  private stop(): void {
    this.giveUp();
    this.isListening = false;
    for (const listener of this.listeners) listener.stop();
    this.listeners = this.listeners.filter(({ isDetached }) => !isDetached);
  }

  /** Node has accepted a connection. Returns false if Node is to serve it at once. */
  private accepted(handle: AcceptedHandle, pass: (chunk?: ArrayBuffer | null) => void): boolean {
    if (!this.isActive()) return false;
    const throttle = throttleOf(this.server);
    const passOn = (chunk?: ArrayBuffer | null) => {
      if (throttle === undefined) pass(chunk);
      else throttle.pass(() => pass(chunk));
    };
    this.fresh.set(handle, passOn);
    readFirstChunk(handle, (chunk) => {
      if (!this.fresh.delete(handle)) this.stale.delete(handle);
      if (chunk !== null && this.take(handle, bytesOf(handle, chunk))) throttle?.requested();
      else passOn(chunk);
    });
    throttle?.connected(() => handle);
    this.watch();
    return true;
  }

  private isActive(): boolean {
    for (const { isActive } of this.listeners) {
      if (isActive) return isUnobserved(this.server);
    }
    return false;
  }

  /** Gives a connection to the listener that answers its first request natively, if there is one. */
  private take(handle: AcceptedHandle, bytes: Buffer): boolean {
    for (const listener of this.listeners) {
      if (!listener.isActive || !isFor(bytes, listener.path)) continue;
      if (!listener.take(handle.fd, bytes)) return false;
      handle.close();
      return true;
    }
    return false;
  }

  /** Gives the silent connections to Node. */
  private giveUp(): void {
    const silent = [...this.stale.values(), ...this.fresh.values()];
    this.stale.clear();
    this.fresh.clear();
    for (const pass of silent) pass();
  }

  /** Looks after the silent connections, until there are none. */
  private watch(): void {
    if (this.isTiming) return;
    this.isTiming = true;
    setTimeout(() => {
      this.isTiming = false;
      const { stale } = this;
      this.stale = this.fresh;
      this.fresh = new Map();
      for (const pass of stale.values()) pass();
      if (this.stale.size > 0) this.watch();
    }, PATIENCE).unref();
  }
}

const readers = new WeakMap<HttpServer, FirstBytes>();

/** The native side of an engine that is attached to an HTTP server. */
export interface AttachedListener {
  /** The server has begun to listen. */
  listening(): void;
  /** The engine is detached: requests go through Node. */
  detach(): void;
}

/**
 * Has requests of an engine answered natively on an HTTP server of the application, where that can be:
 * the server speaks plain HTTP/1.1 with the parser and the classes of Node.
 *
 * @param engine - it is attached to the server already
 * @returns `null` where it cannot be
 */
export function serveAttached(server: unknown, engine: Server): AttachedListener | null {
  const isEligible =
    server instanceof HttpServer &&
    hasNativeListeners() &&
    !isNativePort(server) &&
    isPlainHttpServer(server);
  if (!isEligible) return null;
  let reader = readers.get(server);
  if (reader === undefined) {
    reader = new FirstBytes(server);
    readers.set(server, reader);
  }
  const listener = new NativeListener(server, engine);
  const all = reader;
  all.add(listener);
  return { listening: () => all.listen(), detach: () => listener.detach() };
}
