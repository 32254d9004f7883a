/**
 * The native listener of one engine on one HTTP server: it answers requests of the engine without
 * this thread, as long as nobody here wants to see them. The HTTP server stays what it is;
 * connections that ask for something else are given to it.
 */
import type { Server as HttpServer } from "node:http";

import net = require("node:net");

import createDebug = require("debug");

import type { ListenerSettings } from "../../../binding";
import { hold, listener as native, engine as nativeEngine, release } from "../native/binding";
import type { Taking } from "../native/contract";
import { forgetListener, type ListenerEvents, registerListener } from "../native/stream-table";
import {
  connectionsOf,
  countConnection,
  isConnectionListener,
  setServer,
  uncountConnection,
} from "../node-internals";
import { isListenedTo, isOwnListener, isUnobserved } from "../own-listeners";
import { queueMicrotask } from "../scheduling";
import type { Server } from "../server";
import { extendServer } from "./extend-server";
import { noteAssignment } from "./instrumentation";
import { listenerSettings, NOTHING, SERVER_SETTINGS, servesAny } from "./listener-settings";

const debug = createDebug("engine");

/** Set to `off`, every request goes through Node: for comparisons. */
const SWITCH = "SOCKET_IO_NATIVE_LISTENER";

/** Events of the server by whose listeners requests are seen. */
const WATCHED = ["request", "upgrade", "connection"];

/** True where requests may be answered natively at all. */
export function hasNativeListeners(): boolean {
  return native !== null && process.env[SWITCH] !== "off";
}

/** Serves the requests of one engine on one HTTP server. */
export class NativeListener {
  /** The prefix of the URLs that it serves: the engine may be attached to another server later. */
  readonly path: string;
  /** True if some requests are answered natively now. */
  isActive = false;
  private readonly accepting: InstanceType<NonNullable<typeof native>["NativeListener"]>;
  private readonly events: ListenerEvents;
  private readonly unwatch: () => void;
  /** The settings that are in force, as JSON. */
  private configured = "";
  private isListening = false;
  /** True if it will answer no more requests. */
  isDetached = false;
  /** One connection of the server stands for those that outlive its listening. */
  private isWaiting = false;

  /** @param engine - it is attached to the server already */
  constructor(
    private readonly server: HttpServer,
    private readonly engine: Server,
  ) {
    this.path = engine._path;
    const { NativeListener: Accepting } = native as NonNullable<typeof native>;
    this.accepting = new Accepting(nativeEngine, engine._options);
    this.events = {
      opened: (handle, websocket, id, address, shared, own) =>
        engine._onOpened({ handle, websocket, id, address, request: { shared, own } }),
      openedAhead: (handle, websocket, id, address, shared, own) =>
        engine._onOpenedAhead({ handle, websocket, id, address, request: { shared, own } }),
      handover: (fd, bytes) => this.takeOver(fd, bytes),
      drained: () => {
        this.endWait();
        // It may listen again already. Else a server that is closed is not kept.
        if (!this.isListening) forgetListener(this.accepting.id);
      },
    };
    const { accepting } = this;
    extendServer(server, {
      count: () => (this.isWaiting ? accepting.connections - 1 : accepting.connections),
      end: (all) => accepting.endConnections(all),
    });
    const configure = () => this.configure();
    for (const name of [...SERVER_SETTINGS, "emit"]) noteAssignment(server, name, configure);
    const onadded = (event: string | symbol, listener: object) => {
      if (!WATCHED.includes(event as string)) return;
      // It is added after the event.
      if (isOwnListener(listener)) queueMicrotask(configure);
      else this.configure(event as string);
    };
    server.on("newListener", onadded);
    server.on("removeListener", configure);
    const unwatch = engine._watchRequests(configure);
    this.unwatch = () => {
      server.off("newListener", onadded);
      server.off("removeListener", configure);
      unwatch();
    };
  }

  /** The server listens. */
  begin(): void {
    this.isListening = true;
    this.endWait();
    registerListener(this.accepting.id, this.events);
    this.configure();
  }

  /** Accepts the connections of a listening socket, natively. */
  accept(fd: number): void {
    this.accepting.accept(fd);
  }

  /**
   * Takes a connection that Node has accepted, if its first request may be answered natively. The
   * listener has a duplicate of the descriptor then.
   *
   * @param bytes - what was read of it; `null`: what has arrived is not read yet
   */
  take(fd: number, bytes: Buffer | null): Taking {
    return this.accepting.take(fd, bytes);
  }

  /**
   * Accepts connections of a listening socket and takes them, `most` of them and until there are no more.
   *
   * @returns the descriptor of the first one that it cannot take; -1 if there is none
   */
  takeMore(listening: number, most: number): number {
    return this.accepting.takeMore(listening, most);
  }

  /** The server does not listen any more. */
  stop(): void {
    if (!this.isListening) return;
    this.isListening = false;
    if (!this.accepting.stop()) return;
    this.isWaiting = true;
    hold();
    countConnection(this.server);
  }

  /** The engine is detached from the server: Node gets all that comes from now on. */
  detach(): void {
    this.isDetached = true;
    this.unwatch();
    this.configure();
  }

  private endWait(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    release();
    uncountConnection(this.server);
  }

  /** Gives a connection to the server: its next request is not for the listener. */
  private takeOver(fd: number, bytes: Buffer): void {
    const { server } = this;
    nativeEngine.takeHandover(fd);
    const socket = new net.Socket({ fd, allowHalfOpen: true, readable: true, writable: true });
    if (!server.listening) {
      socket.destroy();
      return;
    }
    if (server.maxConnections && connectionsOf(server) >= server.maxConnections) {
      const { localAddress, localPort, localFamily } = socket;
      const { remoteAddress, remotePort, remoteFamily } = socket;
      socket.destroy();
      const local = { localAddress, localPort, localFamily };
      server.emit("drop", { ...local, remoteAddress, remotePort, remoteFamily });
      return;
    }
    setServer(socket, server, bytes.length);
    try {
      server.emit("connection", socket);
    } finally {
      // A listener that throws does not keep the others from serving the connection.
      if (bytes.length > 0) socket.unshift(bytes);
    }
  }

  /**
   * True if an event of the server is not this package's and Node's alone: the application listens to it,
   * or has taken their listeners off.
   *
   * @param added - a listener is being added for it
   */
  private isSeen(event: string, added: string | undefined): boolean {
    if (event === added || isListenedTo(this.server, event)) return true;
    const now = this.server.listeners(event);
    return now.length === 0 || (event === "connection" && !now.some(isConnectionListener));
  }

  /** Tells the native side what it may answer. `added`: a listener is being added for it. */
  private configure(added?: string): void {
    const { server, engine } = this;
    if (this.isDetached) return this.apply(NOTHING);
    const observed = {
      all: this.isSeen("connection", added) || !isUnobserved(server),
      requests: this.isSeen("request", added),
      upgrades: this.isSeen("upgrade", added),
    };
    try {
      this.apply(listenerSettings(server, engine, this.path, observed));
    } catch (error) {
      // An option that cannot be used: the first request tells the error.
      debug("not served natively: %s", error);
      this.apply(NOTHING);
    }
  }

  private apply(settings: ListenerSettings): void {
    const text = JSON.stringify(settings);
    if (text === this.configured) return;
    this.configured = "";
    this.isActive = servesAny(settings);
    this.accepting.configure(settings);
    this.configured = text;
  }
}
