// Packs a release: the package without an addon, and a package for each system whose addon is there.
//
//   node scripts/package.mjs                       with the addon of this machine, into release/
//   node scripts/package.mjs --addons artifacts --all    with those below artifacts/; all of them have to be there
//   node scripts/package.mjs --out <folder>        into another folder, which is emptied
//
// Build first: npm run setup. The tarballs are what the release publishes.
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "./lib/files.mjs";
import { kilobytes, packRelease, TESTED } from "./lib/release.mjs";
import { script } from "./lib/say.mjs";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: path.join(root, "release") },
    addons: { type: "string", default: root },
    all: { type: "boolean", default: false },
  },
});

await script(async () => {
  const packed = packRelease(path.resolve(values.out), path.resolve(values.addons), values);
  for (const { file, system, size, unpackedSize, files } of packed) {
    const state = system === undefined || TESTED.includes(system) ? "" : ", built, not yet tested";
    console.log(
      `${path.basename(file)}: ${kilobytes(size)} kB packed, ${kilobytes(unpackedSize)} kB unpacked, ${files.length} files${state}`,
    );
  }
});
