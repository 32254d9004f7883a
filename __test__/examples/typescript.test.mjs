// examples/typescript: strict, with typed events on both sides.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { runTool } from "../support/run-tool.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";
import { clientOf, exampleTest, heard, installed } from "./support.mjs";

const NAME = "typescript";

exampleTest(NAME, "lets the clients of two terminals talk", async (t, one) => {
  const grace = await one.talk("client", ["Grace", one.url]);
  await grace.says(/connected as Grace/);
  const said = await one.run("client", ["Ada", one.url], "hello\n");
  assert.match(said, /heard by 1/);
  await grace.says(/Ada: hello/);
  await grace.says(/Ada: likes green/);
  grace.child.stdin.end();
  assert.deepEqual(await grace.ended, [0, null]);

  const [refusal] = await once(clientOf(t, one.url), "connect_error");
  assert.equal(refusal.message, "a name is required");
  const [ada, linus] = [
    await one.client({ auth: { name: "Ada" } }),
    await one.client({ auth: { name: "Linus" } }),
  ];
  for (const args of [[], [1], [1, () => {}], ["no acknowledgement"]]) ada.emit("say", ...args);
  assert.equal(await ada.emitWithAck("say", "still there"), 1);
  assert.deepEqual(await heard(linus, "message"), [{ from: "Ada", text: "still there" }]);
});

const WRONG = `
import { io, type Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "./events.js";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();
socket.emit("shout", "hello");
socket.emit("say", 7, () => {});
socket.on("message", ({ text }) => text.toFixed());
const heard: string = await socket.emitWithAck("say", "hello");
console.log(heard);
`;

beyond("does not compile with wrong events", async (t) => {
  const folder = await installed(t, NAME);
  if (!folder) return;
  writeFileSync(path.join(folder, "src/wrong.ts"), WRONG);
  const tsc = path.join(folder, "node_modules/typescript/bin/tsc");
  const { status, stdout } = await runTool(t, process.execPath, [tsc, "--noEmit"], { cwd: folder });
  assert.notEqual(status, 0);
  const lines = [...stdout.matchAll(/^(\S+)\((\d+),/gm)].map(([, file, line]) => [file, line]);
  assert.deepEqual(
    lines,
    ["6", "7", "8", "9"].map((line) => ["src/wrong.ts", line]),
  );
});
