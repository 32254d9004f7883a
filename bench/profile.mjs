// Where a JavaScript server's time goes in one scenario.
//
//   node bench/profile.mjs [--server attached] [--scenario echo32 | --load "echo --payload 32"]
//                          [--how v8|perf] [--secs 4] [--top 25] [--node PATH|MAJOR]
//
// First it says, without a profiler, how the time divides among threads, and of each the kernel's
// part; then the functions:
//
// v8:   node --cpu-prof; self time on the main thread, per function and per package. Sees through
//       inlining, does not see inside "(program)", which is the event loop's own C code.
// perf: perf record -e cpu-clock with --perf-basic-prof; all threads: kernel, garbage collection,
//       JSON, the addon, JavaScript by package. Wants the perf tool; charges inlined JavaScript to
//       the function it was inlined into.
//
// --scenario is one of scenarios.mjs, with its server's settings; --load is the load generator's own
// command line.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { layout } from "./layout.mjs";
import { buildLoadGenerator } from "./load-generator.mjs";
import { drive } from "./measure.mjs";
import { findNode } from "./nodes.mjs";
import { scenarios } from "./scenarios.mjs";
import { servers, start, stop, useNode } from "./servers.mjs";

const { values: opts } = parseArgs({
  options: {
    server: { type: "string", default: "attached" },
    scenario: { type: "string" },
    load: { type: "string", default: "echo --payload 32" },
    how: { type: "string", default: "v8" },
    secs: { type: "string", default: "4" },
    top: { type: "string", default: "25" },
    node: { type: "string" },
  },
});
const WARM_S = 1.5;
const secs = Number(opts.secs);

/** The load generator's arguments and the server's settings. */
function chooseLoad() {
  const { scenario: name, load } = opts;
  if (name === undefined) {
    const env = {
      DEFLATE: load.startsWith("deflate") ? "1" : "",
      TLS: /--tls 1/.test(load) ? "1" : "",
    };
    return { name: load, load: ["--scenario", ...load.split(" ")], env };
  }
  if (!Object.hasOwn(scenarios, name)) {
    throw new Error(`no scenario "${name}"; there are ${Object.keys(scenarios).join(", ")}`);
  }
  return { name, load: scenarios[name].args, env: scenarios[name].env ?? {} };
}

const { name: title, load, env } = chooseLoad();
const idle = load[1] === "idle";

const PACKAGES =
  /node_modules\/(engine\.io-parser|socket\.io-parser|socket\.io-adapter|socket\.io|engine\.io|ws|debug)\/(?!.*node_modules)/;

/** The package a script's address belongs to, or null if it names no script. */
function packageOf(text) {
  const known = PACKAGES.exec(text);
  if (known) return `js ${known[1]}`;
  if (/node_modules\//.test(text)) return "js other packages";
  if (/bench\/(server|raw)\.js/.test(text)) return "js handlers (server.js)";
  if (/\/dist\/[\w./-]+\.js|binding\.js/.test(text)) return "js socket.io-native";
  if (/node:/.test(text)) return "js node core";
  return null;
}

// The first pattern that fits a native symbol names its group.
const SYMBOLS = [
  [
    /Scaveng|MarkCompact|Marking|Sweep|Heap|GarbageCollect|Evacuat|YoungGen|ObjectVisitor|GlobalHandles|WeakCallback|TracedHandle|Worklist|cppgc/i,
    "v8 gc",
  ],
  [/Json/i, "v8 json"],
  [/Builtins_|Builtin:|BytecodeHandler|Handler:/, "v8 builtins"],
  [/v8::internal::compiler|Turbo|Maglev|Sparkplug|Parser|Compiler|Bytecode/, "v8 compile"],
  [/v8::|v8_/, "v8 runtime and api"],
  [/uv_|uv__/, "libuv"],
  [/node::|llhttp|simdutf|ada::/, "node c++"],
  [/^(JS|LazyCompile|Function|Eval|Script|RegExp|Stub)/, "js node core"],
];

function groupOfSymbol(symbol, object) {
  if (/kernel|vmlinux/.test(object) || (symbol === "[unknown]" && object.startsWith("["))) {
    return "kernel";
  }
  if (/socket\.io-native.*\.node/.test(object)) return "addon";
  const group = packageOf(symbol);
  if (group) return group;
  if (/libc|libpthread|vdso|ld-linux/.test(object)) return "libc";
  return SYMBOLS.find(([pattern]) => pattern.test(symbol))?.[1] ?? "other native";
}

/** Yields [group, name, weight] for every sample of `perf script`'s text. */
function* perfSamples(text, pid) {
  for (const line of text.split("\n")) {
    const m = /^\s*.+?\s+(\d+)\s+[0-9a-f]+ (.*) \(([^()]*)\)\s*$/.exec(line);
    if (!m) continue;
    const [, thread, symbol, object] = m;
    const group = groupOfSymbol(symbol, object);
    const where = Number(thread) === pid ? group : `other threads: ${group}`;
    yield [where, symbol.replace(/ \S*node_modules\//, " ").slice(0, 100), 1];
  }
}

/**
 * Yields [group, name, microseconds] for every sample of a .cpuprofile between two moments of the
 * monotonic clock, in µs: neither warm-up nor the end of the connections is in it.
 */
function* v8Samples(profile, [from, to]) {
  const byId = new Map(profile.nodes.map((n) => [n.id, n]));
  const parent = new Map();
  for (const n of profile.nodes) for (const c of n.children ?? []) parent.set(c, n.id);
  let at = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    at += profile.timeDeltas[i];
    const { functionName: name, url, lineNumber } = byId.get(id).callFrame;
    if (at < from || at > to || name === "(idle)" || name === "(root)") continue;
    let group = packageOf(url) ?? "js node core";
    if (name === "(garbage collector)") group = "gc";
    else if (name === "(program)") group = "(program): libuv, reads, epoll";
    else if (!url) group = `native: ${/write/i.test(name) ? "socket writes" : "other"}`;
    const caller = byId.get(parent.get(id))?.callFrame.functionName;
    const label =
      url || !caller || name.startsWith("(")
        ? `${name || "(anonymous)"} ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`
        : `${name} [native, from ${caller || "(anonymous)"}]`;
    yield [group, label, profile.timeDeltas[i + 1] ?? 0];
  }
}

const pause = (s) => new Promise((r) => setTimeout(r, s * 1000));

async function recordPerf(pid, file) {
  if (!idle) await pause(WARM_S + 0.5);
  const length = idle ? "12" : String(Math.max(0.5, secs - 0.7));
  const args = ["record", "-q", "-e", "cpu-clock", "-F", "1999", "-p", String(pid), "-o", file];
  const child = spawn("perf", [...args, "--", "sleep", length], { stdio: "inherit" });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  if (code !== 0) throw new Error(`perf record ended with code ${code}`);
}

function readPerf(file) {
  const args = ["script", "-i", file, "-F", "comm,tid,ip,sym,dso"];
  return spawnSync("perf", args, { encoding: "utf8", maxBuffer: 1 << 30 }).stdout;
}

/** Starts the server, drives it, and gives `meanwhile` and `after` the running process. */
async function measured(server, options, { meanwhile, after } = {}) {
  const running = await start(server, env, options);
  try {
    const { port, pid } = running;
    const args = ["--addr", `127.0.0.1:${port}`, "--pid", String(pid), ...load];
    if (server.raw) args.push("--mode", "raw");
    if (!idle) args.push("--warm", String(WARM_S), "--secs", opts.secs);
    const [result] = await Promise.all([drive(args), meanwhile?.(pid)]);
    if (result.error) throw new Error(result.error);
    return { result, after: await after?.(running) };
  } finally {
    await stop(running);
  }
}

async function profile(server, dir) {
  if (opts.how === "perf") {
    const file = path.join(dir, "perf.data");
    const flags = ["--perf-basic-prof", "--interpreted-frames-native-stack"];
    const { result, after } = await measured(
      server,
      { flags, cwd: dir },
      {
        meanwhile: (pid) => recordPerf(pid, file),
        // The names of compiled functions are lost with the process.
        after: ({ pid }) => [...perfSamples(readPerf(file), pid)],
      },
    );
    return { result, samples: after };
  }
  const flags = ["--cpu-prof", "--cpu-prof-interval", "500", `--cpu-prof-dir=${dir}`];
  // The profile is written at the process's end.
  const { result } = await measured(server, { flags, cwd: dir });
  const name = readdirSync(dir).find((f) => f.endsWith(".cpuprofile"));
  const written = JSON.parse(readFileSync(path.join(dir, name), "utf8"));
  return { result, samples: v8Samples(written, result.clock_us) };
}

/** The threads of a run: µs per operation outside the kernel and in it. */
function threadTable({ threads }) {
  const rows = threads
    .map(({ name, threads: count, user_us_op: user, sys_us_op: sys }) => ({
      name,
      count,
      user,
      sys,
    }))
    .sort((a, b) => b.user + b.sys - a.user - a.sys)
    .map(({ name, count, user, sys }) => [
      count > 1 ? `${name} (${count} threads)` : name,
      ...[user + sys, user, sys].map((us) => us.toFixed(2)),
      `${((100 * sys) / (user + sys)).toFixed(0)} %`,
    ]);
  const head = ["thread", "µs/op", "user", "kernel", "kernel's share"];
  return layout([head, ...rows], (i) => i > 0).join("\n");
}

/** Adds weights up by a key of the samples, and prints the heaviest. */
function heaviest(samples, key, count) {
  const sums = new Map();
  let total = 0;
  for (const sample of samples) {
    sums.set(sample[key], (sums.get(sample[key]) ?? 0) + sample[2]);
    total += sample[2];
  }
  return [...sums]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, weight]) => `${((weight * 100) / total).toFixed(1).padStart(6)} %  ${name}`)
    .join("\n");
}

async function printFunctions(server) {
  const dir = mkdtempSync(path.join(os.tmpdir(), "sioprof-"));
  try {
    const { result, samples } = await profile(server, dir);
    const all = [...samples];
    console.log(`Under the profiler (${opts.how}):`);
    console.log(`${result.cpu_us_op} µs/op in all, ${result.main_us_op} on the main thread`);
    console.log(`${heaviest(all, 0, 30)}\n--\n${heaviest(all, 1, Number(opts.top))}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const server = servers[opts.server];
if (!server) {
  throw new Error(`no server "${opts.server}"; there are ${Object.keys(servers).join(", ")}`);
}
useNode((await findNode(opts.node)).program);
buildLoadGenerator();
const { result } = await measured(server, {});
console.log(
  `${opts.server}, ${title}: ${result.cpu_us_op} µs/op in all, ${result.sys_us_op} of them`,
);
console.log(`in the kernel; ${result.main_us_op} on the main thread\n`);
console.log(`${threadTable(result)}\n`);
// The profilers are Node's.
if (!server.bin) await printFunctions(server);
