/**
 * The packets that clients may have missed, oldest first. Memory is bounded: by bytes here, by time
 * through {@link PacketLog.expire}. Of what was dropped it is remembered for which rooms it was, so
 * that nobody recovers with a gap.
 *
 * Packets are numbered from 1 on. A position is the number of the last packet that a client has.
 */
import type { Room } from "socket.io-adapter";

/** One packet of the log. */
export interface Entry {
  readonly position: number;
  /** When it was sent, in ms. */
  readonly time: number;
  /** The encoded packet: its text, then its attachments. */
  readonly parts: (string | Buffer)[];
  /** The rooms that it was sent to; all sockets, if empty. */
  readonly rooms: readonly Room[];
  /** The rooms that were excluded. */
  readonly except: readonly Room[];
  readonly bytes: number;
}

/** The newest dropped packet of a room. */
interface Loss {
  position: number;
  time: number;
}

/** The approximate bytes of an entry besides the packet, and of each room: objects and list slots. */
const ENTRY_BYTES = 200;
const ROOM_BYTES = 50;
/** The bytes of an entry in the heap beyond these. */
const HEAP_BYTES = 300;

/** Rooms of which losses are remembered one by one; older losses count for every room. */
const MAX_LOSSES = 10_000;

/** A list that is added to at its end and taken from at its beginning. */
class Queue {
  private items: (Entry | undefined)[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  get first(): Entry | undefined {
    return this.items[this.head];
  }

  push(entry: Entry): void {
    this.items.push(entry);
  }

  shift(): void {
    this.items[this.head++] = undefined;
    if (this.head < 32 || this.head * 2 < this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }

  /** The entries after a position, newest first. Costs nothing for the others. */
  *after(position: number): Generator<Entry> {
    for (let i = this.items.length - 1; i >= this.head; i--) {
      const entry = this.items[i] as Entry;
      if (entry.position <= position) return;
      yield entry;
    }
  }
}

/** The log of a namespace. */
export class PacketLog {
  /** Position of the newest packet. */
  last = 0;
  /** The bytes of its packets, by which `maxLogBytes` counts. */
  bytes = 0;
  private readonly entries = new Queue();
  private readonly toAll = new Queue();
  private readonly byRoom = new Map<Room, Queue>();
  /** By room, in the order of their positions. */
  private readonly losses = new Map<Room, Loss>();
  private lossToAll: Loss = { position: 0, time: Number.NEGATIVE_INFINITY };

  /** @param maxBytes - how much is kept; beyond it the oldest packets go first */
  constructor(private readonly maxBytes: number) {}

  /** True if the log holds nothing that can expire. */
  get empty(): boolean {
    return this.entries.size === 0 && this.losses.size === 0;
  }

  /** The memory that its packets take in the heap, measured; in bytes. */
  get memory(): number {
    return this.bytes + HEAP_BYTES * this.entries.size;
  }

  /** When its oldest packet was sent, in ms; infinite if it has none. */
  get oldest(): number {
    return this.entries.first?.time ?? Number.POSITIVE_INFINITY;
  }

  /** Adds a packet, and drops old ones if there is no room for it. */
  append(packet: Pick<Entry, "time" | "parts" | "rooms" | "except">): void {
    let bytes = ENTRY_BYTES + ROOM_BYTES * (packet.rooms.length + packet.except.length);
    for (const part of packet.parts) bytes += Buffer.byteLength(part);
    const entry: Entry = { ...packet, position: ++this.last, bytes };
    this.entries.push(entry);
    for (const queue of this.queuesOf(entry)) queue.push(entry);
    this.bytes += bytes;
    while (this.bytes > this.maxBytes) this.drop();
  }

  private *queuesOf({ rooms }: Entry): Generator<Queue> {
    if (rooms.length === 0) yield this.toAll;
    for (const room of rooms) {
      let queue = this.byRoom.get(room);
      if (queue === undefined) {
        queue = new Queue();
        this.byRoom.set(room, queue);
      }
      yield queue;
    }
  }

  /** Drops the oldest packet. */
  private drop(): void {
    const entry = this.entries.first as Entry;
    this.entries.shift();
    this.bytes -= entry.bytes;
    if (entry.rooms.length === 0) {
      this.toAll.shift();
      this.loseToAll(entry);
    }
    for (const room of entry.rooms) {
      const queue = this.byRoom.get(room) as Queue;
      // The oldest packet is the oldest of each of its rooms too.
      queue.shift();
      if (queue.size === 0) this.byRoom.delete(room);
      this.losses.delete(room);
      this.losses.set(room, { position: entry.position, time: entry.time });
    }
    for (const [room, loss] of this.losses) {
      if (this.losses.size <= MAX_LOSSES) break;
      this.losses.delete(room);
      this.loseToAll(loss);
    }
  }

  private loseToAll({ position, time }: Loss): void {
    if (position > this.lossToAll.position) this.lossToAll = { position, time };
  }

  /**
   * Drops packets sent before `time`.
   *
   * @param max - how many at most, so that no turn of the event loop gets long
   * @returns whether some are left
   */
  expire(time: number, max: number): boolean {
    for (let i = 0; i < max; i++) {
      const { first } = this.entries;
      if (first === undefined || !(first.time < time)) return false;
      this.drop();
    }
    return true;
  }

  /** Forgets the dropped packets that were sent before `time`. */
  forget(time: number): void {
    for (const [room, loss] of this.losses) {
      if (!(loss.time < time)) break;
      this.losses.delete(room);
    }
  }

  /**
   * The packets for members of `rooms` after a position, in order.
   *
   * @param received - whatever was sent before this time has arrived
   * @returns null if one of them may have been dropped
   */
  missed(position: number, rooms: readonly Room[], received: number): Entry[] | null {
    const missing = (loss: Loss | undefined) =>
      loss !== undefined && loss.position > position && !(loss.time < received);
    if (missing(this.lossToAll)) return null;
    const found = new Set<Entry>(this.toAll.after(position));
    for (const room of rooms) {
      if (missing(this.losses.get(room))) return null;
      for (const entry of this.byRoom.get(room)?.after(position) ?? []) found.add(entry);
    }
    const mine = new Set(rooms);
    return [...found]
      .filter(({ except }) => !except.some((room) => mine.has(room)))
      .sort((one, other) => one.position - other.position);
  }
}
