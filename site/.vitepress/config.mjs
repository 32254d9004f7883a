// The site of the documents. stage.mjs puts its pages into pages/.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const API = fileURLToPath(new URL("../pages/api/", import.meta.url));

/** The anchor of a heading, as GitHub makes it: links work in both places. */
const slugify = (title) =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

const page = (text, link) => ({ text, link });

/** The classes and interfaces of both entries, if the API was made. */
function api() {
  if (!existsSync(API)) return [];
  const items = [...apiPages("index/"), ...apiPages("engine-entry/")];
  return [{ text: "API", collapsed: true, items: [page("Contents", "/api/"), ...items] }];
}

function apiPages(folder) {
  return readdirSync(`${API}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return apiPages(`${folder}${entry.name}/`);
    if (entry.name === "index.md" || !/classes|interfaces/.test(folder)) return [];
    const [entrance] = folder.split("/");
    const name = entry.name.replace(/\.md$/, "");
    const text = entrance === "engine-entry" ? `engine: ${name}` : name;
    return [page(text, `/api/${folder}${name}`)];
  });
}

export default {
  title: "socket.io-native",
  description: "The Socket.IO v4 server on a Rust engine",
  srcDir: "pages",
  outDir: "dist",
  cacheDir: ".vitepress/cache",
  base: process.env.DOCS_BASE ?? "/",
  cleanUrls: false,
  lastUpdated: false,
  ignoreDeadLinks: "localhostLinks",
  markdown: {
    anchor: { slugify },
    toc: { slugify },
    headers: { slugify },
    languageAlias: { haproxy: "nginx", caddyfile: "nginx" },
  },
  themeConfig: {
    outline: [2, 3],
    search: { provider: "local" },
    nav: [
      page("Getting started", "/getting-started"),
      page("Options", "/options"),
      page("Deployment", "/deployment"),
    ],
    sidebar: [
      {
        text: "Begin",
        items: [
          page("socket.io-native", "/"),
          page("Getting started", "/getting-started"),
          page("Migration", "/migration"),
          page("FAQ", "/faq"),
        ],
      },
      {
        text: "Use",
        items: [
          page("Options", "/options"),
          page("Deployment", "/deployment"),
          page("Operations", "/operations"),
          ...(existsSync(`${API}../inspect.md`) ? [page("Inspect", "/inspect")] : []),
          page("Metrics", "/metrics"),
          page("Troubleshooting", "/troubleshooting"),
        ],
      },
      {
        text: "Promises",
        items: [
          page("Compatibility", "/compatibility"),
          page("Limits", "/limits"),
          page("Reliability", "/reliability"),
          page("Performance", "/performance"),
          page("Security", "/security"),
        ],
      },
      ...api(),
      {
        text: "Take part",
        items: [
          page("Contributing", "/contributing"),
          page("Architecture", "/architecture"),
          page("Dependencies", "/dependencies"),
        ],
      },
    ],
  },
};
