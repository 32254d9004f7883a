// express-status-monitor: a page with the figures of an Express application. It attaches its server
// to the HTTP server of the first request, while that request is under way.
import { strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

const SERVER = `
const express = require("express");
const app = express();
app.use(require("express-status-monitor")({ spans: [{ interval: 1, retention: 60 }] }));
app.get("/", (_, answer) => answer.send("hello"));
app.listen(Number(process.argv[2]), "127.0.0.1");
`;

export const trial = {
  packages: ["express-status-monitor", "express@4", "socket.io-client"],
  // its own range is of version 2, whose clients come from elsewhere
  direct: true,
  flags: ["--ignore-scripts"],
  node: 20,

  async drive(application) {
    const port = await freePort();
    await application.serve(port, [application.write("server.js", SERVER), `${port}`]);
    const tabs = [await application.page(), await application.page()];
    for (const tab of tabs) {
      // the page's scripts come from the network: of version 1 and another project
      const client = application.read("node_modules/socket.io-client/dist/socket.io.js");
      await tab.route("**/socket.io.min.js", (route) => route.fulfill({ body: client }));
      const chart = `window.Chart = function (_, { data }) { this.data = data; this.update = () => {}; };
        const any = () => new Proxy(() => {}, { get: any, set: () => true });
        Chart.defaults = any();`;
      await tab.route("**/Chart.bundle.min.js", (route) => route.fulfill({ body: chart }));
      await tab.goto(`http://127.0.0.1:${port}/status`);
      await application.upgraded(tab);
    }
    const stats = (tab) => tab.webSockets.flatMap(({ received }) => received.map(String));
    const count = (tab) => stats(tab).filter((frame) => frame.startsWith('42["esm_stats"')).length;
    await until(() => tabs.every((tab) => count(tab) >= 3), "figures come every second");
    for (let i = 0; i < 50; i++) await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const seen = async () => {
      // each second's count is told when the next one has begun
      await (await fetch(`http://127.0.0.1:${port}/`)).text();
      const counts = new Map();
      for (const frame of stats(tabs[0]).filter((one) => one.startsWith('42["esm_stats"'))) {
        const { responses } = JSON.parse(frame.slice(2))[1];
        if (responses) counts.set(responses.timestamp, responses[2]);
      }
      return [...counts.values()].reduce((sum, count) => sum + count, 0) >= 50;
    };
    await until(seen, "the requests are counted");
    await tabs[0].close();
    const before = count(tabs[1]);
    await until(() => count(tabs[1]) > before + 1, "the other page goes on");
    strictEqual(
      tabs[1].webSockets.every(({ closed }) => !closed),
      true,
    );
  },
};
