// Checks that the version is the same everywhere, and that CHANGELOG.md tells of it.
//
//   node scripts/version.mjs            the version of package.json
//   node scripts/version.mjs v4.8.4     the same, and that the tag names it
import { readFileSync } from "node:fs";
import { at } from "./lib/files.mjs";
import { Complaint, script } from "./lib/say.mjs";
import { faultsOf } from "./lib/version.mjs";

const read = (file) => readFileSync(at(file), "utf8");

await script(() => {
  const manifest = JSON.parse(read("package.json"));
  const [tag] = process.argv.slice(2);
  const faults = faultsOf({
    manifest,
    lock: JSON.parse(read("package-lock.json")),
    cargo: read("Cargo.toml"),
    cargoLock: read("Cargo.lock"),
    changelog: read("CHANGELOG.md"),
    tag,
  });
  if (faults.length > 0) throw new Complaint(faults.join("\n"));
  console.log(`${manifest.version}, compatible with socket.io ${manifest.upstream["socket.io"]}`);
});
