// A server whose process the test stops and continues with signals.
// Arguments: the form of the server, properties of its HTTP server and its options as JSON.
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";

const [form, properties, options] = process.argv.slice(2);
const io = await startServer(form, { httpCompression: false, ...JSON.parse(options) });
Object.assign(io.httpServer, JSON.parse(properties));
io.on("connection", (socket) => {
  socket.on("much", (megabytes) => socket.emit("much", "x".repeat(megabytes << 20)));
});
obey({
  async end() {
    io.httpServer.closeAllConnections();
    await io.close();
    letGo();
  },
});
tell("listening", { port: io.httpServer.address().port });
