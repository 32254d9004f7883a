// A server on a port of its own whose process has to end by itself.
// Arguments: the way it ends, the port (0 by default).
import { letGo, obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";

const [way, port = "0"] = process.argv.slice(2);

process.on("uncaughtException", ({ code }) => {
  tell("uncaught", { code });
  letGo();
});
obey({
  async end() {
    if (way === "close") await io.close();
    else io.httpServer.unref();
    letGo();
  },
});

const io = new Server(Number(port));
if (way === "unref") io.httpServer.unref();
if (way !== "taken") tell("listening", { port: io.httpServer.address().port });
