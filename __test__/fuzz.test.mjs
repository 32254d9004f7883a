// The targets of fuzz/ are complete: each is built, has its seeds, its dictionary and its row.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { TARGETS, writeSeeds } from "../fuzz/seeds.mjs";
import { at } from "../scripts/lib/files.mjs";
import { figures } from "../scripts/lib/fuzz.mjs";
import { beyond } from "./support/subject.mjs";

const read = (file) => readFileSync(at(file), "utf8");
const named = (folder, ending) =>
  readdirSync(at(folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .sort();

beyond("every target of fuzz/ has a file, an entry, a dictionary and a row", () => {
  const targets = [...TARGETS].sort();
  const entries = [...read("fuzz/Cargo.toml").matchAll(/^\[\[bin\]\]\nname = "(\w+)"$/gm)];
  assert.deepEqual(entries.map(([, name]) => name).sort(), targets);
  assert.deepEqual(named("fuzz/fuzz_targets", ".rs"), targets);
  assert.deepEqual(named("fuzz/dictionaries", ".dict"), targets);
  const rows = [...read("fuzz/README.md").matchAll(/^\| `(\w+)` /gm)];
  assert.deepEqual(rows.map(([, name]) => name).sort(), targets);
});

/** The packages of a Cargo.lock: versions by name, and the dependencies of this crate. */
function locked(file) {
  const versions = {};
  let crate = [];
  for (const block of read(file).split("[[package]]\n").slice(1)) {
    const [, name] = block.match(/^name = "(.+)"$/m);
    const [, version] = block.match(/^version = "(.+)"$/m);
    versions[name] = [...(versions[name] ?? []), version];
    if (name !== "socket-io-native") continue;
    const [, list] = block.match(/^dependencies = \[\n([^\]]*)\]/m);
    crate = [...list.matchAll(/"([^" ]+)[^"]*"/g)].map(([, dependency]) => dependency);
  }
  return { versions, crate };
}

beyond("fuzz/Cargo.lock has the versions of Cargo.lock", () => {
  const [ours, theirs] = [locked("Cargo.lock"), locked("fuzz/Cargo.lock")];
  for (const [name, versions] of Object.entries(theirs.versions)) {
    if (!ours.versions[name]) continue;
    const other = versions.filter((version) => !ours.versions[name].includes(version));
    assert.deepEqual(other, [], `${name}: cargo update --manifest-path fuzz/Cargo.toml -p ${name}`);
  }
  const manifest = read("Cargo.toml").split("\n[dependencies]\n")[1].split("\n[")[0];
  const direct = [...manifest.matchAll(/^([\w-]+) = /gm)].map(([, name]) => name);
  assert.ok(direct.length > 8);
  const missing = direct.filter((name) => !theirs.crate.includes(name));
  assert.deepEqual(missing, [], "cargo metadata --manifest-path fuzz/Cargo.toml adds them");
});

beyond("the seeds of every target are a few short inputs", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "seeds-"));
  try {
    for (const target of TARGETS) {
      const place = path.join(folder, target);
      writeSeeds(target, place);
      const sizes = readdirSync(place).map((name) => statSync(path.join(place, name)).size);
      assert.ok(sizes.length >= 4, `${target}: ${sizes.length}`);
      assert.ok(Math.max(...sizes) < 17_000, `${target}: ${Math.max(...sizes)}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

beyond("the table of a run reads the figures of libFuzzer's log", () => {
  const log = [
    "#2\tINITED cov: 10 ft: 12 corp: 2/9b exec/s: 0 rss: 30Mb",
    "#90\tDONE   cov: 220 ft: 372 corp: 14/286b lim: 194 exec/s: 45 rss: 31Mb",
    "stat::number_of_executed_units: 90",
    "stat::average_exec_per_sec:     44",
    "stat::peak_rss_mb:              33",
  ];
  const whole = {
    executions: 90,
    perSecond: 44,
    edges: 220,
    features: 372,
    corpus: 14,
    peakMb: 33,
  };
  assert.deepEqual(figures(log.join("\n")), whole);
  // a run that goes on has no sums yet
  const partly = { ...whole, perSecond: 45, peakMb: 31 };
  assert.deepEqual(figures(log.slice(0, 2).join("\n")), partly);
});
