// browser-sync: a web server that keeps browsers in step, and reloads them when a file changes.
import { strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

/** Another site behind it, over TLS, with a WebSocket of its own on the same port. */
async function proxied(application, bin) {
  const [target, port] = [await freePort(), await freePort()];
  const site = `
    const page = '<!doctype html><body><script>const s = new WebSocket("wss://" + location.host + "/own");' +
      's.onmessage = ({ data }) => document.title = data; s.onopen = () => s.send("own");</script></body>';
    const server = require("http").createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(page));
    new (require("ws").WebSocketServer)({ server, path: "/own" })
      .on("connection", (one) => one.on("message", (data) => one.send(data + " answered")));
    server.listen(Number(process.argv[2]), "127.0.0.1");`;
  application.node([application.write("site.js", site), `${target}`]);
  const args = ["start", "--proxy", `127.0.0.1:${target}`, "--ws", "--https", "--port", `${port}`];
  const server = application.node([bin, ...args, "--no-open", "--no-ui"]);
  await until(() => server.output.includes("Proxying"), "the proxy has started");
  const tabs = [];
  for (let i = 0; i < 2; i++) {
    const tab = await application.page({ ignoreHTTPSErrors: true });
    await tab.goto(`https://localhost:${port}/`);
    await application.upgraded(tab);
    await tab.waitForFunction(() => document.title === "own answered");
    tabs.push(tab);
  }
  await tabs[0].setViewportSize({ width: 500, height: 300 });
  for (const tab of tabs) {
    await tab.evaluate(() => {
      document.body.style.height = "9000px";
    });
  }
  await tabs[0].evaluate(() => scrollTo(0, 4000));
  await tabs[1].waitForFunction(() => scrollY > 1000);
  await application.stop(server, "SIGINT");
}

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
    await proxied(application, bin);
    strictEqual(await application.stop(server, "SIGINT"), "SIGINT", server.output);
  },
};
