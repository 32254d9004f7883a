// The site: `npm run docs` builds it, and a browser opens its first page, its API and its search. Takes about a
// minute; without site/node_modules it installs them first.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { browserTest, picture } from "../platforms/browser.mjs";
import { pages, ROOT } from "../support/documents.mjs";
import { listen } from "../support/server.mjs";
import { isJavaScript, isOracle } from "../support/subject.mjs";
import { defer, within } from "../support/wait.mjs";

const DIST = path.join(ROOT, "site/dist");
const required = process.env.REQUIRE_PARTS === "1";
const missing = existsSync(path.join(ROOT, "site/node_modules/vitepress"))
  ? false
  : "missing: VitePress (npm ci --prefix site --ignore-scripts)";
const skip = isOracle || isJavaScript ? "the site of this package" : !required && missing;

let built;

/** Builds the site, once. */
function build() {
  built ??= new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["site/build.mjs"], { cwd: ROOT });
    let log = "";
    child.stdout.on("data", (text) => (log += text));
    child.stderr.on("data", (text) => (log += text));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`npm run docs ended with ${status}:\n${log}`));
    });
  });
  return within(built, "the site is built", 400_000);
}

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** Serves the built site; resolves with its address. */
async function serveSite(t) {
  const server = http.createServer((req, res) => {
    const { pathname } = new URL(req.url, "http://localhost");
    const file = path.join(DIST, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    // A browser asks for an icon by itself.
    if (pathname === "/favicon.ico") {
      res.writeHead(204).end();
      return;
    }
    if (!file.startsWith(DIST) || !existsSync(file)) {
      res.writeHead(404).end();
      return;
    }
    res.setHeader("Content-Type", TYPES[path.extname(file)] ?? "application/octet-stream");
    res.end(readFileSync(file));
  });
  const port = await listen(server);
  defer(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

test("npm run docs builds a page for each page of docs/, and the API", { skip }, async () => {
  await build();
  const names = pages()
    .filter((page) => /^docs\/[^/]+$/.test(page))
    .map((page) => path.basename(page, ".md"));
  assert.ok(names.length >= 12);
  for (const name of [...names, "index", "contributing", "security", "api/index"]) {
    assert.ok(existsSync(path.join(DIST, `${name}.html`)), name);
  }
  const classes = readdirSync(path.join(DIST, "api/index/classes"));
  for (const name of ["Server", "Namespace", "Socket"]) {
    assert.ok(classes.includes(`${name}.html`), name);
    const html = readFileSync(path.join(DIST, `api/index/classes/${name}.html`), "utf8");
    assert.match(html, /id="emit/);
    assert.doesNotMatch(html, /id="_/, `${name} shows members that are no part of the API`);
  }
});

if (!skip) {
  browserTest(
    "the first page of the site, its API and its search open in a browser",
    async (t, open) => {
      await build();
      const address = await serveSite(t);
      const page = await open({ viewport: { width: 1280, height: 900 } });
      await page.goto(`${address}/`);
      await page.waitForSelector("h1:has-text('socket.io-native')");
      await page.waitForSelector("img[alt^='CPU time']");
      await picture(page, "site-first-page");

      await page.click(".VPNavBarSearch button");
      await page.fill(".VPLocalSearchBox input", "sticky sessions");
      await page.waitForSelector(".VPLocalSearchBox .result");
      await picture(page, "site-search");
      await page.click(".VPLocalSearchBox .result");
      await page.waitForURL(/\.html/);

      await page.goto(`${address}/api/index/classes/Server.html`);
      await page.waitForSelector("h1:has-text('Server')");
      await page.waitForSelector("text=emitWithAck");
      assert.deepEqual(page.complaints, []);
    },
  );
}
