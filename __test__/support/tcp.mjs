// One client by hand: bytes over TCP or any other stream, HTTP heads, WebSocket frames and messages.
import net from "node:net";
import tls from "node:tls";
import { frame, readFrame } from "./frames.mjs";
import { defer, within } from "./wait.mjs";

export { closeFrame, frame } from "./frames.mjs";

/** A connection that keeps everything it has received, and is destroyed after the test. */
export class Tcp {
  received = Buffer.alloc(0);
  ended = false;
  #waiting = [];

  /** A client over a stream of any kind. */
  static over(t, socket) {
    const tcp = new Tcp();
    tcp.socket = socket;
    defer(t, () => socket.destroy());
    socket.on("data", (chunk) => {
      tcp.received = Buffer.concat([tcp.received, chunk]);
      tcp.#wake();
    });
    for (const event of ["end", "close"]) {
      socket.once(event, () => {
        tcp.ended = true;
        tcp.#wake();
      });
    }
    socket.on("error", () => {}); // resets are part of the game
    return tcp;
  }

  /** A client that begins to connect, and can be written to at once. */
  static connect(t, port, options) {
    const socket = net.connect({ port, host: "127.0.0.1", ...options });
    socket.setNoDelay(true);
    const tcp = Tcp.over(t, socket);
    tcp.opened = new Promise((resolve) => socket.once("connect", resolve));
    return tcp;
  }

  /** The same over TLS, to a server whose certificate is `ca`. */
  static secure(t, port, ca) {
    const below = net.connect({ port, host: "127.0.0.1" });
    below.setNoDelay(true);
    below.on("error", () => {});
    defer(t, () => below.destroy());
    const tcp = Tcp.over(t, tls.connect({ socket: below, host: "127.0.0.1", ca }));
    tcp.below = below;
    tcp.opened = new Promise((resolve) => {
      for (const event of ["secureConnect", "close"]) tcp.socket.once(event, resolve);
    });
    return tcp;
  }

  /** A client that is connected. */
  static async open(t, port, options) {
    const tcp = Tcp.connect(t, port, options);
    await within(tcp.opened, "TCP connect");
    return tcp;
  }

  /** A client whose upgrade request was accepted; the open packet is still to be read. */
  static async websocket(t, port, options) {
    const tcp = Tcp.connect(t, port);
    await tcp.upgrade(options);
    return tcp;
  }

  #wake() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves with true after the bytes are in the kernel's hands, false when the peer is gone. */
  write(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, (error) => resolve(!error)));
  }

  /** Waits until `read(received)` gives something other than undefined; null once the peer has left. */
  until(read, what = "bytes from the server") {
    const waiting = async () => {
      for (;;) {
        const found = read(this.received);
        if (found !== undefined) return found;
        if (this.ended) return null;
        await new Promise((resolve) => this.#waiting.push(resolve));
      }
    };
    return within(waiting(), what);
  }

  /** Removes and returns the first `length` received bytes. */
  take(length) {
    const taken = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return taken;
  }

  /** Reads and removes an HTTP head; null when the server ended the connection without one. */
  head() {
    return this.until((bytes) => {
      const end = bytes.indexOf("\r\n\r\n");
      return end < 0 ? undefined : this.take(end + 4).toString("latin1");
    }, "the head of an HTTP answer");
  }

  /** Everything received until the server ended the connection, as latin1 text. */
  async rest() {
    await this.until(() => undefined, "the end of the connection");
    return this.received.toString("latin1");
  }

  /** Leaves with a TCP reset. */
  async reset() {
    await this.opened;
    (this.below ?? this.socket).resetAndDestroy();
  }

  destroy() {
    this.socket.destroy();
  }

  /**
   * Asks for a WebSocket and reads the 101 into `response`; rejects with any other answer. `extra`
   * bytes go into the segment of the request.
   */
  async upgrade({ query, headers, extra = [] } = {}) {
    this.write(Buffer.concat([Buffer.from(opening(query, headers)), ...[extra].flat()]));
    this.response = await this.head();
    if (statusOf(this.response) !== 101) throw new Error(`no upgrade: ${this.response}`);
  }

  /** Reads one (unmasked) frame as `readFrame` tells it; `{ end: true }` at the end. */
  async frame() {
    const next = await this.until((bytes) => {
      const found = readFrame(bytes);
      if (found !== undefined) this.take(found.size);
      return found;
    }, "a frame from the server");
    this.lastFrame = next ?? { end: true };
    return this.lastFrame;
  }

  /** The next text message, or null when the server closed; heartbeats are answered on the way. */
  async nextText() {
    for (;;) {
      const { opcode, payload, end } = await this.frame();
      if (end || opcode === 8) return null;
      if (opcode !== 1) continue;
      const text = payload.toString();
      if (text !== "2") return text;
      this.sendText("3");
    }
  }

  /** Sends messages, all of them in one write. */
  sendText(...texts) {
    return this.write(Buffer.concat(texts.map((text) => frame(1, text))));
  }

  /** Skips everything up to the end: the close code, null for an empty close frame, "none" without. */
  async closure() {
    let last = this.lastFrame ?? {};
    while (!last.end && last.opcode !== 8) last = await this.frame();
    if (last.end) return "none";
    return last.payload.length < 2 ? null : last.payload.readUInt16BE();
  }

  /** Joins a namespace, skipping what comes before the answer; resolves with the Socket.IO id. */
  async join(nsp = "/", auth = "") {
    const prefix = nsp === "/" ? "40" : `40${nsp},`;
    await this.sendText(`${prefix}${auth}`);
    for (;;) {
      const text = await this.nextText();
      if (text === null) throw new Error(`refused while joining ${nsp}`);
      if (text.startsWith(`${prefix}{`)) return JSON.parse(text.slice(prefix.length)).sid;
      if (text.startsWith("44")) throw new Error(text);
    }
  }
}

/** The status code in an HTTP head; NaN for null. */
export const statusOf = (head) => Number(head?.split(" ")[1]);

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

/** The text of an upgrade request; a header given as null is left out. */
export function opening(query = "EIO=4&transport=websocket", headers = {}, path = "/socket.io/") {
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
  return `GET ${path}?${query} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Opens a WebSocket session by hand: the 101 and the open packet are already read. */
export async function openFrames(t, port) {
  const tcp = await Tcp.websocket(t, port);
  tcp.sid = JSON.parse((await tcp.nextText()).slice(1)).sid;
  return tcp;
}
