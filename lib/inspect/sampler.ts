/**
 * Samples of a server, one a second while a page asks for them. Nothing runs before the first question, and
 * nothing some seconds after the last one.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { EngineMetrics, TrafficMetrics } from "../engine/metrics";
import type { Server } from "../index";

/** The time between two samples, in ms. */
const PERIOD_MS = 1000;
/** Sampling ends this time after the last question, in ms. */
const IDLE_MS = 5000;
/** The samples that are kept: two minutes. */
const KEPT = 120;
/** The resolution of the event-loop delay, in ms. */
const RESOLUTION_MS = 10;

/** A sample. Rates are of the time since the one before. */
export interface Sample {
  /** Number of the sample; it goes on while the process runs. */
  n: number;
  /** In ms since 1970. */
  at: number;
  sessions: number;
  /** A second. Null for an engine that does not count, and in the first sample. */
  bytesIn: number | null;
  bytesOut: number | null;
  messagesIn: number | null;
  messagesOut: number | null;
  /** Bytes that wait for this thread, and for clients. */
  queuedIn: number | null;
  queuedOut: number | null;
  /** By how much timers of the event loop were late, in ms. */
  loopMean: number;
  loopMax: number;
  /** The mean wait of a batch of events for the event loop, in ms: 0 if there was none. */
  dispatch: number | null;
}

/** The counts at the time of a sample. */
interface Reading {
  time: number;
  traffic: TrafficMetrics | null;
  lagSeconds: number;
  batches: number;
}

/** Takes samples of a server. */
export class Sampler {
  /** The metrics of the last sample; null for an engine without. */
  metrics: EngineMetrics | null = null;
  private samples: Sample[] = [];
  private taken = 0;
  private before: Reading | null = null;
  private timer: NodeJS.Timeout | null = null;
  private delay: IntervalHistogram | null = null;
  private askedAt = 0;

  /**
   * @param io - the server
   * @param onidle - called when sampling ends
   */
  constructor(
    private readonly io: Server<any, any, any, any>,
    private readonly onidle: () => void,
  ) {}

  /**
   * The samples behind a number, the oldest first. Sampling begins, or goes on.
   *
   * @param n - of the sample that the asker has; 0: none
   */
  since(n: number): Sample[] {
    this.askedAt = performance.now();
    if (this.timer === null) this.begin();
    return this.samples.filter((sample) => sample.n > n || n > this.taken);
  }

  /** Ends sampling, and forgets the samples. */
  end(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.delay?.disable();
    this.delay = null;
    this.samples = [];
    this.before = null;
    this.metrics = null;
    this.onidle();
  }

  private begin(): void {
    this.delay = eventLoopDelay();
    this.take();
    this.timer = setInterval(() => {
      if (performance.now() - this.askedAt > IDLE_MS) this.end();
      else this.take();
    }, PERIOD_MS);
    // A page must not keep a process from ending.
    this.timer.unref();
  }

  private take(): void {
    const { before } = this;
    const metrics = metricsOf(this.io);
    const now = readingOf(metrics);
    const seconds = before === null ? 0 : (now.time - before.time) / 1000;
    const rate = (name: keyof TrafficMetrics) =>
      now.traffic && before?.traffic && seconds > 0
        ? Math.max(now.traffic[name] - before.traffic[name], 0) / seconds
        : null;
    const batches = now.batches - (before?.batches ?? now.batches);
    const waited = now.lagSeconds - (before?.lagSeconds ?? 0);
    const late = (nanoseconds: number | undefined) =>
      Math.max((nanoseconds || 0) / 1e6 - RESOLUTION_MS, 0);
    this.samples.push({
      n: ++this.taken,
      at: Date.now(),
      sessions: this.io.engine?.clientsCount ?? 0,
      bytesIn: rate("bytesIn"),
      bytesOut: rate("bytesOut"),
      messagesIn: rate("messagesIn"),
      messagesOut: rate("messagesOut"),
      queuedIn: metrics?.queues.inbound.bytes ?? null,
      queuedOut: metrics?.queues.outbound.bytes ?? null,
      loopMean: late(this.delay?.count ? this.delay.mean : 0),
      loopMax: late(this.delay?.count ? this.delay.max : 0),
      dispatch: metrics === null ? null : batches > 0 ? (1000 * waited) / batches : 0,
    });
    if (this.samples.length > KEPT) this.samples.shift();
    this.delay?.reset();
    this.before = now;
    this.metrics = metrics;
  }
}

/** Measures the delay of the event loop; null where the runtime cannot. */
function eventLoopDelay(): IntervalHistogram | null {
  try {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    return delay;
  } catch {
    return null;
  }
}

/** The metrics of the engine of a server; null for an engine without, as that of `engine.io`. */
function metricsOf(io: Server<any, any, any, any>): EngineMetrics | null {
  const { engine } = io;
  return engine?.implementation === "native" ? engine.metrics() : null;
}

function readingOf(metrics: EngineMetrics | null): Reading {
  const time = performance.now();
  if (metrics === null) return { time, traffic: null, lagSeconds: 0, batches: 0 };
  const all = Object.values(metrics.traffic) as TrafficMetrics[];
  const sum = (name: keyof TrafficMetrics) => all.reduce((total, one) => total + one[name], 0);
  const traffic = {
    bytesIn: sum("bytesIn"),
    bytesOut: sum("bytesOut"),
    messagesIn: sum("messagesIn"),
    messagesOut: sum("messagesOut"),
  };
  const { sumSeconds, count } = metrics.dispatchLag;
  return { time, traffic, lagSeconds: sumSeconds, batches: count };
}
