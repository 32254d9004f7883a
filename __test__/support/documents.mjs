// The pages of the repository as tests see them: links, anchors, and blocks of code.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The Markdown files for readers: those beside package.json, in docs/ and in examples/. */
export function pages() {
  const beside = readdirSync(ROOT).filter((file) => file.endsWith(".md"));
  const below = ["docs", "examples"].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true })
      .filter((file) => file.endsWith(".md") && !/node_modules|\.vitepress/.test(file))
      .map((file) => `${folder}/${file.replaceAll("\\", "/")}`),
  );
  return [...beside, ...below].sort();
}

export const readPage = (page) => readFileSync(path.join(ROOT, page), "utf8");

const FENCE = /^```(\w*)([^\n]*)\n(.*?)^```$/gms;

/**
 * The blocks of code of a page in order: `{ language, mark, code, line }`. The mark is what follows the
 * language: the name of a file, or `install`, `background`, `run`, `output`.
 */
export function blocks(text) {
  return [...text.matchAll(FENCE)].map(({ 1: language, 2: mark, 3: code, index }) => ({
    language,
    mark: mark.trim(),
    code,
    line: text.slice(0, index).split("\n").length,
  }));
}

/** The page without its code. */
export const prose = (text) =>
  text.replace(FENCE, "").replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()<>]/g, " "));

/** The targets of the links and pictures of a page that are no addresses of the web. */
export function links(text) {
  const found = [...prose(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target);
  return found.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of the headings of a page, as GitHub and the site make them. */
export function anchors(text) {
  const seen = new Map();
  return [...text.replace(FENCE, "").matchAll(/^#{1,6} (.*)$/gm)].map(([, title]) => {
    const slug = title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}
