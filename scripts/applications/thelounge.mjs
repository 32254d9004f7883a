// The Lounge: an IRC client that stays connected, its pages fed over Socket.IO (`wsEngine` of `ws`).
import { strictEqual } from "node:assert";
import net from "node:net";
import { createInterface } from "node:readline";
import { freePort, until } from "../lib/application.mjs";

/** An IRC server with as little as two clients need to meet. */
function irc() {
  const clients = new Set();
  return net.createServer((socket) => {
    const client = { socket, nick: "" };
    clients.add(client);
    socket.on("error", () => {});
    socket.on("close", () => clients.delete(client));
    const all = (line) => {
      for (const one of clients) one.socket.write(`${line}\r\n`);
    };
    createInterface({ input: socket }).on("line", (line) => {
      const [command, target, ...rest] = line.split(" ");
      const who = () => `${client.nick}!u@local`;
      if (command === "NICK") client.nick = target.replace(/^:/, "");
      if (command === "USER") {
        for (const reply of ["001", "376"])
          socket.write(`:irc ${reply} ${client.nick} :welcome\r\n`);
      }
      if (command === "PING") socket.write(`:irc PONG irc ${target}\r\n`);
      if (command === "JOIN") {
        all(`:${who()} JOIN ${target}`);
        const names = [...clients].map(({ nick }) => nick).join(" ");
        socket.write(`:irc 353 ${client.nick} = ${target} :${names}\r\n`);
        socket.write(`:irc 366 ${client.nick} ${target} :end\r\n`);
      }
      if (command === "PRIVMSG") {
        for (const one of clients) {
          if (one !== client) one.socket.write(`:${who()} PRIVMSG ${target} ${rest.join(" ")}\r\n`);
        }
      }
    });
  });
}

export const trial = {
  packages: ["thelounge"],
  flags: ["--ignore-scripts"],
  // the manifest names a Git repository, which is published on npm as well
  overrides: { "irc-framework": "4.14.0" },
  node: 22,

  async drive(application) {
    const chat = irc();
    const [port, chatPort] = [await freePort(), await freePort()];
    await new Promise((done) => chat.listen(chatPort, "127.0.0.1", done));
    const config = {
      ...{
        public: true,
        host: "127.0.0.1",
        port,
        prefetch: false,
        storagePolicy: { enabled: false },
      },
      ...{ fileUpload: { enable: true, maxFileSize: 1024 }, identd: { enable: false } },
      defaults: {
        ...{
          name: "Local",
          host: "127.0.0.1",
          port: chatPort,
          tls: false,
          rejectUnauthorized: false,
        },
        ...{ nick: "guest%%", username: "u", realname: "r", join: "#room", leaveMessage: "bye" },
      },
      ...{ lockNetwork: false, messageStorage: [] },
    };
    application.write("home/config.js", `module.exports = ${JSON.stringify(config)};`);
    try {
      const start = ["node_modules/thelounge/index.js", "start"];
      const env = { THELOUNGE_HOME: `${application.folder}/home` };
      const server = await application.serve(port, start, env);
      const tabs = [];
      for (const nick of ["ann", "bob"]) {
        const tab = await application.page();
        tabs.push(tab);
        await tab.goto(`http://127.0.0.1:${port}/`);
        await tab.fill("input[name=nick]", nick);
        await tab.click("button[type=submit]:has-text('Connect')");
        await tab.waitForSelector(".channel-list-item[data-name='#room']");
        await tab.click(".channel-list-item[data-name='#room']");
        await tab.waitForSelector("#input");
      }
      const [ann, bob] = tabs;
      const say = async (tab, text) => {
        await tab.fill("#input", text);
        await tab.press("#input", "Enter");
      };
      for (let i = 0; i < 10; i++) {
        await say(ann, `question ${i}`);
        await bob.waitForSelector(`.msg .content:has-text("question ${i}")`);
        await say(bob, `answer ${i}`);
        await ann.waitForSelector(`.msg .content:has-text("answer ${i}")`);
      }
      const texts = await bob.locator(".msg[data-type=message] .content").allInnerTexts();
      strictEqual(texts.length, 20, texts.join());

      // its own way to end: it tells everybody, and waits for its HTTP server to close
      strictEqual(await application.stop(server, "SIGINT"), 0, server.output);
      await until(
        () => tabs.every((tab) => tab.webSockets.every(({ closed }) => closed)),
        "the pages are left",
      );
    } finally {
      chat.close();
    }
  },
};
