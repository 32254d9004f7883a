/**
 * Connections to an HTTP server come in crowds, after an outage for instance. Node parses all that
 * has arrived in one turn of its loop: thousands of requests, if thousands of connections are read.
 * Therefore only a few connections of a crowd are read at a time, until their first request is there.
 */
import { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";

import { type ReadHandle, readHandleOf } from "../node-internals";
import { ownListener } from "../own-listeners";
import { setImmediate } from "../scheduling";

// Not those that an application's tests replace by a clock of their own.
const { setTimeout } = globalThis;

/** The number of connections without a request that are read. */
const FEW = 50;
/** The time in ms after which a silent connection does not count any more, so that others are read. */
const PATIENCE = 5;

/** Reads the new connections of one HTTP server, a few at a time. */
export class ConnectionThrottle {
  /** Connections being read from which no request has come; when counting began, in ms. */
  private silent = 0;
  private since = 0;
  private readonly waiting: (() => ReadHandle | null)[] = [];
  private next = 0;
  private releasing = false;
  private watching = false;
  private isPassing = false;

  /**
   * A connection was accepted.
   *
   * @param handleNow - returns what reads it, `null` once it is closed
   */
  connected(handleNow: () => ReadHandle | null): void {
    const handle = this.isPassing ? null : handleNow();
    if (handle === null) return;
    if (this.silent >= FEW && performance.now() - this.since >= PATIENCE) this.forget();
    if (this.silent < FEW) {
      this.silent++;
      return;
    }
    handle.readStop();
    this.waiting.push(handleNow);
    this.watch();
  }

  /** Runs `pass`, during which Node accepts a connection that {@link connected} knows already. */
  pass(pass: () => void): void {
    this.isPassing = true;
    try {
      pass();
    } finally {
      this.isPassing = false;
    }
  }

  /** A request has come, maybe the first one of its connection. */
  requested(): void {
    if (this.silent > 0) this.silent--;
    if (this.waiting.length === 0 || this.releasing) return;
    this.releasing = true;
    setImmediate(() => {
      this.releasing = false;
      this.release();
    });
  }

  private forget(): void {
    this.since = performance.now();
    this.silent = 0;
  }

  /** Looks after those who wait, until nobody does. */
  private watch(): void {
    if (this.watching) return;
    this.watching = true;
    setTimeout(() => {
      this.watching = false;
      this.forget();
      this.release();
      if (this.waiting.length > 0) this.watch();
    }, PATIENCE);
  }

  private release(): void {
    while (this.silent < FEW && this.next < this.waiting.length) {
      const handle = this.waiting[this.next++]();
      // It may have been closed meanwhile.
      if (handle === null) continue;
      this.silent++;
      handle.readStart();
    }
    if (this.next < this.waiting.length) return;
    this.waiting.length = 0;
    this.next = 0;
  }
}

/** The part of an HTTP server's throttle that an engine uses. */
export interface Throttle {
  /** To be called with each request. */
  requested(): void;
  /** The engine is detached; the last one takes the throttle with it. */
  release(): void;
}

/** The throttle of a server, and the engines that are attached to it. */
interface Shared {
  crowd: ConnectionThrottle;
  onconnection: (socket: Socket) => void;
  users: number;
}

const throttles = new WeakMap<HttpServer, Shared>();

/** Returns the throttle of a server that has one. */
export function throttleOf(server: HttpServer): ConnectionThrottle | undefined {
  return throttles.get(server)?.crowd;
}

/** Spreads the crowds that come to a server. */
export function throttleConnections(server: unknown): Throttle {
  // Others know their connections in ways of their own.
  if (!(server instanceof HttpServer)) return { requested() {}, release() {} };
  let shared = throttles.get(server);
  if (shared === undefined) {
    const crowd = new ConnectionThrottle();
    const onconnection = ownListener((socket: Socket) =>
      crowd.connected(() => readHandleOf(socket)),
    );
    shared = { crowd, onconnection, users: 0 };
    throttles.set(server, shared);
    server.on("connection", onconnection);
  }
  const { crowd, onconnection } = shared;
  const all = shared;
  all.users++;
  let isReleased = false;
  return {
    requested: () => crowd.requested(),
    release() {
      if (isReleased) return;
      isReleased = true;
      if (--all.users > 0) return;
      throttles.delete(server);
      server.removeListener("connection", onconnection);
    },
  };
}
