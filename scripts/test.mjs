// Runs the tests: the crate's with cargo, then every __test__/**/*.test.mjs with Node's runner.
//
//   npm test                                     everything
//   npm test -- engine platforms                 only test files whose path contains one of the words
//   npm run test:fast                            unit tests, and one client of each form
//   npm test -- --test-name-pattern=upgrade      only tests of that name (a regular expression)
//   npm test -- --node 26 platforms/             on another Node, which is installed from npm
//   npm run test:oracle                          the same files against the npm package socket.io
//   npm test -- --engine javascript              the core of them with the JavaScript engine
//   npm run test:nodes                           on every Node that is supported
//
// Words, patterns, --node and the oracle leave out cargo; --fast has its unit tests only. A part that
// is not there (a browser) has its tests skipped and said so; with REQUIRE_PARTS=1 the tests that want
// it fail instead.
import { spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { stream } from "./lib/command.mjs";
import { filesOf } from "./lib/files.mjs";
import { runStages } from "./lib/node-tests.mjs";
import { current, nodeOf } from "./lib/nodes.mjs";
import { Complaint, script } from "./lib/say.mjs";

// Long loads measure the machine: they want it for themselves.
const ALONE = "__test__/load/";

// Files of `--fast`, which is run after a build, while a change is being written.
const FAST = ["__test__/unit/", "__test__/server/smoke.test.mjs"];

// Left out with the JavaScript engine: what the native engine promises alone (metrics, texts of errors,
// many clients at once).
const NATIVE_ONLY = [
  ...["__test__/features/metrics", "__test__/features/recovery.many"],
  ...["__test__/server/wrong-arguments"],
];

// Files of `--engine javascript`: what applications do with the API.
const CORE = [
  ...["__test__/server/", "__test__/features/"],
  ...["__test__/adapters/in-memory", "__test__/adapters/redis"],
];

function readArguments() {
  const options = {
    engine: { type: "string", default: "native" },
    oracle: { type: "boolean", default: false },
    fast: { type: "boolean", default: false },
    node: { type: "string" },
    "test-name-pattern": { type: "string", multiple: true, default: [] },
    "test-only": { type: "boolean", default: false },
  };
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const selection = { testNamePatterns: values["test-name-pattern"], only: values["test-only"] };
    const node = values.node && Number.parseInt(values.node, 10);
    const { engine, oracle, fast } = values;
    if (!["native", "javascript"].includes(engine))
      throw new Error(`There is no engine ${engine}.`);
    return { engine, oracle, fast, node, words: positionals, selection };
  } catch (error) {
    throw new Complaint(error.message);
  }
}

function pick(words) {
  const all = filesOf("__test__").filter((file) => file.endsWith(".test.mjs"));
  const files = words.length ? all.filter((f) => words.some((word) => f.includes(word))) : all;
  if (files.length > 0) return files;
  throw new Complaint(
    `No test file's path contains ${words.join(" or ")}. There are:`,
    all.join("\n"),
  );
}

/** Runs the crate's tests, or its unit tests; gives the line to tell if they fail. */
async function cargoTests(...options) {
  const command = ["cargo", "test", ...options].join(" ");
  console.log(`$ ${command}\n`);
  const run = stream("cargo", "test", ...options);
  const status = await run.catch((error) => error.message);
  return status === 0 ? [] : [`${command} FAILED (${status}), see above`];
}

/** Does what this script was asked for on another Node; resolves with the exit code. */
async function runOn(major) {
  const { program, env } = await nodeOf(major);
  const child = spawn(program, process.argv.slice(1), { env, stdio: "inherit" });
  const [status] = await once(child, "close");
  return status;
}

/** One line for each part whose tests were skipped because it is not on this machine. */
function missingParts(events) {
  const reasons = events.map((event) => event.data.skip).filter((why) => /^missing: /.test(why));
  return [...new Set(reasons)].map((why) => {
    const count = reasons.filter((other) => other === why).length;
    return `SKIPPED for want of a part, ${count} test(s): ${why.slice("missing: ".length)}`;
  });
}

const failed = ({ type, data }) => type === "test:fail" && !data.todo;

/** A failed test's name, with the first line of its error. */
function summary({ data: { name, details } }) {
  const { cause, message } = details.error;
  return `${name} (${String(cause?.message ?? message).split("\n")[0]})`;
}

await script(async () => {
  const { engine, oracle, fast, node, words, selection } = readArguments();
  if (node !== undefined && node !== current) {
    process.exitCode = await runOn(node);
    return;
  }
  const javascript = engine === "javascript";
  const listed = javascript ? CORE : fast ? FAST : [];
  const files = pick(words.length === 0 ? listed : words).filter(
    (file) => !javascript || !NATIVE_ONLY.some((word) => file.includes(word)),
  );
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}\n`);
  if (oracle) process.env.ORACLE = "upstream";
  if (javascript) process.env.SOCKET_IO_NATIVE_ENGINE = engine;
  const everything =
    words.length === 0 && selection.testNamePatterns.length === 0 && !selection.only;
  const crate = everything && !oracle && !javascript && node === undefined;
  const complaints = crate ? await cargoTests(...(fast ? ["--lib"] : [])) : [];
  if (complaints.length > 0) process.exitCode = 1;

  const cores = os.availableParallelism();
  const alone = files.filter((file) => file.startsWith(ALONE));
  const others = files.filter((file) => !file.startsWith(ALONE));
  const stages = [
    // A test file waits for half of its time.
    { files: others, concurrency: cores + 1 },
    { files: alone, concurrency: 1 },
  ];
  const events = runStages(stages, selection, (ended, totals) => {
    if (ended.some(failed)) process.exitCode = 1;
    const failures = ended.filter(failed).map(summary);
    process.send?.({ ...Object.fromEntries(totals), failures: [...complaints, ...failures] });
    return [...missingParts(ended), ...complaints];
  });
  // Node's summary closes the output
  await pipeline(Readable.from(events).compose(new spec()), process.stdout, { end: false });
});
