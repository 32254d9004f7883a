/** The port of `new Server(port)`: its connections are accepted natively, without this thread. */
import cluster from "node:cluster";

import type { Server as HttpServer } from "node:http";

import { hold, listener as native, release } from "../native/binding";
import {
  type Bind,
  createListenHandle,
  interceptListen,
  type ListenHandle,
} from "../node-internals";
import { setImmediate } from "../scheduling";
import type { Server } from "../server";
import { hasNativeListeners, NativeListener } from "./native-listener";

/** The HTTP servers whose ports are served natively. */
const ports = new WeakSet<HttpServer>();

/** Returns true if the port of a server is listened on natively. */
export function isNativePort(server: HttpServer): boolean {
  return ports.has(server);
}

/**
 * Lets a server that will listen on a port do so natively.
 *
 * @returns `null` where that cannot be: the server then listens as ever
 */
export function preparePort(server: HttpServer): PortListener | null {
  if (!hasNativeListeners() || cluster.isWorker) return null;
  const listener = new PortListener();
  const bind: Bind = (...args) => listener.bind(...args);
  if (!interceptListen(server, bind)) return null;
  ports.add(server);
  return listener;
}

/** The listening socket of one HTTP server. */
export class PortListener {
  private listener: NativeListener | null = null;
  /** The listening socket. */
  private handle: ListenHandle | null = null;
  private held = false;
  private referenced = true;

  /** Returns a bound handle that listens natively; `null`: Node binds, and tells of the error. */
  bind(
    address: string | null,
    port: number,
    type: number,
    fd?: number,
    flags?: number,
  ): ListenHandle | null {
    if (port < 0 || (fd !== undefined && fd >= 0) || flags) return null;
    const handle = createListenHandle(address, port, type, fd, flags);
    if (handle === null) return null;
    // A port in use is only told when the handle listens.
    const name: { port?: number } = {};
    if (handle.getsockname(name) !== 0 || (port !== 0 && name.port !== port)) {
      handle.close();
      return null;
    }
    return this.adopt(handle);
  }

  private adopt(handle: ListenHandle): ListenHandle {
    const close = handle.close;
    handle.listen = (backlog) => {
      const error = (native as NonNullable<typeof native>).listenOn(handle.fd, backlog);
      if (error === 0) this.start(handle);
      return error;
    };
    handle.close = (callback) => {
      this.stop();
      close.call(handle, callback);
    };
    handle.ref = () => this.reference(true);
    handle.unref = () => this.reference(false);
    handle.hasRef = () => this.referenced;
    return handle;
  }

  private start(handle: ListenHandle): void {
    this.handle = handle;
    this.reference(true);
    if (this.listener === null) return;
    this.listener.begin();
    // As with Node, no client is served before the code that runs now has ended: it may add a
    // middleware for all requests.
    setImmediate(() => {
      if (this.handle === handle) this.listener?.accept(handle.fd);
    });
  }

  private stop(): void {
    if (this.handle === null) return;
    this.handle = null;
    this.reference(false);
    this.listener?.stop();
  }

  /** Listening keeps the process alive, unless it is told not to. */
  private reference(on: boolean): void {
    this.referenced = on;
    const held = on && this.handle !== null;
    if (held === this.held) return;
    this.held = held;
    if (held) hold();
    else release();
  }

  /** Begins to serve `engine`, which is attached to the server. */
  serve(server: HttpServer, engine: Server): void {
    this.listener = new NativeListener(server, engine);
    if (this.handle !== null) this.start(this.handle);
  }
}
