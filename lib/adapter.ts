/** The default adapter: rooms in memory. */
import { Adapter, type BroadcastOptions, type Room, type SocketId } from "socket.io-adapter";
import { Audiences, encodePacket } from "./recipient-cache";

/** Keeps the rooms of the sockets of this process. */
export class InMemoryAdapter extends Adapter {
  private readonly audiences = new Audiences(this);

  override addAll(id: SocketId, rooms: Set<Room>): void {
    super.addAll(id, rooms);
    this.audiences.joined(rooms);
  }

  override del(id: SocketId, room: Room): void {
    super.del(id, room);
    this.audiences.left(room);
  }

  override delAll(id: SocketId): void {
    this.audiences.leaving(id);
    super.delAll(id);
  }

  override broadcast(packet: any, options: BroadcastOptions): void {
    const audience = this.audiences.of(options);
    if (audience === null) return super.broadcast(packet, options);
    packet.nsp = this.nsp.name;
    this.audiences.send(audience, packet, encodePacket(this, packet), options);
  }
}
