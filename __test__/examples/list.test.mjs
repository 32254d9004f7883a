// The folder examples/ as a reader meets it: one README, one command, one version of each package.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { examples } from "../../scripts/lib/examples.mjs";
import { runTool } from "../support/run-tool.mjs";
import { beyond } from "../support/subject.mjs";
import { defer, once, within } from "../support/wait.mjs";
import { installed } from "./support.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (...file) => readFileSync(path.join(ROOT, ...file), "utf8");
const manifests = examples.map((name) => [
  name,
  JSON.parse(read("examples", name, "package.json")),
]);

beyond("every example is listed, has a README of its command, and a test", () => {
  const list = read("examples/README.md");
  assert.ok(examples.length >= 10);
  for (const name of ["chat", ...examples]) assert.ok(list.includes(`](${name}/)`), name);
  for (const name of examples) {
    const readme = read("examples", name, "README.md");
    assert.ok(readme.includes(`npm run example -- ${name}`), name);
    assert.ok(readme.trim().split("\n").length <= 15, name);
    assert.ok(existsSync(path.join(ROOT, "__test__/examples", `${name}.test.mjs`)), name);
  }
});

beyond("every manifest is private, starts, and asks for this version", () => {
  const { version } = JSON.parse(read("package.json"));
  const ranges = new Map();
  for (const [name, { private: hidden, scripts, ...manifest }] of manifests) {
    assert.equal(hidden, true, name);
    assert.ok(scripts.start, name);
    const own = manifest.dependencies["socket.io-native"] ?? manifest.dependencies["socket.io"];
    assert.equal(own.replace(/^npm:socket\.io-native@/, ""), `^${version}`, name);
    for (const list of [manifest.dependencies, manifest.devDependencies ?? {}]) {
      for (const [one, range] of Object.entries(list)) {
        assert.match(range, /^(npm:socket\.io-native@)?\^\d+\.\d+\.\d+$/, `${name}: ${one}`);
        assert.equal(range, ranges.get(one) ?? range, `${name}: ${one}, as in other examples`);
        ranges.set(one, range);
      }
    }
  }
});

beyond("npm run example lists the examples, and refuses others", async (t) => {
  const script = path.join(ROOT, "scripts/example.mjs");
  const { stdout } = await runTool(t, process.execPath, [script]);
  for (const name of examples) assert.ok(stdout.includes(name), stdout);
  const { status, stderr } = await runTool(t, process.execPath, [script, "none"]);
  assert.equal(status, 1);
  assert.match(stderr, /There is no example none/);
});

beyond("npm run example starts one, passes SIGTERM on to it, and leaves nothing", async (t) => {
  if (!(await installed(t, "fastify"))) return;
  const script = path.join(ROOT, "scripts/example.mjs");
  const child = spawn(process.execPath, [script, "fastify"], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  defer(t, () => child.kill("SIGKILL"));
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await within(lines.next(), "a line of the example")).value;
  const [, folder] = /other scripts: (.*)\)$/.exec(await next());
  assert.ok(existsSync(path.join(folder, "node_modules/socket.io-native")));
  const [url] = /http:\S+/.exec(await next());
  assert.equal((await fetch(url)).status, 200);
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  assert.ok(!existsSync(folder));
});
