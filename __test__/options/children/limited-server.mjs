// A server whose JavaScript thread can be stopped on command. Argument: its options as JSON.
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, standStill, tell } from "../../support/parent.mjs";

const io = await startServer("port", JSON.parse(process.argv[2]));

obey({
  /** Stands still until the test says so. */
  block() {
    tell("blocking");
    standStill();
  },
  async end() {
    await io.close();
    letGo();
  },
});
tell("listening", { port: io.httpServer.address().port });
