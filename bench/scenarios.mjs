// The scenarios, the goals they are held against, and the profiles that choose among them.

/**
 * A goal bounds a figure of `summary` in measure.mjs. `cpu_times` and `main_times` are upstream's
 * time over ours; `p50_of` and `p99_of` are our latency over upstream's.
 */
const atLeast = (figure, bound, label) => ({ figure, atLeast: bound, label });
const atMost = (figure, bound, label) => ({ figure, atMost: bound, label });

/** Goals of CPU time: of the whole process, and of the thread that runs JavaScript. */
const times = (total, main) => [
  atLeast("cpu_times", total, "total"),
  ...(main ? [atLeast("main_times", main, "main")] : []),
];
const both = (...goals) => ({ attached: goals, port: goals });
/** No installed peer may be better; see goals.mjs. */
const ahead = { beats: ["uws", "bun"] };

const run = (title, line, more = {}) => ({
  title,
  args: ["--scenario", ...line.split(" ")],
  goals: {},
  ...more,
});
/** Echoes also run against servers that speak WebSocket only. */
const echo = (title, line, more) => run(title, `echo ${line}`, { raw: true, ...more });
/** The peers are not set up for TLS, and a port has no TLS form. */
const tls = { env: { TLS: "1" }, servers: ["upstream", "attached", "ours"] };

/**
 * `title` is the row's name in documents; `goals` are those of each form of our package; `beats`
 * names the peers that may not be better in total; `env` are settings of the server; `small` is the
 * number of connections in the quick profile, `idle` a run without a clock; `servers`, where given,
 * are the only servers that are measured; `per` is one operation, where that is not the title's.
 */
export const scenarios = {
  ack32: run("acknowledged event of 32 B", "ack --payload 32", {
    goals: both(...times(3, 12)),
    ...ahead,
  }),
  ack32_d16: run("acknowledged event, 16 in flight", "ack --payload 32 --depth 16", {
    goals: both(...times(5, 8)),
    ...ahead,
  }),
  paced10k: echo("light load: 10,000 echoes a second", "--payload 32 --conns 1000 --rate 10000", {
    goals: both(
      ...times(2, 4),
      atMost("p50_of", 1, "p50 over upstream's"),
      atMost("p99_of", 1, "p99 over upstream's"),
    ),
    ...ahead,
    latency: true,
  }),
  lone: echo("echo of one lone connection", "--payload 32 --conns 1 --nap 0", {
    goals: both(atMost("p50_of", 1.1, "p50 over upstream's")),
    latency: true,
    servers: ["upstream", "attached", "port", "ours"],
  }),
  echo1k_d16: echo("echo of 1 KiB, 16 in flight", "--payload 1024 --depth 16", {
    goals: both(...times(4, 6)),
    ...ahead,
  }),
  echo16k: echo("echo of 16 KiB", "--payload 16384", { goals: both(...times(2.5, 3.5)), ...ahead }),
  binary16k: run("echo of 16 KiB, binary", "binary --payload 16384", {
    goals: both(...times(5, 12)),
    ...ahead,
  }),
  flood: run("flood: events that are only received", "flood", {
    goals: both(...times(5, 7)),
    ...ahead,
  }),
  room: run(
    "rooms: 100 of 10 clients, per delivery",
    "room --conns 1000 --rooms 100 --count 100 --payload 128",
    { goals: both(...times(3, 40)), ...ahead },
  ),
  bcast20: run(
    "bursts of 20 broadcasts to 1,000, per delivery",
    "broadcast --conns 1000 --count 20 --payload 128",
    { goals: both(...times(18, 300)), ...ahead },
  ),
  deflate4k: run("permessage-deflate, echo of 4 KiB", "deflate --payload 4096", {
    env: { DEFLATE: "1" },
    goals: both(...times(6, 15)),
    ...ahead,
  }),
  polling: run("polling: echo", "polling --conns 100", {
    goals: both(...times(3.5, 12)),
    ...ahead,
  }),
  pollhs: run("polling: session (open, connect, close)", "pollhs --conns 50", {
    goals: both(...times(5, 15)),
    ...ahead,
  }),
  idle_ws: run("connection, WebSocket", "idle --conns 5000", {
    idle: true,
    small: 2000,
    goals: {
      attached: [...times(3.5, 6), atMost("rss_kib", 5, "RSS KiB")],
      port: [...times(5, 12), atMost("rss_kib", 5, "RSS KiB")],
    },
    ...ahead,
  }),
  idle_upgrade: run("connection, polling then upgrade", "idle --conns 2000 --mode upgrade", {
    idle: true,
    small: 1000,
    goals: { attached: times(4, 8), port: times(6, 20) },
    ...ahead,
  }),
  idle_ws19k: run("19,000 idle connections", "idle --conns 19000", {
    idle: true,
    small: 6000,
    goals: both(atMost("rss_kib", 4, "RSS KiB")),
    servers: ["upstream", "attached", "port", "ours"],
    memory: true,
  }),
  ack_tls: run("TLS: acknowledged event of 32 B", "ack --payload 32 --tls 1", {
    ...tls,
    goals: { attached: times(1.6) },
  }),
  bcast_tls: run(
    "TLS: bursts of 20 broadcasts to 1,000, per delivery",
    "broadcast --conns 1000 --count 20 --payload 128 --tls 1",
    { ...tls, goals: { attached: times(4) } },
  ),
  idle_tls: run("TLS: connection, WebSocket", "idle --conns 2000 --tls 1", {
    ...tls,
    idle: true,
    small: 500,
    goals: { attached: [atMost("cpu_of", 0.95, "total over upstream's")] },
  }),
  bcast1: run(
    "one broadcast to 1,000, per delivery",
    "broadcast --conns 1000 --count 1 --payload 128",
    {
      goals: both(atMost("emit_ms", 1, "emit ms")),
    },
  ),
  idle_polling: run("connection, polling", "idle --conns 2000 --mode polling", {
    idle: true,
    small: 1000,
  }),
  echo32: echo("echo of 32 B", "--payload 32"),
  echo32_d16: echo("echo of 32 B, 16 in flight", "--payload 32 --depth 16"),
  echo32_n1000: echo("echo of 32 B, 1,000 connections", "--payload 32 --conns 1000"),
  echo1k: echo("echo of 1 KiB", "--payload 1024"),
  echo_json: echo("echo of a JSON object", "--payload json"),
};

const names = Object.keys(scenarios);

/**
 * `timing` goes to the load generator: seconds before and on the clock. `patience` is how many
 * seconds a whole run may wait for the machine to fall idle, `retries` how often a disturbed
 * measurement is made again.
 */
export const profiles = {
  goals: {
    names: names.slice(0, names.indexOf("bcast1")),
    rounds: 3,
    timing: ["--warm", "0.7", "--secs", "1.1"],
    retries: 0,
    patience: 30,
  },
  quick: {
    names: names.slice(0, names.indexOf("bcast1")),
    rounds: 1,
    timing: ["--warm", "0.5", "--secs", "0.8"],
    retries: 0,
    patience: 5,
    small: true,
  },
  full: {
    names,
    rounds: 3,
    timing: ["--warm", "1", "--secs", "1.5"],
    retries: 1,
    patience: 120,
  },
};
