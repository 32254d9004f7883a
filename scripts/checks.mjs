// Checks that run the native code in a way of its own, each by its name; none: the first two.
//
//   node scripts/checks.mjs models    loom: the protocols between threads, in every order
//   node scripts/checks.mjs mutants   breaks these protocols; the models have to find each break
//   node scripts/checks.mjs tsan      ThreadSanitizer: the I/O threads over real sockets
//   node scripts/checks.mjs miri      Miri: the protocols, their codecs and the tables of sessions
//   node scripts/checks.mjs asan      AddressSanitizer: the addon in Node, with workers that end
//   node scripts/checks.mjs counts    callgrind: instructions, compared with benches/counts.json
//
// `counts --update` writes that file. tsan, miri and asan need Rust's nightly toolchain, and say so.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { useAddress } from "./lib/asan.mjs";
import { answer, stream } from "./lib/command.mjs";
import { counts } from "./lib/counts.mjs";
import { root } from "./lib/files.mjs";
import { mutants } from "./lib/mutants.mjs";
import { Complaint, script, since } from "./lib/say.mjs";

/** The folder for what a check compiles: flags differ, and cargo would build everything anew. */
const targets = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
const target = (name) => path.join(targets, name);

/** Runs cargo with variables of the environment, for tests of these names; a complaint if it fails. */
async function cargo(args, env, folder = root, names = []) {
  Object.assign(process.env, env);
  const manifest = ["--manifest-path", path.join(folder, "Cargo.toml")];
  const tests = names.length > 0 ? ["--", ...names] : [];
  const status = await stream("cargo", ...args, ...manifest, ...tests);
  if (status !== 0) throw new Complaint(`cargo ${args.join(" ")}: ${status}`);
}

function nightly() {
  if (answer("rustc", "+nightly", "--version") === undefined) {
    throw new Complaint("Rust's nightly toolchain is missing.", "rustup toolchain install nightly");
  }
  const host = /x86_64-unknown-linux-gnu|aarch64-unknown-linux-gnu/.exec(
    answer("rustc", "+nightly", "--print", "host-tuple") ?? "",
  );
  if (!host) throw new Complaint("This needs Linux with glibc.");
  return host[0];
}

/** The toolchain's own sources: without them, std is not instrumented, and its locks look like races. */
function requireSources() {
  const sysroot = answer("rustc", "+nightly", "--print", "sysroot");
  if (!existsSync(path.join(sysroot, "lib/rustlib/src/rust/library/std"))) {
    throw new Complaint(
      "The sources of Rust's library are missing.",
      "rustup component add rust-src --toolchain nightly",
    );
  }
}

/** Runs the models of a folder with the crate; `part`: only those of one part. */
function models(folder = root, part = undefined, ...options) {
  const env = { CARGO_TARGET_DIR: target("models") };
  const names = part ? [`${part}::`] : [];
  return cargo(["test", "--locked", ...options], env, path.join(folder, "models"), names);
}

/** Breaks a copy of the crate in one place after the other; a complaint if the models pass. */
async function breakModels() {
  const folder = mkdtempSync(path.join(tmpdir(), "mutants-"));
  const missed = [];
  try {
    for (const name of ["src", "models"]) {
      cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
    }
    for (const { file, from, to, breaks, part } of mutants) {
      const place = path.join(folder, file);
      const text = readFileSync(place, "utf8");
      if (text.split(from).length !== 2) {
        throw new Complaint(`${file} does not have exactly once: ${from}`);
      }
      writeFileSync(
        place,
        text.replace(from, () => to),
      );
      await models(folder, part, "--no-run");
      const found = await models(folder, part).then(
        () => false,
        () => true,
      );
      writeFileSync(place, text);
      console.log(`${found ? "found" : "MISSED"}: ${breaks} (${file})`);
      if (!found) missed.push(breaks);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (missed.length > 0) throw new Complaint(`No model finds: ${missed.join(", ")}`);
}

async function tsan() {
  const host = nightly();
  requireSources();
  const test = ["--no-default-features", "--test", "net"];
  const build = ["-Zbuild-std", "--target", host];
  for (const threads of ["1", "3"]) {
    await cargo(["+nightly", "test", "--locked", ...build, ...test], {
      CARGO_TARGET_DIR: target("tsan"),
      // As fast as it can be: the tests have clients that must not look slow.
      CARGO_PROFILE_DEV_OPT_LEVEL: "2",
      RUSTFLAGS: "-Zsanitizer=thread",
      // The I/O threads live as long as the process.
      TSAN_OPTIONS: "report_thread_leaks=0",
      SOCKET_IO_NATIVE_THREADS: threads,
    });
  }
}

/**
 * The layers that know no sockets, and what threads share of a session; those of a row run together.
 * Compression is left out: it has no unsafe code here, and zlib-rs takes hours under Miri.
 */
const PURE = [
  ["ws::", "--skip", "ws::deflate"],
  ["eio::", "number::", "sums::", "counters::"],
  ["sio::", "net::gate", "net::handle", "net::send_batch", "net::session"],
];

async function miri() {
  nightly();
  if (answer("cargo", "+nightly", "miri", "--version") === undefined) {
    throw new Complaint("Miri is missing.", "rustup component add miri --toolchain nightly");
  }
  const test = ["+nightly", "miri", "test", "--locked", "--no-default-features", "--lib"];
  const env = {
    CARGO_TARGET_DIR: target("miri"),
    // Those of panics take minutes.
    RUST_BACKTRACE: "0",
    // Ids are random, and seeds of failures stand in files.
    MIRIFLAGS: "-Zmiri-disable-isolation",
    // Each case takes some thousand times as long, most of it in the default source of random numbers.
    PROPTEST_CASES: "2",
    PROPTEST_RNG_ALGORITHM: "xs",
  };
  await cargo([...test, "--no-run"], env);
  await Promise.all(PURE.map((layers) => cargo(test, env, root, layers)));
}

async function asan() {
  const host = nightly();
  await cargo(["+nightly", "build", "--locked", "--release", "--lib", "--target", host], {
    CARGO_TARGET_DIR: target("asan"),
    CARGO_PROFILE_RELEASE_LTO: "off",
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
    CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
    CARGO_PROFILE_RELEASE_STRIP: "none",
    CARGO_PROFILE_RELEASE_DEBUG: "line-tables-only",
    RUSTFLAGS: "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer",
  });
  await useAddress(path.join(target("asan"), host, "release/libsocket_io_native.so"));
}

const update = process.argv.includes("--update");
const CHECKS = {
  models: () => models(),
  mutants: breakModels,
  tsan,
  miri,
  asan,
  counts: () => counts(targets, update),
};

await script(async () => {
  const names = process.argv.slice(2).filter((name) => name !== "--update");
  const unknown = names.find((name) => !Object.hasOwn(CHECKS, name));
  if (unknown !== undefined) {
    throw new Complaint(`"${unknown}" is no check; these are: ${Object.keys(CHECKS).join(", ")}.`);
  }
  for (const name of names.length > 0 ? names : ["models", "mutants"]) {
    const start = performance.now();
    await CHECKS[name]();
    console.log(`${name}: passed in ${since(start)}`);
  }
});
