// The Node that the measured servers run under.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { NODES, nodeOf } from "../scripts/lib/nodes.mjs";

/**
 * Finds a Node by the path of its program, or by a major version that the tests know, which is
 * installed when it is not there yet.
 * @returns {program, version}; without `wanted` those of the Node that runs this
 * @throws if the program is no Node
 */
export async function findNode(wanted) {
  if (!wanted) return { program: process.execPath, version: process.version };
  if (Object.hasOwn(NODES, wanted)) return nodeOf(Number(wanted));
  const program = path.resolve(wanted);
  const { stdout, error } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const version = stdout?.trim();
  if (error || !/^v\d+\.\d+\.\d+/.test(version)) {
    const known = Object.keys(NODES).join(", ");
    throw new Error(`--node: ${wanted} is neither a program of Node nor one of ${known}`);
  }
  return { program, version };
}
