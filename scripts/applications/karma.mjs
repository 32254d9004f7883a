// karma: runs tests in browsers, which report over Socket.IO.
import { match, strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

export const trial = {
  packages: ["karma", "karma-jasmine", "jasmine-core"],
  flags: ["--ignore-scripts"],
  node: 20,

  async drive(application) {
    const spec = (word) => `describe("sums", () => {
      for (let i = 0; i < 300; i++) it("adds " + i, () => expect(i + 1).toBe(i + 1));
      it("fails", () => expect("${word}").toBe("right"));
      it("talks", () => console.log("said in the browser", "x".repeat(50000)));
    });`;
    application.write("specs/sums.js", spec("wrong"));
    const port = await freePort();
    const config = {
      frameworks: ["jasmine"],
      files: ["specs/*.js"],
      port,
      browsers: [],
      hostname: "127.0.0.1",
    };
    application.write("karma.conf.js", `module.exports = (c) => c.set(${JSON.stringify(config)});`);
    const bin = "node_modules/karma/bin/karma";
    const server = await application.serve(port, [bin, "start", "--no-single-run", "--no-colors"]);

    // the page that every browser opens; two at a time
    const tabs = [await application.page(), await application.page()];
    for (const tab of tabs) {
      await tab.goto(`http://127.0.0.1:${port}/`);
      await application.upgraded(tab);
    }
    // karma runs the tests in each browser as it comes, or in both at once
    await until(
      () => /Executed 302 of 302 \(1 FAILED\) \(\d+\.\d/.test(server.output),
      "a browser has run every test",
    );
    for (const tab of tabs) {
      await tab.waitForFunction(() => document.body.textContent.split("is idle").length === 3);
    }
    match(server.output, /Expected 'wrong' to be 'right'/);
    match(server.output, /said in the browser/);

    // a changed file is run again by the browsers that are there
    application.write("specs/sums.js", spec("right"));
    await until(() => server.output.includes("TOTAL: 604 SUCCESS"), "the tests are run again");

    // the command `karma run` asks the running server, and gets its report
    const run = application.node([bin, "run", "--port", String(port)]);
    strictEqual(await run.ended(), 0, run.output);
    match(run.output, /Executed 302 of 302/);

    // a browser that leaves is told of, and one that comes back is taken again
    await tabs[1].close();
    await until(() => server.output.includes("Disconnected"), "the closed browser is missed");
    await tabs[0].reload();
    await application.upgraded(tabs[0]);
    const stop = application.node([bin, "stop", "--port", String(port)]);
    strictEqual(await stop.ended(), 0, stop.output);
    strictEqual(await server.ended(), 0, server.output);
  },
};
