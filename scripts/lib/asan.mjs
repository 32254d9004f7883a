// The addon with AddressSanitizer, in Node: traffic on each form, worker threads and process exits.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, realpathSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { answer } from "./command.mjs";
import { Complaint } from "./say.mjs";

const file = (name) => fileURLToPath(new URL(`../sanitize/${name}`, import.meta.url));

/** Seconds of traffic in the modes that do not end by themselves. */
const SECONDS = Number(process.env.ASAN_SECONDS ?? 30);
/** Seconds after which a server that has not ended has got stuck. */
const PATIENCE = SECONDS + 900;

/** The runtime of the sanitizer, which Node is started with. */
function runtimeLibrary() {
  const library = answer("gcc", "-print-file-name=libasan.so");
  if (!library?.includes("/")) {
    throw new Complaint("libasan.so is missing.", "Install gcc with its sanitizers (libasan).");
  }
  return realpathSync(library);
}

/** Runs a server in a mode with clients; complains if it does not end well. */
async function runServer(mode, env) {
  const server = spawn(process.execPath, [file("server.mjs"), mode], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  server.stdin.on("error", () => {}); // it has ended
  const clients = new Map();
  const stuck = setTimeout(() => server.kill("SIGKILL"), PATIENCE * 1000);
  let ports = 0;
  let gone = 0;
  createInterface(server.stdout).on("line", (port) => {
    if (port.startsWith("-")) {
      console.log(`asan, ${mode}: ${++gone} gone`);
      return void clients.get(port.slice(1))?.kill("SIGKILL");
    }
    ports++;
    clients.set(port, spawn(process.execPath, [file("clients.mjs"), port], { stdio: "inherit" }));
  });
  const exited = once(server, "exit");
  if (mode === "port" || mode === "attached") {
    await Promise.race([wait(SECONDS * 1000), exited]);
    server.stdin.end();
  }
  const [code, signal] = await exited;
  clearTimeout(stuck);
  for (const client of clients.values()) client.kill("SIGKILL");
  if (code !== 0) throw new Complaint(`asan, ${mode}: the server ended with ${code ?? signal}`);
  console.log(`asan, ${mode}: ended well, ${ports} servers`);
}

/** Runs every mode with the addon that `library` is. */
export async function useAddress(library) {
  const addon = library.replace(/so$/, "node");
  copyFileSync(library, addon);
  const env = {
    LD_PRELOAD: runtimeLibrary(),
    NAPI_RS_NATIVE_LIBRARY_PATH: addon,
    // V8 keeps most of its memory until the process ends.
    ASAN_OPTIONS: "detect_leaks=0:allow_user_segv_handler=1:exitcode=99",
  };
  const all = ["port", "attached", "workers", ...Array(10).fill("exit")];
  const only = process.env.ASAN_MODE;
  for (const mode of all.filter((one) => only === undefined || one === only))
    await runServer(mode, env);
}
