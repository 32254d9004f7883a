/** The sessions of one engine. */
import createDebug = require("debug");

import { hold } from "./native/binding";
import { register } from "./native/session-table";
import type { SocketInit } from "./requests/open-session";
import type { Server } from "./server";
import { type PackedRequest, share } from "./session/request-snapshot";
import { Socket } from "./session/socket";

const debug = createDebug("engine");

/** A session that a native listener has opened. */
export interface OpenedSession {
  handle: number;
  websocket: boolean;
  id: string;
  address: string;
  request: PackedRequest;
}

/** Keeps the sessions of one engine until they end. */
export class SessionRegistry {
  /** The sessions by id, as far as this thread has heard of them. */
  readonly byId: Record<string, Socket> = {};
  /** Number of sessions in {@link byId}. */
  count = 0;
  /** Sessions of {@link byId} whose record is yet to be dispatched, by their handles. */
  private readonly ahead = new Map<number, Socket>();

  constructor(private readonly engine: Server) {}

  /** Makes a session and keeps it until it ends. */
  keep(init: SocketInit): Socket {
    if (debug.enabled) debug("session opened: %s", init.id);
    const conn = new Socket(init);
    // Ids that were generated at the same time may be the same: the later one has it.
    if (Object.hasOwn(this.byId, conn.id)) this.byId[conn.id].close(true);
    this.byId[conn.id] = conn;
    this.count++;
    register(conn);
    if (!this.engine._decodesNatively) conn._decodeInJs();
    hold();
    return conn;
  }

  /** Forgets a session that has ended. */
  forget(conn: Socket): void {
    if (this.byId[conn.id] !== conn) return;
    delete this.byId[conn.id];
    this.count--;
  }

  /** Makes a session whose record is yet to be dispatched. */
  keepAhead(opened: OpenedSession): void {
    if (this.ahead.has(opened.handle)) return;
    const conn = this.keepOpened(opened);
    this.ahead.set(opened.handle, conn);
    this.engine._introduce?.(conn);
  }

  /** The session whose record is being dispatched. */
  takeOpened(opened: OpenedSession): Socket {
    const conn = this.ahead.get(opened.handle) ?? this.keepOpened(opened);
    this.ahead.delete(opened.handle);
    return conn;
  }

  private keepOpened({ handle, websocket, id, address, request }: OpenedSession): Socket {
    return this.keep({
      server: this.engine,
      id,
      handle,
      protocol: 4,
      websocket,
      remoteAddress: share(address),
      request: null,
      packed: { shared: share(request.shared), own: request.own },
      jsonp: undefined,
      pollsNatively: true,
    });
  }
}
