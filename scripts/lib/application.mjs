// A published application under trial: its installation with one of two packages as `socket.io`, its
// processes, and the browser that drives it.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import { nodeOf } from "./nodes.mjs";
import { Complaint } from "./say.mjs";

/** After this many milliseconds a wait has failed; `PATIENCE` in the environment is another number. */
const PATIENCE = Number(process.env.PATIENCE || 60_000);

const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"];

/** Resolves with the first truthy value of `condition()`; rejects with `what` when it takes too long. */
export async function until(condition, what) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await sleep(20);
  }
}

/** A TCP port of the loopback interface that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Runs a program to its end; resolves with its exit code as `status`, and its `output`. */
async function finish(program, args, options) {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => log.push(data));
  const status = await new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", done);
  });
  return { status, output: Buffer.concat(log).toString() };
}

/**
 * One application, installed in a folder of its own. A trial is `{ packages, node, drive }`: the packages
 * of npm, the first of which gives the version; the major version of Node; and a function that drives
 * the application and throws when something is not as it should be. It may have `flags` of `npm install`,
 * `overrides` of other packages, `rebuild` (addons to build), and `direct` for a package that declares
 * socket.io in a range of its own.
 */
export class Application {
  #children = [];
  #pages = [];
  #browser;
  #node;

  /**
   * @param {{ name: string, packages: string[], node: number }} trial
   * @param {string} folder where it is installed
   * @param {string} replacement the version, or the `file:` address, that stands for `socket.io`
   */
  constructor(trial, folder, replacement) {
    this.trial = trial;
    this.folder = folder;
    this.replacement = replacement;
    this.native = replacement.startsWith("file:");
  }

  /** Installs the packages, if they are not there, and checks which `socket.io` they find. */
  async install() {
    this.#node = await nodeOf(this.trial.node);
    mkdirSync(this.folder, { recursive: true });
    const own = { name: "trial", version: "1.0.0", private: true };
    // npm wants a direct dependency and the override of its name to be the same
    if (this.trial.direct) own.dependencies = { "socket.io": this.replacement };
    const overrides = { ...this.trial.overrides, "socket.io": this.replacement };
    if (!existsSync(path.join(this.folder, "node_modules"))) {
      const manifest = JSON.stringify({ ...own, overrides });
      writeFileSync(path.join(this.folder, "package.json"), manifest);
      const args = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
      const words = [...args, ...(this.trial.flags ?? []), ...this.trial.packages];
      // addons are compiled against the headers beside this Node, where there are any
      const prefix = path.resolve(this.#node.program, "../..");
      const headers = existsSync(path.join(prefix, "include/node")) && {
        npm_config_nodedir: prefix,
      };
      const env = { ...this.#node.env, ...headers };
      const options = { cwd: this.folder, env, shell: process.platform === "win32" };
      const { status, output } = await finish("npm", words, options);
      if (status !== 0) throw new Complaint(`${this.trial.name} could not be installed.`, output);
      if (this.trial.rebuild) await finish("npm", ["rebuild", ...this.trial.rebuild], options);
    }
    if (this.native) {
      // an installation of before gets this package as it is now
      const target = path.join(this.folder, "node_modules/socket.io");
      const words = [
        "-xzf",
        this.replacement.slice("file:".length),
        "--strip-components=1",
        "-C",
        target,
      ];
      const { status, output } = await finish("tar", words, {});
      if (status !== 0) throw new Complaint("The package could not be unpacked.", output);
    }
    const found = JSON.parse(this.read("node_modules/socket.io/package.json")).name;
    const wanted = this.native ? "socket.io-native" : "socket.io";
    if (found !== wanted) throw new Complaint(`socket.io is ${found} and not ${wanted}.`);
  }

  /** The text of a file of the installation. */
  read(file) {
    return readFileSync(path.join(this.folder, file), "utf8");
  }

  /** Writes a file of the installation; resolves with its full path. */
  write(file, text) {
    const full = path.join(this.folder, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  }

  /** The version of an installed package. */
  version(name = this.trial.packages[0]) {
    return JSON.parse(this.read(`node_modules/${name}/package.json`)).version;
  }

  /** Starts `node …args`: a process that collects its `output`; `ended()` resolves with its exit code. */
  node(args, env = {}, cwd = this.folder) {
    const child = spawn(this.#node.program, args, {
      cwd,
      env: { ...this.#node.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        child.output += text;
      });
    }
    child.exit = new Promise((done) => child.once("close", (code, signal) => done(code ?? signal)));
    child.ended = async () => {
      const over = () => child.exitCode !== null || child.signalCode !== null;
      await until(over, `\`${args.join(" ")}\` ends, which has said\n${child.output}`);
      return child.exit;
    };
    this.#children.push(child);
    return child;
  }

  /** Starts `node …args` as a server; resolves with the process when it answers on the port. */
  async serve(port, args, env, cwd) {
    const child = this.node(args, env, cwd);
    const answers = () =>
      fetch(`http://127.0.0.1:${port}/`, {
        redirect: "manual",
        // a port may be held for a moment by somebody who does not answer
        signal: AbortSignal.timeout(5_000),
      }).then(
        (response) => response.arrayBuffer().then(() => true),
        () => false,
      );
    await until(() => {
      if (child.exitCode !== null) throw new Error(`the server has ended:\n${child.output}`);
      return answers();
    }, `${this.trial.name} answers on its port`);
    if (process.platform === "linux") {
      const maps = readFileSync(`/proc/${child.pid}/maps`, "utf8");
      if (maps.includes("socket.io-native.") !== this.native) {
        throw new Error("the server has loaded another socket.io than it should");
      }
    }
    return child;
  }

  /**
   * A page of a fresh profile. `page.complaints` lists its errors, `page.webSockets` the open
   * WebSockets' frames: `{ url, sent, received, closed }`.
   */
  async page(options) {
    this.#browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
    const context = await this.#browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    this.#pages.push(page);
    page.complaints = [];
    page.webSockets = [];
    page.on("console", (line) => line.type() === "error" && page.complaints.push(line.text()));
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    page.on("websocket", (socket) => {
      const seen = { url: socket.url(), sent: [], received: [], closed: false };
      page.webSockets.push(seen);
      socket.on("framesent", ({ payload }) => seen.sent.push(payload));
      socket.on("framereceived", ({ payload }) => seen.received.push(payload));
      socket.on("close", () => {
        seen.closed = true;
      });
    });
    return page;
  }

  /** Resolves when a page's client has moved to a WebSocket: the probe is answered. */
  upgraded(page) {
    const probed = ({ received }) => received.includes("3probe");
    return until(() => page.webSockets.some(probed), "the page's client is upgraded");
  }

  /** Asks a process to end; resolves with its exit code, or the signal that ended it. */
  async stop(child, signal = "SIGTERM") {
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const result = await child.exit;
    clearTimeout(timer);
    return result;
  }

  /** The last words of every process and page, for a report of a failure. */
  async words() {
    const told = this.#children.map(
      ({ spawnargs, output }) => `$ ${spawnargs.join(" ")}\n${output.slice(-3_000)}`,
    );
    for (const page of this.#pages.filter((one) => !one.isClosed())) {
      const text = await page.evaluate(() => document.body?.textContent).catch(String);
      told.push([page.url(), ...page.complaints, text?.slice(0, 500)].join("\n"));
    }
    return told.join("\n\n");
  }

  /** Ends the browser and every process that still runs. */
  async end() {
    await this.#browser?.close();
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(({ exit }) => exit));
  }
}
