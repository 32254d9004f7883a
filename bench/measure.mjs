// Runs scenarios against servers in alternation and reduces the runs to medians.

import { spawn } from "node:child_process";
import { busySeconds, loader, start, stop } from "./servers.mjs";

const RUN_LIMIT_MS = 150_000;
/** A run with more than this many cores busy elsewhere is made again, `retries` times at most. */
export const NOISE = 0.25;

/** Runs the load generator and returns the object it prints; its `error` is set if it failed. */
export function drive(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(loader, args, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), RUN_LIMIT_MS);
    child.stdout.on("data", (d) => {
      text += d;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      let result;
      try {
        result = JSON.parse(text);
      } catch {
        result = { error: "the load generator printed no result" };
      }
      if (code !== 0) result.error ??= `the load generator ended with code ${code}`;
      resolve(result);
    });
  });
}

async function runOnce(server, scenario, profile, env) {
  let running;
  try {
    running = await start(server, { ...env, ...scenario.env });
    const { port, pid } = running;
    const args = ["--addr", `127.0.0.1:${port}`, "--pid", String(pid), ...scenario.args];
    if (profile.small && scenario.small) args[args.indexOf("--conns") + 1] = `${scenario.small}`;
    if (server.raw) args.push("--mode", "raw");
    if (!scenario.idle) args.push(...profile.timing);
    const result = await drive(args);
    const { exitCode, signalCode } = running.child;
    if (exitCode !== null || signalCode !== null) {
      const last = running.complaint().trim();
      result.error = `the server ended with ${signalCode ?? exitCode}${last && `: ${last}`}`;
    }
    return result;
  } catch (e) {
    return { error: e.message };
  } finally {
    if (running) await stop(running);
  }
}

const pause = (ms) => new Promise((r) => setTimeout(r, ms));

/** Waits for the machine to fall idle, out of a budget that the whole run shares. */
async function quiet(budget) {
  for (;;) {
    const before = busySeconds();
    await pause(250);
    if ((busySeconds() - before) / 0.25 <= NOISE || budget.ms <= 0) return;
    budget.ms -= 250;
  }
}

/** One measurement. A failed run is never made again: it is a result, not noise. */
async function measure(server, scenario, profile, env, budget) {
  let best = null;
  for (let i = 0; i <= profile.retries; i++) {
    await quiet(budget);
    const r = await runOnce(server, scenario, profile, env);
    if (r.error) return r;
    if (!best || r.other_util < best.other_util) best = r;
    if (best.other_util <= NOISE) break;
  }
  return best;
}

/**
 * Runs every scenario against every server. A run gets a fresh server process; each round visits
 * every server before the next round begins, in the opposite order every other time, so that a
 * drift of the machine falls on all of them alike.
 * @param plan {names, servers: {name: server}, scenarios: {name: scenario}, profile, env}
 * @returns {scenario: {server: [run, ..]}}
 */
export async function alternate({ servers, scenarios, profile, env, note, save }) {
  const budget = { ms: profile.patience * 1000 };
  const results = {};
  for (const [s, scenario] of Object.entries(scenarios)) {
    const able = Object.keys(servers).filter(
      (n) =>
        (!servers[n].raw || scenario.raw) &&
        !servers[n].skip?.includes(s) &&
        (scenario.servers?.includes(n) ?? true),
    );
    if (able.length === 0) continue;
    results[s] = Object.fromEntries(able.map((n) => [n, []]));
    for (let round = 0; round < profile.rounds; round++) {
      for (const n of round % 2 ? [...able].reverse() : able) {
        const r = await measure(servers[n], scenario, profile, env, budget);
        results[s][n].push(r);
        note(`${s} ${round + 1}/${profile.rounds} ${n}: ${r.error ?? `${r.cpu_us_op} µs/op`}`);
      }
    }
    save(results);
  }
  return results;
}

/** The median of the numbers among the values; null if there are none. */
export function median(values) {
  const v = values.filter((x) => typeof x === "number").sort((a, b) => a - b);
  if (v.length === 0) return null;
  const m = v.length >> 1;
  return v.length % 2 ? v[m] : (v[m - 1] + v[m]) / 2;
}

const scaled = (value, by) => (typeof value === "number" ? value * by : null);

/** The kernel's part of a thread's time, and the part outside it, per operation. */
function threadsOf(runs) {
  const names = new Set(runs.flatMap((r) => (r.threads ?? []).map((t) => t.name)));
  const found = (name, key) =>
    median(runs.map((r) => r.threads?.find((t) => t.name === name)?.[key] ?? 0));
  return [...names]
    .map((name) => ({ name, user_us: found(name, "user_us_op"), sys_us: found(name, "sys_us_op") }))
    .sort((a, b) => b.user_us + b.sys_us - a.user_us - a.sys_us);
}

/**
 * The medians of one server's runs in one scenario; `reference` is upstream's summary. `cpu_times` and
 * `main_times` are the reference's time over this server's; `cpu_of`, `p50_of` and `p99_of` are this
 * server's figure over the reference's. One failed run fails them all.
 */
export function summary(runs, reference) {
  const failure = runs.find((r) => r.error);
  if (failure) return { error: failure.error, failed: runs.filter((r) => r.error).length };
  const of = (f) => median(runs.map(f));
  const s = {
    cpu_us: of((r) => r.cpu_us_op),
    cpu_min: Math.min(...runs.map((r) => r.cpu_us_op)),
    cpu_max: Math.max(...runs.map((r) => r.cpu_us_op)),
    main_us: of((r) => r.main_us_op),
    sys_us: of((r) => r.sys_us_op),
    ops_s: of((r) => r.ops_s),
    p50_ms: of((r) => scaled(r.p50_us, 1e-3)),
    p99_ms: of((r) => scaled(r.p99_us, 1e-3)),
    rss_kib: of((r) => scaled(r.rss_per_conn, 1 / 1024)),
    emit_ms: of((r) => r.server_stats?.emit_blocked_ms?.p50),
    emit_max_ms: of((r) => r.server_stats?.emit_blocked_ms?.max),
    stall_ms: of((r) => r.server_stats?.stall_max_ms),
    load: of((r) => r.load_util),
    other: of((r) => r.other_util),
    threads: threadsOf(runs),
  };
  const over = (a, b) => (a > 0 && b > 0 ? a / b : null);
  const them = reference ?? s;
  s.cpu_times = over(them.cpu_us, s.cpu_us);
  s.main_times = over(them.main_us, s.main_us);
  s.cpu_of = over(s.cpu_us, them.cpu_us);
  s.p50_of = over(s.p50_ms, them.p50_ms);
  s.p99_of = over(s.p99_ms, them.p99_ms);
  return s;
}

/** The summaries of every scenario by server: `{scenario: {server: summary}}`. */
export function summaries(results) {
  const rows = {};
  for (const [scenario, byServer] of Object.entries(results)) {
    const reference = byServer.upstream && summary(byServer.upstream);
    const entries = Object.entries(byServer).map(([n, runs]) => [
      n,
      summary(runs, reference ?? {}),
    ]);
    rows[scenario] = Object.fromEntries(entries);
  }
  return rows;
}
