// NodeCG: broadcast graphics; panels, graphics and the server share replicants and messages.
import { strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

const panel = (body) => `<!doctype html><body>${body}</body>`;

export const trial = {
  packages: ["nodecg"],
  flags: ["--ignore-scripts"],
  // its database is compiled, or comes as a binary
  rebuild: ["better-sqlite3"],
  node: 22,

  async drive(application) {
    const port = await freePort();
    const bundle = {
      ...{ name: "demo", version: "1.0.0" },
      nodecg: {
        compatibleRange: "^2.0.0",
        dashboardPanels: [{ name: "panel", title: "Panel", width: 2, file: "panel.html" }],
        graphics: [{ file: "graphic.html", width: 1280, height: 720 }],
      },
    };
    application.write("bundles/demo/package.json", JSON.stringify(bundle));
    application.write(
      "bundles/demo/dashboard/panel.html",
      panel(`<input id="score" type="number"><script>
        const score = nodecg.Replicant("score");
        score.on("change", (value) => { document.body.dataset.score = value; });
        document.querySelector("#score").onchange = (e) => { score.value = Number(e.target.value); };
        window.double = (n) => nodecg.sendMessage("double", n);
      </script>`),
    );
    application.write(
      "bundles/demo/graphics/graphic.html",
      panel(`<h1 id="score"></h1><h2 id="list"></h2><script>
        nodecg.Replicant("score").on("change", (value) => { document.querySelector("#score").textContent = value; });
        nodecg.Replicant("list").on("change", (value) => { document.querySelector("#list").textContent = value.length; });
        nodecg.listenFor("shout", (text) => { document.title = text; });
      </script>`),
    );
    application.write(
      "bundles/demo/extension.js",
      `module.exports = (nodecg) => {
        const list = nodecg.Replicant("list", { defaultValue: [], persistent: false });
        nodecg.Replicant("score", { defaultValue: 3, persistent: false });
        nodecg.listenFor("double", (n, ack) => {
          for (let i = 0; i < n; i++) list.value.push({ i, text: "x".repeat(100) });
          nodecg.sendMessage("shout", "shouted " + n);
          if (ack && !ack.handled) ack(null, n * 2);
        });
      };`,
    );
    application.write(
      "cfg/nodecg.json",
      JSON.stringify({ host: "127.0.0.1", port, baseURL: `127.0.0.1:${port}` }),
    );
    const server = await application.serve(port, ["node_modules/nodecg/index.js"]);
    const url = `http://127.0.0.1:${port}`;

    const graphics = [await application.page(), await application.page()];
    for (const graphic of graphics) {
      await graphic.goto(`${url}/bundles/demo/graphics/graphic.html`);
      await graphic.waitForFunction(() => document.querySelector("#score")?.textContent === "3");
      await application.upgraded(graphic);
    }
    const dashboard = await application.page();
    await dashboard.goto(`${url}/dashboard/`);
    await until(
      () => dashboard.frames().some((one) => one.url().includes("/panel.html")),
      "the dashboard shows its panel",
    );

    const control = await application.page();
    await control.goto(`${url}/bundles/demo/dashboard/panel.html?standalone=true`);
    await control.waitForSelector("body[data-score='3']");
    await control.fill("#score", "42");
    await control.press("#score", "Enter");
    for (const graphic of graphics) {
      await graphic.waitForFunction(() => document.querySelector("#score").textContent === "42");
    }
    strictEqual(await control.evaluate(() => window.double(500)), 1000);
    for (const graphic of graphics) {
      await graphic.waitForFunction(() => document.querySelector("#list").textContent === "500");
      await graphic.waitForFunction(() => document.title === "shouted 500");
    }
    // it disconnects every socket, closes the server, and ends
    await application.stop(server, "SIGINT");
    await until(
      () => graphics.every((page) => page.webSockets.every(({ closed }) => closed)),
      "the pages are left",
    );
  },
};
