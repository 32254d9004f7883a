// The lints of the crate: format, clippy with and without the boundary to Node, documentation, dependencies.
import { stream } from "./lib/command.mjs";
import { Complaint, script } from "./lib/say.mjs";

const CLIPPY = ["clippy", "--locked", "--all-targets"];

await script(async () => {
  for (const [program, ...args] of [
    ["cargo", "fmt", "--check"],
    ["cargo", "fmt", "--check", "--manifest-path", "models/Cargo.toml"],
    ["cargo", "fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"],
    ["cargo", ...CLIPPY, "--no-default-features", "--", "-D", "warnings"],
    ["cargo", ...CLIPPY, "--features", "counts", "--", "-D", "warnings"],
    [process.execPath, "scripts/dependencies.mjs"],
  ]) {
    console.log(`\n$ ${[program, ...args].join(" ")}`);
    const status = await stream(program, ...args);
    if (status !== 0) throw new Complaint(`${program} ${args[0]} failed (${status}).`);
  }
});
