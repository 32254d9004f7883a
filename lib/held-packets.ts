/**
 * The packets that a client has sent to a namespace that it is still joining: they wait until its
 * middlewares have accepted the client.
 */
import type { Packet } from "socket.io-parser";

/** The cost of a packet beside its data, and of each value in it beside its bytes. */
const PACKET_COST = 256;
const VALUE_COST = 16;

/** The cost of a packet in bytes, about: texts and bytes as long as they are, and an overhead. @internal */
export function costOf(packet: Packet): number {
  let cost = PACKET_COST;
  // Not by recursion: a client chooses the nesting.
  const rest: unknown[] = [packet.nsp, packet.data];
  while (rest.length > 0) {
    const value = rest.pop();
    cost += VALUE_COST;
    if (typeof value === "string") cost += value.length;
    else if (ArrayBuffer.isView(value)) cost += value.byteLength;
    else if (Array.isArray(value)) for (const member of value) rest.push(member);
    else if (typeof value === "object" && value !== null) {
      for (const key of Object.keys(value)) {
        cost += key.length;
        rest.push((value as Record<string, unknown>)[key]);
      }
    }
  }
  return cost;
}

/** The packets that wait for one attempt to join a namespace, in order. */
export class HeldPackets {
  /** @internal */
  readonly packets: Packet[] = [];
  /** The cost of all of them. @internal */
  cost = 0;

  /** Adds a packet behind the others. @internal */
  add(packet: Packet): void {
    this.packets.push(packet);
    this.cost += costOf(packet);
  }
}
