// The package as npm installs it under the name `socket.io`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { application, pack } from "../support/alias.mjs";
import { isOracle } from "../support/subject.mjs";

const run = promisify(execFile);
const require = createRequire(import.meta.url);

test("an application and its companions get the same package by the name socket.io", async (t) => {
  const child = await application(t, "names.cjs");
  const { type: _, ...names } = await child.message("names");
  assert.equal(names.callable, "function");
  assert.deepEqual(names.required, ["Namespace", "Server", "Socket"]);
  assert.deepEqual(names.imported, ["Namespace", "Server", "Socket"]);
  assert.equal(names.same, true);
  assert.match(names.version, /^4\.8\.\d+$/);
  assert.equal(names.pinned, names.file);
});

const APPLICATION = `
import { createServer } from "node:http";
import { type DefaultEventsMap, Server, type Socket } from "socket.io";
import type { ExtendedError } from "socket.io";
const io = new Server<{ hello: (name: string) => void }>(createServer(), { serveClient: false });
io.use((socket: Socket, next: (error?: ExtendedError) => void) => next());
io.on("connection", (socket) => {
  socket.on("hello", (name) => name.toUpperCase());
  // @ts-expect-error
  socket.on("unknown", () => {});
});
const untyped: Server<DefaultEventsMap> = new Server();
untyped.emit("any", 1);
`;

/** True if npm cannot reach the registry that it is set up for. */
const offline = () =>
  run("npm", ["ping", "--fetch-retries=0"]).then(
    () => false,
    () => true,
  );

const unhurried = { timeout: 180_000 };
test("npm install, with companions that pin it or check its version", unhurried, async (t) => {
  if (await offline()) {
    const missing = "missing: the npm registry (npm ping does not reach it)";
    if (process.env.REQUIRE_PARTS === "1") throw new Error(missing);
    return t.skip(missing);
  }
  const folder = mkdtempSync(path.join(tmpdir(), "install-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const npm = (...args) => run("npm", args, { cwd: folder });
  const versionOf = (name) => require(`${name}/package.json`).version;
  const manifest = {
    private: true,
    dependencies: {
      "socket.io": isOracle ? "4.8.4" : `file:${await pack(folder)}`,
      "@socket.io/admin-ui": versionOf("@socket.io/admin-ui"),
      "@nestjs/platform-socket.io": versionOf("@nestjs/platform-socket.io"),
      "@types/node": versionOf("@types/node"),
    },
    overrides: { "socket.io": "$socket.io" },
  };
  writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
  await npm("install", "--no-audit", "--no-fund");

  const modules = path.join(folder, "node_modules");
  const { name, version } = JSON.parse(
    readFileSync(path.join(modules, "socket.io/package.json"), "utf8"),
  );
  assert.equal(name, isOracle ? "socket.io" : "socket.io-native");
  assert.match(version, /^4\.8\.\d+$/);
  assert.ok(!existsSync(path.join(modules, "@nestjs/platform-socket.io/node_modules")));

  const node = (...args) => run(process.execPath, args, { cwd: folder });
  const tell = "const { address } = io.httpServer; io.close(); console.log(typeof address)";
  const required = `const io = new (require("socket.io").Server)(0); ${tell}`;
  assert.equal((await node("-e", required)).stdout, "function\n");
  const imported = `import { Server } from "socket.io"; const io = new Server(0); ${tell}`;
  assert.equal((await node("--input-type=module", "-e", imported)).stdout, "function\n");

  writeFileSync(path.join(folder, "application.ts"), APPLICATION);
  const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin/tsc");
  for (const [module, moduleResolution] of [
    ["node16", "node16"],
    ["esnext", "bundler"],
    ["commonjs", "node10"],
  ]) {
    const flags = [
      "--strict",
      "--noEmit",
      "--skipLibCheck",
      "--types",
      "node",
      "--target",
      "es2022",
    ];
    const how = ["--module", module, "--moduleResolution", moduleResolution];
    const compiled = node(tsc, ...flags, ...how, "application.ts").catch((error) => error);
    assert.equal((await compiled).stdout, "");
  }
});
