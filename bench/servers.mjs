// The servers by name, and the life of a measured server process.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { certificate } from "./certificate.mjs";

export const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.dirname(here);
export const loader = path.join(here, "sioload", "target", "release", "sioload");

const peer = (name, env = {}) => ({ env: { PEER_DIR: path.join(here, "peers", name), ...env } });

/** The version of a crate that a limit is built with. */
function lockedVersion(name) {
  const lock = readFileSync(path.join(here, "limits", name, "Cargo.lock"), "utf8");
  return new RegExp(`^name = "${name}"\nversion = "(.*)"`, "m").exec(lock)[1];
}

/** The forms of our package that the goals hold for. */
export const FORMS = ["attached", "port"];
/** The optional servers that are measured wherever they are installed. */
export const PEERS = ["uws", "bun", "socketioxide"];

/**
 * `title` is what tables and charts call a server; `env` are the settings of server.js, `script`
 * another script than that one, `bin` a program of its own and `args` its arguments; `raw` servers
 * speak WebSocket only; `skip` names scenarios a server is not able to run;
 * `version` says what a program does not say itself. All but the first five want `setup.sh`. `ours` is attached or a port, as `--mode` has it.
 */
export const servers = {
  upstream: { title: "socket.io + ws", env: { PKG: "socket.io" } },
  attached: { title: "attached", env: { PKG: root, MODE: "attach" } },
  port: { title: "port", env: { PKG: root, MODE: "port" } },
  ours: { title: "ours", env: { PKG: root } },
  "raw-ws": { title: "ws alone", raw: true, script: "raw.js", env: { ENGINE: "ws" } },
  bufferutil: { title: "+ bufferutil", ...peer("bufferutil") },
  uws: {
    title: "socket.io + uWebSockets.js",
    ...peer("uws", { ENGINE: "uws" }),
  },
  bun: {
    title: "socket.io on Bun",
    ...peer("bun", { ENGINE: "bun" }),
    bin: path.join(here, "peers", "bun", "node_modules", "bun", "bin", "bun.exe"),
    args: [path.join(here, "server.js")],
    skip: ["deflate4k"],
  },
  eiows: { title: "+ eiows", ...peer("eiows", { ENGINE: "eiows" }) },
  "raw-uws": {
    title: "uWebSockets.js alone",
    raw: true,
    script: "raw.js",
    ...peer("uws", { ENGINE: "uws" }),
  },
  socketioxide: {
    title: "socketioxide (limit)",
    version: `socketioxide ${lockedVersion("socketioxide")}`,
    bin: path.join(here, "limits", "socketioxide", "target", "release", "sioxide-limit"),
    skip: ["deflate4k"],
  },
};

/** Tells whether `setup.sh` has installed a server; one that it does not install counts as there. */
export function isInstalled({ bin, env }) {
  return existsSync(bin ?? env?.PEER_DIR ?? here);
}

/** Makes `names` stand for another module: a package name, or a path from the current folder. */
export function substitute(names, module) {
  const isPath = module.startsWith(".") || path.isAbsolute(module);
  for (const name of names) servers[name].env.PKG = isPath ? path.resolve(module) : module;
}

let node = process.execPath;

/** Lets the servers run under another program than the Node that runs this. */
export function useNode(program) {
  node = program;
}

const START_LIMIT_MS = 15_000;

/**
 * Starts a server and waits until it listens. `TLS: "1"` in `extraEnv` makes it speak TLS.
 * @returns the process, its port, its pid and what it says it is
 * @throws if it ends or says nothing within 15 seconds
 */
export async function start(server, extraEnv = {}, { flags = [], cwd } = {}) {
  const secure = extraEnv.TLS === "1" ? certificate() : {};
  const env = { ...process.env, ...extraEnv, ...server.env, ...secure };
  const script = path.join(here, server.script ?? "server.js");
  const [command, ...args] = server.bin
    ? [server.bin, ...(server.args ?? [])]
    : [node, "--expose-gc", ...flags, script];
  const child = spawn(command, args, { env, cwd, stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (d) => {
    complaint = (complaint + d).slice(-4000);
  });
  try {
    const line = await firstLine(child);
    const { version } = server;
    return { child, version, ...JSON.parse(line), complaint: () => complaint };
  } catch (e) {
    child.kill("SIGKILL");
    const reason = complaint.split("\n").find((l) => /\w*Error\b/.test(l)) ?? complaint.trim();
    throw new Error(reason ? `${e.message}: ${reason}` : e.message);
  }
}

function firstLine(child) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(
      () => reject(new Error("the server did not start in time")),
      START_LIMIT_MS,
    );
    const settle = (how, value) => {
      clearTimeout(timer);
      how(value);
    };
    child.stdout.on("data", (d) => {
      text += d;
      if (text.includes("\n")) settle(resolve, text);
    });
    child.once("error", (e) => settle(reject, e));
    child.once("close", (code) => settle(reject, new Error(`the server ended with code ${code}`)));
  });
}

/** Asks a server to end by closing its standard input; kills it if it does not within 5 seconds. */
export async function stop({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((r) => child.once("exit", r));
  child.stdin.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(timer);
}

/** Core-seconds that the machine has been busy, stolen time included. */
export function busySeconds() {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0];
  const f = line.trim().split(/\s+/).slice(1).map(Number);
  return (f[0] + f[1] + f[2] + f[5] + f[6] + (f[7] || 0)) / 100;
}
