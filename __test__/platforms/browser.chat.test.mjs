// The example in examples/chat as a person meets it: three people, one on each kind of transport.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startChat } from "../support/chat.mjs";
import { isOracle } from "../support/subject.mjs";
import { within } from "../support/wait.mjs";
import { browserTest, picture } from "./browser.mjs";

const UPSTREAM = new URL("upstream.mjs", import.meta.url).href;
/** The chat imports this package by its path. */
const SUBJECT = { args: isOracle ? ["--import", UPSTREAM] : [] };

async function enter(page, url, name, transport) {
  await page.goto(`${url}?name=${name}&transport=${transport}`);
  await page.waitForFunction(
    (text) => document.getElementById("status").textContent === text,
    `You are ${name}`,
  );
}

const say = async (page, text) => {
  await page.fill("#say [name=text]", text);
  await page.click("#say button");
};

const sees = (page, name, text) =>
  page
    .locator(".message", { hasText: text })
    .and(page.locator(`[data-name="${name}"]`))
    .waitFor();

const isOn = (page, transport) =>
  page.locator("#current", { hasText: new RegExp(`^${transport}$`) }).waitFor();

/** Waits until the panel counts so many clients of each transport. */
function panelSays(page, polling, websocket) {
  return page.waitForFunction((wanted) => {
    const tiles = [...document.querySelectorAll("#clients .tile")];
    const counts = tiles.map(
      (tile) => `${tile.dataset.transport} ${parseInt(tile.textContent, 10)}`,
    );
    return counts.join() === wanted;
  }, `polling ${polling},websocket ${websocket}`);
}

browserTest(
  "three people on three transports chat, and the panel shows the server",
  async (t, open) => {
    const { url, child } = await startChat(t, SUBJECT);
    const size = { viewport: { width: 1280, height: 800 } };
    const ada = await open(size);
    const grace = await open({ ...size, colorScheme: "dark" });
    const linus = await open({ viewport: { width: 390, height: 780 } });
    await enter(ada, url, "Ada", "polling");
    await enter(grace, url, "Grace", "websocket");
    await enter(linus, url, "Linus", "auto");
    const all = [ada, grace, linus];

    await isOn(ada, "polling");
    await isOn(grace, "websocket");
    await isOn(linus, "websocket");
    for (const page of all) {
      // the narrow page hides the list but keeps it
      await page.locator("#people-count", { hasText: /^3$/ }).waitFor({ state: "attached" });
      await panelSays(page, 1, 2);
    }

    await t.test("everyone sees everyone's messages, once and in order", async () => {
      const said = [
        [ada, "Ada", "Good morning! I am still on long polling."],
        [grace, "Grace", "And I came straight over a WebSocket."],
        [linus, "Linus", "Mine began on polling and was upgraded."],
        [ada, "Ada", "<b>Not</b> markup & not lost: žluťoučký 🦀"],
        [ada, "Ada", "Nobody can tell the difference, it seems."],
      ];
      for (const [page, name, text] of said) {
        await say(page, text);
        for (const each of all) await sees(each, name, text);
      }
      for (const page of all) {
        assert.deepEqual(
          await page.locator(".message .text").allTextContents(),
          said.map(([, , text]) => text),
        );
      }
    });

    await t.test("others see who is typing", async () => {
      await grace.locator("#say [name=text]").pressSequentially("Hm");
      await ada.locator("#typing", { hasText: "Grace is typing" }).waitFor();
      await grace.fill("#say [name=text]", "");
      await ada.waitForFunction(() => document.getElementById("typing").textContent === "");
    });

    await t.test("the panel draws the last seconds", async () => {
      for (const page of all) {
        // three samples make a line
        await page.waitForFunction(() =>
          [...document.querySelectorAll(".chart")].every((chart) => {
            const lines = [...chart.querySelectorAll(".line")];
            return (
              lines.length === 2 &&
              lines.every((line) => line.getAttribute("d").split("L").length >= 3)
            );
          }),
        );
        // in the page: the line is drawn anew with each sample
        await page.waitForFunction(
          () => document.querySelector("#events .line.out")?.getBoundingClientRect().width > 0,
        );
        assert.match(await page.locator("#max").textContent(), /^\d+\.\d$/);
      }
      const out = Number(await ada.locator("#out").textContent());
      assert.ok(out >= 3, `the panel itself goes to three pages, it shows ${out} events out`);
    });

    await picture(ada, "chat-polling");
    await picture(grace, "chat-websocket-dark");
    await picture(linus, "chat-narrow");

    await t.test("a room of its own, and a change of transport", async () => {
      await ada.fill(".new-room", "Engines");
      await ada.press(".new-room", "Enter");
      await ada.locator("#room", { hasText: "# engines" }).waitFor();
      await grace.locator("#people-count", { hasText: /^2$/ }).waitFor();
      await ada.getByText("WebSocket", { exact: true }).first().click();
      await isOn(ada, "websocket");
      await panelSays(grace, 0, 3);
      await ada.locator("#room", { hasText: "# engines" }).waitFor();
      await say(grace, "Only for the lobby");
      await sees(linus, "Grace", "Only for the lobby");
      await say(ada, "Only for the engines");
      await sees(ada, "Ada", "Only for the engines");
      assert.equal(await ada.locator(".message").count(), 1);
    });

    for (const page of all) assert.deepEqual(page.complaints, []);

    await t.test("SIGTERM closes the server, and the process exits by itself", async () => {
      const exit = within(
        new Promise((resolve) => child.once("exit", (...how) => resolve(how))),
        "the chat to exit",
      );
      child.kill("SIGTERM");
      assert.deepEqual(await exit, [0, null]);
    });
  },
);

browserTest("a newcomer is asked for a name", async (t, open) => {
  const { url } = await startChat(t, SUBJECT);
  const page = await open({ viewport: { width: 1280, height: 800 } });
  await page.goto(url);
  await picture(page, "chat-welcome");
  await page.fill("dialog [name=name]", "  Margaret ");
  await page.click("dialog button");
  await page.locator("#status", { hasText: "You are Margaret" }).waitFor();
  await page.reload();
  await page.locator("#status", { hasText: "You are Margaret" }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("only the page's own files are served", async (t) => {
  const { url } = await startChat(t, SUBJECT);
  const status = async (path, options) => (await fetch(new URL(path, url), options)).status;
  assert.equal(await status("/"), 200);
  assert.equal(await status("/style.css?v=1"), 200);
  assert.equal(await status("/server.mjs"), 404);
  assert.equal(await status("/..%2fserver.mjs"), 404);
  assert.equal(await status("/%00"), 404);
  assert.equal(await status("/", { method: "POST" }), 405);
});
