// Checks the crates by the rules of deny.toml, but for advisories: `node scripts/dependencies.mjs`.
import { fileURLToPath } from "node:url";
import { checkCrates } from "./lib/crates.mjs";

const faults = checkCrates(fileURLToPath(new URL("..", import.meta.url)));
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
