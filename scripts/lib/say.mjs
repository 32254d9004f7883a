// The words of the scripts for a person: numbered steps, their reasons and times.

/** A failure a person can act on: told without a stack. */
export class Complaint extends Error {
  /**
   * @param {string} problem what is wrong, in one sentence
   * @param {string} [advice] what to do about it
   */
  constructor(problem, advice) {
    super(advice ? `${problem}\n${advice}` : problem);
  }
}

/** Seconds since `start` (a `performance.now()`), for people: "0.3 s", "75 s". */
export function since(start) {
  const seconds = (performance.now() - start) / 1000;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

/** Writes lines, each indented below the step they belong to. */
export function detail(text) {
  console.log(text.replace(/^/gm, "      "));
}

/**
 * Runs the steps one after the other; the first failure ends them.
 * A step is `{ title, check, work }`: `check()` gives `{ state }` when nothing is to be done, or
 * `{ why }` with the reason for `work()`.
 */
export async function runSteps(steps) {
  const start = performance.now();
  for (const [i, { title, check, work }] of steps.entries()) {
    const { state, why } = await check();
    console.log(`[${i + 1}/${steps.length}] ${title}: ${why ?? state}`);
    if (why === undefined) continue;
    const began = performance.now();
    await work();
    detail(`done in ${since(began)}`);
  }
  console.log(`Ready (${since(start)}).`);
}

/** Runs a script's `main`; a complaint ends the process with its text and exit code 1. */
export async function script(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
