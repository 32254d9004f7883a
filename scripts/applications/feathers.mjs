// Feathers: services over Socket.IO, each call an acknowledged event; the client is Feathers' own.
import { deepStrictEqual, strictEqual } from "node:assert";
import { freePort } from "../lib/application.mjs";

const SERVER = `
const { feathers } = require("@feathersjs/feathers");
const { koa, rest, bodyParser, errorHandler } = require("@feathersjs/koa");
const socketio = require("@feathersjs/socketio");
const app = koa(feathers());
app.use(errorHandler()); app.use(bodyParser()); app.configure(rest());
app.configure(socketio((io) => {
  io.use((socket, next) => { socket.feathers.seen = socket.handshake.headers["x-trial"]; next(); });
}));
const all = [];
app.use("messages", {
  async find(params) { return { all, query: params.query, seen: params.seen ?? null }; },
  async create(data) { const one = { id: all.length, ...data }; all.push(one); return one; },
  async get(id) { if (!all[id]) { const e = new Error("no message " + id); e.name = "NotFound"; e.code = 404; throw e; } return all[id]; },
  async patch(id, data) { return Object.assign(all[id], data); },
  async remove(id) { return all.splice(id, 1)[0]; },
});
app.on("connection", (connection) => app.channel("everybody").join(connection));
app.on("disconnect", () => console.log("a client has left"));
app.publish(() => app.channel("everybody"));
app.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => app.teardown(app.server).then(() => app.io.close(() => process.exit(0))));
`;

const CLIENT = `
const { feathers } = require("@feathersjs/feathers");
const socketio = require("@feathersjs/socketio-client");
const { io } = require("socket.io-client");
const url = "http://127.0.0.1:" + process.argv[2];
(async () => {
  const said = [];
  const make = (options) => {
    const socket = io(url, { extraHeaders: { "x-trial": "yes" }, forceNew: true, ...options });
    const app = feathers();
    app.configure(socketio(socket));
    return { socket, messages: app.service("messages") };
  };
  const clients = [make({}), make({ transports: ["websocket"] }), make({ transports: ["polling"] })];
  for (const { messages } of clients) await messages.find({ query: { q: 1 } }).then((r) => said.push(r.seen));
  const heard = clients.flatMap(({ messages }) => ["created", "patched", "removed"].map(
    (event) => new Promise((done) => messages.once(event, (data) => done(event + " " + data.text)))));
  const [{ messages }] = clients;
  await messages.create({ text: "first" });
  await messages.patch(0, { text: "changed" });
  said.push(await messages.get(9).catch((error) => error.name + ": " + error.message));
  await messages.remove(0);
  said.push((await Promise.all(heard)).sort().join());
  // many calls at once, of all clients
  const calls = clients.flatMap(({ messages }, c) => Array.from({ length: 300 }, (_, i) =>
    messages.create({ text: c + "/" + i, filler: "y".repeat(1000) })));
  said.push(new Set((await Promise.all(calls)).map(({ id }) => id)).size);
  said.push((await messages.find()).all.length);
  console.log(JSON.stringify(said));
  for (const { socket } of clients) socket.close();
})();
`;

export const trial = {
  packages: [
    ...["@feathersjs/socketio", "@feathersjs/feathers", "@feathersjs/koa"],
    ...["@feathersjs/socketio-client", "socket.io-client"],
  ],
  node: 20,

  async drive(application) {
    const port = await freePort();
    const server = await application.serve(port, [
      application.write("server.js", SERVER),
      `${port}`,
    ]);
    const client = application.node([application.write("client.js", CLIENT), `${port}`]);
    strictEqual(await client.ended(), 0, client.output);
    const events = ["created first", "patched changed", "removed changed"];
    const heard = events.flatMap((event) => [event, event, event]).join();
    const said = ["yes", "yes", "yes", "NotFound: no message 9", heard, 900, 900];
    deepStrictEqual(JSON.parse(client.output.trim().split("\n").at(-1)), said);
    strictEqual(await application.stop(server), 0, server.output);
    strictEqual(server.output.match(/a client has left/g)?.length, 3, server.output);
  },
};
