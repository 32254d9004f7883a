// Memory that clients have used goes back to the system after they have left.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";

const MEBIBYTE = 2 ** 20;
const CLIENTS = 24;
/** Attachments of a packet that announces ten: the server holds them. */
const HELD = 9;
const ATTACHMENT = Buffer.alloc(900_000, 7);
const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;

for (const form of FORMS) {
  beyond(`the memory of attachments returns after their clients have left (${form})`, async (t) => {
    if (!isGlibc) return t.skip("the C library gives memory back by rules of its own");
    const child = spawnChild(t, "resident.mjs", [form], "robust", { execArgv: ["--expose-gc"] });
    const { port } = await child.message("port");
    const ask = () => {
      child.send("rss");
      return child.message("rss");
    };
    const before = (await ask()).rss;
    const grown = async () => ((await ask()).rss - before) / MEBIBYTE;
    const sessions = [];
    for (let i = 0; i < CLIENTS; i++) {
      const session = await Ws.open(t, port);
      await session.join();
      const places = Array.from({ length: HELD + 1 }, (_, num) => ({ _placeholder: true, num }));
      await session.send(`45${HELD + 1}-${JSON.stringify(["parts", ...places])}`);
      for (let j = 0; j < HELD; j++) await session.send(ATTACHMENT);
      sessions.push(session);
    }
    const held = (CLIENTS * HELD * ATTACHMENT.length) / MEBIBYTE;
    await until(async () => (await grown()) > held * 0.8, "the server holds the attachments");
    for (const { ws } of sessions) ws.terminate();
    await until(async () => {
      await sleep(100);
      return (await grown()) < held / 4;
    }, "the memory has returned");
    child.send("end");
    assert.equal(await child.exit(), 0);
  });
}
