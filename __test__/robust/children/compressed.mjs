// A server with compression that tells how much memory its process has.
import { obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";
import { once } from "../../support/wait.mjs";

const io = new Server(0, { perMessageDeflate: true });
await once(io.httpServer, "listening");
obey({
  report: () => tell("report", { rss: process.memoryUsage().rss, clients: io.engine.clientsCount }),
});
tell("listening", { port: io.httpServer.address().port });
