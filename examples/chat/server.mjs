// A chat with a live look at its own server. Run it with `npm start` and open the printed address.
import http from "node:http";
import { Server } from "../../index.mjs";
import { openChat } from "./chat.mjs";
import { serveMetrics } from "./metrics.mjs";
import { startPanel } from "./panel.mjs";
import { servePublic } from "./static.mjs";

const port = Number(process.env.PORT ?? 3000);
/** Time in ms for the answers that are under way when the server stops. */
const RESERVE_MS = 1000;

const httpServer = http.createServer((req, res) => {
  if (!serveMetrics(io, req, res)) servePublic(req, res);
});
const io = new Server(httpServer);

openChat(io);
const stopPanel = startPanel(io);

httpServer.once("error", (error) => {
  const taken = error.code === "EADDRINUSE";
  console.error(taken ? `Port ${port} is taken; choose another: PORT=3001 npm start` : error);
  process.exit(1);
});
httpServer.listen(port, () => {
  console.log(`Chat on http://localhost:${httpServer.address().port}/  (Ctrl+C stops it)`);
});

// Clients are told, connections end, and the process exits by itself.
function stop() {
  stopPanel();
  io.close();
  // Browsers keep connections in reserve over which they have asked for nothing yet. Some versions of
  // Node wait for them.
  setTimeout(() => httpServer.closeAllConnections(), RESERVE_MS).unref();
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
