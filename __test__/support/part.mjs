// Servers of other makers, for tests that want the real one: one per test file, started when it is
// first asked for, with a folder and a port of its own, gone with the file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { freePort } from "./free-port.mjs";
import { beyond, isJavaScript, isOracle } from "./subject.mjs";
import { within } from "./wait.mjs";

/**
 * `missing` is false, or says what is not on this machine: then tests are skipped, or fail under
 * REQUIRE_PARTS=1. `launch(port, folder)` gives `{ command, args, ready, taken, owner }`: what to
 * run, by whom (`{ uid, gid }`, default: the user of the tests), and the texts in its output by
 * which it is known to accept connections, or to have found its port taken.
 *
 * Returns `{ test, beyond }`: both take a title and `fn(t, port)`; the second is for a promise
 * that goes beyond upstream.
 */
export function part(missing, launch) {
  let running;
  let stop;
  after(() => stop?.());

  /** Starts the server; it may take some attempts, as others may take the free port meanwhile. */
  async function start(attempts = 3) {
    const port = await freePort();
    const folder = mkdtempSync(path.join(tmpdir(), "part-"));
    const { command, args, ready, taken, owner } = launch(port, folder);
    const shell = spawn("sh", ["-c", TIED, command, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: folder,
      ...owner,
    });
    const ended = once(shell, "close");
    stop = async () => {
      shell.stdin.end();
      await ended;
      rmSync(folder, { recursive: true });
    };
    let log = "";
    const known = new Promise((resolve) => {
      const read = (text) => {
        log += text;
        if (log.includes(ready)) resolve(true);
        if (log.includes(taken)) resolve(false);
      };
      shell.stdout.on("data", read);
      shell.stderr.on("data", read);
    });
    if (await within(known, `${command} to start`).catch(() => false)) return port;
    await stop();
    if (attempts > 1) return start(attempts - 1);
    throw new Error(`${command} does not start:\n${log}`);
  }

  function partTest(title, fn) {
    const skip = process.env.REQUIRE_PARTS === "1" ? false : missing;
    test(title, { skip }, async (t) => {
      if (missing) throw new Error(missing);
      running ??= start();
      await fn(t, await running);
    });
  }

  return { test: partTest, beyond: isOracle || isJavaScript ? beyond : partTest };
}

// The server goes when the shell's input ends: with the test, however that ends. SIGINT, as
// PostgreSQL would first wait for its clients on SIGTERM.
const TIED = '"$0" "$@" & read -r _; kill -INT $!; wait';
