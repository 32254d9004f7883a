// examples/vite: a page that Vite serves, in development and built.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
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
    writeFileSync(label, readFileSync(label, "utf8").replaceAll("vote", "point"));
    for (const page of [first, second]) await shows(page, /^1 point$/);
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
  { browser: true, env: () => ({ NODE_ENV: "production" }) },
);
