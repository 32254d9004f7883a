// The view that a target has of a corpus: it runs each input once, and tells of it in lines of JSON.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { run, scratch } from "./fuzz.mjs";
import { Complaint } from "./say.mjs";

/** The lines that a target dumps for the inputs of folders, as values. */
export async function dumped(program, target, folders) {
  mkdirSync(scratch, { recursive: true });
  const file = path.join(scratch, `${target}.dump`);
  rmSync(file, { force: true });
  const log = path.join(scratch, `${target}.dump.log`);
  const options = { runs: 0 };
  const status = await run(program, { target, folders, options, log, env: { FUZZ_DUMP: file } });
  if (status !== 0) {
    throw new Complaint(
      `${target} ended with ${status}:\n${readFileSync(log, "utf8").slice(-3000)}`,
    );
  }
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  rmSync(file);
  return lines.map((line) => JSON.parse(line));
}
