// The packages of a release, as `npm run package` packs them: what is in them, and that npm, pnpm and
// Yarn install them without scripts. Takes about a minute.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { io as connect } from "socket.io-client";
import { kilobytes, packRelease, SYSTEMS, TESTED } from "../../scripts/lib/release.mjs";
import { startChat } from "../support/chat.mjs";
import { installedVersion, startRegistry } from "../support/registry.mjs";
import { runTool } from "../support/run-tool.mjs";
import { beyond, isJavaScript, isOracle } from "../support/subject.mjs";
import { tool } from "../support/tools.mjs";
import { defer, once } from "../support/wait.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ADDON = readdirSync(ROOT).find((file) => /^socket\.io-native\..*\.node$/.test(file));
const SYSTEM = /^socket\.io-native\.(.*)\.node$/.exec(ADDON)[1];
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");
const { name: NAME, version: VERSION } = JSON.parse(read("package.json"));

let folder;
let packed;
let registry;

before(async () => {
  if (isOracle || isJavaScript) return;
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "release-")));
  const addons = path.join(folder, "addons");
  mkdirSync(addons);
  for (const system of SYSTEMS) {
    // Stands for the addon of a system that is built elsewhere.
    writeFileSync(path.join(addons, `${NAME}.${system}.node`), `made for ${system}\n`);
  }
  copyFileSync(path.join(ROOT, ADDON), path.join(addons, ADDON));
  packed = packRelease(path.join(folder, "release"), addons, { all: true });
  registry = await startRegistry(
    path.join(folder, "packed"),
    packed.map(({ file }) => file),
  );
});
after(() => {
  registry?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The manifest in a tarball. */
function manifestIn(file) {
  const { stdout } = spawnSync("tar", ["-xzOf", file, "package/package.json"], {
    encoding: "utf8",
  });
  return JSON.parse(stdout);
}

const main = () => packed.find(({ system }) => system === undefined);
const own = () => packed.find(({ system }) => system === SYSTEM);

const CLIENT_FILES = ["", ".min", ".esm.min", ".msgpack.min"].flatMap((kind) =>
  ["js", "js.map"].map((end) => `client-dist/socket.io${kind}.${end}`),
);

beyond("the package has every file that it needs, no addon and no other file", () => {
  const compiled = readdirSync(path.join(ROOT, "lib"), { recursive: true })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.replaceAll(path.sep, "/").replace(/\.ts$/, ""))
    .flatMap((file) => [".js", ".d.ts"].map((end) => `dist/${file}${end}`));
  // A folder under "files" is published whole; its list is that of the repository.
  const filesIn = (folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => path.relative(ROOT, path.join(one.parentPath, one.name)));
  const whole = ["types", "inspect-page"].flatMap(filesIn);
  const { files, exports } = JSON.parse(read("package.json"));
  const entries = files.filter((one) => !one.endsWith("/") && one !== "*.node");
  const expected = ["LICENSE", "README.md", "package.json", ...entries, ...whole, ...compiled];
  assert.deepEqual(main().files, [...expected, ...CLIENT_FILES].sort());
  for (const named of JSON.stringify(exports).match(/(?<=:")\.\/[\w./-]+/g)) {
    assert.ok(main().files.includes(named.slice(2)), `${named} is an export`);
  }
});

beyond("a package for each system has its addon, and says which system it is for", () => {
  const names = packed.map(({ name }) => name).sort();
  assert.deepEqual(names, [NAME, ...SYSTEMS.map((system) => `${NAME}-${system}`)].sort());
  for (const { name, system, file, files } of packed.filter((one) => one.system)) {
    const addon = `${NAME}.${system}.node`;
    assert.deepEqual(files, ["LICENSE", "README.md", "package.json", addon]);
    const manifest = manifestIn(file);
    const [platform, arch, abi] = system.split("-");
    assert.equal(manifest.version, VERSION, name);
    assert.deepEqual([manifest.os, manifest.cpu], [[platform], [arch]]);
    const libc = { gnu: ["glibc"], musl: ["musl"] }[abi];
    assert.deepEqual(manifest.libc, libc, name);
    assert.equal(manifest.main, addon);
    assert.equal(manifest.license, "MIT");
  }
});

beyond("no package has a script, and the package names the others in its own version", () => {
  for (const { name, file } of packed) {
    assert.equal(manifestIn(file).scripts, undefined, name);
  }
  const { optionalDependencies, devDependencies } = manifestIn(main().file);
  const expected = SYSTEMS.map((system) => [`${NAME}-${system}`, VERSION]);
  assert.deepEqual(optionalDependencies, Object.fromEntries(expected));
  assert.equal(devDependencies, undefined);
  assert.equal(JSON.parse(read("package.json")).optionalDependencies, undefined);
});

beyond("the error about a missing addon and the package name the same systems", () => {
  const text = read("lib/engine/native/addon-places.ts");
  const [, list] = /const PUBLISHED[^=]*= \[([^;]*)\];/.exec(text);
  assert.deepEqual(list.match(/[\w-]+(?=")/g).sort(), [...SYSTEMS].sort());
});

beyond("the packages of systems without a test are marked as built, not yet tested", () => {
  assert.ok(TESTED.includes(SYSTEM), `${SYSTEM} is tested here`);
  for (const { system, file } of packed.filter((one) => one.system)) {
    const { stdout } = spawnSync("tar", ["-xzOf", file, "package/README.md"], { encoding: "utf8" });
    assert.equal(/built, not yet tested/.test(stdout), !TESTED.includes(system), system);
  }
});

beyond("RELEASING.md states the sizes of the packages", () => {
  const stated = (what) => {
    const row = new RegExp(`^\\| ${what} *\\| ([\\d,]+) kB *\\| ([\\d,]+) kB`, "m").exec(
      read("RELEASING.md"),
    );
    return row.slice(1).map((figure) => Number(figure.replaceAll(",", "")));
  };
  // An addon for tests is built with fewer optimizations, and is larger.
  for (const [what, { size, unpackedSize }, tolerance] of [
    ["the package", main(), 1.15],
    ["an addon", own(), 2],
  ]) {
    const [small, large] = stated(what);
    for (const [is, told] of [
      [kilobytes(size), small],
      [kilobytes(unpackedSize), large],
    ]) {
      assert.ok(is < told * tolerance && is > told / tolerance, `${what}: ${is} kB, not ${told}`);
    }
  }
});

for (const [program, ...words] of [
  ["publint", "--strict"],
  ["attw", "--format", "ascii"],
]) {
  beyond(`${program} finds nothing in the package of a release`, async (t) => {
    const bin = path.join(ROOT, "node_modules/.bin", program);
    const { status, stdout, stderr } = await runTool(t, bin, [main().file, ...words]);
    assert.equal(status, 0, stdout + stderr);
  });
}

const APPLICATION = `
const { Server } = require("NAME");
const { io: connect } = require("socket.io-client");
const io = new Server(0);
io.on("connection", (socket) => socket.on("echo", (value, answer) => answer(value)));
io.httpServer.once("listening", async () => {
  const echoes = [];
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    const client = connect("http://localhost:" + io.httpServer.address().port, { transports });
    echoes.push(await client.emitWithAck("echo", transports.join()));
    client.disconnect();
  }
  const page = await fetch("http://localhost:" + io.httpServer.address().port + "/socket.io/socket.io.js");
  const { implementation } = io.engine;
  await io.close();
  console.log(JSON.stringify({ echoes, implementation, served: page.status }));
});
`;

/** An empty folder, and the address of a registry that has the release. */
function place(title) {
  const home = path.join(folder, title);
  const project = path.join(home, "project");
  mkdirSync(project, { recursive: true });
  return { home, project, url: registry.url };
}

/** The manifest of an application that depends on the packed file by a name. */
function writeApplication(project, name) {
  const dependencies = {
    [name]: `file:${main().file}`,
    "socket.io-client": installedVersion("socket.io-client"),
  };
  const manifest = { name: "application", version: "1.0.0", private: true, dependencies };
  writeFileSync(path.join(project, "package.json"), JSON.stringify(manifest));
  writeFileSync(path.join(project, "application.js"), APPLICATION.replace("NAME", name));
}

/** Checks that of the addons these are installed alone, this system's, and that the application runs. */
async function check(t, { project }, addons = [`${NAME}-${SYSTEM}`], command = [process.execPath]) {
  const modules = path.join(project, "node_modules");
  const store = path.join(modules, ".pnpm");
  const places = [modules, ...(existsSync(store) ? [store] : [])].filter(existsSync);
  const installed = places
    .flatMap((one) => readdirSync(one))
    .filter((one) => one.startsWith(`${NAME}-`))
    .map((one) => one.split("@")[0]);
  assert.deepEqual(installed.sort(), addons);
  const [program, ...words] = command;
  const result = await runTool(t, program, [...words, "application.js"], { cwd: project });
  assert.equal(result.status, 0, result.stdout + result.stderr);
  assert.deepEqual(JSON.parse(result.stdout.trim().split("\n").at(-1)), {
    echoes: ["polling", "websocket", "polling,websocket"],
    implementation: "native",
    served: 200,
  });
}

/** Checks that the chat of `examples/` runs with the installed package. */
async function checkChat(t, { project }) {
  const cwd = path.join(project, "chat");
  cpSync(path.join(ROOT, "examples/chat"), cwd, { recursive: true });
  for (const [file, entry] of [
    ["server.mjs", NAME],
    ["metrics.mjs", `${NAME}/engine`],
  ]) {
    const source = readFileSync(path.join(cwd, file), "utf8");
    writeFileSync(path.join(cwd, file), source.replace(/"\.\.\/\.\.\/\w+\.mjs"/, `"${entry}"`));
  }
  const { url, child } = await startChat(t, { file: path.join(cwd, "server.mjs") });
  assert.equal((await fetch(url)).status, 200);
  const client = connect(url);
  defer(t, () => client.disconnect());
  const { name } = await client.emitWithAck("enter", { name: "Ada", room: "lobby" });
  assert.equal(name, "Ada");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
}

/** Runs a package manager, which has to succeed. */
async function manage(t, program, args, cwd, env) {
  const { status, stdout, stderr } = await runTool(t, program, args, { cwd, env });
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`);
}

for (const name of [NAME, "socket.io"]) {
  const again = name === NAME ? "; npm ci does it again" : "";
  beyond(`npm installs it without scripts, as ${name}${again}`, async (t) => {
    const at = place(`npm-${name}`);
    writeApplication(at.project, name);
    const env = { npm_config_registry: at.url, npm_config_cache: path.join(at.home, "cache") };
    const words = ["--ignore-scripts", "--no-audit", "--no-fund"];
    await manage(t, "npm", ["install", ...words], at.project, env);
    await check(t, at);
    if (name !== NAME) return;
    await checkChat(t, at);
    rmSync(path.join(at.project, "node_modules"), { recursive: true });
    await manage(t, "npm", ["ci", ...words], at.project, env);
    await check(t, at);
  });
}

const pnpm = await tool("pnpm");
pnpm.beyond("pnpm installs it without scripts", async (t) => {
  const at = place("pnpm");
  writeApplication(at.project, NAME);
  const env = { npm_config_registry: at.url, XDG_DATA_HOME: at.home, XDG_CACHE_HOME: at.home };
  const store = ["--store-dir", path.join(at.home, "store")];
  const words = ["install", "--ignore-scripts", `--registry=${at.url}`, ...store];
  await manage(t, pnpm.program, words, at.project, env);
  await check(t, at);
});

const classic = await tool("yarn");
classic.beyond("Yarn 1 installs it without scripts", async (t) => {
  const at = place("yarn-1");
  writeApplication(at.project, NAME);
  writeFileSync(path.join(at.project, ".npmrc"), `registry=${at.url}\n`);
  writeFileSync(path.join(at.project, ".yarnrc"), `registry "${at.url}"\n`);
  const words = ["--ignore-scripts", "--non-interactive", "--no-progress"];
  const cache = ["--cache-folder", path.join(at.home, "cache")];
  await manage(t, classic.program, ["install", ...words, ...cache], at.project);
  // It does not know that packages may be for one C library.
  const [platform, arch] = SYSTEM.split("-");
  const fit = SYSTEMS.filter((one) => one.startsWith(`${platform}-${arch}`));
  await check(t, at, fit.map((one) => `${NAME}-${one}`).sort());
});

const modern = await tool("@yarnpkg/cli-dist", "yarn");
for (const linker of ["node-modules", "pnp"]) {
  modern.beyond(`Yarn 4 installs it without scripts (nodeLinker: ${linker})`, async (t) => {
    const at = place(`yarn-4-${linker}`);
    writeApplication(at.project, NAME);
    const settings = {
      nodeLinker: linker,
      npmRegistryServer: at.url,
      unsafeHttpWhitelist: ["127.0.0.1"],
      enableScripts: false,
      enableTelemetry: false,
      enableGlobalCache: false,
      globalFolder: path.join(at.home, "global"),
      cacheFolder: path.join(at.home, "cache"),
      enableImmutableInstalls: false,
    };
    // JSON is YAML, too.
    writeFileSync(path.join(at.project, ".yarnrc.yml"), JSON.stringify(settings));
    writeFileSync(path.join(at.project, "yarn.lock"), "");
    await manage(t, modern.program, ["install"], at.project);
    assert.equal(existsSync(path.join(at.project, "node_modules", NAME)), linker !== "pnp");
    if (linker === "pnp") await check(t, at, [], [modern.program, "node"]);
    else await check(t, at);
  });
}
