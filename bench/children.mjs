// The child processes of benchmarks that have a command of their own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts a script, by its path from this folder. `flags` are Node's. */
export function startChild(script, args = [], flags = []) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return fork(file, args.map(String), { execArgv: flags });
}

/** The next message of a child; rejects when the child ends instead. */
export async function answer(child) {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`${child.spawnargs.slice(1).join(" ")} has ended with ${code}`);
  });
  ended.catch(() => {});
  try {
    const [message] = await Promise.race([once(child, "message", { signal }), ended]);
    return message;
  } finally {
    over.abort();
  }
}

/** Sends a message to a child and resolves with its answer. */
export function ask(child, message) {
  child.send(message);
  return answer(child);
}
