// MagicMirror²: a modular display; the modules' server halves speak to the page over Socket.IO.
import { strictEqual } from "node:assert";
import { cpSync, existsSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { freePort, until } from "../lib/application.mjs";

const feed = (titles) =>
  `<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title>${titles
    .map(
      (title) =>
        `<item><title>${title}</title><description>about ${title}</description>
         <pubDate>${new Date().toUTCString()}</pubDate><link>http://127.0.0.1/${title}</link></item>`,
    )
    .join("")}</channel></rss>`;

export const trial = {
  packages: ["magicmirror"],
  flags: ["--ignore-scripts"],
  node: 22,

  async drive(application) {
    // it is made to be run from a folder of its own, with the packages in it
    const home = path.join(application.folder, "mirror");
    if (!existsSync(home)) {
      cpSync(path.join(application.folder, "node_modules/magicmirror"), home, { recursive: true });
      symlinkSync("../node_modules", path.join(home, "node_modules"));
    }
    let titles = ["first news"];
    const news = createServer((_, answer) => {
      answer.setHeader("Content-Type", "application/rss+xml");
      answer.end(feed(titles));
    });
    const feedPort = await freePort();
    await new Promise((done) => news.listen(feedPort, "127.0.0.1", done));
    const port = await freePort();
    const config = {
      ...{
        address: "127.0.0.1",
        port,
        basePath: "/",
        ipWhitelist: [],
        logLevel: ["INFO", "WARN", "ERROR"],
      },
      modules: [
        { module: "clock", position: "top_left" },
        {
          module: "newsfeed",
          position: "bottom_bar",
          config: {
            feeds: [{ title: "Local", url: `http://127.0.0.1:${feedPort}/feed.xml` }],
            ...{
              reloadInterval: 5_000,
              updateInterval: 2_000,
              animationSpeed: 0,
              showPublishDate: false,
            },
          },
        },
        // half in the page, half in the server
        { module: "pingpong", position: "middle_center" },
      ],
    };
    application.write(
      "mirror/config/config.js",
      `var config = ${JSON.stringify(config)};
      if (typeof module !== "undefined") module.exports = config;`,
    );
    application.write(
      "mirror/modules/pingpong/pingpong.js",
      `Module.register("pingpong", {
        start() { this.sendSocketNotification("PING", { bytes: "x".repeat(100000) }); },
        socketNotificationReceived(name, payload) { if (name === "PONG") { this.said = payload; this.updateDom(); } },
        getDom() { const e = document.createElement("p"); e.id = "pong"; e.textContent = this.said ?? ""; return e; },
      });`,
    );
    application.write(
      "mirror/modules/pingpong/node_helper.js",
      `const Helper = require("node_helper");
      module.exports = Helper.create({
        socketNotificationReceived(name, { bytes }) { this.sendSocketNotification("PONG", name + " " + bytes.length); },
      });`,
    );
    try {
      const server = await application.serve(port, ["serveronly"], {}, home);
      const tabs = [await application.page(), await application.page()];
      for (const tab of tabs) {
        await tab.goto(`http://127.0.0.1:${port}/`);
        await tab.waitForFunction(
          () => document.querySelector("#pong")?.textContent === "PING 100000",
        );
        await application.upgraded(tab);
      }
      const shows = (tab, text) =>
        tab.waitForSelector(`.newsfeed-title:has-text("${text}")`, { state: "attached" });
      for (const tab of tabs) await shows(tab, "first news");
      titles = ["second news"];
      for (const tab of tabs) await shows(tab, "second news");

      // it destroys the sockets it has seen, and its server closes: the pages are left
      strictEqual(await application.stop(server), 0);
      await until(
        () => tabs.every((tab) => tab.webSockets.every(({ closed }) => closed)),
        "the pages are left",
      );
    } finally {
      news.close();
    }
  },
};
