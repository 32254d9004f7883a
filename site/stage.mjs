// Puts the pages of the site into site/pages: those of docs/, those beside package.json that the site
// has too, and the API from the declarations of lib/. Links are made to fit their new places.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SITE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = path.join(SITE, "..");
export const PAGES = path.join(SITE, "pages");

/** Pages of the root of the repository, and their names on the site. */
const BESIDE = {
  "README.md": "index.md",
  "ARCHITECTURE.md": "architecture.md",
  "CONTRIBUTING.md": "contributing.md",
  "SECURITY.md": "security.md",
};

/** Pages with wide tables: they have no outline at the side. */
const WIDE = new Set(["compatibility", "limits", "metrics", "options", "performance"]);

/** Where the repository is shown, for files that the site does not have; "" if package.json has none. */
function repository() {
  const { repository } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  const url = typeof repository === "string" ? repository : (repository?.url ?? "");
  return url.replace(/^git\+/, "").replace(/\.git$/, "");
}

/** The place of a file of the repository on the site, or undefined. */
function placeOf(file) {
  if (file in BESIDE) return BESIDE[file];
  return /^docs\/[^/]+\.(md|svg)$/.test(file) ? file.slice("docs/".length) : undefined;
}

/** A link of a page as the site has it. */
function moved(page, target) {
  if (/^([a-z]+:|#)/.test(target)) return target;
  const [file, anchor] = target.split("#");
  const linked = path.posix.join(path.posix.dirname(page), file);
  const place = placeOf(linked);
  const end = anchor === undefined ? "" : `#${anchor}`;
  if (place !== undefined && existsSync(path.join(ROOT, linked))) return `./${place}${end}`;
  const shown = repository();
  return shown === "" ? undefined : `${shown}/tree/main/${linked}${end}`;
}

/** The text of a page for the site. Code stays as it is; of a link that leads nowhere its text is left. */
function rewritten(page, text) {
  const parts = text.split(/(^```.*?^```$)/ms);
  return parts.map((part, i) => (i % 2 === 1 ? part : relinked(page, part))).join("");
}

function relinked(page, text) {
  return text.replace(/(!?\[([^\]]*)\])\(([^()\s]+)\)/g, (_, link, words, target) => {
    const to = moved(page, target);
    return to === undefined ? words : `${link}(${to})`;
  });
}

/** Stages everything; `api` is false to leave out the API, which takes some seconds. */
export function stage({ api = true } = {}) {
  rmSync(PAGES, { recursive: true, force: true });
  mkdirSync(path.join(PAGES, "public"), { recursive: true });
  const docs = readdirSync(path.join(ROOT, "docs")).map((file) => `docs/${file}`);
  for (const page of [...Object.keys(BESIDE), ...docs]) {
    const place = placeOf(page);
    if (place === undefined) continue;
    const from = path.join(ROOT, page);
    if (place.endsWith(".svg")) {
      cpSync(from, path.join(PAGES, place));
      continue;
    }
    const head = WIDE.has(place.replace(/\.md$/, "")) ? "---\naside: false\n---\n\n" : "";
    const text = rewritten(page, readFileSync(from, "utf8"));
    writeFileSync(path.join(PAGES, place), head + text);
  }
  if (api) makeApi();
}

function makeApi() {
  const typedoc = path.join(SITE, "node_modules/typedoc/bin/typedoc");
  execFileSync(process.execPath, [typedoc, "--options", path.join(SITE, "typedoc.json")], {
    cwd: SITE,
    stdio: ["ignore", "inherit", "inherit"],
  });
}
