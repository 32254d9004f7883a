// The benchmark: our package against upstream, in alternation, on one machine. See README.md.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { about } from "./about.mjs";
import { buildLoadGenerator } from "./load-generator.mjs";
import { alternate } from "./measure.mjs";
import { findNode } from "./nodes.mjs";
import { report } from "./report.mjs";
import { profiles, scenarios } from "./scenarios.mjs";
import {
  FORMS,
  here,
  isInstalled,
  PEERS,
  servers,
  start,
  stop,
  substitute,
  useNode,
} from "./servers.mjs";

const USAGE = `node bench/main.mjs [options]
  --profile goals|quick|full   what to run                               (goals)
  --quick                      --profile quick
  --scenarios a,b              only these scenarios
  --servers a,b                servers by name
                               (upstream,attached,port and the installed peers ${PEERS.join(",")};
                               upstream,ours with --mode, --ours or --upstream)
  --node PATH|MAJOR            the Node of the servers                   (the one that runs this)
  --ours MODULE                what stands for our package: a name or a path
  --upstream MODULE            what stands for upstream: a name or a path
  --mode attach|port           both as attached to an http.Server, or as new Server(port)  (attach)
  --rounds N --retries N --patience SECONDS    instead of the profile's
  --out FILE                   where the single runs go    (results/PROFILE-nodeMAJOR.json;
                               results/part-nodeMAJOR.json for chosen scenarios or servers)
  --from FILE                  print the table of an earlier run`;

/** A mistake of whoever called, told without a stack. */
class Complaint extends Error {}

function readOptions() {
  const names =
    "profile scenarios servers node ours upstream mode rounds retries patience out from";
  const options = Object.fromEntries(names.split(" ").map((n) => [n, { type: "string" }]));
  for (const flag of ["help", "quick"]) options[flag] = { type: "boolean" };
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

function readRun(file) {
  try {
    const run = JSON.parse(readFileSync(file, "utf8"));
    if (run.kind !== "scenarios") throw new Error(`${file} is no run of scenarios`);
    return run;
  } catch (e) {
    throw new Complaint(`--from: ${e.message}`);
  }
}

/** The servers to measure; `optional` ones are left out when they do not start. */
function choose(o) {
  if (o.servers) return { chosen: o.servers.split(","), optional: [] };
  if (o.mode || o.ours || o.upstream) return { chosen: ["upstream", "ours"], optional: [] };
  const optional = PEERS.filter((name) => isInstalled(servers[name]));
  return { chosen: ["upstream", ...FORMS, ...optional], optional };
}

async function plan(o) {
  const name = o.profile ?? (o.quick ? "quick" : "goals");
  const profile = { ...pick(profiles, [name], "profile")[name] };
  if (o.rounds) profile.rounds = count(o.rounds, "rounds", 1);
  if (o.retries) profile.retries = count(o.retries, "retries", 0);
  if (o.patience) profile.patience = count(o.patience, "patience", 0);
  const mode = o.mode ?? "attach";
  if (mode !== "attach" && mode !== "port") throw new Complaint(`--mode: ${mode}?`);
  if (o.ours) substitute(["ours", ...FORMS], o.ours);
  if (o.upstream) substitute(["upstream"], o.upstream);
  const node = await findNode(o.node).catch((e) => {
    throw new Complaint(e.message);
  });
  const { chosen, optional } = choose(o);
  // A part of a profile does not take the place of a whole run.
  const isPart = o.scenarios ?? o.servers ?? o.mode ?? o.ours ?? o.upstream;
  const major = Number.parseInt(node.version.slice(1), 10);
  const file = `${isPart ? "part" : name}-node${major}.json`;
  return {
    name,
    mode,
    node,
    optional,
    servers: pick(servers, chosen, "server"),
    scenarios: pick(scenarios, o.scenarios?.split(",") ?? profile.names, "scenario"),
    profile,
    env: { MODE: mode },
    out: path.resolve(o.out ?? path.join(here, "results", file)),
  };
}

/**
 * Starts every server once: better to hear of a missing package now than minutes later. An optional
 * server that does not start is taken out of the list.
 * @returns the versions of the others, and why the optional ones are left out
 */
async function introduce(list, env, optional) {
  const versions = {};
  const absent = {};
  for (const [name, server] of Object.entries(list)) {
    try {
      const running = await start(server, env);
      await stop(running);
      versions[name] = running.version ?? "version unknown";
      console.log(`${name}: ${versions[name]}`);
    } catch (e) {
      if (optional.includes(name)) {
        absent[name] = e.message.split("\n", 1)[0];
        delete list[name];
        console.log(`${name} is left out: ${absent[name]}`);
        continue;
      }
      const setup = "npm run setup";
      const hints = { ours: setup, attached: setup, port: setup, "raw-ws": "npm install" };
      hints.upstream = "npm install";
      const hint = hints[name] ?? "bench/setup.sh";
      throw new Complaint(`"${name}" does not start, is it built? (${hint})\n${e.message}`);
    }
  }
  return { versions, absent };
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

/** Measures, and keeps the single runs in a file. */
async function perform(p) {
  try {
    buildLoadGenerator();
  } catch (e) {
    throw new Complaint(e.message);
  }
  useNode(p.node.program);
  console.log(`Node ${p.node.version}, ${os.cpus().length} × ${os.cpus()[0]?.model ?? "CPU"}`);
  const who = await introduce(p.servers, p.env, p.optional);
  console.log(`a process that does nothing stalls up to ${(await idleStall()).toFixed(1)} ms here`);
  mkdirSync(path.dirname(p.out), { recursive: true });
  const run = { kind: "scenarios", about: about({ ...p, ...who }), results: {} };
  const began = Date.now();
  run.results = await alternate({
    ...p,
    note: (line) => process.stderr.write(`${line}\n`),
    save: (results) => writeFileSync(p.out, JSON.stringify({ ...run, results }, null, 1)),
  });
  console.log(`${((Date.now() - began) / 60_000).toFixed(1)} minutes; ${p.out}`);
  return run;
}

async function main() {
  const o = readOptions();
  if (o.help) return console.log(USAGE);
  if (process.platform !== "linux") throw new Complaint("the benchmark reads /proc: Linux only");
  const run = o.from ? readRun(o.from) : await perform(await plan(o));
  pick(scenarios, Object.keys(run.results), "scenario");
  const { text, met, goals, ok, noisy } = report(run.results, scenarios, run.about.mode);
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
