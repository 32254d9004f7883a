// The crates of Cargo.lock, checked by the rules of deny.toml.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

const CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index";

/** The rules of a deny.toml: the licences that are allowed, and the crates that may have two versions. */
export function rulesOf(text) {
  const [, allow] = text.match(/^allow = \[([^\]]*)\]/m);
  return {
    licences: new Set([...allow.matchAll(/"([^"]+)"/g)].map(([, name]) => name)),
    skipped: new Set([...text.matchAll(/\{ crate = "([^@"]+)@/g)].map(([, name]) => name)),
  };
}

/** True if an SPDX expression lets a user choose licences that are all allowed. */
export function isAllowed(expression, licences) {
  const tokens = expression.replaceAll("/", " OR ").match(/\(|\)|[^\s()]+/g);
  let at = 0;
  const single = () => {
    if (tokens[at] === "(") {
      at++;
      const inner = either();
      at++;
      return inner;
    }
    const name = tokens[at++];
    if (tokens[at] !== "WITH") return licences.has(name);
    at += 2;
    return licences.has(`${name} WITH ${tokens[at - 1]}`);
  };
  const all = () => {
    let result = single();
    while (tokens[at] === "AND") {
      at++;
      result = single() && result;
    }
    return result;
  };
  const either = () => {
    let result = all();
    while (tokens[at] === "OR") {
      at++;
      result = all() || result;
    }
    return result;
  };
  return either();
}

/** The faults of packages of `cargo metadata`, a sentence each. */
export function faultsOf(packages, { licences, skipped }) {
  const faults = [];
  const versions = new Map();
  for (const { name, version, license, source } of packages) {
    if (license === null || !isAllowed(license, licences)) {
      faults.push(`${name} ${version} has the licence ${license}`);
    }
    if (source !== null && source !== CRATES_IO) faults.push(`${name} ${version} is of ${source}`);
    versions.set(name, [...(versions.get(name) ?? []), version]);
  }
  for (const [name, all] of versions) {
    if (all.length > 1 && !skipped.has(name)) faults.push(`${name} has versions ${all.join(", ")}`);
  }
  return faults;
}

/** The faults of the crates of a checkout. Needs cargo. */
export function checkCrates(root) {
  const args = ["metadata", "--format-version", "1", "--locked", "--all-features"];
  const options = { cwd: root, maxBuffer: 64 << 20, stdio: ["ignore", "pipe", "ignore"] };
  const { packages } = JSON.parse(execFileSync("cargo", args, options));
  return faultsOf(packages, rulesOf(readFileSync(path.join(root, "deny.toml"), "utf8")));
}
