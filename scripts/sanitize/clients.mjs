// Clients for a server under a sanitizer: `node clients.mjs <port>` until the process is ended.
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { io } from "socket.io-client";

const port = process.argv[2];
const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];
const MESSAGES = [
  ["echo", "a"],
  ["echo", { n: 1 }, "b".repeat(3000)],
  ["echo", randomBytes(10), { bytes: randomBytes(3000) }],
  ["tell", "x".repeat(500)],
  ["tell", randomBytes(70_000)],
  ["volatile", randomBytes(5000)],
];

async function client(n) {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: TRANSPORTS[n % TRANSPORTS.length],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
  });
  for (let i = n; ; i++) {
    if (!socket.connected) {
      await wait(20);
      continue;
    }
    const [event, ...args] = MESSAGES[i % MESSAGES.length];
    if (event === "echo")
      await socket
        .timeout(5000)
        .emitWithAck(event, ...args)
        .catch(() => {});
    else socket.emit(event, ...args);
    if (i % 300 === 299) socket.emit("leave");
    if (i % 97 === 96) socket.disconnect().connect();
    if (i % 8 === 7) await wait(1);
  }
}

await Promise.all(Array.from({ length: 12 }, (_, n) => client(n)));
