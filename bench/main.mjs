// The benchmark: our package against upstream, in alternation, on one machine. See README.md.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { alternate } from "./measure.mjs";
import { report } from "./report.mjs";
import { profiles, scenarios } from "./scenarios.mjs";
import { here, servers, start, stop, substitute } from "./servers.mjs";

const USAGE = `node bench/main.mjs [options]
  --profile goals|quick|full   what to run                               (goals)
  --scenarios a,b              only these scenarios
  --servers a,b                servers by name                           (upstream,ours)
  --ours MODULE                what stands for our package: a name or a path
  --upstream MODULE            what stands for upstream: a name or a path
  --mode attach|port           attached to an http.Server, or new Server(port)  (attach)
  --rounds N --retries N --patience SECONDS    instead of the profile's
  --out FILE                   where the single runs go                  (results/PROFILE.json)
  --from FILE                  print the table of an earlier run`;

/** A mistake of whoever called, told without a stack. */
class Complaint extends Error {}

function readOptions() {
  const names = "profile scenarios servers ours upstream mode rounds retries patience out from";
  const options = Object.fromEntries(names.split(" ").map((n) => [n, { type: "string" }]));
  options.help = { type: "boolean" };
  try {
    return parseArgs({ options }).values;
  } catch (e) {
    throw new Complaint(`${e.message}\n\n${USAGE}`);
  }
}

function pick(table, names, what) {
  const unknown = names.find((n) => !Object.hasOwn(table, n));
  if (unknown !== undefined) {
    throw new Complaint(`no ${what} "${unknown}"; there are ${Object.keys(table).join(", ")}`);
  }
  return Object.fromEntries(names.map((n) => [n, table[n]]));
}

function count(text, what, least) {
  const n = Number(text);
  if (!Number.isInteger(n) || n < least) throw new Complaint(`--${what}: ${text}?`);
  return n;
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (e) {
    throw new Complaint(`--from: ${e.message}`);
  }
}

function plan(o) {
  const name = o.profile ?? "goals";
  const profile = { ...pick(profiles, [name], "profile")[name] };
  if (o.rounds) profile.rounds = count(o.rounds, "rounds", 1);
  if (o.retries) profile.retries = count(o.retries, "retries", 0);
  if (o.patience) profile.patience = count(o.patience, "patience", 0);
  const mode = o.mode ?? "attach";
  if (mode !== "attach" && mode !== "port") throw new Complaint(`--mode: ${mode}?`);
  for (const side of ["ours", "upstream"]) if (o[side]) substitute(side, o[side]);
  return {
    servers: pick(servers, (o.servers ?? "upstream,ours").split(","), "server"),
    scenarios: pick(scenarios, o.scenarios?.split(",") ?? profile.names, "scenario"),
    profile,
    env: { MODE: mode },
    out: path.resolve(o.out ?? path.join(here, "results", `${name}.json`)),
  };
}

function buildLoadGenerator() {
  const target = path.join(here, "sioload", "target");
  const args = ["build", "--release", "--locked", "--quiet", "--target-dir", target];
  const { status, error } = spawnSync("cargo", args, {
    cwd: path.join(here, "sioload"),
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw new Complaint(`cargo does not run (${error.code}): the load generator is Rust`);
  if (status !== 0) throw new Complaint("the load generator did not build");
}

/** Starts every server once: better to hear of a missing package now than minutes later. */
async function introduce(list, env) {
  for (const [name, server] of Object.entries(list)) {
    try {
      const running = await start(server, env);
      await stop(running);
      console.log(`${name}: ${running.version ?? "version unknown"}`);
    } catch (e) {
      const hints = { ours: "npm run setup", upstream: "npm install", "raw-ws": "npm install" };
      const hint = hints[name] ?? "bench/setup.sh";
      throw new Complaint(`"${name}" does not start, is it built? (${hint})\n${e.message}`);
    }
  }
}

/**
 * The longest stall, in milliseconds, of a process that does nothing: what this machine adds to
 * every server's.
 */
async function idleStall() {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await new Promise((r) => setTimeout(r, 1500));
  delays.disable();
  return delays.max / 1e6 - 1;
}

async function main() {
  const o = readOptions();
  if (o.help) return console.log(USAGE);
  if (process.platform !== "linux") throw new Complaint("the benchmark reads /proc: Linux only");
  let results;
  if (o.from) {
    results = readResults(o.from);
    pick(scenarios, Object.keys(results), "scenario");
  } else {
    const p = plan(o);
    buildLoadGenerator();
    console.log(`Node ${process.version}, ${os.cpus().length} × ${os.cpus()[0]?.model ?? "CPU"}`);
    await introduce(p.servers, p.env);
    console.log(
      `a process that does nothing stalls up to ${(await idleStall()).toFixed(1)} ms here`,
    );
    mkdirSync(path.dirname(p.out), { recursive: true });
    results = await alternate({
      ...p,
      note: (line) => process.stderr.write(`${line}\n`),
      save: (r) => writeFileSync(p.out, JSON.stringify(r, null, 1)),
    });
  }
  const { text, met, goals, ok, noisy } = report(results, scenarios);
  console.log(`\n${text}\n`);
  if (goals) console.log(`${met} of ${goals} goals met.`);
  if (noisy) console.log("Something else kept the machine busy (`other`): run it again.");
  if (!ok) process.exitCode = 1;
}

try {
  await main();
} catch (e) {
  if (!(e instanceof Complaint)) throw e;
  console.error(e.message);
  process.exitCode = 2;
}
