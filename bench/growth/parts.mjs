// The parts of the report about growth: the steps of each, and the figures it shows.

/** A step of a part; `long` ones are left out by `--quick`. */
const step = (at, line, more = {}) => ({ at, args: ["--scenario", ...line.split(" ")], ...more });

const RECEIVERS = [10, 100, 1000, 10_000];
const OURS = ["attached", "port", "ours"];

/**
 * `title` tells what grows, `unit` what the steps count; each of `figures` is `[name, figure]`, where
 * a figure takes the summary of a run and its step and returns a number or null. `digits` are those
 * of the figures; `scenario` holds for all steps.
 */
export const parts = {
  deliveries: {
    title: "CPU per delivery, by receivers of a broadcast (bursts of 20)",
    unit: "receivers",
    steps: RECEIVERS.map((n) =>
      step(`${n}`, `broadcast --conns ${n} --count 20 --payload 128`, { long: n > 1000 }),
    ),
    scenario: {},
    figures: [
      ["µs", (s) => s.cpu_us],
      ["main µs", (s) => s.main_us],
    ],
    digits: 3,
  },
  emit: {
    title: "Time of the main thread for one `io.emit`, by receivers",
    unit: "receivers",
    steps: RECEIVERS.map((n) =>
      step(`${n}`, `broadcast --conns ${n} --count 1 --payload 128`, { long: n > 1000 }),
    ),
    scenario: {},
    figures: [
      ["blocked, µs", (s) => s.emit_ms && s.emit_ms * 1000],
      ["CPU of main, µs", (s, at) => s.main_us * at],
    ],
    digits: 0,
  },
  memory: {
    title: "Resident set per idle WebSocket connection, by connections",
    unit: "connections",
    steps: [1000, 2000, 5000, 10_000, 19_000].map((n) =>
      step(`${n}`, `idle --conns ${n}`, { long: n > 5000 }),
    ),
    scenario: { idle: true },
    figures: [["KiB", (s) => s.rss_kib]],
    digits: 1,
  },
  handshakes: {
    title: "CPU per WebSocket connection that is opened, by connections that stand already",
    unit: "connections held",
    steps: [0, 1000, 10_000].map((n) =>
      step(`${n}`, `idle --conns 2000 --held ${n}`, { long: n > 1000 }),
    ),
    scenario: { idle: true },
    figures: [
      ["µs", (s) => s.cpu_us],
      ["main µs", (s) => s.main_us],
    ],
    digits: 0,
  },
  threads: {
    title: "Acknowledged events, 16 in flight on each of 100 connections, by I/O threads",
    unit: "I/O threads",
    steps: [1, 2, 3].map((n) =>
      step(`${n}`, "ack --payload 32 --depth 16", { env: { SOCKET_IO_NATIVE_THREADS: `${n}` } }),
    ),
    scenario: { servers: OURS },
    figures: [
      ["events/s", (s) => s.ops_s],
      ["CPU µs", (s) => s.cpu_us],
    ],
    digits: 1,
  },
};
