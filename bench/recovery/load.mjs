// The clients of bench/recovery.mjs: `load.mjs PORT CLIENTS MISSED`. WebSockets written by hand, all
// over 127.0.0.1 to 127.0.0.200, as one address has too few ports for many rounds.
import net from "node:net";

const [port, count, missed] = process.argv.slice(2).map(Number);

/** A text frame of a client; the key 0 makes masking a copy. */
function frame(text) {
  const payload = Buffer.from(text);
  const length = payload.length;
  const head =
    length < 126
      ? Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0])
      : Buffer.from([0x81, 0xfe, length >> 8, length & 255, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

const OPENING = [
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n");

class Client {
  sid;
  pid;
  offset;
  missed = [];

  /** Connects and joins; resolves when `done(client)` is true after a packet. */
  connect(index, done) {
    return new Promise((resolve, reject) => {
      const localAddress = `127.0.0.${1 + (index % 200)}`;
      const socket = net.connect({ port, host: "127.0.0.1", localAddress });
      this.socket = socket;
      let bytes = Buffer.alloc(0);
      let upgraded = false;
      socket.on("error", reject);
      socket.write(OPENING);
      socket.on("data", (chunk) => {
        bytes = bytes.length ? Buffer.concat([bytes, chunk]) : chunk;
        if (!upgraded) {
          const end = bytes.indexOf("\r\n\r\n");
          if (end === -1) return;
          upgraded = true;
          bytes = bytes.subarray(end + 4);
        }
        for (;;) {
          if (bytes.length < 2) break;
          const long = bytes[1] === 126;
          if (long && bytes.length < 4) break;
          const start = long ? 4 : 2;
          const length = long ? bytes.readUInt16BE(2) : bytes[1];
          if (bytes.length < start + length) break;
          this.take(bytes.toString("utf8", start, start + length));
          bytes = bytes.subarray(start + length);
        }
        if (done(this)) resolve();
      });
    });
  }

  take(text) {
    if (text === "2") {
      this.socket.write(frame("3"));
    } else if (text[0] === "0") {
      const auth = this.pid === undefined ? "" : JSON.stringify(this);
      this.socket.write(frame(`40${auth}`));
    } else if (text.startsWith("40")) {
      const { sid, pid } = JSON.parse(text.slice(2));
      this.recovered = pid === this.pid;
      this.pid = pid;
      this.sid = sid;
      this.joined = true;
    } else {
      const data = JSON.parse(text.slice(2));
      this.offset = data.at(-1);
      if (data[0] !== "welcome") this.missed.push(`${data[0]} ${data[1]}`);
    }
  }

  toJSON() {
    return { pid: this.pid, offset: this.offset };
  }

  leave() {
    this.joined = false;
    this.socket.removeAllListeners().on("error", () => {});
    this.socket.resetAndDestroy();
  }
}

const EXPECTED = Array.from({ length: missed }, (_, i) => [`to all ${i}`, `to a room ${i}`]).flat();
const clients = Array.from({ length: count }, () => new Client());

async function arrive() {
  for (let i = 0; i < count; i += 200) {
    const some = clients.slice(i, i + 200);
    await Promise.all(
      some.map((client, j) => client.connect(i + j, ({ joined, offset }) => joined && offset)),
    );
  }
}

process.on("message", async (what) => {
  if (what === "leave") {
    for (const client of clients) client.leave();
    process.send({});
    return;
  }
  const began = performance.now();
  await Promise.all(clients.map((client, i) => client.connect(i, ({ joined }) => joined)));
  const seconds = (performance.now() - began) / 1e3;
  const recovered = clients.filter((client) => client.recovered).length;
  const complete = clients.filter(({ missed }) => missed.join() === EXPECTED.join()).length;
  process.send({ recovered, complete, seconds });
});
process.on("disconnect", () => process.exit());

await arrive();
process.send({});
