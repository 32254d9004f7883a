// The examples of examples/, each started for real with the packages of its manifest.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { io as connect } from "socket.io-client";
import { install, launch, Unreachable } from "../../scripts/lib/examples.mjs";
import { browserTest } from "../platforms/browser.mjs";
import { connected } from "../support/clients.mjs";
import { beyond, isJavaScript, isOracle } from "../support/subject.mjs";
import { defer, once, until } from "../support/wait.mjs";

/** Installs an example; without the registry, the test is skipped, or fails under REQUIRE_PARTS=1. */
export async function installed(t, name) {
  try {
    const folder = await install(name);
    defer(t, () => rmSync(folder, { recursive: true }));
    return folder;
  } catch (error) {
    if (process.env.REQUIRE_PARTS === "1" || !(error instanceof Unreachable)) throw error;
    t.skip("missing: the npm registry (npm ping does not reach it)");
  }
}

/**
 * Runs a script of an example: `{ child, ended, output() }`. `ended` resolves with `[code, signal]`,
 * `says(pattern)` with the match when the output has it.
 */
async function begin(t, folder, script, args, env) {
  const stdio = ["pipe", "pipe", "pipe"];
  const child = await launch(folder, script, args, { stdio, env: { ...process.env, ...env } });
  defer(t, () => child.kill("SIGKILL"));
  const ended = once(child, "close");
  // a test that fails before it waits for the end has its own error
  ended.catch(() => {});
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (more) => {
      text += more;
    });
  }
  const output = () => text;
  const over = () => child.exitCode !== null || child.signalCode !== null;
  const says = (pattern) =>
    until(() => {
      const match = pattern.exec(text);
      if (!match && over()) throw new Error(`it ended without ${pattern}:\n${text}`);
      return match;
    }, `${pattern} in the output of ${script}`);
  return { child, ended, output, says };
}

/**
 * Starts an example on a free port: `{ folder, url, port, says, run, client, stop }`, or `undefined` if
 * its packages cannot be had. `run(script, args, input)` runs another of its scripts to the end and
 * gives its output; `client(options)` resolves with a connected client; `stop()` ends the server as a
 * supervisor does, and gives its exit code and signal.
 */
export async function start(t, name, env = {}) {
  const folder = await installed(t, name);
  if (folder === undefined) return;
  const server = await begin(t, folder, "start", [], { PORT: "0", ...env });
  const [url, port] = await server.says(/https?:\/\/localhost:(\d+)/);
  return {
    ...server,
    folder,
    url,
    port: Number(port),
    async run(script, args, input = "") {
      const program = await begin(t, folder, script, args, env);
      program.child.stdin.end(input);
      assert.deepEqual(await program.ended, [0, null], program.output());
      return program.output();
    },
    talk: (script, args) => begin(t, folder, script, args, env),
    client: (options) => connected(clientOf(t, url, options)),
    async stop() {
      server.child.kill("SIGTERM");
      return server.ended;
    },
  };
}

/** A client, not awaited and closed after the test; `nsp` is its namespace. */
export function clientOf(t, url, { nsp = "/", ...options } = {}) {
  const settings = { forceNew: true, reconnection: false, ...options };
  const socket = connect(`${url}${nsp}`, settings);
  // events that come with the connection are heard from the start
  socket.heard = [];
  socket.onAny((...event) => socket.heard.push(event));
  defer(t, async () => {
    socket.disconnect();
    const { engine } = socket.io;
    engine?.close();
    if (engine && engine.readyState !== "closed") await once(engine, "close");
  });
  return socket;
}

/** Waits until a client has heard an event; resolves with the arguments of the first one. */
export async function heard(socket, name) {
  const find = () => socket.heard.find(([event]) => event === name);
  return (await until(find, `the event ${name}`)).slice(1);
}

const JUNK = [[], [null], [1, 2, 3], [{}], ["x"], [Buffer.from("x"), []], [[], () => {}]];

/** Sends events with arguments that they do not expect; the end of the example tells if it survives. */
export function molest(socket, ...events) {
  for (const event of events) for (const args of JUNK) socket.emit(event, ...args);
}

/**
 * A test of a running example: `fn(t, example, open)`, `open` with `browser` only. Then the example is
 * stopped, with the clients that it has; it ends with the exit code 0, or as `end` says. `missing` says
 * what else it needs and this machine does not have.
 */
export function exampleTest(name, title, fn, options = {}) {
  const { browser = false, env = {}, missing, end = [0, null] } = options;
  const run = async (t, open) => {
    if (missing && process.env.REQUIRE_PARTS === "1") throw new Error(missing);
    if (missing) return t.skip(missing);
    const example = await start(t, name, env);
    if (!example) return;
    await fn(t, example, open);
    assert.deepEqual(await example.stop(), end, example.output());
  };
  if (browser && !isOracle && !isJavaScript) browserTest(title, run);
  else beyond(title, (t) => run(t));
}
