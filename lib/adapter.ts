/** The default adapter: rooms in memory. */
import { Adapter, type BroadcastOptions, type Room, type SocketId } from "socket.io-adapter";
import { encodePacket, RecipientCache } from "./recipient-cache";

/** Keeps the rooms of the sockets of this process. */
export class InMemoryAdapter extends Adapter {
  private readonly recipientCache = new RecipientCache(this);

  override addAll(id: SocketId, rooms: Set<Room>): void {
    super.addAll(id, rooms);
    this.recipientCache.joined(rooms);
  }

  override del(id: SocketId, room: Room): void {
    super.del(id, room);
    this.recipientCache.left(room);
  }

  override delAll(id: SocketId): void {
    this.recipientCache.leaving(id);
    super.delAll(id);
  }

  override broadcast(packet: any, options: BroadcastOptions): void {
    const recipients = this.recipientCache.of(options);
    if (recipients === null) return super.broadcast(packet, options);
    packet.nsp = this.nsp.name;
    this.recipientCache.send(recipients, packet, encodePacket(this, packet), options);
  }
}
