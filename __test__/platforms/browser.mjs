// A real browser for tests, and what they leave of it: complaints of the page, screenshots.
import { existsSync, mkdirSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { defer, HANG } from "../support/wait.mjs";

const executable = process.env.CHROMIUM || "/usr/bin/chromium";
const missing = existsSync(executable)
  ? false
  : `missing: Chromium (no ${executable}; apt-get install chromium, or set CHROMIUM)`;

// A browser that talks to nobody but the server under test.
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser;
after(() => browser?.close());

/**
 * A test that needs the browser: without one it is skipped, or fails under REQUIRE_PARTS=1.
 * `fn` gets the test's context and `open(options)`, which resolves with a fresh page of its own
 * profile; the page's `complaints` list every console error and uncaught exception.
 */
export function browserTest(title, fn) {
  const skip = process.env.REQUIRE_PARTS === "1" ? false : missing;
  test(title, { skip, timeout: 5 * HANG }, async (t) => {
    if (missing) throw new Error(missing);
    browser ??= await chromium.launch({ executablePath: executable, headless: true, args: ARGS });
    const open = async (options) => {
      const context = await browser.newContext(options);
      defer(t, () => context.close());
      const page = await context.newPage();
      page.setDefaultTimeout(HANG);
      page.complaints = [];
      page.on("console", (line) => line.type() === "error" && page.complaints.push(line.text()));
      page.on("pageerror", (error) => page.complaints.push(String(error)));
      return page;
    };
    await fn(t, open);
  });
}

/** Leaves a picture of the page under screenshots/. */
export async function picture(page, name) {
  const folder = fileURLToPath(new URL("../../screenshots/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}${name}.png` });
}
