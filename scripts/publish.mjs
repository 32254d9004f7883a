// Publishes the tarballs of release/, the packages with an addon first: who installs the package finds
// them. What the registry has already is left out, so that it can be run again after a failure.
//
//   node scripts/publish.mjs --provenance    publishes: the release workflow runs it
//   node scripts/publish.mjs --dry-run       tells what it would do
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { answer, stream } from "./lib/command.mjs";
import { at, readJson } from "./lib/files.mjs";
import { SYSTEMS } from "./lib/release.mjs";
import { Complaint, script } from "./lib/say.mjs";

const { values } = parseArgs({
  options: {
    provenance: { type: "boolean", default: false },
    "dry-run": { type: "boolean", default: false },
  },
});

/** The name and version in a tarball. */
function manifestIn(file) {
  return JSON.parse(
    execFileSync("tar", ["-xzOf", file, "package/package.json"], { encoding: "utf8" }),
  );
}

await script(async () => {
  const folder = at("release");
  if (!existsSync(folder)) throw new Complaint("There is no release/.", "npm run package");
  const { name: own, version } = readJson("package.json");
  const found = readdirSync(folder)
    .map((file) => path.join(folder, file))
    .map((file) => ({ file, ...manifestIn(file) }))
    .sort((a, b) => (a.name === own) - (b.name === own));
  const missing = [own, ...SYSTEMS.map((system) => `${own}-${system}`)].filter(
    (name) => !found.some((one) => one.name === name && one.version === version),
  );
  if (missing.length > 0) {
    if (!values["dry-run"]) throw new Complaint(`release/ lacks ${missing.join(", ")}.`);
    console.log(`release/ lacks ${missing.join(", ")}: a release would stop here.`);
  }
  for (const { file, name } of found) {
    if (answer("npm", "view", `${name}@${version}`, "version") === version) {
      console.log(`${name} ${version} is published already.`);
      continue;
    }
    const flags = Object.keys(values).filter((flag) => values[flag]);
    const words = flags.map((flag) => `--${flag}`);
    const status = await stream("npm", "publish", file, "--access", "public", ...words);
    if (status !== 0) throw new Complaint(`${name} was not published (${status}).`);
  }
});
