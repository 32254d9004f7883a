/**
 * Closes clients that take nothing while too much waits for them in this thread, on a WebSocket of
 * another engine. What waits natively is watched by `src/net/session/slow_readers.rs`, by the same
 * rules.
 */
import type { NativeOptions } from "../native/binding";
import {
  Bound,
  FLOOD_PATIENCE_MS,
  LEAST_READER_LOOK_MS,
  MAX_BUFFERED_BYTES,
  MOST_READER_LOOK_MS,
} from "../native/contract";
import type { NativeServerOptions } from "../native-options";

// Not those that an application's tests replace by a clock of their own.
const { setInterval, clearInterval } = globalThis;

/** A client as it is watched. */
export interface Waiting {
  /** Bytes that wait for it. */
  bytes(): number;
  /** Changes when it takes something. */
  taken(): unknown;
  /** It has taken nothing for too long. */
  close(): void;
}

/** Watches one client for which too much may wait. */
export class SlowReaderWatch {
  private timer: NodeJS.Timeout | undefined;
  private taken: unknown;
  private bytes = 0;
  /** For so many ms the client has taken nothing, as far as this thread had time to look. */
  private quiet = 0;

  constructor(
    private readonly limits: Required<NativeServerOptions>,
    private readonly client: Waiting,
  ) {}

  /** More waits now; to be called whenever that is so. */
  look(): void {
    if (this.timer !== undefined || this.client.bytes() <= this.limits.maxBufferedBytes) return;
    const { keepReadersMs } = this.limits;
    const ms = Math.min(
      Math.max(Math.floor(keepReadersMs / 4), LEAST_READER_LOOK_MS),
      MOST_READER_LOOK_MS,
    );
    this.taken = this.client.taken();
    this.bytes = this.client.bytes();
    this.quiet = 0;
    this.timer = setInterval(() => this.check(ms), ms).unref();
  }

  // A thread that was busy looks once for all the time that it was: clients of its own process had
  // no chance to read meanwhile.
  private check(ms: number): void {
    const { client, limits } = this;
    const bytes = client.bytes();
    const taken = client.taken();
    const hasGrown = bytes > this.bytes;
    this.quiet = taken === this.taken ? this.quiet + ms : 0;
    this.taken = taken;
    this.bytes = bytes;
    if (bytes <= limits.maxBufferedBytes) return this.end();
    const flood = Math.max(limits.maxBufferedBytes, MAX_BUFFERED_BYTES) * 1.25;
    // all of it when `flood` bytes wait, none when twice as many do
    const floodPatience = Math.max(0, FLOOD_PATIENCE_MS * (2 - bytes / flood));
    const patience =
      hasGrown && bytes > flood
        ? Math.min(limits.keepReadersMs, floodPatience)
        : limits.keepReadersMs;
    if (this.quiet < patience) return;
    this.end();
    client.close();
  }

  /** Looks no more. */
  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

/** The time between two looks at clients while too much waits for all, in ms. */
const CROWD_LOOK_MS = 20;
/** The sum is told to the native engine when it has changed by this part of its bound. */
const STEPS = 256;
/** Looks in which nobody goes in the place of the client for which most waits. */
const GRACE_LOOKS = 25;

const crowds = new WeakMap<NativeOptions, Crowd>();

/**
 * The clients of an engine whose WebSockets this thread serves: the sum of what waits for them is a
 * part of that of all clients. While that is too large, those that take nothing are closed, and those
 * first for which most waits.
 */
export class Crowd {
  private bytes = 0;
  /** The sum as the native engine has it. */
  private counted = 0;
  /** Clients for which something waits, with the state of the last look. */
  private readonly clients = new Map<Waiting, { taken: unknown; quiet: number }>();
  private timer: NodeJS.Timeout | undefined;
  private max = 0;
  /** Looks since the sum became too large. */
  private looks = 0;

  private constructor(private readonly native: NativeOptions) {}

  /** The clients of an engine. */
  static of(native: NativeOptions): Crowd {
    let crowd = crowds.get(native);
    if (crowd === undefined) {
      crowd = new Crowd(native);
      crowds.set(native, crowd);
    }
    return crowd;
  }

  /** Adds to the bytes that wait; a negative number takes from them. `limits`: those of the engine. */
  count(change: number, limits: Required<NativeServerOptions>): void {
    this.bytes += change;
    this.max = limits.maxBufferedBytesOfAll;
    const step = this.max / STEPS;
    const moved = Math.abs(this.bytes - this.counted);
    if (moved <= step && (this.bytes > 0 || moved === 0)) return;
    if (this.tell() >= 0) {
      this.timer ??= setInterval(() => this.relieve(), CROWD_LOOK_MS).unref();
    }
  }

  /** Much waits for a client. */
  add(client: Waiting): void {
    this.clients.set(client, { taken: client.taken(), quiet: 0 });
  }

  /** Little waits for a client, or it is gone. */
  delete(client: Waiting): void {
    this.clients.delete(client);
  }

  /** Tells the native engine of the sum; returns the patience with clients in ms, or -1. */
  private tell(): number {
    const before = this.counted;
    this.counted = this.bytes;
    let largest = 0;
    for (const client of this.clients.keys()) largest = Math.max(largest, client.bytes());
    return this.native.countBuffered(before, this.counted, largest);
  }

  private relieve(): void {
    this.looks++;
    for (const [client, state] of this.clients) {
      const taken = client.taken();
      state.quiet = taken === state.taken ? state.quiet + CROWD_LOOK_MS : 0;
      state.taken = taken;
    }
    for (;;) {
      const patience = this.tell();
      if (patience < 0) return this.end();
      let first: Waiting | undefined;
      let largest: Waiting | undefined;
      for (const [client, { quiet }] of this.clients) {
        if (largest === undefined || client.bytes() > largest.bytes()) largest = client;
        // Among those that take too much, one has more than an even share.
        if (quiet < patience || client.bytes() <= this.max / this.clients.size) continue;
        if (first === undefined || client.bytes() > first.bytes()) first = client;
      }
      if (first === undefined) return;
      if (first !== largest && this.looks < GRACE_LOOKS) return;
      this.delete(first);
      this.native.reached(Bound.BufferedOfAll);
      first.close();
    }
  }

  private end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.looks = 0;
  }
}
