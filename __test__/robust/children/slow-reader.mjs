// A server with one client that does not read, 500 MiB of events for it, and how far that made it grow.
// Arguments: the form of the server, the transport of the client.
import { setTimeout as pause } from "node:timers/promises";
import { startServer } from "../../support/forms.mjs";
import { letGo, tell } from "../../support/parent.mjs";
import { Polling } from "../../support/raw.mjs";
import { Tcp } from "../../support/tcp.mjs";

const [form, transport] = process.argv.slice(2);
const io = await startServer(form);
const { port } = io.httpServer.address();

const nothing = { after() {} };
const client = await (transport === "polling"
  ? Polling.open(nothing, port)
  : Tcp.websocket(nothing, port));
await client.join();
client.socket?.pause();

const payload = "x".repeat(1024);
const before = process.memoryUsage.rss();
let highest = before;
for (let i = 0; i < 500; i++) {
  for (let j = 0; j < 1024; j++) io.emit("news", payload);
  await pause(1); // the I/O thread gets its time where cores are few
  highest = Math.max(highest, process.memoryUsage.rss());
}
tell("grown", { grown: highest - before });

client.destroy?.();
await io.close();
letGo();
