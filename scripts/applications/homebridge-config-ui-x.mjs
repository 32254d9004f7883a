// Homebridge's user interface: a NestJS application on Fastify, ten gateways on one connection.
import { ok } from "node:assert";
import { appendFileSync, rmSync } from "node:fs";
import path from "node:path";
import { freePort, until } from "../lib/application.mjs";

export const trial = {
  packages: ["homebridge-config-ui-x", "homebridge@1"],
  flags: ["--ignore-scripts"],
  // only accessories need it
  overrides: { "@homebridge/hap-client": "4.0.3" },
  node: 22,

  async drive(application) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const home = path.join(application.folder, "home");
    rmSync(home, { recursive: true, force: true });
    const bridge = {
      name: "Homebridge",
      username: "0E:21:3C:4D:5E:6F",
      port: 51_999,
      pin: "031-45-154",
    };
    const ui = { platform: "config", name: "Config", port, auth: "none", host: "127.0.0.1" };
    const config = { bridge, accessories: [], platforms: [ui] };
    application.write("home/config.json", JSON.stringify(config));
    const log = application.write("home/homebridge.log", "the first line\n");
    const script = "node_modules/homebridge-config-ui-x/dist/bin/standalone.js";
    const server = await application.serve(port, [script, "-I"], { UIX_STORAGE_PATH: home });

    // the first user, as the page of the setup makes it
    const wizard = `${url}/api/setup-wizard`;
    const { access_token } = await (await fetch(`${wizard}/get-setup-wizard-token`)).json();
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${access_token}` };
    const user = { name: "Ann", username: "ann", password: "secret123", admin: true };
    const made = await fetch(`${wizard}/create-first-user`, {
      method: "POST",
      headers,
      body: JSON.stringify(user),
    });
    ok(made.ok, `the first user: ${made.status}`);

    // the status page: requests that are acknowledged, in several namespaces
    const status = await application.page();
    await status.goto(url);
    await application.upgraded(status);
    for (const text of ["031-45-154", "Network Activity", "System Information", "Total"]) {
      await status.waitForSelector(`text=${text}`);
    }
    const frames = (page) => page.webSockets.flatMap(({ received }) => received.map(String));
    const heard = (page, start, what) =>
      until(() => frames(page).some((frame) => frame.startsWith(start)), what);
    await heard(status, "43/status,", "a request is acknowledged");
    await heard(status, "40/child-bridges,{", "the namespace of child bridges is joined");
    await heard(status, '42/log,["stdout"', "the log is shown");

    // the log, as it grows
    const logs = await application.page();
    await logs.goto(`${url}/logs`);
    await heard(logs, '42/log,["stdout"', "the log is shown");
    await until(
      () => frames(logs).join("").includes("the first line"),
      "what the log has is shown",
    );
    for (let i = 0; i < 500; i++) appendFileSync(log, `line ${i} ${"-".repeat(200)}\n`);
    await until(() => frames(logs).join("").includes("line 499 "), "what is added is shown");

    // from one page to another on the same connection: namespaces are left and joined
    const connections = status.webSockets.length;
    await status.click("a[href='/plugins']");
    await status.waitForURL("**/plugins");
    await status.goBack();
    await status.waitForSelector("text=System Information");
    ok(status.webSockets.length === connections, "one connection serves every page");

    await application.stop(server);
    await until(
      () => [status, logs].every((page) => page.webSockets.every(({ closed }) => closed)),
      "the pages are left",
    );
  },
};
