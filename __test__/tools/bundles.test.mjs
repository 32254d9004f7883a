// Applications that are bundled start far from the package, with the addon beside the bundle.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { client } from "../support/clients.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, once } from "../support/wait.mjs";

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Echoes one event, and closes after its client. */
const APPLICATION = `
const { Server } = require("socket.io-native");
const io = new Server(0);
io.on("connection", (socket) => {
  socket.on("echo", (value, answer) => answer(value));
  socket.on("disconnect", () => io.close());
});
io.httpServer.once("listening", () => console.log(io.httpServer.address().port));
`;

/** Each bundles the file `entry` into `outdir/bundle.js`. */
const BUNDLERS = {
  async esbuild(entry, outdir) {
    await require("esbuild").build({
      entryPoints: { bundle: entry },
      bundle: true,
      platform: "node",
      loader: { ".node": "copy" },
      outdir,
      logLevel: "error",
    });
  },

  async webpack(entry, outdir) {
    const stats = await promisify(require("webpack"))({
      entry,
      mode: "production",
      target: "node",
      output: { path: outdir, filename: "bundle.js" },
      module: { rules: [{ test: /\.node$/, loader: "node-loader" }] },
    });
    // The addons of other systems are not installed.
    const foreign = /Can't resolve '(\.\/)?socket\.io-native[.-]|bufferutil|utf-8-validate/;
    const { errors } = stats.toJson({ all: false, errors: true });
    assert.deepEqual(
      errors.filter(({ message }) => !foreign.test(message)),
      [],
    );
  },

  async ncc(entry, outdir) {
    const { code, assets } = await require("@vercel/ncc")(entry, { quiet: true, cache: false });
    writeFileSync(path.join(outdir, "bundle.js"), code);
    for (const [name, { source }] of Object.entries(assets)) {
      const file = path.join(outdir, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, source);
    }
  },
};

/** An application with the package as npm installs it; its dependencies are those of this checkout. */
function installedApplication(t) {
  // Below node_modules, where the dependencies are found.
  const folder = mkdtempSync(path.join(ROOT, "node_modules", ".bundled-"));
  defer(t, () => rmSync(folder, { recursive: true, force: true }));
  const npm = (...args) =>
    execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [{ filename }] = JSON.parse(
    npm("pack", "--json", "--ignore-scripts", "--pack-destination", folder),
  );
  execFileSync("tar", ["xzf", filename], { cwd: folder });
  const place = path.join(folder, "node_modules", "socket.io-native");
  cpSync(path.join(folder, "package"), place, { recursive: true });
  const entry = path.join(folder, "application.js");
  writeFileSync(entry, APPLICATION);
  return entry;
}

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  beyond(`an application bundled by ${name} serves a client and ends`, async (t) => {
    const outdir = mkdtempSync(path.join(os.tmpdir(), "bundle-"));
    defer(t, () => rmSync(outdir, { recursive: true, force: true }));
    await bundle(installedApplication(t), outdir);
    const child = spawn(process.execPath, ["bundle.js"], {
      cwd: outdir,
      stdio: ["ignore", "pipe", "inherit"],
    });
    defer(t, () => child.kill("SIGKILL"));
    const ended = once(child, "exit");
    const [port] = await once(child.stdout.setEncoding("utf8"), "data");
    const socket = client(t, Number(port));
    assert.equal(await socket.emitWithAck("echo", "soup"), "soup");
    socket.disconnect();
    assert.deepEqual(await ended, [0, null]);
  });
}
