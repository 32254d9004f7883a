// Runtimes and test runners that come as npm packages. Each is kept in a cache, in a folder of its own.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { MANAGERS, TOOLS } from "../../scripts/lib/tools.mjs";
import { beyond, isJavaScript, isOracle } from "./subject.mjs";

const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"),
  "socket.io-native",
  "tools",
);

/**
 * A program of scripts/lib/tools.mjs, installed from npm at the first use: `{ program, missing, test, beyond }`.
 * `missing` is false, or says that it cannot be installed: then its tests are skipped, or fail under
 * REQUIRE_PARTS=1. `beyond` is for a promise that goes beyond upstream. `command` is the name of its program.
 */
export async function tool(name, command = name) {
  const version = { ...TOOLS, ...MANAGERS }[name];
  const home = path.join(cache, `${name}-${version}`);
  const program = path.join(home, "node_modules", ".bin", command);
  const installed = () => {
    const manifest = path.join(home, "node_modules", name, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
  };
  let missing = false;
  if (!installed() || !existsSync(program)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(path.join(home, "package.json"), "{}\n");
    const options = ["--prefix", home, "--no-audit", "--no-fund", "--loglevel=error"];
    await promisify(execFile)("npm", ["install", ...options, `${name}@${version}`], {
      cwd: home,
    }).catch((error) => {
      missing = `missing: ${name} ${version}, which is installed from npm (${error.message.split("\n", 1)[0]})`;
    });
  }
  const toolTest = (title, fn) => {
    const skip = process.env.REQUIRE_PARTS === "1" ? false : missing;
    test(title, { skip }, async (t) => {
      if (missing) throw new Error(missing);
      await fn(t);
    });
  };
  return {
    program,
    missing,
    test: toolTest,
    beyond: isOracle || isJavaScript ? beyond : toolTest,
  };
}
