// Running other programs: quietly for a version, or streamed to the terminal for work.
import { spawn, spawnSync } from "node:child_process";
import { root } from "./files.mjs";

const windows = process.platform === "win32";

// npm is a batch file on Windows, which only a shell starts. Its own path is known under npm.
function resolve(program, args) {
  const npm = process.env.npm_execpath;
  if (program === "npm" && npm?.endsWith(".js")) return [process.execPath, [npm, ...args], false];
  return [program, args, windows && program === "npm"];
}

/** The first line a program prints, or `undefined` if it cannot be run. */
export function answer(program, ...args) {
  const [file, argv, shell] = resolve(program, args);
  const { status, stdout } = spawnSync(file, argv, { cwd: root, encoding: "utf8", shell });
  return status === 0 ? stdout.split("\n")[0].trim() : undefined;
}

/**
 * Runs a program in the project's root, its output going straight to the terminal.
 * Resolves with its exit code, or the name of the signal that ended it; rejects if it cannot start.
 */
export function stream(program, ...args) {
  const [file, argv, shell] = resolve(program, args);
  return new Promise((done, failed) => {
    const child = spawn(file, argv, { cwd: root, stdio: ["ignore", "inherit", "inherit"], shell });
    child.once("error", failed);
    child.once("close", (code, signal) => done(code ?? signal));
  });
}
