// A process with an HTTPS server that ends by itself: told to close, or when its clients have left.
import https from "node:https";
import { letGo, obey, tell } from "../../support/parent.mjs";
import { certificate } from "../../support/secure.mjs";
import { Server } from "../../support/subject.mjs";
import { once, until } from "../../support/wait.mjs";

const httpServer = https.createServer(certificate);
const io = new Server(httpServer);
io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
await once(httpServer.listen(0, "127.0.0.1"), "listening");

obey({
  close: async () => {
    await io.close();
    letGo();
  },
  // nothing is closed by force here: open connections alone keep the process
  leave: async () => {
    await until(() => io.engine.clientsCount === 0, "the clients have left");
    httpServer.close();
    httpServer.closeIdleConnections();
    letGo();
  },
});
tell("listening", { port: httpServer.address().port, ca: certificate.cert.toString() });
