// DEBUG=socket.io-native:*: lines of the native engine, on the standard error.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { FORMS } from "../support/forms.mjs";
import { beyond } from "../support/subject.mjs";
import { once, within } from "../support/wait.mjs";

const CHILD = fileURLToPath(new URL("children/debug-server.mjs", import.meta.url));

/** The lines of a run of the child, without times: `[name, text]`, and the id of its session. */
async function run(t, form, way, DEBUG) {
  const env = { ...process.env, DEBUG, DEBUG_COLORS: "no" };
  const child = fork(CHILD, [form, way], { env, execArgv: [], silent: true });
  t.after(() => child.kill("SIGKILL"));
  const [output, [{ id }], [code]] = await Promise.all([
    within(text(child.stderr), "the end of the output"),
    once(child, "message"),
    once(child, "exit"),
  ]);
  assert.equal(code, 0, output);
  const lines = output.matchAll(/^\S+ socket\.io-native:(\w+) (.*)$/gm);
  return { id, output, lines: Array.from(lines, ([, name, line]) => [name, line]) };
}

for (const form of FORMS) {
  for (const way of ["exit", "close"]) {
    beyond(`shows a session and its connection, ${form}, ends by ${way}`, async (t) => {
      const { id, output, lines } = await run(t, form, way, "socket.io-native:*");
      const of = (wanted) => lines.filter(([name]) => name === wanted).map(([, line]) => line);
      const [opened, offered, upgraded, ended, ...more] = of("session");
      assert.deepEqual(more, []);
      assert.equal(opened, `#0 opened over polling (native), id ${id.slice(0, 4)}…`);
      assert.match(offered, /^#0 is offered a connection/);
      assert.equal(upgraded, "#0 upgraded to websocket (native)");
      assert.equal(ended, "#0 ended: transport close");
      const [began] = of("connection");
      assert.equal(began, "WebSocket of #0 begins: from a native listener, without compression");
      // Attached, Node accepts them.
      const accepts = of("listener").includes("listener #0 accepts connections");
      assert.equal(accepts, form === "port");
      assert.ok(!output.includes("payload-that-nobody-sees"));
      assert.ok(!output.includes(id));
    });
  }

  beyond(`shows the names that are enabled while it runs, and no others, ${form}`, async (t) => {
    const { lines } = await run(t, form, "enable", undefined);
    assert.ok(lines.length >= 4);
    assert.deepEqual([...new Set(lines.map(([name]) => name))], ["session"]);
  });

  beyond(`shows nothing once it is disabled, ${form}`, async (t) => {
    const { lines } = await run(t, form, "disable", "socket.io-native:*");
    assert.ok(lines.some(([, line]) => line.startsWith("#0 upgraded")));
    assert.ok(!lines.some(([, line]) => line.includes("ended")));
  });

  beyond(`shows nothing without DEBUG, ${form}`, async (t) => {
    const { output } = await run(t, form, "close", undefined);
    assert.equal(output, "");
  });
}
