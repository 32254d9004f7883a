// Where the addon cannot be loaded: the error says why, and how to choose the JavaScript engine.
import assert from "node:assert/strict";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "../support/run-tool.mjs";
import { beyond } from "../support/subject.mjs";
import { defer } from "../support/wait.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PARTS = ["index.js", "engine.js", "binding.js", "package.json", "dist", "client-dist"];
const ADDON = readdirSync(ROOT).find((file) => /^socket\.io-native\..*\.node$/.test(file));
const SYSTEM = /^socket\.io-native\.(.*)\.node$/.exec(ADDON)[1];

/** A copy of the package without its addon, in a folder of its own. */
function withoutAddon(t) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "addon-"));
  defer(t, () => rmSync(folder, { recursive: true, force: true }));
  for (const part of PARTS) {
    cpSync(path.join(ROOT, part), path.join(folder, part), { recursive: true });
  }
  symlinkSync(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  return folder;
}

/** Runs code in a folder; `SOCKET_IO_NATIVE_ENGINE` is `engine`. */
function run(t, folder, code, { engine = "", ...env } = {}) {
  return runTool(t, process.execPath, ["-e", code], {
    cwd: folder,
    env: { SOCKET_IO_NATIVE_ENGINE: engine, ...env },
  });
}

const LOAD = 'require("./index.js")';

/** Loads the package, which has to throw, and gives its error. */
async function errorOf(t, folder, before = "", env = {}) {
  const tell =
    "console.log(JSON.stringify({ code: error.code, message: error.message, caused: !!error.cause }))";
  const code = `${before};try { ${LOAD} } catch (error) { ${tell} }`;
  const { status, stdout, stderr } = await run(t, folder, code, env);
  assert.equal(status, 0, stderr);
  const error = JSON.parse(stdout);
  assert.equal(error.code, "ERR_SOCKET_IO_NATIVE_ADDON");
  assert.equal(error.caused, true);
  assert.match(error.message, /SOCKET_IO_NATIVE_ENGINE=javascript/);
  return error.message;
}

beyond("a missing addon: the error names the system and each place", async (t) => {
  const folder = withoutAddon(t);
  const message = await errorOf(t, folder);
  for (const part of [process.platform, process.arch, `Node ${process.version}`]) {
    assert.ok(message.includes(part), message);
  }
  if (process.platform === "linux") assert.match(message, /glibc \d|musl/);
  assert.ok(message.includes(`${path.join(folder, ADDON)}: there is no such file`), message);
  assert.ok(message.includes(`socket.io-native-${SYSTEM}: it is not installed`), message);
});

beyond("a package that is installed, but broken: the error of the package is told", async (t) => {
  const folder = withoutAddon(t);
  const name = `socket.io-native-${SYSTEM}`;
  rmSync(path.join(folder, "node_modules"));
  const modules = path.join(folder, "node_modules");
  cpSync(path.join(ROOT, "node_modules", "debug"), path.join(modules, "debug"), {
    recursive: true,
  });
  cpSync(path.join(ROOT, "node_modules", "ms"), path.join(modules, "ms"), { recursive: true });
  for (const one of readdirSync(path.join(ROOT, "node_modules"))) {
    if (["debug", "ms"].includes(one)) continue;
    symlinkSync(path.join(ROOT, "node_modules", one), path.join(modules, one));
  }
  cpSync(path.join(ROOT, "package.json"), path.join(modules, name, "package.json"));
  writeFileSync(
    path.join(modules, name, "index.js"),
    'throw new Error("made for another system");\n',
  );
  const message = await errorOf(t, folder);
  assert.ok(message.includes(`${name}: made for another system`), message);
});

for (const [title, content] of Object.entries({
  "no addon": () => "<html>404</html>\n",
  truncated: () => readFileSync(path.join(ROOT, ADDON)).subarray(0, 1000),
  "cut in its middle": (whole = readFileSync(path.join(ROOT, ADDON))) =>
    whole.subarray(0, whole.length >> 1),
})) {
  beyond(`a file that is ${title}: the error names it, with what is wrong`, async (t) => {
    const folder = withoutAddon(t);
    const file = path.join(folder, ADDON);
    writeFileSync(file, content());
    const message = await errorOf(t, folder);
    const line = message.split("\n").find((one) => one.trim().startsWith(`${file}: `));
    assert.ok(line, message);
    assert.doesNotMatch(line, /no such file|it can be loaded/);
  });
}

beyond("a system without an addon: the error names what was looked for", async (t) => {
  const folder = withoutAddon(t);
  const other = 'Object.defineProperty(process, "arch", { value: "riscv64" })';
  const given = path.join(folder, "given.node");
  const message = await errorOf(t, folder, other, { NAPI_RS_NATIVE_LIBRARY_PATH: given });
  assert.match(message, /riscv64/);
  assert.match(message, /socket\.io-native-\w+-riscv64[\w-]*: it is not installed/);
  assert.ok(message.includes(`${given}: there is no such file`), message);
});

beyond("a Node that is too old: the error says so", async (t) => {
  const old = [
    'Object.defineProperty(process, "version", { value: "v16.20.2" })',
    'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "16.20.2" } })',
  ];
  const message = await errorOf(t, withoutAddon(t), old.join(";"));
  assert.match(message, /Node v16\.20\.2/);
  assert.match(message, /too old: the package needs Node 20/);
});

const APPLICATION = `
  const { Server } = require("./index.js");
  const { io: connect } = require("socket.io-client");
  const engine = require("./engine.js");
  const io = new Server(0, { native: { maxNamespaces: 3 } });
  io.on("connection", (socket) => socket.on("echo", (value, answer) => answer(value)));
  io.httpServer.once("listening", async () => {
    const client = connect("http://localhost:" + io.httpServer.address().port);
    const echo = await client.emitWithAck("echo", "soup");
    const { implementation, clientsCount } = io.engine;
    let metrics;
    try {
      metrics = typeof io.engine.metrics();
    } catch (error) {
      metrics = error.code;
    }
    const same = io.engine instanceof engine.Server;
    client.disconnect();
    await io.close();
    console.log(JSON.stringify({ echo, implementation, clientsCount, metrics, same }));
  });
`;

beyond("SOCKET_IO_NATIVE_ENGINE=javascript serves without an addon, and warns once", async (t) => {
  const { status, stdout, stderr } = await run(t, withoutAddon(t), APPLICATION, {
    engine: "javascript",
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    echo: "soup",
    implementation: "javascript",
    clientsCount: 1,
    metrics: "ERR_SOCKET_IO_NATIVE_ONLY",
    same: true,
  });
  const warnings = stderr.match(/^.*\[SOCKET_IO_NATIVE_JAVASCRIPT\].*$/gm);
  assert.equal(warnings?.length, 1, stderr);
});

for (const engine of ["", "native"]) {
  beyond(`SOCKET_IO_NATIVE_ENGINE="${engine}" serves natively, without a warning`, async (t) => {
    const folder = withoutAddon(t);
    cpSync(path.join(ROOT, ADDON), path.join(folder, ADDON));
    const { status, stdout, stderr } = await run(t, folder, APPLICATION, { engine });
    assert.equal(status, 0, stderr);
    const { implementation, metrics } = JSON.parse(stdout);
    assert.deepEqual([implementation, metrics], ["native", "object"]);
    assert.equal(stderr, "");
  });
}

beyond("another value of SOCKET_IO_NATIVE_ENGINE is refused", async (t) => {
  const { status, stderr } = await run(t, withoutAddon(t), LOAD, { engine: "java" });
  assert.equal(status, 1);
  assert.match(stderr, /TypeError: SOCKET_IO_NATIVE_ENGINE must be .* but is "java"/);
});
