// Child processes that talk to a test over IPC and never outlive it.
import { fork } from "node:child_process";
import cluster from "node:cluster";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { defer, within } from "./wait.mjs";

/** The descriptor, in the child, at which it stands still. */
export const GATE = 4;

/**
 * Starts `children/<file>` of the folder `folder` (robust by default); `options` are those of fork,
 * `worker`: as a worker of Node's cluster, with the test as its primary, and `base`: the URL of a
 * file next to which that folder lies.
 * Both sides send objects with a `type`; `message(type)` waits for one, `exit()` for the exit code.
 * With `gate`, the child can stand still (parent.mjs): `stopped()` waits until it does, `release()`
 * lets it go on.
 */
export function spawnChild(t, file, args = [], folder = "robust", options = {}) {
  const path = fileURLToPath(
    new URL(`../${folder}/children/${file}`, options.base ?? import.meta.url),
  );
  const stdio = ["ignore", "inherit", "inherit", "ipc"];
  if (options.gate) stdio[GATE] = "pipe";
  const start = options.worker ? forkWorker : fork;
  const child = start(path, args, { execArgv: [], stdio, ...options });
  const gate = child.stdio?.[GATE];
  gate?.on("error", () => {}); // the child has gone
  defer(t, () => child.kill("SIGKILL"));
  const inbox = [];
  const waiting = [];
  const exited = once(child, "exit").then(([code, signal]) => code ?? signal);
  child.on("message", (message) => {
    const i = waiting.findIndex(({ type }) => type === message.type);
    if (i < 0) inbox.push(message);
    else waiting.splice(i, 1)[0].resolve(message);
  });
  child.on("error", () => {}); // a message to a child that has gone
  return {
    pid: child.pid,
    kill: () => child.kill("SIGKILL"),
    send: (type, rest = {}) => child.send({ type, ...rest }),
    /** The next message of this type; fails when the child ends without it. */
    message(type, ms = 60_000) {
      const i = inbox.findIndex((message) => message.type === type);
      if (i >= 0) return Promise.resolve(inbox.splice(i, 1)[0]);
      const arrived = new Promise((resolve) => waiting.push({ type, resolve }));
      const died = exited.then((code) => {
        throw new Error(`${file} ended with ${code} before it sent "${type}"`);
      });
      return within(Promise.race([arrived, died]), `"${type}" of ${file}`, ms);
    },
    /** Resolves when the child stands still; rejects when it ends. */
    stopped() {
      const stands = new Promise((resolve) => gate.once("data", resolve));
      const died = exited.then((code) => {
        throw new Error(`${file} ended with ${code} before it stood still`);
      });
      return within(Promise.race([stands, died]), `${file} to stand still`, 60_000);
    },
    release: () => gate.write("."),
    /** The exit code of a child that ends by itself, or the name of the signal that killed it. */
    exit: (ms = 60_000) => within(exited, `the end of ${file}`, ms),
  };
}

function forkWorker(exec, args, { env, worker: _worker, ...settings }) {
  cluster.setupPrimary({ exec, args, ...settings });
  return cluster.fork(env).process;
}
