// Raw bytes over TCP: exact HTTP answers and hand-made WebSocket frames.
import net from "node:net";
import { defer, until, within } from "./wait.mjs";

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

  /** Reads one (unmasked) frame: `{ fin, rsv, opcode, payload }`; `{ end: true }` at the end. */
  async frame() {
    return until(() => this.#frame() ?? (this.ended ? { end: true } : false), "a frame arrives");
  }

  #frame() {
    const bytes = this.received;
    if (bytes.length < 2) return;
    let length = bytes[1] & 0x7f;
    let start = 2;
    if (length === 126) {
      if (bytes.length < 4) return;
      length = bytes.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return;
      length = Number(bytes.readBigUInt64BE(2));
      start = 10;
    }
    if (bytes.length < start + length) return;
    this.received = bytes.subarray(start + length);
    return {
      fin: bytes[0] >> 7 === 1,
      rsv: (bytes[0] >> 4) & 7,
      opcode: bytes[0] & 15,
      masked: bytes[1] >> 7 === 1,
      payload: bytes.subarray(start, start + length),
    };
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

/** A client frame. `opcode` 1 text, 2 binary, 0 continuation, 8 close, 9 ping, 10 pong. */
export function frame(opcode, data = "", { fin = true, rsv = 0, mask = true, length } = {}) {
  const payload = Buffer.from(data);
  const claimed = length ?? payload.length;
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const bit = mask ? 0x80 : 0;
  let head;
  if (claimed > 0xffff) {
    head = Buffer.alloc(10);
    head[1] = bit | 127;
    head.writeBigUInt64BE(BigInt(claimed), 2);
  } else if (claimed > 125) {
    head = Buffer.alloc(4);
    head[1] = bit | 126;
    head.writeUInt16BE(claimed, 2);
  } else {
    head = Buffer.from([0, bit | claimed]);
  }
  head[0] = first;
  if (!mask) return Buffer.concat([head, payload]);
  const key = Buffer.from([0x11, 0x22, 0x33, 0x44]);
  return Buffer.concat([head, key, payload.map((byte, i) => byte ^ key[i & 3])]);
}
