// A server whose resident set is asked for. Arguments: the package, "port" or "attached".
const http = require("node:http");
const path = require("node:path");

const [name, form] = process.argv.slice(2);
const { Server } = require(name === "upstream" ? "socket.io" : path.join(__dirname, "..", ".."));

const options = { pingInterval: 300_000, maxHttpBufferSize: 1e6 };
const httpServer = form === "attached" ? http.createServer() : undefined;
const io = httpServer ? new Server(httpServer, options) : new Server(0, options);
httpServer?.listen(0);
io.on("connection", () => {});

const payload = "x".repeat(1024);
let news;

process.on("message", (message) => {
  if (message === "news") news = setInterval(() => io.emit("news", payload), 5);
  if (message === "silence") clearInterval(news);
  if (message === "rss") {
    global.gc();
    process.send({ rss: process.memoryUsage.rss(), clients: io.engine.clientsCount });
  }
});

(io.httpServer ?? httpServer).on("listening", () => {
  process.send({ port: (io.httpServer ?? httpServer).address().port });
});
