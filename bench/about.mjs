// The head of a run's file: the machine, the program, the versions, the length of the run.

import { execFileSync } from "node:child_process";
import os from "node:os";
import { root } from "./servers.mjs";

function commit() {
  try {
    const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
    return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain") && "+");
  } catch {
    return null;
  }
}

/**
 * @param node {version, program} of the servers' Node
 * @returns what a reader has to know about a run; `commit` ends with + when files differ from it
 */
export function about({ node, profile, name, mode, versions, absent }) {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    node: node.version,
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.cpus().length,
    system: `${os.type()} ${os.release().split("-")[0]}`,
    profile: name,
    rounds: profile.rounds,
    seconds: profile.timing ? Number(profile.timing.at(-1)) : null,
    small: profile.small ?? false,
    mode,
    versions,
    absent,
  };
}
