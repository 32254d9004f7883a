// A program that a test runs to its end, with the package under test as SUBJECT in its environment.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isOracle } from "./subject.mjs";
import { defer, once, within } from "./wait.mjs";

/** The names by which `require()` and `import` find the package under test, from a file of this checkout. */
export const subject = isOracle
  ? "socket.io"
  : fileURLToPath(new URL("../../index.js", import.meta.url));

/** Runs a program: `{ status, stdout, stderr }` once it has ended. `options` are those of spawn. */
export async function runTool(t, program, args, options = {}) {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
    env: { ...process.env, SUBJECT: subject, ...options.env },
  });
  defer(t, () => child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = once(child, "close");
  const [status, signal] = await within(ended, `${program} to end`, 300_000).catch((error) => {
    throw new Error(`${error.message}:\n${stdout}\n${stderr}`);
  });
  return { status: status ?? signal, stdout, stderr };
}
