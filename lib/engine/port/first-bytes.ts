/**
 * The first bytes of a connection decide who serves it. For an HTTP server of the application, the
 * first chunk is read before Node's parser gets it: a connection that begins with a request which may
 * be answered natively goes to the native listener, and no socket is made for it. Every other one
 * goes to Node's own listener, with the chunk, and is Node's for good.
 */
import { Server as HttpServer } from "node:http";

import { Taking } from "../native/contract";
import {
  type AcceptedHandle,
  bytesOf,
  interceptAccepted,
  isPlainHttpServer,
  readFirstChunk,
} from "../node-internals";
import { isUnobserved } from "../own-listeners";
import { throttleOf } from "../requests/connection-throttle";
import { setImmediate } from "../scheduling";
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

/** The most connections that are accepted at a time. */
const MOST = 32;

/** The most silent connections that are looked at again when another one is accepted. */
const FEW = 4;

/** The connections that have sent nothing yet, each with the function that gives it to Node. */
type Silent = Map<AcceptedHandle, () => void>;

/** Reads the first bytes of the connections of one HTTP server. */
class FirstBytes {
  private listeners: NativeListener[] = [];
  private isListening = false;
  /** The silent connections: those since the last round of the timer, and the others. */
  private fresh: Silent = new Map();
  private stale: Silent = new Map();
  /** The silent connections that were accepted last. */
  private latest: AcceptedHandle[] = [];
  private isTiming = false;
  /** A connection that Node has to answer was accepted, and Node has not read it yet. */
  private isInOrder = false;

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
      take: (handle) => this.takeNew(handle),
      wait: (handle, pass) => this.wait(handle, pass),
      takeMore: (listening) => this.takeMore(listening),
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

  /** Takes a connection that has been accepted, if its first request is there. */
  private takeNew(handle: AcceptedHandle): Taking {
    if (!this.isActive()) return Taking.ForNode;
    if (this.isInOrder) return Taking.Silent;
    if (this.latest.length > 0) this.takeLatest();
    const taking = this.take(handle, null);
    if (taking === Taking.ForNode) this.keepOrder();
    return taking;
  }

  /**
   * Has the connections that come next be read, as Node reads the last one: in the next turn of the loop.
   * Taken unread, they would overtake it, and it may say something of the same session.
   */
  private keepOrder(): void {
    this.isInOrder = true;
    // The first immediate belongs to this turn, the second one comes behind the reads of the next.
    setImmediate(() => setImmediate(() => (this.isInOrder = false)));
  }

  /** Takes what has come meanwhile of the connections that were accepted last: it is the older. */
  private takeLatest(): void {
    const { latest } = this;
    this.latest = [];
    for (const handle of latest) {
      if (!this.isSilent(handle)) continue;
      const taking = this.take(handle, null);
      if (taking === Taking.Silent) this.latest.push(handle);
      else if (taking === Taking.Taken) {
        this.forget(handle);
        throttleOf(this.server)?.requested();
      }
    }
  }

  private isSilent(handle: AcceptedHandle): boolean {
    return this.fresh.has(handle) || this.stale.has(handle);
  }

  /** A connection is not silent any more. */
  private forget(handle: AcceptedHandle): void {
    if (!this.fresh.delete(handle)) this.stale.delete(handle);
    const at = this.latest.indexOf(handle);
    if (at !== -1) this.latest.splice(at, 1);
  }

  /** Waits for the first bytes of a connection. */
  private wait(handle: AcceptedHandle, pass: (chunk?: ArrayBuffer | null) => void): void {
    if (this.latest.push(handle) > FEW) this.latest.shift();
    const throttle = throttleOf(this.server);
    const passOn = (chunk?: ArrayBuffer | null) => {
      if (throttle === undefined) pass(chunk);
      else throttle.pass(() => pass(chunk));
    };
    this.fresh.set(handle, passOn);
    readFirstChunk(handle, (chunk) => {
      this.forget(handle);
      const bytes = chunk === null ? null : bytesOf(handle, chunk);
      if (bytes !== null && this.take(handle, bytes) === Taking.Taken) throttle?.requested();
      else passOn(chunk);
    });
    throttle?.connected(() => (this.isSilent(handle) ? handle : null));
    this.watch();
  }

  private isActive(): boolean {
    for (const { isActive } of this.listeners) {
      if (isActive) return isUnobserved(this.server);
    }
    return false;
  }

  /**
   * Gives a connection to the listener that answers its first request natively, if there is one.
   *
   * @param bytes - what was read of it; `null`: what has arrived is not read yet
   */
  private take(handle: AcceptedHandle, bytes: Buffer | null): Taking {
    let taking = Taking.ForNode;
    for (const listener of this.listeners) {
      if (!listener.isActive) continue;
      taking = listener.take(handle.fd, bytes);
      if (taking !== Taking.Elsewhere) break;
    }
    if (taking === Taking.Taken) handle.close();
    return taking;
  }

  /**
   * Has the only listener accept the connections that have come with the last one. Returns the descriptor
   * of the first one that it cannot take, or -1.
   */
  private takeMore(listening: number): number {
    const [listener, ...others] = this.listeners;
    return others.length === 0 ? listener.takeMore(listening, MOST) : -1;
  }

  /** Gives the silent connections to Node. */
  private giveUp(): void {
    const silent = [...this.stale.values(), ...this.fresh.values()];
    this.stale.clear();
    this.fresh.clear();
    this.latest = [];
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
      this.latest = [];
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
