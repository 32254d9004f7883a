// Builds the load generator.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { here } from "./servers.mjs";

/** Builds it if its sources have changed. @throws if cargo does not run or the build fails */
export function buildLoadGenerator() {
  const target = path.join(here, "sioload", "target");
  const args = ["build", "--release", "--locked", "--quiet", "--target-dir", target];
  const { status, error } = spawnSync("cargo", args, {
    cwd: path.join(here, "sioload"),
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw new Error(`cargo does not run (${error.code}): the load generator is Rust`);
  if (status !== 0) throw new Error("the load generator did not build");
}
