// The cost as work grows: deliveries, one emit, memory, handshakes among many, I/O threads.
//
//   node bench/growth.mjs [--parts deliveries,memory] [--rounds 2] [--quick] [--node PATH|MAJOR]
//                         [--servers upstream,attached,port] [--out FILE]

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { about } from "./about.mjs";
import { parts } from "./growth/parts.mjs";
import { table } from "./growth/table.mjs";
import { buildLoadGenerator } from "./load-generator.mjs";
import { alternate, summaries } from "./measure.mjs";
import { findNode } from "./nodes.mjs";
import { here, servers, useNode } from "./servers.mjs";

const text = (fallback) => ({ type: "string", default: fallback });
const { values } = parseArgs({
  options: {
    parts: text(Object.keys(parts).join(",")),
    rounds: text(undefined),
    quick: { type: "boolean", default: false },
    node: text(undefined),
    servers: text("upstream,attached,port"),
    out: text(path.join(here, "results", "growth.json")),
  },
});

const pick = (list, names) =>
  Object.fromEntries(
    names.split(",").map((name) => {
      if (!Object.hasOwn(list, name)) throw new Error(`"${name}"? ${Object.keys(list).join(", ")}`);
      return [name, list[name]];
    }),
  );

const profile = {
  rounds: Number(values.rounds ?? (values.quick ? 1 : 2)),
  timing: values.quick ? ["--warm", "0.5", "--secs", "0.8"] : ["--warm", "1", "--secs", "1.5"],
  retries: 0,
  patience: 30,
};
const node = await findNode(values.node);
useNode(node.program);
buildLoadGenerator();
const run = {
  kind: "growth",
  about: about({ node, profile, name: values.quick ? "quick" : "growth" }),
  results: {},
};
const began = Date.now();
for (const [name, part] of Object.entries(pick(parts, values.parts))) {
  const steps = part.steps.filter((step) => !values.quick || !step.long);
  run.results[name] = await alternate({
    servers: pick(servers, values.servers),
    scenarios: Object.fromEntries(steps.map((step) => [step.at, { ...part.scenario, ...step }])),
    profile,
    env: {},
    note: (line) => process.stderr.write(`${name} ${line}\n`),
    save: () => {},
  });
  mkdirSync(path.dirname(values.out), { recursive: true });
  writeFileSync(values.out, JSON.stringify(run, null, 1));
  console.log(`\n${part.title}\n\n${table(part, summaries(run.results[name])).join("\n")}`);
}
console.log(`\n${((Date.now() - began) / 60_000).toFixed(1)} minutes; ${values.out}`);
const failed = Object.values(run.results)
  .flatMap(Object.values)
  .flatMap(Object.values)
  .flat()
  .some((one) => one.error);
if (failed) process.exitCode = 1;
