// The scenarios, the profiles that choose among them, and the goals they are held against.

/**
 * A goal holds a figure of our package to an upper bound. The figures are those of `summary` in
 * measure.mjs; `cpu_x` and `main_x` are ours over upstream's.
 */
const goal = (figure, atMost, label) => ({ figure, atMost, label });
const acknowledged = [goal("cpu_x", 0.5, "CPU × ≤ 0.5"), goal("main_x", 0.25, "main × ≤ 0.25")];

const run = (line, more = {}) => ({ args: ["--scenario", ...line.split(" ")], goals: [], ...more });
/** Echoes also run against servers that speak WebSocket only. */
const echo = (line) => run(`echo ${line}`, { raw: true });

/** `small` is the number of connections in the quick profile, `idle` a run without a clock. */
export const scenarios = {
  echo32: echo("--payload 32"),
  echo32_d16: echo("--payload 32 --depth 16"),
  echo32_n1000: echo("--payload 32 --conns 1000"),
  echo1k: echo("--payload 1024"),
  echo1k_d16: echo("--payload 1024 --depth 16"),
  echo16k: echo("--payload 16384"),
  echo_json: echo("--payload json"),
  paced10k: echo("--payload 32 --conns 1000 --rate 10000"),
  ack32: run("ack --payload 32", { goals: acknowledged }),
  ack32_d16: run("ack --payload 32 --depth 16", { goals: acknowledged }),
  binary16k: run("binary --payload 16384"),
  deflate4k: run("deflate --payload 4096", { env: { DEFLATE: "1" } }),
  flood: run("flood"),
  bcast1: run("broadcast --conns 1000 --count 1 --payload 128", {
    goals: [goal("emit_ms", 1, "emit ≤ 1 ms")],
  }),
  bcast20: run("broadcast --conns 1000 --count 20 --payload 128"),
  room: run("room --conns 1000 --rooms 100 --count 100 --payload 128"),
  polling: run("polling --conns 100"),
  pollhs: run("pollhs --conns 50"),
  idle_ws: run("idle --conns 5000", {
    idle: true,
    small: 2000,
    goals: [goal("rss_kib", 6, "RSS ≤ 6 KiB")],
  }),
  idle_upgrade: run("idle --conns 2000 --mode upgrade", { idle: true, small: 1000 }),
};

/**
 * `timing` goes to the load generator: seconds before and on the clock. `patience` is how many
 * seconds a whole run may wait for the machine to fall idle, `retries` how often a disturbed
 * measurement is made again.
 */
export const profiles = {
  goals: {
    names: ["idle_ws", "ack32", "ack32_d16", "bcast1", "bcast20", "echo32"],
    rounds: 3,
    timing: ["--warm", "1", "--secs", "1.5"],
    retries: 0,
    patience: 30,
  },
  quick: {
    names: [
      "echo32",
      "echo1k",
      "ack32",
      "ack32_d16",
      "binary16k",
      "flood",
      "bcast1",
      "bcast20",
      "room",
      "polling",
      "idle_ws",
    ],
    rounds: 1,
    timing: ["--warm", "0.7", "--secs", "1.2"],
    retries: 0,
    patience: 10,
    small: true,
  },
  full: {
    names: Object.keys(scenarios),
    rounds: 3,
    timing: ["--warm", "1", "--secs", "1.5"],
    retries: 1,
    patience: 120,
  },
};
