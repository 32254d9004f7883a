// Clients that send small events as fast as the server takes them. Arguments: the port, their number.
import net from "node:net";

const [port, count] = process.argv.slice(2).map(Number);

/** A masked text frame of less than 126 bytes; the mask is zero. */
function frame(text) {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

const CHUNK = Buffer.concat(Array.from({ length: 4000 }, () => frame('42["f",1]')));
const HEAD = [
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
].join("\r\n");

/** Resolves when the client floods, or when the server, flooded by others, has reset it. */
function flood() {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(`${HEAD}\r\n\r\n`));
    socket.on("error", resolve);
    let head = "";
    let joins = false;
    const more = () => {
      while (socket.write(CHUNK));
    };
    const listen = (data) => {
      head += data.toString("latin1");
      if (!head.includes('"maxPayload"')) return;
      if (!joins) socket.write(frame("40"));
      joins = true;
      // Events before the answer would end the connection.
      if (!head.includes('40{"sid"')) return;
      resolve();
      socket.removeListener("data", listen);
      socket.on("data", () => {});
      socket.on("drain", more);
      more();
    };
    socket.on("data", listen);
  });
}

await Promise.all(Array.from({ length: count }, flood));
process.send("floods");
process.on("disconnect", () => process.exit());
