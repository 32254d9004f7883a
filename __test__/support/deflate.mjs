// permessage-deflate by hand: offers as text, payloads from Node's zlib.
import zlib from "node:zlib";
import { frame, opening, Tcp } from "./tcp.mjs";

export const NAME = "permessage-deflate";
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const { Z_SYNC_FLUSH } = zlib.constants;

/** The payload of a compressed message that refers to no other. */
export function deflated(data, options) {
  const bytes = zlib.deflateRawSync(data, { ...options, finishFlush: Z_SYNC_FLUSH });
  return bytes.subarray(0, -TAIL.length);
}

/** A frame of a compressed message; `options` as of `frame`. */
export function compressed(opcode, payload, options) {
  return frame(opcode, payload, { rsv: 4, ...options });
}

/** Sends an upgrade request with this offer, or several headers of them; resolves with the head. */
export async function offer(t, port, header, query) {
  const tcp = await Tcp.open(t, port);
  const headers = [header].flat().map((one) => `Sec-WebSocket-Extensions: ${one}\r\n`);
  const request = opening(query);
  tcp.write(`${request.slice(0, -2)}${header === null ? "" : headers.join("")}\r\n`);
  tcp.response = await tcp.head();
  return tcp;
}

/** The value of `Sec-WebSocket-Extensions` in a response head; null without one. */
export function answered(head) {
  return /^Sec-WebSocket-Extensions: (.*)\r$/m.exec(head)?.[1] ?? null;
}

/** A WebSocket session by hand whose messages are inflated; joined to the main namespace. */
export async function openCompressed(t, port, header = NAME, options) {
  const tcp = await offer(t, port, header);
  const inflater = new Inflater(options);
  tcp.nextMessage = () => inflater.next(tcp);
  tcp.opened = await tcp.nextMessage();
  tcp.write(frame(1, "40"));
  tcp.joined = await tcp.nextMessage();
  return tcp;
}

/** Reads data messages of a server, compressed or not. */
class Inflater {
  #stream;
  #chunks = [];
  #takeover;

  constructor({ takeover = true, windowBits = 15 } = {}) {
    this.#takeover = takeover;
    this.windowBits = windowBits;
  }

  /** The next data message: `{ opcode, rsv, size, data, text }`, `size` that of its payload. */
  async next(tcp) {
    const { opcode, rsv, payload, end } = await tcp.frame();
    if (end) throw new Error("the server has ended the connection");
    const data = rsv === 4 ? await this.#inflate(payload) : payload;
    return { opcode, rsv, size: payload.length, data, text: data.toString() };
  }

  #inflate(payload) {
    if (!this.#takeover || !this.#stream) {
      this.#stream = zlib.createInflateRaw({ windowBits: this.windowBits });
      this.#stream.on("data", (chunk) => this.#chunks.push(chunk));
    }
    return new Promise((resolve, reject) => {
      this.#stream.once("error", reject);
      this.#stream.write(Buffer.concat([payload, TAIL]));
      this.#stream.flush(() => resolve(Buffer.concat(this.#chunks.splice(0))));
    });
  }
}

/** Compresses messages that refer to the ones before. */
export class Deflater {
  #stream = zlib.createDeflateRaw();
  #chunks = [];

  constructor() {
    this.#stream.on("data", (chunk) => this.#chunks.push(chunk));
  }

  /** The payload of the next message. */
  payload(data) {
    return new Promise((resolve) => {
      this.#stream.write(data);
      this.#stream.flush(Z_SYNC_FLUSH, () => {
        resolve(Buffer.concat(this.#chunks.splice(0)).subarray(0, -TAIL.length));
      });
    });
  }
}
