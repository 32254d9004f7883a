// Running test files with Node's own runner in stages, told as one run with one summary.
import { run } from "node:test";
import { at } from "./files.mjs";

// The lines Node ends a run with. Every stage has its own; people want the sum.
const TOTAL = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) (\d[\d.]*)$/;

// A hang, not a limit on speed: the longest files take a few minutes.
const HANG = 15 * 60_000;

/**
 * The events of all stages, for one of Node's reporters.
 * A stage is `{ files, concurrency }`: files relative to the root, run as processes of their own.
 * `selection` are further options of `run`: `testNamePatterns`, `only`.
 * `remarks(events, totals)` gets how each test ended and the sums by their names, and gives lines to
 * tell before the sums.
 */
export async function* runStages(stages, selection, remarks) {
  const totals = new Map();
  const ended = [];
  for (const { files, concurrency } of stages) {
    if (files.length === 0) continue;
    const options = { ...selection, concurrency, timeout: HANG };
    for await (const event of run({ ...options, files: files.map((file) => at(file)) })) {
      const total = event.type === "test:diagnostic" && TOTAL.exec(event.data.message);
      if (total && event.data.nesting === 0) {
        totals.set(total[1], (totals.get(total[1]) ?? 0) + Number(total[2]));
        continue;
      }
      if (event.type === "test:pass" || event.type === "test:fail") ended.push(event);
      yield event;
    }
  }
  for (const line of remarks(ended, totals)) yield diagnostic(line);
  for (const [name, sum] of totals) yield diagnostic(`${name} ${sum}`);
}

function diagnostic(message) {
  return { type: "test:diagnostic", data: { nesting: 0, message } };
}
