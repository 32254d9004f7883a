// The server of a benchmark's child process.
const { once } = require("node:events");
const { createServer } = require("node:http");

/** Makes a server of a package on a free port; `form`: `"port"` or `"attached"`. */
function makeServer(pkg, form, options = {}) {
  const { Server } = require(pkg);
  if (form === "port") return new Server(0, options);
  const httpServer = createServer();
  const io = new Server(httpServer, options);
  httpServer.listen(0, "127.0.0.1");
  return io;
}

/** Tells the parent the port once the server listens; the process ends with its parent. */
async function tellPort({ httpServer }) {
  process.on("disconnect", () => process.exit());
  if (!httpServer.listening) await once(httpServer, "listening");
  process.send({ port: httpServer.address().port });
}

module.exports = { makeServer, tellPort };
