/**
 * The recipients of a broadcast of an in-memory adapter. The handles of a room's members are kept until
 * the room changes, so that a broadcast costs the main thread one call, however large the room.
 */
import type { Adapter, BroadcastOptions, Room, SocketId } from "socket.io-adapter";
import type { Packet } from "socket.io-parser";
import { encodeParts, isDefaultEncoder } from "./encode";
import { SendFlag } from "./engine/native/contract";
import { broadcast, cacheEpoch } from "./engine/native/outbound";
import { isNative } from "./native-conn";
import type { Socket } from "./socket";

/** The recipients of a broadcast: all members of a room, or all sockets. */
export interface Recipients {
  /** Members that the native engine reaches by itself. */
  handles: Uint32Array;
  /** Members that are written to one by one: polling, listeners, other engines. */
  others: Socket[];
  /** Value of {@link cacheEpoch} when the recipients were gathered. */
  epoch: number;
}

/** Not a value of {@link cacheEpoch}: the recipients have to be gathered again. */
const NEVER = -1;
const NOBODY: Recipients = { handles: new Uint32Array(0), others: [], epoch: NEVER };

/** The recipients of each room of one adapter, which reports every change in its rooms. */
export class RecipientCache {
  private everybody: Recipients | null = null;
  private readonly byRoom = new Map<Room, Recipients>();

  constructor(private readonly adapter: Adapter) {}

  /** Notes that a socket has joined rooms. */
  joined(rooms: Set<Room>): void {
    this.everybody = null;
    this.forget(rooms);
  }

  /** Notes that a socket has left a room. */
  left(room: Room): void {
    this.byRoom.delete(room);
  }

  /** Notes that a socket is about to leave all its rooms. */
  leaving(id: SocketId): void {
    this.everybody = null;
    this.forget(this.adapter.sids.get(id) ?? []);
  }

  private forget(rooms: Iterable<Room>): void {
    if (this.byRoom.size > 0) for (const room of rooms) this.byRoom.delete(room);
  }

  /** The recipients of a broadcast; null if it needs more than one room and single exceptions. */
  of({ rooms, except }: BroadcastOptions): Recipients | null {
    const { adapter } = this;
    if (!isDefaultEncoder(adapter.nsp.server.encoder)) return null;
    for (const room of except ?? []) if (!this.isOwnRoom(room)) return null;
    if (rooms.size > 1) return null;
    const [room] = rooms;
    if (rooms.size === 0) {
      if (this.everybody?.epoch !== cacheEpoch.value)
        this.everybody = this.gather(adapter.sids.keys());
      return this.everybody;
    }
    const known = this.byRoom.get(room);
    if (known?.epoch === cacheEpoch.value) return known;
    const members = adapter.rooms.get(room);
    // Not kept: the number of names of empty rooms has no bound.
    if (members === undefined) return NOBODY;
    const recipients = this.gather(members);
    this.byRoom.set(room, recipients);
    return recipients;
  }

  /** Sends an encoded packet to recipients. */
  send(recipients: Recipients, packet: Packet, parts: Parts, options: BroadcastOptions): void {
    const { volatile, compress } = options.flags ?? {};
    const handles = without(recipients.handles, options.except, this.adapter.nsp.sockets);
    if (handles.length > 0) broadcast(handles, parts, volatile ? SendFlag.Volatile : 0);
    for (const socket of recipients.others as any[]) {
      if (options.except?.has(socket.id)) continue;
      socket.notifyOutgoingListeners(packet);
      socket.client.writeToEngine(parts, { preEncoded: true, volatile, compress });
    }
  }

  /** Returns true if a room holds only the socket whose id is its name. */
  private isOwnRoom(room: Room): boolean {
    const members = this.adapter.rooms.get(room);
    return members === undefined || (members.size === 1 && members.has(room));
  }

  private gather(ids: Iterable<SocketId>): Recipients {
    const handles: number[] = [];
    const others: Socket[] = [];
    let isComplete = true;
    for (const id of ids) {
      const socket = this.adapter.nsp.sockets.get(id);
      if (socket === undefined) {
        // It has joined in a middleware and is not connected yet; no event tells when it is.
        isComplete = false;
        continue;
      }
      const { client } = socket as any;
      const { conn } = client;
      if (
        isNative(conn) &&
        conn._isBypassable &&
        client._bypassable &&
        !socket._hasOutgoingListeners
      ) {
        handles.push(conn._handle);
      } else {
        others.push(socket as any);
      }
    }
    return {
      handles: Uint32Array.from(handles),
      others,
      epoch: isComplete ? cacheEpoch.value : NEVER,
    };
  }
}

/** An encoded packet: its text, then its attachments. */
export type Parts = (string | Buffer)[];

/** Encodes a packet with the encoder of its server. */
export function encodePacket(adapter: Adapter, packet: Packet): Parts {
  const { encoder } = adapter.nsp.server;
  const parts = isDefaultEncoder(encoder) ? encodeParts(packet) : undefined;
  return parts ?? encoder.encode(packet);
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
