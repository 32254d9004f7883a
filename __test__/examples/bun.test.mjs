// examples/bun: a server that Bun runs from its source.
import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { TOOLS } from "../../scripts/lib/tools.mjs";
import { runTool } from "../support/run-tool.mjs";
import { tool } from "../support/tools.mjs";
import { once } from "../support/wait.mjs";
import { heard, installed, molest, start } from "./support.mjs";

const bun = await tool("bun");
const TSC = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

bun.beyond("runs its server and its client from TypeScript", async (t) => {
  const PATH = `${path.dirname(bun.program)}${path.delimiter}${process.env.PATH}`;
  const one = await start(t, "bun", { PATH });
  if (!one) return;
  const said = await one.run("client", [one.url]);
  assert.equal(said.trim(), `the server runs on Bun ${TOOLS.bun}`);
  const [ada, grace] = [await one.client(), await one.client({ transports: ["polling"] })];
  assert.deepEqual(await heard(ada, "runtime"), [`Bun ${TOOLS.bun}`]);
  await heard(grace, "runtime");
  // Volatile: lost while no poll of hers waits.
  const moved = once(grace, "cursor");
  const moving = setInterval(() => ada.emit("cursor", 3, 4), 10);
  assert.deepEqual(await moved.finally(() => clearInterval(moving)), [ada.id, 3, 4]);
  molest(ada, "cursor");
  assert.equal(await (await fetch(one.url)).text(), "This is a Socket.IO server\n");
  assert.deepEqual(await one.stop(), [0, null]);
});

bun.beyond("compiles under tsc --strict", async (t) => {
  const folder = await installed(t, "bun");
  if (!folder) return;
  const { status, stdout } = await runTool(t, process.execPath, [TSC, "-p", folder]);
  assert.equal(status, 0, stdout);
});
