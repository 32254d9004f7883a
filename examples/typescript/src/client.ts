import { createInterface } from "node:readline";
import { io, type Socket } from "socket.io-client";
import type { Auth, ClientToServerEvents, ServerToClientEvents } from "./events.js";

const [name = "Ada", url = "http://localhost:3000"] = process.argv.slice(2);
const auth: Auth = { name };
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, { auth });

socket.on("connect", () => console.log(`connected as ${name}`));
socket.on("connect_error", (error) => console.log(`refused: ${error.message}`));
socket.on("message", ({ from, text }) => console.log(`${from}: ${text}`));
socket.on("ask", (_question, answer) => answer("green"));

// each line of the terminal is a message
const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  console.log(`heard by ${await socket.emitWithAck("say", line)}`);
}
socket.disconnect();
