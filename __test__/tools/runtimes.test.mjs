// Other runtimes than Node, which run a server for real; its clients are in this process.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { client, connected } from "../support/clients.mjs";
import { subject } from "../support/run-tool.mjs";
import { tool } from "../support/tools.mjs";
import { defer, once, within } from "../support/wait.mjs";

const APPLICATION = fileURLToPath(new URL("fixtures/runtimes/serve.cjs", import.meta.url));

/** The runtimes, with the arguments before the file that they run. */
const RUNTIMES = { bun: [], deno: ["run", "--allow-all"] };

const WAYS = [["websocket"], ["polling"], ["polling", "websocket"]];

/** Starts a server: `{ lines, ended }`, what it prints and its exit code. */
function start(t, program, args) {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, SUBJECT: subject },
  });
  defer(t, () => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { lines, ended: once(child, "exit") };
}

for (const [name, args] of Object.entries(RUNTIMES)) {
  const runtime = await tool(name);

  for (const form of ["port", "attached"]) {
    runtime.test(`a server in ${name} (${form}) serves clients, closes and ends`, async (t) => {
      const { lines, ended } = start(t, runtime.program, [...args, APPLICATION, form]);
      const next = async () => (await within(lines.next(), `a line of ${name}`)).value;
      const port = Number(/^port (\d+)$/.exec(await next())[1]);
      for (const transports of WAYS) {
        const socket = client(t, port, { transports });
        socket.on("question", (value, answer) => answer(value));
        await connected(socket);
        const bytes = Buffer.from([0, 1, 255]);
        assert.deepEqual(await socket.emitWithAck("echo", { bytes }), { bytes });
        assert.equal(await socket.emitWithAck("ask", "soup"), "soup");
        if (transports !== WAYS.at(-1)) socket.disconnect();
        else socket.emit("close");
      }
      assert.equal(await next(), "closed");
      assert.deepEqual(await ended, [0, null]);
    });
  }
}
