// A server whose resident set is asked for. Arguments: the package, "port" or "attached".
const { makeServer, tellPort } = require("../child-server.js");

const [pkg, form] = process.argv.slice(2);
const io = makeServer(pkg, form, { pingInterval: 300_000 });
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

tellPort(io);
