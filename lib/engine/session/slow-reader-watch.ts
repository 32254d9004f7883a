/**
 * Closes clients that take nothing while too much waits for them in this thread, on a WebSocket of
 * another engine. What waits natively is watched by `src/net/session/slow_readers.rs`, by the same
 * rules.
 */
import {
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
