// WeTTY: a terminal in the browser; keys and output go over Socket.IO, with flow control of its own.
import { match, strictEqual } from "node:assert";
import { freePort, until } from "../lib/application.mjs";

export const trial = {
  packages: ["wetty"],
  node: 20,

  async drive(application) {
    const port = await freePort();
    const shell = application.write(
      "shell.sh",
      "#!/bin/sh\nPS1='ready> ' exec bash --norc --noprofile\n",
    );
    const args = ["--host", "127.0.0.1", "--port", `${port}`, "--base", "/wetty", "--allow-iframe"];
    const command = ["--force-ssh=false", "--ssh-host", "localhost", "--command", `sh ${shell}`];
    const server = await application.serve(port, [
      "node_modules/wetty/build/main.js",
      ...args,
      ...command,
    ]);
    const tabs = [await application.page(), await application.page()];
    // frames hold what the terminal draws
    const drawn = (tab) => tab.webSockets.flatMap(({ received }) => received.map(String)).join("");
    const shows = (tab, text) =>
      until(() => drawn(tab).includes(text), `the terminal shows ${text}`);
    for (const [i, tab] of tabs.entries()) {
      await tab.goto(`http://127.0.0.1:${port}/wetty/`);
      await application.upgraded(tab);
      await tab.locator(".xterm-helper-textarea").focus();
      await tab.keyboard.type(`echo $((${i} + 41))-told\n`);
      await shows(tab, `${i + 41}-told`);
    }
    // much output: the server stops the shell until the page has drawn it
    await tabs[0].keyboard.type("seq 300000 | tail -c 2000000; echo all-$((1 + 1))\n");
    await shows(tabs[0], "all-2");
    const lines = drawn(tabs[0]).match(/299999\\r\\n300000/g);
    strictEqual(lines?.length, 1, "the last lines come once");
    await tabs[0].setViewportSize({ width: 700, height: 400 });
    await tabs[0].keyboard.type("stty size; echo sized-$((2 + 2))\n");
    await shows(tabs[0], "sized-4");
    match(drawn(tabs[0]), /\d+ \d+\\r\\n/);
    // a page that leaves ends its shell; one whose shell ends is told
    await tabs[1].keyboard.type("exit\n");
    await shows(tabs[1], "logout");
    await tabs[0].close();
    await until(
      () => (server.output.match(/Process exited/g) ?? []).length >= 2,
      "both shells have ended",
    );
    await application.stop(server);
  },
};
