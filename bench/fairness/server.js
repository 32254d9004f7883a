// A server whose listener works for so many microseconds per event of a flooder.
// Arguments: the package, the form (port or attached), the microseconds.
const http = require("node:http");
const { once } = require("node:events");

const [name, form, work] = process.argv.slice(2);
const { Server } = require(name);
const micros = Number(work);
let events = 0;

function busy() {
  events++;
  if (micros === 0) return;
  const end = process.hrtime.bigint() + BigInt(micros * 1000);
  while (process.hrtime.bigint() < end);
}

async function start() {
  const httpServer = form === "port" ? null : http.createServer();
  const io = new Server(httpServer ?? 0);
  io.on("connection", (socket) => {
    socket.on("f", busy);
    socket.on("ask", (answer) => answer());
  });
  if (httpServer !== null) httpServer.listen(0, "127.0.0.1");
  if (!io.httpServer.listening) await once(io.httpServer, "listening");
  process.on("message", () => process.send({ events }));
  process.on("disconnect", () => process.exit());
  process.send({ port: io.httpServer.address().port });
}

start();
