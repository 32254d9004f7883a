// A server that tells in which order events came. Its JavaScript thread can be stopped on command.
// Arguments: the form of the server (port, attached or tls), its options and the certificate as JSON.
import { once } from "node:events";
import https from "node:https";
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, standStill, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";

const [form, options, certificate] = process.argv.slice(2);

async function start() {
  if (form !== "tls") return startServer(form, JSON.parse(options));
  const httpServer = https.createServer(JSON.parse(certificate));
  await once(httpServer.listen(0, "127.0.0.1"), "listening");
  return new Server(httpServer, JSON.parse(options));
}

const io = await start();
let numbers = 0;
let fault = null;
let stopsAtFirst = false;

io.on("connection", (socket) => {
  socket.on("n", (n) => {
    if (stopsAtFirst && n === 0) standStill();
    if (n !== numbers) fault ??= `${n} instead of ${numbers}`;
    numbers++;
  });
  socket.on("other", () => tell("other", { before: numbers }));
  socket.on("total", () => tell("total", { numbers, fault }));
  socket.on("disconnect", (reason) => tell("left", { reason, numbers, fault }));
});

obey({
  /** Stands still until the test says so. */
  block() {
    tell("blocking");
    standStill();
  },
  /** Stands still in the listener of the first event, until the test says so. */
  stopAtFirst() {
    stopsAtFirst = true;
    tell("ready");
  },
  async end() {
    await io.close();
    letGo();
  },
});
tell("listening", { port: io.httpServer.address().port });
