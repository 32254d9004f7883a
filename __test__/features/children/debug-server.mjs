// A server with one client of its own, which ends in a way that the test names.
import debug from "debug";
import { io as connect } from "socket.io-client";
import { startServer } from "../../support/forms.mjs";

const [form, way] = process.argv.slice(2);
const io = await startServer(form, {});
const { port } = io.httpServer.address();
if (way === "enable") debug.enable("socket.io-native:session");

const secret = "payload-that-nobody-sees";
io.on("connection", (socket) => socket.on("secret", (_, ack) => ack()));
const client = connect(`http://127.0.0.1:${port}`, { reconnection: false });
await new Promise((resolve) => client.io.engine.once("upgrade", resolve));
await client.emitWithAck("secret", secret);
const { id } = client.io.engine;
process.send?.({ type: "id", id });
if (way === "disable") debug.disable();
const ended = new Promise((resolve) => io.engine.clients[id].once("close", resolve));
client.disconnect();
await ended;
if (way === "exit") process.exit();
io.close();
process.disconnect?.();
