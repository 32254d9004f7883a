// y-socket.io: shared Yjs documents, each in a dynamic namespace; updates are binary events.
import { strictEqual } from "node:assert";
import { freePort } from "../lib/application.mjs";

const SERVER = `
const { createServer } = require("http");
const { Server } = require("socket.io");
const { YSocketIO } = require("y-socket.io/dist/server");
const http = createServer((_, answer) => answer.end("here"));
const io = new Server(http);
const shared = new YSocketIO(io, { authenticate: (handshake) => handshake.auth.token === "valid" });
shared.on("all-document-connections-closed", () => console.log("everybody has left"));
shared.initialize();
http.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => io.close(() => process.exit(0)));
`;

const CLIENT = `
const Y = require("yjs");
const { SocketIOProvider } = require("y-socket.io");
const url = "ws://127.0.0.1:" + process.argv[2];
const until = async (is, what) => {
  for (let i = 0; !is(); i++) { if (i > 3000) throw new Error("not: " + what); await new Promise((r) => setTimeout(r, 10)); }
};
(async () => {
  const make = (token = "valid") => {
    const doc = new Y.Doc();
    const provider = new SocketIOProvider(url, "notes", doc, { auth: { token }, autoConnect: true, disableBc: true });
    return { doc, provider, text: doc.getText("t"), socket: provider.socket };
  };
  const all = [make(), make(), make()];
  await until(() => all.every(({ provider }) => provider.synced), "all are in step");
  for (let i = 0; i < 200; i++) for (const [n, one] of all.entries()) one.text.insert(0, String(n));
  all[0].text.insert(0, "w".repeat(300000));
  await until(() => all.every(({ text }) => text.length === 300600), "all have every letter");
  const [one, two, three] = all.map(({ text }) => text.toString());
  if (one !== two || two !== three) throw new Error("the documents differ");
  all[1].provider.awareness.setLocalState({ name: "second" });
  await until(() => [...all[2].provider.awareness.getStates().values()].some(({ name }) => name === "second"), "the other is seen");
  all[2].socket.io.engine.close();
  all[0].text.insert(0, "while away");
  await until(() => all[2].text.toString().startsWith("while away"), "one that was cut off catches up");
  const refused = make("wrong");
  await new Promise((done) => refused.socket.once("connect_error", done));
  refused.provider.destroy();
  for (const { provider } of all) provider.destroy();
  console.log("all in step");
  process.exit(0);
})();
`;

export const trial = {
  packages: ["y-socket.io", "yjs", "socket.io-client"],
  direct: true,
  node: 20,

  async drive(application) {
    const port = await freePort();
    const server = await application.serve(port, [
      application.write("server.js", SERVER),
      `${port}`,
    ]);
    const client = application.node([application.write("client.js", CLIENT), `${port}`]);
    strictEqual(await client.ended(), 0, client.output);
    strictEqual(client.output.includes("all in step"), true, client.output);
    strictEqual(await application.stop(server), 0, server.output);
  },
};
