// Checks the oldest glibc that addon files run on: the newest version among the symbols they take from it.
//
//   node scripts/glibc-floor.mjs 2.17 <file or folder> …    fails if one needs a newer glibc
//   node scripts/glibc-floor.mjs                            tells what the addons of this checkout need
//
// Needs objdump, of binutils. A build on this machine takes the symbols of this machine's glibc; the
// release builds with Zig, which links against an older one:
// `npm run build:linux -- x86_64-unknown-linux-gnu.2.17`.
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { root } from "./lib/files.mjs";
import { glibcOf, isNewer } from "./lib/glibc.mjs";
import { Complaint, script } from "./lib/say.mjs";

const [floor, ...places] = process.argv.slice(2);

/** The addons for glibc of a folder and of the folders in it, or the file itself. */
function addonsOf(place) {
  if (statSync(place).isFile()) return [place];
  const names = readdirSync(place, { withFileTypes: true });
  const here = names.filter((one) => one.name.endsWith("-gnu.node"));
  const below = names.filter((one) => one.isDirectory() && place !== root);
  return [
    ...here.map((one) => path.join(place, one.name)),
    ...below.flatMap((one) => addonsOf(path.join(place, one.name))),
  ];
}

await script(() => {
  if (floor !== undefined && !/^\d+\.\d+$/.test(floor)) {
    throw new Complaint(`"${floor}" is no version of glibc, such as 2.17.`);
  }
  const files = (places.length > 0 ? places : [root]).flatMap(addonsOf);
  if (files.length === 0) throw new Complaint("There is no addon for glibc.");
  const faults = [];
  for (const file of files) {
    const needed = glibcOf(execFileSync("objdump", ["-T", file], { encoding: "utf8" }));
    console.log(`${path.basename(file)}: glibc ${needed}`);
    if (floor !== undefined && isNewer(needed, floor)) faults.push(path.basename(file));
  }
  if (faults.length > 0) {
    throw new Complaint(`These need a newer glibc than ${floor}: ${faults.join(", ")}`);
  }
});
