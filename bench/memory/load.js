// Clients that come and go. Arguments: the port.
const { WebSocket } = require("ws");

const [port] = process.argv.slice(2);
const url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;

/** A client that has joined the main namespace. */
function connect() {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { perMessageDeflate: false });
    ws.on("error", reject);
    ws.on("message", (data) => {
      const text = data.toString();
      if (text.startsWith("0")) ws.send("40");
      else if (text.startsWith("40")) resolve(ws);
    });
  });
}

const gone = (ws) =>
  new Promise((resolve) => {
    // A server that holds too much in all has ended it.
    if (ws.readyState === WebSocket.CLOSED) return resolve();
    ws.on("close", resolve);
    ws.close();
  });

const loads = {
  /** 40 clients hold nine of ten attachments of 900,000 bytes each. */
  async attachments() {
    const part = Buffer.alloc(900_000, 7);
    const clients = [];
    for (let i = 0; i < 40; i++) {
      const ws = await connect();
      const numbers = Array.from({ length: 10 }, (_, num) => ({ _placeholder: true, num }));
      ws.send(`4510-${JSON.stringify(["parts", ...numbers])}`);
      for (let j = 0; j < 9; j++) await new Promise((sent) => ws.send(part, sent));
      clients.push(ws);
    }
    return clients;
  },
  /** 600 clients at a time, each of which leaves after a while and comes back, for 10 seconds. */
  async churn() {
    const end = Date.now() + 10_000;
    const one = async () => {
      while (Date.now() < end) {
        const ws = await connect();
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
        await gone(ws);
      }
    };
    await Promise.all(Array.from({ length: 600 }, one));
    return [];
  },
};

let clients = [];
process.on("message", async ({ run, leave }) => {
  if (run) {
    clients = await loads[run]();
    process.send({ done: true });
  }
  if (leave) {
    await Promise.all(clients.map(gone));
    process.send({ done: true });
  }
});
