// The chat server under load. Argument: the form of the server.

import { census, isEmpty, openSockets } from "../../support/census.mjs";
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";
import { until } from "../../support/wait.mjs";
import { IDLE_MS } from "./idle.mjs";

const io = await startServer(process.argv[2]);
io.httpServer.keepAliveTimeout = IDLE_MS;
const reasons = {};

for (const name of ["/", "/chat"]) {
  const nsp = io.of(name);
  nsp.on("connection", (socket) => {
    socket.on("join", (room, joined) => {
      socket.join(room);
      joined(socket.id);
    });
    socket.on("say", (room, from, n) => nsp.to(room).emit("said", room, from, n));
    socket.on("throw me out", () => socket.disconnect(true));
    socket.on("disconnect", (reason) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    });
  });
}

// a port is listened to by two descriptors, the second one a turn later
await new Promise(setImmediate);
const descriptors = openSockets();

obey({
  /** Counts who is there. */
  count: () => tell("counted", census(io)),
  /** Waits until nothing is left of anybody, then reports, and ends. */
  async end() {
    const settled = () => isEmpty(census(io)) && openSockets() === descriptors;
    await until(settled, "the server has forgotten everybody").catch(() => {});
    tell("over", { ...census(io), leaked: openSockets() - descriptors, reasons });
    await io.close();
    letGo();
  },
});
tell("listening", { port: io.httpServer.address().port });
