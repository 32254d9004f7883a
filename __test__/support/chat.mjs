// The example `examples/chat` as a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { defer, once } from "./wait.mjs";

const CHAT = fileURLToPath(new URL("../../examples/chat/server.mjs", import.meta.url));

/**
 * Starts the chat on a free port; resolves with its address, ending in a slash, and its process. `file`
 * is another copy of its server, `args` are those of Node.
 */
export async function startChat(t, { file = CHAT, args = [] } = {}) {
  const child = spawn(process.execPath, [...args, file], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  defer(t, () => child.kill("SIGKILL"));
  const exited = once(child, "exit").then(([code, signal]) => {
    throw new Error(`the chat ended by itself (${code ?? signal})`);
  });
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  exited.catch(() => {});
  const url = /http:\/\/\S+/.exec(line)?.[0];
  assert.ok(url, `no address in: ${line}`);
  return { url, child };
}
