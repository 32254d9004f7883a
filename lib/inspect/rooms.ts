/** The largest rooms and namespaces of a server. */
import type { Server } from "../index";
import { inSlices } from "./slices";
import { text } from "./text";

/** The number of rooms and of namespaces that are listed. */
const LISTED = 50;
/** The shortest time between two counts, in ms, and how many times longer than a count it is. */
const REST_MS = 2000;
const REST_FACTOR = 20;

/** A namespace of the list. */
export interface NamespaceCount {
  name: string;
  sockets: number;
  /** Rooms, without the one that each socket has for itself. */
  rooms: number;
}

/** A room of the list. */
export interface RoomCount {
  nsp: string;
  name: string;
  sockets: number;
}

/** The result of a count. */
export interface Counted {
  /** The time of its end, in ms since 1970. */
  at: number;
  namespaces: { total: number; top: NamespaceCount[] };
  /** `sockets`: those of all namespaces; a client that has joined two has two. */
  sockets: number;
  /** Without the room that each socket has for itself. */
  rooms: { total: number; top: RoomCount[] };
}

/** Keeps the largest of many. */
class Largest<T> {
  readonly kept: { size: number; item: T }[] = [];

  /** True if an item of that size would be kept. */
  takes(size: number): boolean {
    return this.kept.length < LISTED || size > this.kept[this.kept.length - 1].size;
  }

  add(size: number, item: T): void {
    let at = this.kept.length;
    while (at > 0 && this.kept[at - 1].size < size) at--;
    this.kept.splice(at, 0, { size, item });
    if (this.kept.length > LISTED) this.kept.pop();
  }

  get items(): T[] {
    return this.kept.map(({ item }) => item);
  }
}

/** Counts rooms and namespaces, when it is asked to and the last count is old. */
export class RoomCounter {
  /** The last count; null before the first one is through. */
  last: Counted | null = null;
  private isCounting = false;
  /** A count is due from then on, by the clock of `performance`. */
  private nextAt = 0;

  constructor(private readonly io: Server<any, any, any, any>) {}

  /** Begins a count if one is due. A small server is counted when this returns. */
  ask(): void {
    const begun = performance.now();
    if (this.isCounting || begun < this.nextAt) return;
    this.isCounting = true;
    const over = () => {
      this.isCounting = false;
      const now = performance.now();
      this.nextAt = now + Math.max(REST_MS, REST_FACTOR * (now - begun));
    };
    inSlices(
      count(this.io),
      (counted) => {
        this.last = counted;
        over();
      },
      over,
    );
  }

  /** Forgets the last count: nobody looks any more. */
  forget(): void {
    this.last = null;
    this.nextAt = 0;
  }
}

function* count(io: Server<any, any, any, any>): Generator<void, Counted> {
  const namespaces = new Largest<NamespaceCount>();
  const rooms = new Largest<RoomCount>();
  let [sockets, total, all] = [0, 0, 0];
  for (const nsp of io._nsps.values()) {
    let inNamespace = 0;
    // An adapter may have other members than those of `socket.io-adapter`.
    const { rooms: map, sids } = nsp.adapter as Partial<typeof nsp.adapter>;
    for (const [name, members] of map instanceof Map ? map : []) {
      yield;
      if (sids?.has(name)) continue;
      inNamespace++;
      const { size } = members;
      if (!rooms.takes(size)) continue;
      rooms.add(size, { nsp: text(nsp.name), name: text(name), sockets: size });
    }
    yield;
    const { size } = nsp.sockets;
    all++;
    sockets += size;
    total += inNamespace;
    if (!namespaces.takes(size)) continue;
    namespaces.add(size, { name: text(nsp.name), sockets: size, rooms: inNamespace });
  }
  return {
    at: Date.now(),
    namespaces: { total: all, top: namespaces.items },
    sockets,
    rooms: { total, top: rooms.items },
  };
}
