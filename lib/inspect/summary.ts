/** The state of a process and an engine, beside the samples. */
import type { EngineMetrics } from "../engine/metrics";
import type { Server } from "../index";

// Required, so that bundlers take it in.
const { version } = require("../../package.json") as { version: string };

/** Counts that are not 0. */
function reached(counts: Record<string, number>): [name: string, count: number][] {
  return Object.entries(counts).filter(([, count]) => count > 0);
}

/**
 * The state of the process and the engine.
 *
 * @param metrics - of the last sample; null for an engine without
 */
export function summary(io: Server<any, any, any, any>, metrics: EngineMetrics | null) {
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    at: Date.now(),
    process: {
      pid: process.pid,
      node: process.version,
      version,
      uptime: process.uptime(),
      rss,
      heapUsed,
      external,
    },
    sessions: io.engine?.clientsCount ?? 0,
    // Null: the engine is another one than the native one, and has no metrics.
    engine: metrics && {
      sessions: metrics.sessions,
      connections: metrics.connections,
      opened: metrics.opened,
      upgraded: metrics.upgraded,
      ended: reached(metrics.ended),
      refused: reached(metrics.refused),
      bounds: reached(metrics.bounds),
      queues: metrics.queues,
      dispatchLag: percentiles(metrics.dispatchLag),
      panics: metrics.panics,
      memory: metrics.memory,
      ioThreads: metrics.ioThreads,
    },
  };
}

/** The bounds of a histogram, in seconds, below which so many of the batches are; null: above all. */
function percentiles({ buckets, count, lastSeconds }: EngineMetrics["dispatchLag"]) {
  const below = (share: number) => {
    if (count === 0) return 0;
    const le = buckets.find((bucket) => bucket.count >= share * count)?.le;
    return le !== undefined && Number.isFinite(le) ? le : null;
  };
  return { lastSeconds, batches: count, p50: below(0.5), p99: below(0.99) };
}
