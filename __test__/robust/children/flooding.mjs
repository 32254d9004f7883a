// A server that sends much to clients that do not read, and tells its largest resident set meanwhile.
// Arguments: its form, and the bytes that may wait for all clients.
import { setImmediate as turn } from "node:timers/promises";
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";

const ROUNDS = 30;

const io = await startServer(process.argv[2], {
  native: { maxBufferedBytesOfAll: Number(process.argv[3]) },
});
io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));

obey({
  flood: async () => {
    global.gc();
    const before = process.memoryUsage.rss();
    let most = before;
    for (let i = 0; i < ROUNDS; i++) {
      // One message for each, so that none is shared.
      for (const socket of io.sockets.sockets.values())
        socket.emit("large", `${i}`.repeat(1e6 / 2));
      await turn();
      global.gc();
      most = Math.max(most, process.memoryUsage.rss());
    }
    tell("flooded", { grown: most - before, clients: io.engine.clientsCount });
  },
  end: async () => {
    await io.close();
    letGo();
  },
});
tell("port", { port: io.httpServer.address().port });
