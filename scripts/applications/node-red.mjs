// Node-RED with three user interfaces over Socket.IO, two dashboards and uibuilder, on one HTTP
// server with the editor's own WebSocket server.
import { ok, strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

const tab = { id: "t", type: "tab", label: "Flow" };
const at = (id, type, rest, wires) => ({ id, type, z: "t", x: 100, y: 100, wires, ...rest });
const widget = (id, type, rest, wires = []) =>
  at(id, type, { group: "g", name: id, order: 1, width: 0, height: 0, ...rest }, wires);

const FLOWS = [
  tab,
  { id: "b", type: "ui-base", name: "Dashboard", path: "/dashboard", includeClientData: true },
  {
    ...{ id: "th", type: "ui-theme", name: "Theme" },
    colors: {
      surface: "#fff",
      primary: "#09c",
      bgPage: "#eee",
      groupBg: "#fff",
      groupOutline: "#ccc",
    },
    sizes: { pagePadding: "12px", groupGap: "12px", groupBorderRadius: "4px", widgetGap: "12px" },
  },
  {
    ...{
      id: "p",
      type: "ui-page",
      name: "Page",
      ui: "b",
      path: "/page1",
      icon: "home",
      layout: "grid",
    },
    ...{ theme: "th", order: 1, visible: "true", disabled: "false", breakpoints: [] },
  },
  {
    id: "g",
    type: "ui-group",
    name: "Group",
    page: "p",
    width: 6,
    height: 1,
    order: 1,
    showTitle: true,
  },
  widget(
    "press",
    "ui-button",
    {
      label: "Press",
      payload: "pressed",
      payloadType: "str",
      topic: "t",
      topicType: "str",
      emulateClick: false,
      icon: "",
      iconPosition: "left",
    },
    [["count"]],
  ),
  at(
    "count",
    "function",
    { func: "context.n = (context.n || 0) + 1; return { payload: 'pressed ' + context.n }" },
    [["shown"]],
  ),
  widget("shown", "ui-text", { label: "Shown:", format: "{{msg.payload}}", layout: "row-spread" }),
  widget(
    "typed",
    "ui-text-input",
    {
      label: "Typed",
      topic: "t",
      topicType: "str",
      mode: "text",
      delay: 0,
      icon: "",
      iconPosition: "left",
      iconInnerPosition: "inside",
      passthru: true,
      sendOnDelay: true,
      sendOnBlur: true,
      sendOnEnter: true,
    },
    [["upper"]],
  ),
  at("upper", "function", { func: "msg.payload = msg.payload.toUpperCase(); return msg" }, [
    ["loud"],
  ]),
  widget("loud", "ui-text", { label: "Loud:", format: "{{msg.payload}}", layout: "row-spread" }),
  at(
    "u",
    "uibuilder",
    {
      url: "uib",
      name: "",
      topic: "",
      fwdInMessages: false,
      allowScripts: true,
      allowStyles: true,
      copyIndex: true,
      templateFolder: "blank",
      showfolder: false,
      reload: true,
      deployedVersion: "7.7.4",
      sourceFolder: "src",
      showMsgUib: true,
    },
    [["back"], []],
  ),
  at(
    "back",
    "function",
    {
      func: "msg.payload = { got: msg.payload, size: JSON.stringify(msg.payload).length }; return msg",
    },
    [["u"]],
  ),
  at("in", "http in", { url: "/tell", method: "get" }, [["ok", "told"]]),
  at("ok", "http response", { statusCode: "" }, []),
  at("told", "function", { func: "return { payload: 'told ' + msg.payload.n }" }, [
    ["shown", "u", "otext"],
  ]),
  {
    id: "ot",
    type: "ui_tab",
    name: "Old",
    icon: "dashboard",
    order: 1,
    disabled: false,
    hidden: false,
  },
  { id: "og", type: "ui_group", name: "Group", tab: "ot", order: 1, disp: true, width: 6 },
  at(
    "obutton",
    "ui_button",
    {
      group: "og",
      order: 1,
      width: 0,
      height: 0,
      label: "Old press",
      payload: "old pressed",
      payloadType: "str",
      topic: "t",
      topicType: "str",
      passthru: false,
    },
    [["otext"]],
  ),
  at(
    "otext",
    "ui_text",
    {
      group: "og",
      order: 2,
      width: 0,
      height: 0,
      label: "Old:",
      format: "{{msg.payload}}",
      layout: "row-spread",
    },
    [],
  ),
];

export const trial = {
  packages: [
    ...["node-red", "@flowfuse/node-red-dashboard"],
    ...["node-red-contrib-uibuilder", "node-red-dashboard"],
  ],
  flags: ["--ignore-scripts"],
  node: 22,

  async drive(application) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    application.write("flows.json", JSON.stringify(FLOWS));
    application.write(
      "uibuilder/uib/src/index.html",
      '<!doctype html><body><script src="../uibuilder/uibuilder.iife.min.js"></script></body>',
    );
    application.write(
      "settings.js",
      `module.exports = { flowFile: "flows.json", uiHost: "127.0.0.1",
      telemetry: { enabled: false, updateNotification: false }, uibuilder: { telemetryEnabled: false },
      editorTheme: { tours: false } };`,
    );
    const bin = "node_modules/node-red/red.js";
    const server = await application.serve(port, [
      bin,
      "-u",
      ".",
      "-s",
      "settings.js",
      "-p",
      `${port}`,
    ]);
    await until(() => server.output.includes("Started flows"), "the flows have started");

    const editor = await application.page();
    await editor.goto(url);
    await until(
      () => editor.webSockets.some((one) => one.url.includes("/comms") && one.received.length > 0),
      "the editor's own WebSocket is used",
    );

    const boards = [await application.page(), await application.page()];
    for (const board of boards) {
      await board.goto(`${url}/dashboard/page1`);
      await board.waitForSelector("text=Press");
      await application.upgraded(board);
    }
    await boards[0].click("button:has-text('Press')");
    for (const board of boards) await board.waitForSelector("text=pressed 1");
    await boards[1].locator("input[type=text]").first().pressSequentially("hello");
    for (const board of boards) await board.waitForSelector("text=HELLO");

    const page = await application.page();
    await page.goto(`${url}/uib/`);
    await page.waitForFunction(() => window.uibuilder?.get("ioConnected") === true);
    await page.evaluate(() => {
      window.heard = [];
      window.uibuilder.onChange("msg", ({ payload }) => window.heard.push(payload));
      window.uibuilder.send({ payload: { text: "z".repeat(200_000) } });
    });
    await page.waitForFunction(() => window.heard.some(({ size }) => size === 200_011));

    const old = await application.page();
    await old.goto(`${url}/ui/`);
    await application.upgraded(old);
    await old.click("button:has-text('Old press')");
    await old.waitForSelector("text=old pressed");

    // the flow speaks to every page of the three
    await (await fetch(`${url}/tell?n=7`)).text();
    for (const board of [...boards, old]) await board.waitForSelector("text=told 7");
    await page.waitForFunction(() => window.heard.includes("told 7"));

    // the dashboard refuses sessions that begin with a WebSocket
    const { first, closed } = await page.evaluate(
      (address) =>
        new Promise((done) => {
          const socket = new WebSocket(address);
          const heard = [];
          socket.onmessage = ({ data }) => {
            heard.push(data);
            if (data[0] === "0") socket.send("40");
          };
          socket.onclose = ({ code }) => done({ first: heard[0], closed: code });
        }),
      `${url.replace("http", "ws")}/dashboard/socket.io/?EIO=4&transport=websocket`,
    );
    ok(first.startsWith("0{"), first);
    strictEqual(closed, 1005);

    // the flows are deployed anew while pages are there
    const flows = await (await fetch(`${url}/flows`)).json();
    for (const node of flows)
      if (node.id === "told") node.func = "return { payload: 'heard ' + msg.payload.n }";
    const headers = { "Content-Type": "application/json", "Node-RED-Deployment-Type": "full" };
    const deployed = await fetch(`${url}/flows`, {
      method: "POST",
      headers,
      body: JSON.stringify(flows),
    });
    strictEqual(deployed.status, 204);
    await until(
      () => server.output.split("Started flows").length > 2,
      "the flows have started again",
    );
    await until(async () => {
      await (await fetch(`${url}/tell?n=8`)).text();
      const seen = await Promise.all(
        [...boards, old].map((board) => board.locator("text=heard 8").count()),
      );
      return seen.every((count) => count > 0);
    }, "the dashboards show what the new flows say");
    // uibuilder makes its namespace anew, and wants its pages to be loaded again
    await page.reload();
    await page.waitForFunction(() => window.uibuilder?.get("ioConnected") === true);
    await page.evaluate(() => {
      window.heard = [];
      window.uibuilder.onChange("msg", ({ payload }) => window.heard.push(payload));
    });
    await (await fetch(`${url}/tell?n=9`)).text();
    await page.waitForFunction(() => window.heard.includes("heard 9"));

    strictEqual(await application.stop(server, "SIGINT"), 0, server.output);
  },
};
