import { io } from "socket.io-client";

const url = process.argv[2] ?? "http://localhost:3000";
const socket = io(url);

socket.on("runtime", (name: string) => {
  console.log(`the server runs on ${name}`);
  socket.disconnect();
});
