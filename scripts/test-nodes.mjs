// Runs the tests on every Node of lib/nodes.mjs, one after the other: everything on this one, with
// the crate's tests, then what is listed for the others. The last line is the sum of all.
//
//   npm run test:nodes
import { fork } from "node:child_process";
import { once } from "node:events";
import { at } from "./lib/files.mjs";
import { current, NODES, nodeOf } from "./lib/nodes.mjs";
import { script, since } from "./lib/say.mjs";

/** Runs scripts/test.mjs on a Node; resolves with its totals, which are told beside its output. */
async function run({ program, env }, args) {
  const child = fork(at("scripts/test.mjs"), args, { execPath: program, env, execArgv: [] });
  let totals = {};
  child.on("message", (message) => {
    totals = message;
  });
  const [status] = await once(child, "close");
  const { pass = 0, fail = 0, cancelled = 0, skipped = 0, failures = [] } = totals;
  // one that ends badly without a summary counts, too
  const failed = fail + cancelled || (status === 0 ? 0 : 1);
  return { passed: pass, failed, skipped, failures };
}

await script(async () => {
  const others = Object.keys(NODES).map(Number);
  const lines = [];
  const sum = { passed: 0, failed: 0 };
  for (const major of [current, ...others.filter((one) => one !== current)]) {
    const words = major === current ? [] : NODES[major];
    const what = words.join(" ") || "every test";
    const node = await nodeOf(major);
    console.log(`\n==> Node ${node.version}: ${what}\n`);
    const start = performance.now();
    const args = major === current ? words : ["--node", String(major), ...words];
    const { passed, failed, skipped, failures } = await run(node, args);
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
    lines.push(`Node ${node.version}: ${counts} in ${since(start)} (${what})`);
    lines.push(...failures.map((name) => `  failed: ${name}`));
    sum.passed += passed;
    sum.failed += failed;
  }
  console.log(`\n${lines.join("\n")}\n${sum.passed} passed, ${sum.failed} failed`);
  if (sum.failed > 0) process.exitCode = 1;
});
