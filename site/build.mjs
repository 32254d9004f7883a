// Builds the site: `npm run docs`. `npm run docs -- --no-api` leaves out the API, `--serve` shows the site
// while you write.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stage } from "./stage.mjs";

const SITE = fileURLToPath(new URL(".", import.meta.url));
const args = new Set(process.argv.slice(2));

if (!existsSync(path.join(SITE, "node_modules/vitepress"))) {
  const options = ["--no-audit", "--no-fund", "--ignore-scripts"];
  const npm = spawnSync("npm", ["ci", ...options], {
    cwd: SITE,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) process.exit(1);
}

stage({ api: !args.has("--no-api") });
const program = path.join(SITE, "node_modules/vitepress/bin/vitepress.js");
const command = args.has("--serve") ? "dev" : "build";
const { status } = spawnSync(process.execPath, [program, command, SITE], { stdio: "inherit" });
process.exitCode = status ?? 1;
