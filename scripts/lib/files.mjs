// The project's files: where they are, what they contain, and whether that changed.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root directory. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** An absolute path from one relative to the root. */
export const at = (...parts) => path.join(root, ...parts);

/** Reads a JSON file; `undefined` if it is missing or broken. */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(at(file), "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Every file below a directory (or the file itself), as sorted paths relative to the root with
 * forward slashes; nothing for a missing one.
 */
export function filesOf(relative) {
  if (!existsSync(at(relative))) return [];
  if (statSync(at(relative)).isFile()) return [relative];
  const names = readdirSync(at(relative)).sort();
  return names.flatMap((name) => filesOf(`${relative}/${name}`));
}

/** A hash of the names and contents of files, and of further texts that matter. */
export function hash(files, ...texts) {
  const sum = createHash("sha256");
  // lengths keep neighbouring parts apart
  const add = (part) => sum.update(`${part.length}\n`).update(part);
  for (const text of texts) add(text);
  for (const file of files) {
    add(file);
    add(readFileSync(at(file)));
  }
  return sum.digest("hex");
}

// In an ignored place that `cargo clean` empties too.
const STAMPS = "target/setup.json";

/**
 * Remembers what a build was made from and what it made. Contents, not times: a fresh checkout, a
 * switched branch or a restored cache must not look older or newer than it is.
 */
export function stamp(name) {
  return {
    /** Why the build has to run, or `undefined` if its result still stands. */
    stale(inputs, outputs) {
      const last = readJson(STAMPS)?.[name];
      if (outputs.length === 0 || outputs.some((file) => !existsSync(at(file)))) return "not built";
      if (last?.inputs !== inputs) return "sources changed";
      if (last.outputs !== hash(outputs)) return "its files were changed by something else";
      return undefined;
    },
    /** To be called with the inputs as they were before the build started. */
    save(inputs, outputs) {
      const all = { ...readJson(STAMPS), [name]: { inputs, outputs: hash(outputs) } };
      mkdirSync(path.dirname(at(STAMPS)), { recursive: true });
      writeFileSync(at(STAMPS), `${JSON.stringify(all, null, 2)}\n`);
    },
  };
}
