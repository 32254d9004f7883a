// Where a JavaScript server's time goes in one scenario.
//
//   node bench/profile.mjs [--server ours] [--load "echo --payload 32"] [--how v8|perf]
//                          [--secs 4] [--top 25]
//
// v8:   node --cpu-prof; self time on the main thread, per function and per package. Sees through
//       inlining, does not see inside "(program)", which is the event loop's own C code.
// perf: perf record -e cpu-clock with --perf-basic-prof; all threads: kernel, garbage collection,
//       JSON, the addon, JavaScript by package. Wants the perf tool; charges inlined JavaScript to
//       the function it was inlined into.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { drive } from "./measure.mjs";
import { servers, start, stop } from "./servers.mjs";

const { values: opts } = parseArgs({
  options: {
    server: { type: "string", default: "ours" },
    load: { type: "string", default: "echo --payload 32" },
    how: { type: "string", default: "v8" },
    secs: { type: "string", default: "4" },
    top: { type: "string", default: "25" },
  },
});
const WARM_S = 1.5;
const secs = Number(opts.secs);
const idle = opts.load.startsWith("idle");

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
  if (/socket-io-native.*\.node/.test(object)) return "addon";
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

/** Yields [group, name, microseconds] for every sample of a .cpuprofile, warm-up left out. */
function* v8Samples(profile) {
  const byId = new Map(profile.nodes.map((n) => [n.id, n]));
  const parent = new Map();
  for (const n of profile.nodes) for (const c of n.children ?? []) parent.set(c, n.id);
  const from = idle ? 0 : profile.endTime - (secs + 0.3) * 1e6;
  let at = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    at += profile.timeDeltas[i];
    const { functionName: name, url, lineNumber } = byId.get(id).callFrame;
    if (at < from || name === "(idle)" || name === "(root)") continue;
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

async function profile(dir) {
  const server = servers[opts.server];
  if (!server || server.bin) throw new Error(`no JavaScript server "${opts.server}"`);
  const perf = opts.how === "perf";
  const flags = perf
    ? ["--perf-basic-prof", "--interpreted-frames-native-stack"]
    : ["--cpu-prof", "--cpu-prof-interval", "500", `--cpu-prof-dir=${dir}`];
  const env = opts.load.startsWith("deflate") ? { DEFLATE: "1" } : {};
  const running = await start(server, env, { flags, cwd: dir });
  try {
    const { port, pid } = running;
    const args = ["--addr", `127.0.0.1:${port}`, "--pid", String(pid), "--scenario"];
    args.push(...opts.load.split(" "));
    if (!idle) args.push("--warm", String(WARM_S), "--secs", opts.secs);
    const file = path.join(dir, "perf.data");
    const [result] = await Promise.all([drive(args), perf && recordPerf(pid, file)]);
    if (result.error) throw new Error(result.error);
    // The names of compiled functions are lost with the process; a v8 profile is written at its end.
    if (perf) return { result, samples: perfSamples(readPerf(file), pid) };
    await stop(running);
    const name = readdirSync(dir).find((f) => f.endsWith(".cpuprofile"));
    return { result, samples: v8Samples(JSON.parse(readFileSync(path.join(dir, name), "utf8"))) };
  } finally {
    await stop(running);
  }
}

const dir = mkdtempSync(path.join(os.tmpdir(), "sioprof-"));
try {
  const { result, samples } = await profile(dir);
  const groups = new Map();
  const functions = new Map();
  let total = 0;
  for (const [group, name, weight] of samples) {
    groups.set(group, (groups.get(group) ?? 0) + weight);
    functions.set(name, (functions.get(name) ?? 0) + weight);
    total += weight;
  }
  const show = (map, n) =>
    [...map]
      .sort((a, b) => b[1] - a[1])
      .slice(0, n)
      .map(([k, v]) => `${((v * 100) / total).toFixed(1).padStart(6)} %  ${k}`)
      .join("\n");
  console.log(`${opts.server}, ${opts.load}, ${opts.how}; under the profiler:`);
  console.log(`${result.cpu_us_op} µs/op in all, ${result.main_us_op} on the main thread`);
  console.log(`${show(groups, 30)}\n--\n${show(functions, Number(opts.top))}`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
