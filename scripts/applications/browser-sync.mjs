// browser-sync: a web server that keeps browsers in step, and reloads them when a file changes.
import { strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

export const trial = {
  packages: ["browser-sync"],
  flags: ["--ignore-scripts"],
  node: 20,

  async drive(application) {
    const page =
      '<link rel="stylesheet" href="a.css"><p id="p">one</p><input id="i"><a href="b.html">b</a>';
    application.write("www/index.html", `<!doctype html><body>${page}</body>`);
    application.write("www/b.html", "<!doctype html><body><p id=p>other</p></body>");
    application.write("www/a.css", "p { color: rgb(1, 2, 3) }");
    const port = await freePort();
    const bin = "node_modules/browser-sync/dist/bin.js";
    const args = [
      "start",
      "--server",
      "www",
      "--files",
      "www",
      "--port",
      port,
      "--no-open",
      "--no-ui",
    ];
    const server = await application.serve(port, [bin, ...args.map(String)]);

    const [one, two] = [await application.page(), await application.page()];
    for (const tab of [one, two]) {
      await tab.goto(`http://127.0.0.1:${port}/`);
      await application.upgraded(tab);
    }
    // what one browser does, the other repeats
    await one.locator("#i").pressSequentially("typed once");
    await two.waitForFunction(() => document.querySelector("#i").value === "typed once");
    await one.click("a");
    await two.waitForURL("**/b.html");
    await one.goBack();
    await two.goto(`http://127.0.0.1:${port}/`);
    for (const tab of [one, two]) await tab.waitForSelector("#i");

    // a style sheet is put in place without a reload, a page with one
    await two.evaluate(() => {
      window.same = true;
    });
    const color = () => two.evaluate(() => getComputedStyle(document.querySelector("#p")).color);
    application.write("www/a.css", "p { color: rgb(4, 5, 6) }");
    await until(async () => (await color()) === "rgb(4, 5, 6)", "the new style is shown");
    strictEqual(await two.evaluate(() => window.same), true, "the page was not loaded again");
    application.write(
      "www/index.html",
      `<!doctype html><body>${page.replace("one", "two")}</body>`,
    );
    await two.waitForFunction(() => document.querySelector("#p")?.textContent === "two");

    // the command line tells the running server
    await two.evaluate(() => {
      window.same = true;
    });
    const reload = application.node([bin, "reload", "--url", `http://localhost:${port}`]);
    strictEqual(await reload.ended(), 0, reload.output);
    await two.waitForFunction(() => window.same !== true);
    strictEqual(await application.stop(server, "SIGINT"), "SIGINT", server.output);
  },
};
