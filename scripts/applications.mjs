// Installs published applications from npm with this package in socket.io's place, starts them, and
// drives them by their own clients; with --upstream, the same with npm's socket.io.
//
//   node scripts/applications.mjs                      every one
//   node scripts/applications.mjs karma browser-sync   these
//   node scripts/applications.mjs --upstream …         with socket.io 4.8.4, for comparison
//   node scripts/applications.mjs --folder <path> …    where to install; reused if it is there
//
// The addon and dist/ are packed as they are: build first. Chromium and the npm registry are needed.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Application } from "./lib/application.mjs";
import { at, root } from "./lib/files.mjs";
import { Complaint, script, since } from "./lib/say.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    upstream: { type: "boolean", default: false },
    folder: { type: "string", default: path.join(os.tmpdir(), "socket.io-native-applications") },
  },
});

/** Packs this checkout; gives the address that npm installs it by. */
function pack() {
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", values.folder];
  const [told] = Object.values(
    JSON.parse(execFileSync("npm", args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] })),
  );
  return `file:${path.join(values.folder, told.filename)}`;
}

/** Tries one application; gives a line about it. */
async function attempt(trial, replacement) {
  const side = values.upstream ? "upstream" : "native";
  const application = new Application(
    trial,
    path.join(values.folder, trial.name, side),
    replacement,
  );
  const start = performance.now();
  try {
    await application.install();
    await trial.drive(application);
    console.log(`ok      ${trial.name} ${application.version()} (${since(start)})`);
    return true;
  } catch (error) {
    console.log(`not ok  ${trial.name} (${since(start)})\n${error.stack}`);
    console.log(await application.words());
    return false;
  } finally {
    await application.end();
  }
}

await script(async () => {
  mkdirSync(values.folder, { recursive: true });
  const names = readdirSync(at("scripts/applications")).map((file) => path.basename(file, ".mjs"));
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown) throw new Complaint(`There is no ${unknown}.`, `There are: ${names.join(", ")}`);
  const replacement = values.upstream ? "4.8.4" : pack();
  let failed = 0;
  for (const name of positionals.length > 0 ? positionals : names) {
    const { trial } = await import(`./applications/${name}.mjs`);
    if (!(await attempt({ name, ...trial }, replacement))) failed += 1;
  }
  if (failed > 0) process.exitCode = 1;
});
