// Builds the targets of fuzz/ and runs them, on whatever Rust is installed: libFuzzer comes with the
// crate libfuzzer-sys, and the compiler's own coverage needs no nightly.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { TARGETS } from "../../fuzz/seeds.mjs";
import { answer, stream } from "./command.mjs";
import { at } from "./files.mjs";
import { Complaint } from "./say.mjs";

export { TARGETS };

/** Coverage that libFuzzer follows: edges, and the operands of comparisons. */
const RUSTFLAGS = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "--cfg",
  "fuzzing",
];

/** The longest inputs, in bytes, where 4096 are too few: heads are cut at 16 KiB. */
const MAX_LENGTH = { request_head: 17_000 };

/** Seconds after which one input counts as a hang; machines may be busy. */
const HANG_SECONDS = 60;

/** The folder of everything that is compiled; beside the crate's own, which has other flags. */
const compiled = process.env.CARGO_TARGET_DIR
  ? path.join(process.env.CARGO_TARGET_DIR, "fuzz")
  : at("fuzz/target");

function triple() {
  const version = answer("rustc", "--print", "host-tuple");
  if (!version) throw new Complaint("No rustc was found.", "Install Rust: https://rustup.rs");
  return version;
}

/** Compiles targets; gives a function from the name of a target to its program. */
export async function build(targets) {
  if (!answer(process.env.CXX || "c++", "--version")) {
    throw new Complaint("No C++ compiler was found, which libFuzzer wants.", "On Debian: g++.");
  }
  const host = triple();
  process.env.CARGO_ENCODED_RUSTFLAGS = RUSTFLAGS.join("\x1f");
  const bins = targets.flatMap((target) => ["--bin", target]);
  // with a target named, build scripts and macros are compiled without these flags
  const where = ["--manifest-path", at("fuzz/Cargo.toml"), "--target-dir", compiled];
  const status = await stream(
    "cargo",
    ...["build", "--release", "--locked", "--target", host, ...where, ...bins],
  );
  delete process.env.CARGO_ENCODED_RUSTFLAGS;
  if (status !== 0) throw new Complaint(`The targets were not built (cargo: ${status}).`);
  return (target) => path.join(compiled, host, "release", target);
}

/**
 * Runs a target on the inputs of folders, the first of which gets what it finds. Options are those of
 * libFuzzer, without their hyphen. All that it prints goes to the file `log`. Resolves with its exit
 * code or signal.
 */
export async function run(program, { target, folders, options = {}, log, env = {} }) {
  const artifacts = path.join(at("fuzz/artifacts"), target);
  mkdirSync(artifacts, { recursive: true });
  mkdirSync(path.dirname(log), { recursive: true });
  const all = {
    artifact_prefix: `${artifacts}${path.sep}`,
    max_len: MAX_LENGTH[target] ?? 4096,
    timeout: HANG_SECONDS,
    print_final_stats: 1,
    ...options,
  };
  const dictionary = at(`fuzz/dictionaries/${target}.dict`);
  if (existsSync(dictionary)) all.dict = dictionary;
  const args = Object.entries(all).map(([name, value]) => `-${name}=${value}`);
  const out = createWriteStream(log);
  await once(out, "open");
  const child = spawn(program, [...args, ...folders], {
    stdio: ["ignore", out, out],
    env: { ...process.env, RUST_BACKTRACE: "1", ...env },
  });
  const [code, signal] = await once(child, "close");
  return code ?? signal;
}

/** The figures in the log of a run. */
export function figures(log) {
  const number = (pattern) => {
    const found = [...log.matchAll(pattern)].at(-1);
    return found ? Number(found[1]) : undefined;
  };
  return {
    executions: number(/stat::number_of_executed_units:\s*(\d+)/g) ?? number(/^#(\d+)\s/gm) ?? 0,
    perSecond: number(/stat::average_exec_per_sec:\s*(\d+)/g) ?? number(/exec\/s: (\d+)/g) ?? 0,
    edges: number(/\bcov: (\d+)/g) ?? 0,
    features: number(/\bft: (\d+)/g) ?? 0,
    corpus: number(/\bcorp: (\d+)/g) ?? 0,
    peakMb: number(/stat::peak_rss_mb:\s*(\d+)/g) ?? number(/rss: (\d+)Mb/g) ?? 0,
  };
}

/** The number of inputs in a folder. */
export function count(folder) {
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

/** A folder for the inputs and logs of one run, below the system's temporary files. */
export const scratch = path.join(os.tmpdir(), `socket.io-native-fuzz-${process.pid}`);
