import { io } from "socket.io-client";

const [url = "http://localhost:3000"] = process.argv.slice(2);
const socket = io(`${url}/chat`);

socket.on("welcome", (id) => console.log(`connected as ${id}`));
socket.on("message", ({ from, text }) => console.log(`${from}: ${text}`));
socket.on("exception", ({ message }) => console.log(`refused: ${message}`));

socket.emit("message", { room: "lobby", text: "too early" });
console.log(await socket.emitWithAck("join", "lobby"));
console.log(await socket.emitWithAck("message", { room: "lobby", text: "hello" }));
socket.disconnect();
