// A server that sends each client a long text, and tells the threads of its process. Argument: its form.
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";

const LONG = 400_000;
const io = await startServer(process.argv[2]);
let most = 0;
const count = () => {
  most = Math.max(most, readdirSync("/proc/self/task").length);
};

obey({
  send: () => {
    for (const socket of io.sockets.sockets.values()) {
      socket.emit("long", randomBytes(LONG / 2).toString("hex"));
    }
    setInterval(count, 1).unref();
  },
  threads: () => {
    count();
    tell("threads", { most });
  },
  end: async () => {
    await io.close();
    letGo();
  },
});
count();
tell("port", { port: io.httpServer.address().port, threads: most });
