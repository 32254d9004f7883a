/**
 * WebSocket servers of other packages on the same HTTP server. Each of them gets every upgrade request,
 * and answers one for another path with 400: this package's WebSockets would end by that. Therefore
 * listeners of `upgrade` are called through a wrapper, which knows the requests that are not theirs.
 */
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { swapListener } from "./node-internals";
import { isOwnListener, ownListener } from "./own-listeners";
import { queueMicrotask } from "./scheduling";

type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

/** A wrapper has the listener as its property `listener`, as those that Node makes for `once()`. */
type Wrapper = UpgradeListener & { listener: UpgradeListener };

/** The requests that an engine of this package answers. */
export interface Claim {
  /** Returns true if a request is for the engine. */
  isOurs(req: IncomingMessage): boolean;
  /** The listener by which the engine gets it. The application may have removed it. */
  listener: object;
}

/**
 * A listener that does nothing but to hand all requests to a WebSocket server: the one that `ws` adds to a
 * server that it is given, minified too, and the same written by hand.
 */
const HANDS_ALL_OVER =
  /^(?:function[\w$]*)?\(([\w$]+),([\w$]+),([\w$]+)\)(?:=>)?\{?(?:return)?[\w$.]+\.handleUpgrade\(\1,\2,\3,(?:[\w$.]+|(?:function)?\(?([\w$]+)\)?(?:=>)?\{?[\w$.]+\.emit\(["']connection["'],\4,\1\);?\}?)\);?\}?$/;

function handsAllOver(listener: UpgradeListener): boolean {
  const source = Function.prototype.toString.call(listener);
  return source.length < 500 && HANDS_ALL_OVER.test(source.replace(/\s+/g, ""));
}

/** The answer of `ws` to an upgrade request that is not for its path. */
const NOT_FOR_ME =
  /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\nContent-[Tt]ype: text\/html\r\nContent-Length: 11\r\n\r\nBad Request$/;

/** The upgrade listeners of one HTTP server. */
class Shield {
  private readonly claims = new Set<Claim>();
  /** The requests that a WebSocket server of another package has got, and answers some time. */
  private readonly handedOver = new WeakSet<IncomingMessage>();
  private readonly wrappers = new WeakSet<object>();
  private readonly onadded = ownListener((event: string | symbol) => {
    // It is added after the event.
    if (event === "upgrade") queueMicrotask(() => this.wrapAll());
  });

  constructor(private readonly server: EventEmitter) {}

  add(claim: Claim): void {
    this.claims.add(claim);
    if (this.claims.size === 1) this.server.on("newListener", this.onadded);
    this.wrapAll();
  }

  remove(claim: Claim): void {
    this.claims.delete(claim);
    if (this.claims.size > 0) return;
    this.server.removeListener("newListener", this.onadded);
    for (const one of this.server.rawListeners("upgrade") as Wrapper[]) {
      if (this.wrappers.has(one)) swapListener(this.server, "upgrade", one, one.listener);
    }
  }

  isHandedOver(req: IncomingMessage): boolean {
    return this.handedOver.has(req);
  }

  private wrapAll(): void {
    if (this.claims.size === 0) return;
    for (const one of this.server.rawListeners("upgrade") as Wrapper[]) {
      // A listener for one event has a wrapper of Node, which takes itself off.
      if (one.listener !== undefined || isOwnListener(one)) continue;
      swapListener(this.server, "upgrade", one, this.wrap(one));
    }
  }

  private wrap(listener: UpgradeListener): Wrapper {
    const takesAll = handsAllOver(listener);
    const shield = this;
    const wrapper = function (this: unknown, req: IncomingMessage, socket: Duplex, head: Buffer) {
      if (!shield.isClaimed(req)) {
        if (takesAll) shield.handedOver.add(req);
        return listener.call(this, req, socket, head);
      }
      if (takesAll) return undefined;
      return withoutRejection(socket, () => listener.call(this, req, socket, head));
    } as Wrapper;
    wrapper.listener = listener;
    this.wrappers.add(wrapper);
    return wrapper;
  }

  /** True if an engine gets the request. */
  private isClaimed(req: IncomingMessage): boolean {
    for (const { isOurs, listener } of this.claims) {
      if (isOurs(req)) return this.server.rawListeners("upgrade").includes(listener as any);
    }
    return false;
  }
}

/** Calls a listener, during which the answer {@link NOT_FOR_ME} to the socket is not written. */
function withoutRejection<T>(socket: Duplex, call: () => T): T {
  let isActive = true;
  let isRejected = false;
  const { write, end, destroy } = socket;
  const isDropped = (chunk: unknown) => {
    if (!isActive || !NOT_FOR_ME.test(String(chunk))) return false;
    isRejected = true;
    return true;
  };
  const guards = {
    write: (...args: any[]) => (isDropped(args[0]) ? true : write.apply(socket, args as any)),
    end: (...args: any[]) => (isDropped(args[0]) ? socket : end.apply(socket, args as any)),
    destroy: (...args: any[]) =>
      isActive && isRejected ? socket : destroy.apply(socket, args as any),
  };
  const names = ["write", "end", "destroy"] as const;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(socket, name));
  Object.assign(socket, guards);
  try {
    return call();
  } finally {
    isActive = false;
    for (const [i, name] of names.entries()) {
      // The listener may have put another in its place.
      if (socket[name] !== guards[name]) continue;
      const own = before[i];
      if (own === undefined) delete (socket as Partial<Duplex>)[name];
      else Object.defineProperty(socket, name, own);
    }
  }
}

const shields = new WeakMap<EventEmitter, Shield>();

/** The protection that an engine has from the other WebSocket servers on its HTTP server. */
export interface Protection {
  /** Returns true if the WebSocket server of another package has got the request. */
  isHandedOver(req: IncomingMessage): boolean;
  /** Ends the protection. */
  stop(): void;
}

/**
 * Lets other WebSocket servers on an HTTP server alone with the requests that are theirs. Listeners of
 * the application are called for all requests; they stay as they are for `listeners()` and
 * `removeListener()`.
 *
 * @param claim - the requests that the caller answers
 */
export function protectUpgrades(server: EventEmitter, claim: Claim): Protection {
  let shield = shields.get(server);
  if (shield === undefined) {
    shield = new Shield(server);
    shields.set(server, shield);
  }
  const all = shield;
  all.add(claim);
  return { isHandedOver: (req) => all.isHandedOver(req), stop: () => all.remove(claim) };
}
