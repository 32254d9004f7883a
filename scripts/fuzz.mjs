// Runs the targets of fuzz/, on the Rust that is installed, and fails on a finding. Then Node reads the
// same inputs: batches by `JSON.parse`, heads of requests by an http.Server, the rest by the parsers of
// socket.io and engine.io.
//
//   node scripts/fuzz.mjs                          each target for six seconds, from the seeds
//   node scripts/fuzz.mjs frames batch             only these
//   node scripts/fuzz.mjs --seconds 900 --report   each for 15 minutes, with fuzz/corpus/ as the
//                                                  corpus, which grows; prints a table
//   node scripts/fuzz.mjs --jobs 2                 two at a time; default: as many as there are cores
//   node scripts/fuzz.mjs --logs folder            prints the table of the logs in a folder, runs nothing
//   node scripts/fuzz.mjs frames --input file      gives one target one input: a finding
//
// Needs a C++ compiler beside Rust, and the addon for the heads. A finding is left in fuzz/artifacts/ by the name of its target;
// fuzz/README.md says what to do with it.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { compareBatches } from "../fuzz/batches.mjs";
import { compareHeads } from "../fuzz/heads.mjs";
import { comparePackets } from "../fuzz/packets.mjs";
import { comparePayloads } from "../fuzz/payloads.mjs";
import { writeSeeds } from "../fuzz/seeds.mjs";
import { stream } from "./lib/command.mjs";
import { at } from "./lib/files.mjs";
import { build, count, figures, run, scratch, TARGETS } from "./lib/fuzz.mjs";
import { Complaint, script, since } from "./lib/say.mjs";

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "6" },
      jobs: { type: "string", default: String(os.availableParallelism()) },
      report: { type: "boolean", default: false },
      logs: { type: "string" },
      input: { type: "string" },
    },
  });
  const [seconds, jobs] = [Number(values.seconds), Number(values.jobs)];
  if (!(seconds > 0) || !(jobs >= 1)) throw new Complaint("--seconds and --jobs want a number.");
  const wrong = positionals.find((name) => !TARGETS.includes(name));
  if (wrong) throw new Complaint(`"${wrong}" is no target; these are: ${TARGETS.join(", ")}.`);
  const targets = positionals.length > 0 ? positionals : TARGETS;
  return { ...values, seconds, jobs, targets };
}

/** Prints the figures of the logs of a folder. */
function table(logs) {
  const rows = {};
  for (const target of TARGETS) {
    const log = path.join(logs, `${target}.log`);
    if (!existsSync(log)) continue;
    const { executions, perSecond, edges, features, corpus, peakMb } = figures(
      readFileSync(log, "utf8"),
    );
    rows[target] = {
      executions,
      "per second": perSecond,
      edges,
      features,
      corpus,
      "peak RSS, MB": peakMb,
    };
  }
  console.table(rows);
}

/** Has Node read what the targets make of their inputs. */
async function compare(program, targets, folder) {
  const start = performance.now();
  const heads = { mutations: 1000, seed: 1 };
  const comparisons = {
    batch: (one, corpus) => compareBatches(one, [corpus]),
    packets: (one, corpus) => comparePackets(one, [corpus]),
    payload_v3: (one, corpus) => comparePayloads(one, "payload_v3", [corpus]),
    payload_v4: (one, corpus) => comparePayloads(one, "payload_v4", [corpus]),
    request_head: (one, corpus) => compareHeads(one, corpus, heads),
  };
  for (const target of targets.filter((name) => name in comparisons)) {
    const corpus = path.join(folder, target);
    console.log(`${target}: Node agrees on ${await comparisons[target](program(target), corpus)}`);
  }
  console.log(`compared on Node ${process.version} in ${since(start)}`);
}

/** The end of a log: what was found. */
function tail(log) {
  const lines = readFileSync(log, "utf8").split("\n");
  const panic = lines.findIndex((line) => line.includes("panicked at"));
  return panic < 0 ? lines.slice(-25) : lines.slice(panic, panic + 25);
}

/** Gives one target one input. */
async function reproduce([target, ...others], input) {
  if (others.length > 0) throw new Complaint("--input wants the name of one target before it.");
  const program = (await build([target]))(target);
  const status = await stream(program, path.resolve(input));
  if (status !== 0) throw new Complaint(`${target} ended with ${status}.`);
}

await script(async () => {
  const { targets, seconds, jobs, report, logs, input } = readArguments();
  if (logs) return table(logs);
  if (input) return reproduce(targets, input);
  const start = performance.now();
  const program = await build(targets);
  console.log(`built in ${since(start)}`);
  const folder = report ? at("fuzz/corpus") : scratch;
  const home = report ? at("fuzz/artifacts/logs") : path.join(scratch, "logs");
  const waiting = [...targets];
  const failed = [];
  const work = async () => {
    for (let target = waiting.shift(); target; target = waiting.shift()) {
      const began = performance.now();
      const corpus = path.join(folder, target);
      mkdirSync(corpus, { recursive: true });
      writeSeeds(target, corpus);
      const log = path.join(home, `${target}.log`);
      // CI goes the same way each time: a finding there belongs to the change
      const options = { max_total_time: Math.ceil(seconds), ...(report ? {} : { seed: 1 }) };
      const status = await run(program(target), { target, folders: [corpus], options, log });
      const { executions, edges } = figures(readFileSync(log, "utf8"));
      const sum = `${executions} executions, ${edges} edges, ${count(corpus)} inputs`;
      console.log(`${target}: ${sum} in ${since(began)}`);
      if (status === 0) continue;
      failed.push(target);
      console.log(`${target} ended with ${status}:\n${tail(log).join("\n")}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  if (report) table(home);
  if (failed.length === 0) await compare(program, targets, folder);
  rmSync(scratch, { recursive: true, force: true });
  console.log(
    `${targets.length - failed.length} passed, ${failed.length} failed in ${since(start)}`,
  );
  if (failed.length > 0) {
    throw new Complaint(`Findings: fuzz/artifacts/ has the inputs of ${failed.join(", ")}.`);
  }
});
