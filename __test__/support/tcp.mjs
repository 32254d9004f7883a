// Raw bytes over TCP: exact HTTP answers and hand-made WebSocket frames.
import net from "node:net";
import { readFrame } from "./frames.mjs";
import { defer, until, within } from "./wait.mjs";

export { frame } from "./frames.mjs";

/** A TCP connection that keeps everything it has received. */
export class Tcp {
  received = Buffer.alloc(0);
  ended = false;

  static async open(t, port) {
    const tcp = new Tcp();
    tcp.socket = net.connect(port, "127.0.0.1");
    defer(t, () => tcp.socket.destroy());
    tcp.socket.on("data", (chunk) => {
      tcp.received = Buffer.concat([tcp.received, chunk]);
    });
    tcp.gone = new Promise((resolve) => {
      for (const event of ["end", "close"]) tcp.socket.once(event, resolve);
    });
    tcp.gone.then(() => {
      tcp.ended = true;
    });
    tcp.socket.on("error", () => {});
    await within(new Promise((resolve) => tcp.socket.once("connect", resolve)), "TCP connect");
    return tcp;
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  /** Everything received until the server ended the connection, as latin1 text. */
  async rest() {
    await within(this.gone, "the end of the TCP connection");
    return this.received.toString("latin1");
  }

  /** Reads an HTTP head and removes it from what was received. */
  async head() {
    const end = await until(() => this.received.indexOf("\r\n\r\n") + 1, "an HTTP head arrives");
    const head = this.received.subarray(0, end + 3).toString("latin1");
    this.received = this.received.subarray(end + 3);
    return head;
  }

  /** Reads one (unmasked) frame as `readFrame` tells it; `{ end: true }` at the end. */
  async frame() {
    return until(() => this.#frame() ?? (this.ended ? { end: true } : false), "a frame arrives");
  }

  #frame() {
    const frame = readFrame(this.received);
    if (frame !== undefined) this.received = this.received.subarray(frame.size);
    return frame;
  }
}

/** Sends a request as it is written (add `Connection: close`) and resolves with the answer. */
export async function exchange(t, port, text) {
  const tcp = await Tcp.open(t, port);
  tcp.write(text);
  return tcp.rest();
}

/** An HTTP answer without the header lines that are Node's own: Date and keep-alive. */
export function bare(answer) {
  return answer.replace(/^(Date|Connection|Keep-Alive): [^\r]*\r\n/gm, "");
}

/** The text of a WebSocket opening handshake; `null` in `headers` leaves a header out. */
export function opening(query = "EIO=4&transport=websocket", headers = {}) {
  const fields = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /socket.io/?${query} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Opens a WebSocket session by hand: the 101 and the open packet are already read. */
export async function openFrames(t, port) {
  const tcp = await Tcp.open(t, port);
  tcp.write(opening());
  tcp.response = await tcp.head();
  const { payload } = await tcp.frame();
  tcp.sid = JSON.parse(payload.toString().slice(1)).sid;
  return tcp;
}
