// A server whose event loop stands still from the event `block` on, until too much of all clients waits.
import { startServer } from "../../support/forms.mjs";

const io = await startServer(process.argv[2], {});
const { engine } = io;
let large = 0;

function block() {
  const end = Date.now() + 120_000;
  while (engine.metrics().bounds.pendingOfAll === 0 && Date.now() < end);
  const { queues, bounds } = engine.metrics();
  process.send({ type: "full", queues, bounds });
}

io.on("connection", (socket) => {
  socket.on("block", () => {
    process.send({ type: "blocking" });
    setImmediate(block);
  });
  socket.on("large", () => process.send({ type: "large", count: ++large }));
});
process.on("message", () => process.exit());
process.send({ type: "listening", port: io.httpServer.address().port });
