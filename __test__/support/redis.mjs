// A real Redis for tests: one server per test file, in memory only, gone with the file.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { beyond, isOracle } from "./subject.mjs";
import { within } from "./wait.mjs";

const missing = spawnSync("redis-server", ["--version"]).error
  ? "missing: Redis (no redis-server in PATH; apt-get install redis-server)"
  : false;

let running;
let stop;
after(() => stop?.());

/**
 * A test that needs Redis: without one it is skipped, or fails under REQUIRE_PARTS=1.
 * `fn(t, port)` gets the test's context and the port of a server on 127.0.0.1.
 */
export function redisTest(title, fn) {
  const skip = process.env.REQUIRE_PARTS === "1" ? false : missing;
  test(title, { skip }, async (t) => {
    if (missing) throw new Error(missing);
    running ??= start();
    await fn(t, await running);
  });
}

/** The same for a promise that goes beyond upstream: skipped under the oracle. */
export const redisBeyond = isOracle ? beyond : redisTest;

// Redis goes when the shell's input ends: with the test, however that ends.
const TIED = 'redis-server "$@" & read -r _; kill $!; wait';

/** Starts the server; it may take some attempts, as others may take the free port meanwhile. */
async function start(attempts = 3) {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), "redis-"));
  const settings = { port, bind: "127.0.0.1", dir: folder, save: "", appendonly: "no" };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const shell = spawn("sh", ["-c", TIED, "sh", ...args], { stdio: ["pipe", "pipe", "ignore"] });
  const ended = once(shell, "close");
  stop = async () => {
    shell.stdin.end();
    await ended;
    rmSync(folder, { recursive: true });
  };
  let log = "";
  const ready = new Promise((resolve) => {
    shell.stdout.on("data", (text) => {
      log += text;
      if (log.includes("Ready to accept connections")) resolve(true);
      if (log.includes("Failed listening")) resolve(false);
    });
  });
  if (await within(ready, "Redis to start")) return port;
  await stop();
  if (attempts > 1) return start(attempts - 1);
  throw new Error(`Redis does not start:\n${log}`);
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
