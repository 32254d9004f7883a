/**
 * The in-memory adapters. A broadcast costs the main thread one call, however large the room: the
 * handles of a room's members are kept until the room changes.
 */
import {
  Adapter,
  type BroadcastOptions,
  type Room,
  SessionAwareAdapter,
  type SocketId,
} from "socket.io-adapter";
import type { Packet } from "socket.io-parser";
import { encodeText, isDefaultEncoder } from "./encode";
import { broadcast, reach, VOLATILE } from "./engine/outbox";
import { isNative } from "./native-conn";
import type { Socket } from "./socket";

/** The members of a room, as a broadcast needs them. */
interface Audience {
  /** Members that the native engine reaches by itself. */
  handles: Uint32Array;
  /** Members that want to be asked one by one: polling, listeners, other engines. */
  others: Socket[];
  /** Value of {@link reach} when this was put together. */
  reach: number;
}

/** Not a value of {@link reach}: the audience is to be put together again. */
const NEVER = -1;
const NOBODY: Audience = { handles: new Uint32Array(0), others: [], reach: NEVER };

/** The default adapter. */
export class InMemoryAdapter extends Adapter {
  private everybody: Audience | null = null;
  private readonly audiences = new Map<Room, Audience>();

  override addAll(id: SocketId, rooms: Set<Room>): void {
    super.addAll(id, rooms);
    this.everybody = null;
    if (this.audiences.size > 0) for (const room of rooms) this.audiences.delete(room);
  }

  override del(id: SocketId, room: Room): void {
    super.del(id, room);
    this.audiences.delete(room);
  }

  override delAll(id: SocketId): void {
    this.everybody = null;
    if (this.audiences.size > 0) {
      for (const room of this.sids.get(id) ?? []) this.audiences.delete(room);
    }
    super.delAll(id);
  }

  override broadcast(packet: any, options: BroadcastOptions): void {
    const { encoder } = this.nsp.server;
    const audience = isDefaultEncoder(encoder) ? this.audience(options) : null;
    if (audience === null) return super.broadcast(packet, options);
    packet.nsp = this.nsp.name;
    const text = encodeText(packet as Packet);
    const parts = text === undefined ? encoder.encode(packet) : [text];
    const flags = options.flags ?? {};
    const handles = without(audience.handles, options.except, this.nsp.sockets);
    if (handles.length > 0) broadcast(handles, parts, flags.volatile ? VOLATILE : 0);
    const excluded = options.except;
    for (const socket of audience.others as any[]) {
      if (excluded?.has(socket.id)) continue;
      socket.notifyOutgoingListeners(packet);
      const { volatile, compress } = flags;
      socket.client.writeToEngine(parts, { preEncoded: true, volatile, compress });
    }
  }

  /** Whom a broadcast reaches; null if that takes more than one room and single exceptions. */
  private audience({ rooms, except }: BroadcastOptions): Audience | null {
    for (const room of except ?? []) if (!this.isOwnRoom(room)) return null;
    if (rooms.size > 1) return null;
    const [room] = rooms;
    if (rooms.size === 0) {
      if (this.everybody?.reach !== reach.value) this.everybody = this.gather(this.sids.keys());
      return this.everybody;
    }
    const known = this.audiences.get(room);
    if (known?.reach === reach.value) return known;
    const members = this.rooms.get(room);
    // Not kept: there is no end to the rooms that nobody is in.
    if (members === undefined) return NOBODY;
    const audience = this.gather(members);
    this.audiences.set(room, audience);
    return audience;
  }

  /** Whether a room holds the socket whose id it is called by, and nobody else. */
  private isOwnRoom(room: Room): boolean {
    const members = this.rooms.get(room);
    return members === undefined || (members.size === 1 && members.has(room));
  }

  private gather(ids: Iterable<SocketId>): Audience {
    const handles: number[] = [];
    const others: Socket[] = [];
    let whole = true;
    for (const id of ids) {
      const socket = this.nsp.sockets.get(id);
      if (socket === undefined) {
        // It has joined in a middleware and is not connected yet; nothing tells when it is.
        whole = false;
        continue;
      }
      const { client } = socket as any;
      const { conn } = client;
      if (isNative(conn) && conn._plain && client._bypassable && !socket._hasOutgoingListeners) {
        handles.push(conn._handle);
      } else {
        others.push(socket as any);
      }
    }
    return { handles: Uint32Array.from(handles), others, reach: whole ? reach.value : NEVER };
  }
}

/** The handles without those of single sockets. */
function without(
  handles: Uint32Array,
  except: Set<Room> | undefined,
  sockets: Map<SocketId, any>,
): Uint32Array {
  if (except === undefined || except.size === 0) return handles;
  let copy = handles;
  for (const id of except) {
    const at = copy.indexOf(sockets.get(id)?.conn._handle);
    if (at === -1) continue;
    if (copy === handles) copy = handles.slice();
    copy[at] = copy[copy.length - 1];
    copy = copy.subarray(0, -1);
  }
  return copy;
}

/** The adapter for connection state recovery. */
export class RecoveringAdapter extends SessionAwareAdapter {
  /** Restores a session, once: two connections must not share one socket id. */
  override async restoreSession(pid: string, offset: string): Promise<any> {
    const session = await super.restoreSession(pid, offset);
    if (session) (this as any).sessions.delete(pid);
    return session;
  }
}
