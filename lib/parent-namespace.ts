/** A dynamic namespace: the template of the namespaces whose names it accepts. */
import debugModule from "debug";
import { Adapter, type BroadcastOptions } from "socket.io-adapter";
import type { RemoteSocket } from "./broadcast-operator";
import type { Server } from "./index";
import { Namespace } from "./namespace";
import type { ParentNspNameMatchFn } from "./server-options";
import type {
  DefaultEventsMap,
  EventNames,
  EventParams,
  EventsMap,
  RemoveAcknowledgements,
} from "./typed-events";

const debug = debugModule("socket.io:parent-namespace");

/** Number of parents so far: they are named by it. */
let count = 0;

/**
 * The namespace returned by `io.of(regex)` and `io.of(fn)`. Middlewares and connection listeners
 * are copied to each child when it is created; emitting reaches the clients of all children.
 */
export class ParentNamespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  /** The namespaces created so far; with `cleanupEmptyChildNamespaces`, those that have sockets. */
  readonly children: Set<Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> =
    new Set();

  /** Called by `io.of()`; the namespace gets a name of its own. */
  constructor(server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) {
    super(server, `/_${count++}`);
  }

  /** Creates the adapter, which hands broadcasts to the adapters of the children. */
  override _initAdapter(): void {
    this.adapter = new ParentBroadcastAdapter(this);
  }

  /**
   * Sends an event to all clients of all children.
   *
   * @returns true
   * @throws Error for a reserved name, if there is a child
   *
   * @example
   * ```ts
   * const tables = io.of(/^\/table-\d+$/);
   * tables.emit("last orders");
   * ```
   */
  override emit<Ev extends EventNames<RemoveAcknowledgements<EmitEvents>>>(
    ev: Ev,
    ...args: EventParams<RemoveAcknowledgements<EmitEvents>, Ev>
  ): boolean;
  override emit(...args: any[]): boolean {
    for (const child of this.children) (child as any).emit(...args);
    return true;
  }

  /**
   * Creates the child of a name, with the middlewares and connection listeners of this namespace.
   * It is called when the first client asks for the name.
   *
   * @param name - the name, with its slash
   *
   * @example
   * ```ts
   * import type { ParentNamespace } from "socket.io-native";
   *
   * const tables = io.of(/^\/table-\d+$/) as ParentNamespace;
   * tables.createChild("/table-7").on("connection", (guest) => guest.emit("menu", ["soup"]));
   * ```
   */
  createChild(name: string): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    if (debug.enabled) debug("creating child namespace %s", name);
    const { server } = this;
    const child = new Namespace(server, name);
    const target = child as any;
    target._fns = this._fns.slice();
    for (const listener of this.listeners("connect")) target.on("connect", listener);
    for (const listener of this.listeners("connection")) target.on("connection", listener);
    this.children.add(child);
    if (server._opts.cleanupEmptyChildNamespaces) this.removeWhenEmpty(child);
    server._nsps.set(name, child);
    (server.sockets as any).emitReserved("new_namespace", child);
    return child;
  }

  /** Lets `child` go with its last socket; a client that asks for its name creates it again. */
  private removeWhenEmpty(
    child: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ): void {
    const remove = child._remove;
    child._remove = (socket) => {
      remove.call(child, socket);
      // Sockets whose middlewares still run are going to need it.
      if (child.sockets.size > 0 || (child as any)._preConnectSockets.size > 0) return;
      if (!this.children.delete(child)) return;
      if (debug.enabled) debug("closing child namespace %s", child.name);
      child.adapter.close();
      // Another one may go by the name already.
      if (this.server._nsps.get(child.name) === child) this.server._nsps.delete(child.name);
    };
  }

  /**
   * Not supported: fetch the sockets of each child.
   *
   * @throws Error always
   *
   * @example
   * ```ts
   * import type { ParentNamespace } from "socket.io-native";
   *
   * const tables = io.of(/^\/table-\d+$/) as ParentNamespace;
   * for (const table of tables.children) console.log(await table.fetchSockets());
   * ```
   */
  override fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    throw new Error("fetchSockets() is not supported on parent namespaces");
  }
}

/** Hands broadcasts to the adapters of the children. A parent has no sockets and no rooms. */
class ParentBroadcastAdapter extends Adapter {
  override broadcast(packet: any, opts: BroadcastOptions): void {
    for (const child of (this.nsp as ParentNamespace).children) {
      child.adapter.broadcast(packet, opts);
    }
  }
}

/**
 * Asks dynamic namespaces, in order of creation, for one that accepts `name`.
 *
 * @param parents - the dynamic namespaces, each with its function that decides about names
 * @param auth - payload of the client's CONNECT packet
 * @param fn - called with the first one that accepts the name, or `undefined`
 */
export function askParents<Parent>(
  parents: Map<ParentNspNameMatchFn, Parent>,
  name: string,
  auth: { [key: string]: any },
  fn: (parent: Parent | undefined) => void,
): void {
  const entries = parents.entries();
  const ask = () => {
    const next = entries.next();
    if (next.done) return fn(undefined);
    const [accepts, parent] = next.value;
    let answered = false;
    accepts(name, auth, (err, allow) => {
      if (answered) return;
      answered = true;
      if (err || !allow) return ask();
      fn(parent);
    });
  };
  ask();
}
