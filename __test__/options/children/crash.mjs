// Serves with one wrong value, uses the server in every way, and tells of the first exception or
// rejection that nobody catches.
import http from "node:http";
import { Polling, request, Ws } from "../../support/raw.mjs";
import { Server } from "../../support/subject.mjs";
import { opening, Tcp } from "../../support/tcp.mjs";
import { optionsOf, REFUSED } from "../values.mjs";

const tell = (type, error) => {
  process.send({ type, message: String(error?.message ?? error) });
  setImmediate(() => process.exit());
};
process.on("uncaughtException", (error) => tell("crashed", error));
process.on("unhandledRejection", (error) => tell("crashed", error));

const httpServer = http.createServer();
const io = new Server(httpServer, optionsOf(REFUSED[Number(process.argv[2])]));
io.on("connection", (socket) => socket.on("echo", (value, done) => done(value)));
await new Promise((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
const { port } = httpServer.address();
const t = { after() {} };

async function poll() {
  const session = await Polling.open(t, port);
  const ws = await Ws.open(t, port, { query: `&sid=${session.sid}` });
  await ws.send("2probe");
  await session.post("40");
  await session.get();
  await session.post(`420["echo","${"x".repeat(3000)}"]`);
  await session.get({ headers: { "accept-encoding": "gzip" } });
}

async function join() {
  const session = await Ws.open(t, port);
  await session.send("40");
  while ((await session.next()) !== null);
}

async function upgradeElsewhere() {
  const tcp = await Tcp.open(t, port);
  tcp.write(opening().replace("/socket.io/", "/elsewhere/"));
}

// Each may wait for an answer that does not come: the crash is what counts.
for (const use of [poll, join, upgradeElsewhere, () => request(port, "/socket.io/")]) {
  Promise.resolve(use()).catch(() => {});
}
setTimeout(tell, 20_000, "served");
