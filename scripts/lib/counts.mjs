// Instruction counts of the pure layers under callgrind, compared with benches/counts.json.
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { answer, stream } from "./command.mjs";
import { at, readJson } from "./files.mjs";
import { Complaint } from "./say.mjs";

const run = promisify(execFile);

/** The file with the counts to compare with, from the project's root. */
export const BASELINE = "benches/counts.json";
/** A count may be larger by this part of itself. */
export const TOLERANCE = 0.03;
/** Or by this number: where a buffer grows, the allocator takes one way or another. */
const SLACK = 300;

/** The function of benches/counts.rs whose instructions are counted. */
const COUNTED = "*measured_work*";
/**
 * The same on every machine: what lies on the stack moves what lies behind it. glibc copies with
 * vectors whatever the sizes of the caches are, and not byte by byte, as callgrind has `rep movsb`.
 */
const ENVIRONMENT = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  GLIBC_TUNABLES: [
    "glibc.cpu.x86_rep_movsb_threshold=1073741824",
    "glibc.cpu.x86_non_temporal_threshold=1073741824",
  ].join(":"),
};

/** Builds the program. Resolves with its path. */
async function build(target) {
  process.env.CARGO_TARGET_DIR = target;
  const status = await stream(
    "cargo",
    ...["build", "--locked", "--quiet", "--profile", "counts"],
    ...["--features", "counts", "--bin", "counts"],
  );
  if (status !== 0) throw new Complaint(`cargo build: ${status}`);
  return path.join(target, "counts/counts");
}

/** What the counts depend on beside the code. */
async function toolchain(program) {
  const { stdout } = await run("valgrind", ["-q", program, "features"], { env: ENVIRONMENT });
  return {
    rustc: answer("rustc", "--version"),
    valgrind: answer("valgrind", "--version"),
    libc: answer("getconf", "GNU_LIBC_VERSION") ?? "unknown",
    processor: stdout.trim(),
  };
}

/** The instructions of one time of a scenario. */
async function count(program, name) {
  const file = path.join(tmpdir(), `counts-${process.pid}-${Math.random()}.out`);
  const options = [
    ...["--tool=callgrind", `--toggle-collect=${COUNTED}`, `--callgrind-out-file=${file}`],
  ];
  try {
    const { stdout, stderr } = await run("valgrind", [...options, program, name], {
      env: ENVIRONMENT,
    });
    const collected = /Collected : (\d+)/.exec(stderr);
    if (!collected) throw new Complaint(`callgrind has counted nothing of "${name}":\n${stderr}`);
    return Math.round(Number(collected[1]) / Number(stdout));
  } finally {
    rmSync(file, { force: true });
  }
}

/** Counts all scenarios, two at a time: `{ name: instructions }`. */
async function countAll(program) {
  const { stdout } = await run(program, ["list"]);
  const names = stdout.trim().split("\n");
  const counts = Object.fromEntries(names.map((name) => [name, 0]));
  const rest = names.values();
  const worker = async () => {
    for (const name of rest) counts[name] = await count(program, name);
  };
  await Promise.all([worker(), worker()]);
  return counts;
}

/**
 * Compares counts with earlier ones. `rows` has a line of text for each scenario; `worse` the names of
 * those that take more than they may, or that have no earlier count; `gone` those that are counted no
 * more; `better` those that take less by more than the tolerance.
 */
export function compare(before, now) {
  const width = Math.max(...Object.keys(now).map((name) => name.length));
  const rows = [];
  const worse = [];
  const better = [];
  for (const [name, count] of Object.entries(now)) {
    const old = before[name];
    const ratio = count / old;
    let mark = "";
    if (old === undefined || count - old > Math.max(old * TOLERANCE, SLACK)) {
      mark = old === undefined ? "  new" : "  WORSE";
      worse.push(name);
    } else if (ratio < 1 - TOLERANCE) {
      mark = "  better";
      better.push(name);
    }
    const cells = [old ?? "-", count, old === undefined ? "-" : ratio.toFixed(3)];
    rows.push(
      `${name.padEnd(width)}${cells.map((cell) => `${cell}`.padStart(10)).join("")}${mark}`,
    );
  }
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(now, name));
  const head = ["scenario".padEnd(width), ...["before", "now", "ratio"].map((c) => c.padStart(10))];
  return { rows: [head.join(""), ...rows], worse, better, gone };
}

/** The parts of two toolchains that differ, a line each. */
export function differences(before, now) {
  const parts = Object.keys({ ...before, ...now }).filter((part) => before[part] !== now[part]);
  return parts.map((part) => `  ${part}: ${before[part]}; here: ${now[part]}`);
}

/**
 * Counts, and compares with the baseline; a complaint if a scenario takes more. `update`: writes the
 * baseline instead. With another toolchain than that of the baseline, nothing is compared.
 */
export async function counts(target, update) {
  if (answer("valgrind", "--version") === undefined) {
    throw new Complaint("valgrind is missing.", "apt-get install valgrind");
  }
  const program = await build(target);
  const tools = await toolchain(program);
  const now = await countAll(program);
  if (update) {
    const text = `${JSON.stringify({ toolchain: tools, counts: now }, undefined, 2)}\n`;
    writeFileSync(at(BASELINE), text);
  }
  const before = readJson(BASELINE);
  if (!before) throw new Complaint(`${BASELINE} is missing.`, UPDATE);
  const { rows, worse, better, gone } = compare(before.counts, now);
  console.log(rows.join("\n"));
  const other = differences(before.toolchain, tools);
  if (other.length > 0) {
    console.log(`Not compared: ${BASELINE} was taken with other tools.\n${other.join("\n")}`);
    console.log(
      `With these tools, take it anew from a commit that is known to be good:\n${UPDATE}`,
    );
    return;
  }
  if (worse.length + gone.length > 0) {
    const names = [...worse, ...gone.map((name) => `${name} (counted no more)`)];
    const more = `${TOLERANCE * 100} %`;
    throw new Complaint(
      `More instructions than in ${BASELINE} by over ${more}, or not in it:\n${names.join("\n")}`,
      `If that is meant, write it down: ${UPDATE}`,
    );
  }
  if (better.length > 0) console.log(`Fewer than in ${BASELINE}; write it down: ${UPDATE}`);
}

const UPDATE = "node scripts/checks.mjs counts --update";
