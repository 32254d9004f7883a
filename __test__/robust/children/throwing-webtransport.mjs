// A server whose listeners throw at what a client does over WebTransport. It is its own client.
import { obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";
import { Wt } from "../../support/webtransport.mjs";

const thrown = [];
process.on("uncaughtException", ({ message }) => thrown.push(message));
process.on("unhandledRejection", ({ message }) => thrown.push(message));

const io = new Server(0, { upgradeTimeout: 500 });
io.on("connection", (socket) => {
  socket.on("throw", () => {
    throw new Error("a listener");
  });
  socket.on("echo", (value, ack) => ack(value));
});

obey({
  /** Lets a client throw, and then see whether it is still served: `[answers, thrown]`. */
  async run() {
    io.engine.once("connection", () => {
      throw new Error("a connection listener");
    });
    const test = { after() {} };
    const wt = await Wt.open(test, io.engine);
    // Upstream tells whoever handed the session over.
    await wt.taken.catch(({ message }) => thrown.push(message));
    const answers = [];
    // Longer than a session may take to begin.
    await new Promise((resolve) => setTimeout(resolve, 600));
    await wt.join();
    await wt.send('42["throw"]', '421["echo",1]');
    answers.push(await wt.next());
    await wt.send('422["echo",2]');
    answers.push(await wt.next());
    tell("ran", { answers, thrown });
  },
});
tell("ready");
