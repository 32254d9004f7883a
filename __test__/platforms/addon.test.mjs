// Where the addon cannot be loaded: the error says why, and how to choose the JavaScript engine.
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
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

const { version: VERSION } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
/** The package that the error asks for. */
const EXPECTED = `socket.io-native-${SYSTEM}@${VERSION}`;

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
  assert.ok(message.includes(`Package expected: ${EXPECTED}\n`), message);
  assert.match(message, /https:\/\/github\.com\/npm\/cli\/issues\/4828/);
  assert.match(message, /rm -rf node_modules package-lock\.json && npm install$/m);
  assert.ok(message.includes(`npm install --save-optional ${EXPECTED}\n`), message);
});

/** Installs what stands for a package with an addon, beside the packages of this checkout. */
function installPackage(folder, system, manifest, index) {
  const modules = path.join(folder, "node_modules");
  rmSync(modules);
  mkdirSync(modules);
  for (const one of readdirSync(path.join(ROOT, "node_modules"))) {
    symlinkSync(path.join(ROOT, "node_modules", one), path.join(modules, one));
  }
  const target = path.join(modules, `socket.io-native-${system}`);
  mkdirSync(target);
  writeFileSync(path.join(target, "package.json"), JSON.stringify(manifest));
  if (index !== undefined) writeFileSync(path.join(target, "index.js"), index);
  return target;
}

beyond("a package for another system is installed: the error names both", async (t) => {
  const folder = withoutAddon(t);
  const musl = SYSTEM.endsWith("-musl");
  const other = SYSTEM.includes("linux")
    ? SYSTEM.replace(musl ? "musl" : "gnu", musl ? "gnu" : "musl")
    : "linux-x64-gnu";
  const name = `socket.io-native-${other}`;
  installPackage(folder, other, { name, version: VERSION }, "");
  const message = await errorOf(t, folder);
  assert.ok(message.includes(`Installed is ${name}: node_modules was made on, or for,`), message);
  assert.ok(message.includes(`Package expected: ${EXPECTED}\n`), message);
});

beyond("a package of another version: the error names both versions", async (t) => {
  const folder = withoutAddon(t);
  const name = `socket.io-native-${SYSTEM}`;
  installPackage(folder, SYSTEM, { name, version: "4.7.0" }, "module.exports = {}");
  const message = await errorOf(t, folder);
  const line = `${name} is installed in version 4.7.0, but ${VERSION} is needed`;
  assert.ok(message.includes(line), message);
  assert.ok(message.includes(`To mend it: npm install --save-optional ${EXPECTED}\n`), message);
});

beyond("a package without its file: the error says so, and what mends it", async (t) => {
  const folder = withoutAddon(t);
  const name = `socket.io-native-${SYSTEM}`;
  installPackage(folder, SYSTEM, { name, version: VERSION });
  const message = await errorOf(t, folder);
  assert.ok(message.includes(`${name}: it is installed without its file`), message);
  assert.match(message, /To mend it: remove the folder node_modules, .*npm ci$/m);
});

beyond("an addon that needs a newer glibc: the error names the oldest that will do", async (t) => {
  const folder = withoutAddon(t);
  const name = `socket.io-native-${SYSTEM}`;
  // The words of the dynamic linker.
  const words = "/lib/libc.so.6: version `GLIBC_2.99' not found (required by addon.node)";
  const index = `throw new Error(${JSON.stringify(words)})`;
  installPackage(folder, SYSTEM, { name, version: VERSION }, index);
  const message = await errorOf(t, folder);
  assert.ok(message.includes(`${name}: ${words}`), message);
  assert.match(message, /To mend it: use a system with glibc 2\.17 or newer/);
});

beyond("a package of this version: its addon is loaded", async (t) => {
  const folder = withoutAddon(t);
  const manifest = { name: `socket.io-native-${SYSTEM}`, version: VERSION, main: ADDON };
  cpSync(path.join(ROOT, ADDON), path.join(installPackage(folder, SYSTEM, manifest), ADDON));
  const { status, stdout, stderr } = await run(t, folder, APPLICATION);
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).implementation, "native");
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
  assert.match(message, /Package expected: none, as no addon is published for this system/);
  assert.match(message, /To mend it: build the addon on this system/);
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
