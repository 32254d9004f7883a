import { io } from "socket.io-client";

const [url = "http://localhost:3000"] = process.argv.slice(2);
const names = ["one", "two"];

/** Connects a client; the primary gives the second one to another worker. */
function connect(name) {
  const socket = io(url);
  socket.on("message", ({ worker, text }) => console.log(`${name} heard from ${worker}: ${text}`));
  return new Promise((resolve) => {
    socket.once("worker", (pid) => {
      console.log(`${name} is connected to worker ${pid}`);
      resolve(socket);
    });
  });
}

const sockets = [];
for (const name of names) sockets.push(await connect(name));
for (const [i, socket] of sockets.entries()) socket.emit("message", `hello from ${names[i]}`);
