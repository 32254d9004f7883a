// examples/vite: a page that Vite serves, in development and built.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { until } from "../support/wait.mjs";
import { exampleTest, molest } from "./support.mjs";

const NAME = "vite";

/** A page once it shows a number of votes. */
const shows = (page, text) => page.locator("#votes", { hasText: text }).waitFor();

exampleTest(
  NAME,
  "shares the port with Vite, whose hot updates reach the page",
  async (_t, one, open) => {
    const [first, second] = [await open(), await open()];
    for (const page of [first, second]) {
      await page.goto(one.url);
      await shows(page, "0 votes");
    }
    await first.click("#vote");
    for (const page of [first, second]) await shows(page, /^1 vote$/);
    const label = path.join(one.folder, "src/label.js");
    const changed = readFileSync(label, "utf8").replaceAll("vote", "point");
    let writes = 0;
    await until(() => {
      // Vite may not watch the file yet
      writeFileSync(label, `${changed}// ${writes++}\n`);
      const updated = first
        .locator("#votes", { hasText: /^1 point$/ })
        .waitFor({ timeout: 10_000 });
      return updated.then(
        () => true,
        () => false,
      );
    }, "the page shows the change");
    await shows(second, /^1 point$/);
    molest(await one.client(), "vote");
    for (const page of [first, second]) assert.deepEqual(page.complaints, []);
  },
  { browser: true },
);

exampleTest(
  NAME,
  "serves the built page in production",
  async (_t, one, open) => {
    const page = await open();
    assert.equal((await fetch(one.url)).status, 404);
    await one.run("build", []);
    await page.goto(one.url);
    await shows(page, "0 votes");
    await page.click("#vote");
    await shows(page, /^1 vote$/);
    assert.deepEqual(page.complaints, []);
  },
  { browser: true, env: { NODE_ENV: "production" } },
);
