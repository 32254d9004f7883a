/**
 * The metrics of an engine as OpenMetrics text, which Prometheus and others read.
 *
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import type { ByServer, ByTransport, EngineMetrics } from "./metrics";

/** The `Content-Type` of {@link metricsText}. */
export const METRICS_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** Labels by name, in their order. */
type Labels = Record<string, string>;

/** One value of a metric. */
interface Sample {
  labels?: Labels;
  value: number;
  /** Behind the name of the metric; of counters it is `_total`. */
  suffix?: string;
}

/** One metric. */
interface Family {
  name: string;
  type: "gauge" | "counter" | "histogram";
  /** The end of its name, if it has a unit. */
  unit?: "bytes" | "seconds";
  help: string;
  samples(metrics: EngineMetrics): Sample[];
}

const single = (read: (metrics: EngineMetrics) => number) => (metrics: EngineMetrics) => [
  { value: read(metrics) },
];

/** A sample for each member of an object. */
const by =
  (label: string, read: (metrics: EngineMetrics) => Record<string, number>) =>
  (metrics: EngineMetrics): Sample[] =>
    Object.entries(read(metrics)).map(([name, value]) => ({ labels: { [label]: name }, value }));

/** A sample for each transport and who serves it. */
const byServer =
  (read: (metrics: EngineMetrics) => ByTransport<ByServer>) =>
  (metrics: EngineMetrics): Sample[] =>
    Object.entries(read(metrics) as unknown as Record<string, ByServer>).flatMap(
      ([transport, counts]) =>
        Object.entries(counts)
          // WebTransport has no native server.
          .filter(([served]) => transport !== "webtransport" || served === "javascript")
          .map(([served, value]) => ({ labels: { transport, served }, value })),
    );

/** A sample of a member of the traffic for each transport. */
const traffic = (member: keyof EngineMetrics["traffic"]["polling"]) =>
  by("transport", ({ traffic: { polling, websocket, webtransport } }) => ({
    polling: polling[member],
    websocket: websocket[member],
    webtransport: webtransport[member],
  }));

/** The metrics, in the order of the text. docs/metrics.md describes them. */
const FAMILIES: readonly Family[] = [
  {
    name: "socketio_sessions",
    type: "gauge",
    help: "Sessions that live.",
    samples: byServer(({ sessions }) => sessions),
  },
  {
    name: "socketio_connections",
    type: "gauge",
    help: "Open connections; of polling, those of a port that speak HTTP.",
    samples: byServer(({ connections }) => connections),
  },
  {
    name: "socketio_sessions_opened",
    type: "counter",
    help: "Sessions opened, by their first transport.",
    samples: by("transport", ({ opened }) => ({ ...opened })),
  },
  {
    name: "socketio_sessions_upgraded",
    type: "counter",
    help: "Sessions that have moved, by their new transport.",
    samples: by("transport", ({ upgraded }) => ({ ...upgraded })),
  },
  {
    name: "socketio_sessions_ended",
    type: "counter",
    help: "Sessions ended, by reason.",
    samples: by("reason", ({ ended }) => ended),
  },
  {
    name: "socketio_requests_refused",
    type: "counter",
    help: "Requests refused, and handshakes given up.",
    samples: by("reason", ({ refused }) => refused),
  },
  {
    name: "socketio_received_bytes",
    type: "counter",
    unit: "bytes",
    help: "Bytes received.",
    samples: traffic("bytesIn"),
  },
  {
    name: "socketio_sent_bytes",
    type: "counter",
    unit: "bytes",
    help: "Bytes sent.",
    samples: traffic("bytesOut"),
  },
  {
    name: "socketio_received_messages",
    type: "counter",
    help: "Messages received.",
    samples: traffic("messagesIn"),
  },
  {
    name: "socketio_sent_messages",
    type: "counter",
    help: "Messages sent.",
    samples: traffic("messagesOut"),
  },
  {
    name: "socketio_inbound_queue_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Bytes of events that wait for the event loop.",
    samples: single(({ queues }) => queues.inbound.bytes),
  },
  {
    name: "socketio_inbound_queue_cost_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Cost of events that the event loop has not worked off.",
    samples: single(({ queues }) => queues.inbound.cost),
  },
  {
    name: "socketio_inbound_queue_deepest_cost_bytes",
    type: "gauge",
    unit: "bytes",
    help: "The same of the session that has most.",
    samples: single(({ queues }) => queues.inbound.deepestCost),
  },
  {
    name: "socketio_outbound_queue_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Bytes that wait for clients.",
    samples: single(({ queues }) => queues.outbound.bytes),
  },
  {
    name: "socketio_outbound_queue_deepest_bytes",
    type: "gauge",
    unit: "bytes",
    help: "The same of the client for which most wait.",
    samples: single(({ queues }) => queues.outbound.deepestBytes),
  },
  {
    name: "socketio_bounds_reached",
    type: "counter",
    help: "Times that a bound was reached.",
    samples: by("bound", ({ bounds }) => bounds),
  },
  {
    name: "socketio_dispatch_lag_seconds",
    type: "histogram",
    unit: "seconds",
    help: "Time for which a batch of events waits for the event loop.",
    samples: ({ dispatchLag: { buckets, count, sumSeconds } }) => [
      ...buckets.map(({ le, count: value }) => ({
        suffix: "_bucket",
        labels: { le: bucketBound(le) },
        value,
      })),
      { suffix: "_count", value: count },
      { suffix: "_sum", value: sumSeconds },
    ],
  },
  {
    name: "socketio_panics",
    type: "counter",
    help: "Faults of the native engine that were caught in this process.",
    samples: single(({ panics }) => panics),
  },
  {
    name: "socketio_memory_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Memory that the native engine counts.",
    samples: by("kind", ({ memory }) => ({ ...memory })),
  },
  {
    name: "socketio_io_threads",
    type: "gauge",
    help: "I/O threads of this process.",
    samples: single(({ ioThreads }) => ioThreads),
  },
];

/** A bound of a bucket, as the specification writes numbers in the label `le`. */
function bucketBound(le: number): string {
  if (le === Number.POSITIVE_INFINITY) return "+Inf";
  return Number.isInteger(le) ? le.toFixed(1) : String(le);
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The names of labels that metrics have. */
const TAKEN = new Set(["transport", "served", "reason", "bound", "kind", "le"]);

function checkLabels(labels: Labels): void {
  for (const [name, value] of Object.entries(labels)) {
    if (!LABEL_NAME.test(name) || name.startsWith("__") || TAKEN.has(name)) {
      throw new TypeError(`metricsText(): "${name}" cannot be the name of a label`);
    }
    if (typeof value !== "string") {
      throw new TypeError(`metricsText(): the label "${name}" has to be a string`);
    }
  }
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

function escapeLabel(value: string): string {
  // A lone surrogate has no form in UTF-8.
  return value.replace(/\p{Surrogate}/gu, "\uFFFD").replace(/[\\"\n]/g, (char) => ESCAPES[char]);
}

function labelSet(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/**
 * Writes the text.
 *
 * @param labels - added to each sample
 * @throws TypeError for a label that cannot be used
 */
export function metricsText(metrics: EngineMetrics, labels: Labels): string {
  checkLabels(labels);
  const lines: string[] = [];
  for (const { name, type, unit, help, samples } of FAMILIES) {
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${help}`);
    const usual = type === "counter" ? "_total" : "";
    for (const { suffix = usual, labels: own, value } of samples(metrics)) {
      lines.push(`${name}${suffix}${labelSet({ ...labels, ...own })} ${value}`);
    }
  }
  return `${lines.join("\n")}\n# EOF\n`;
}
