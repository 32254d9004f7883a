// Fails if the installed oracle (socket.io and what its ranges bring) is not the newest of the npm
// registry. Where that cannot be asked, it says so, and does not fail.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { at, readJson } from "./lib/files.mjs";
import { findOutdated, mend, oracleParts, versionsOf } from "./lib/oracle.mjs";
import { Complaint, script } from "./lib/say.mjs";

const run = promisify(execFile);

/** Where the oracle's packages find one another: a version of their own comes first. */
function manifestOf(name) {
  const holders = ["node_modules/socket.io/node_modules", "node_modules/engine.io/node_modules"];
  const folder = [...holders, "node_modules"].find((one) => existsSync(at(path.join(one, name))));
  return readJson(path.join(folder, name, "package.json"));
}

async function ask(name, range) {
  const shell = process.platform === "win32";
  const args = ["view", `${name}@${range}`, "version", "--json", "--fetch-retries=1"];
  const { stdout } = await run("npm", args, { shell, timeout: 60_000 });
  return versionsOf(stdout);
}

await script(async () => {
  const parts = oracleParts(manifestOf);
  const { outdated, unasked } = await findOutdated(parts, ask);
  if (unasked.length > 0) {
    console.warn(`The registry could not be asked about ${unasked.join(", ")}: not compared.`);
  }
  if (outdated.length > 0) {
    const lines = outdated.map(
      (one) => `${one.name} ${one.installed} is outdated by ${one.newest}`,
    );
    throw new Complaint(
      `The oracle is not the newest upstream:\n${lines.join("\n")}`,
      `Mend it, and run the tests on both: ${mend(outdated)} && npm run compatibility`,
    );
  }
  for (const { name, installed } of parts) console.log(`${name} ${installed}`);
});
