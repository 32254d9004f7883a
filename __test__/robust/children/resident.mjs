// A server that tells its resident set, after a collection of garbage. Argument: its form.
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";

const io = await startServer(process.argv[2]);
io.on("connection", () => {});

obey({
  rss: () => {
    global.gc();
    tell("rss", { rss: process.memoryUsage.rss(), clients: io.engine.clientsCount });
  },
  end: async () => {
    await io.close();
    letGo();
  },
});
tell("port", { port: io.httpServer.address().port });
