// Clients that break the rules: raw TCP, hand-built HTTP requests and WebSocket frames.
// Nothing here knows the server under test; every object is driven by bytes alone.
import http from "node:http";
import net from "node:net";
import { frame as clientFrame, readFrame } from "./frames.mjs";
import { within } from "./wait.mjs";

/** A TCP connection that keeps what it has received and knows how to leave rudely. */
export class RawTcp {
  constructor(port, { allowHalfOpen = false } = {}) {
    this.received = Buffer.alloc(0);
    this.ended = false;
    this.socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen });
    this.socket.setNoDelay(true);
    this.opened = new Promise((resolve) => this.socket.once("connect", resolve));
    this.changed = [];
    this.socket.on("data", (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake();
    });
    const end = () => {
      this.ended = true;
      this.#wake();
    };
    this.socket.on("end", end);
    this.socket.on("close", end);
    this.socket.on("error", () => {}); // resets are part of the game
  }

  #wake() {
    for (const resolve of this.changed.splice(0)) resolve();
  }

  /** Resolves with true after the bytes are in the kernel's hands, false when the peer is gone. */
  write(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, (error) => resolve(!error)));
  }

  /** Waits until `take(buffer)` gives something other than undefined, or the peer has left (null). */
  async until(take, what = "bytes from the server") {
    const read = async () => {
      for (;;) {
        const taken = take(this.received);
        if (taken !== undefined) return taken;
        if (this.ended) return null;
        await new Promise((resolve) => this.changed.push(resolve));
      }
    };
    return within(read(), what);
  }

  /** Removes and returns the first `length` received bytes. */
  take(length) {
    const taken = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return taken;
  }

  /** The head of an HTTP answer: `{ status, head }`, or null when the peer closed without one. */
  head() {
    return this.until((buffer) => {
      const end = buffer.indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      const head = this.take(end + 4).toString("latin1");
      return { status: Number(head.split(" ")[1]), head };
    }, "the head of an HTTP answer");
  }

  /** Everything received until the peer ends the connection, as text. */
  async rest() {
    await this.until(() => undefined, "the end of the connection");
    return this.received.toString("latin1");
  }

  /** Leaves with a TCP reset. */
  async reset() {
    await this.opened;
    this.socket.resetAndDestroy();
  }

  destroy() {
    this.socket.destroy();
  }
}

/** One HTTP request on a connection of its own: `{ status, headers, body }`. */
export function request(port, { method = "GET", path = "/", headers = {}, body } = {}) {
  const answer = new Promise((resolve, reject) => {
    const req = http.request({ port, host: "127.0.0.1", method, path, headers, agent: false });
    req.on("response", (res) => {
      const chunks = [];
      res.on("data", (chunk) => chunks.push(chunk));
      res.on("error", reject);
      res.on("end", () =>
        resolve({
          status: res.statusCode,
          headers: res.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    req.on("error", reject);
    req.end(body);
  });
  return within(answer, `${method} ${path}`);
}

/** The text of an upgrade request; a header given as null is left out. */
export function upgradeRequest(query = "EIO=4&transport=websocket", headers = {}, path) {
  const all = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path ?? "/socket.io/"}?${query} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** A WebSocket frame, of text unless told otherwise; the options are those of `frames.mjs`. */
export function frame(payload = "", { opcode = 1, ...options } = {}) {
  return clientFrame(opcode, payload, options);
}

/** A close frame; no code gives an empty one. */
export function closeFrame(code, reason = "") {
  if (code === undefined) return frame("", { opcode: 8 });
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return frame(payload, { opcode: 8 });
}

/** A WebSocket client without rules. */
export class RawWebSocket extends RawTcp {
  /** Opens a connection and waits for the 101; `extra` bytes go into the segment of the request. */
  static async open(port, { query, headers, extra } = {}) {
    const ws = new RawWebSocket(port);
    const head = Buffer.from(upgradeRequest(query, headers));
    await ws.write(extra ? Buffer.concat([head, ...[extra].flat()]) : head);
    const answer = await ws.head();
    if (answer?.status !== 101) throw new Error(`no upgrade: ${answer?.head}`);
    ws.answer = answer.head;
    return ws;
  }

  /** The next frame of the server `{ opcode, fin, rsv, payload }`, or null at the end. */
  nextFrame() {
    return this.until((buffer) => {
      const frame = readFrame(buffer);
      if (frame !== undefined) this.take(frame.size);
      return frame;
    }, "a frame from the server");
  }

  /** The next text message, or null when the server closed; heartbeats are answered on the way. */
  async nextText() {
    for (;;) {
      const next = await this.nextFrame();
      if (next === null || next.opcode === 8) {
        this.lastFrame = next;
        return null;
      }
      const text = next.payload.toString();
      if (next.opcode !== 1) continue;
      if (text !== "2") return text;
      this.sendText("3");
    }
  }

  sendText(...texts) {
    return this.write(Buffer.concat(texts.map((text) => frame(text))));
  }

  /** Skips everything up to the end: the close code, null for an empty close frame, "none" without. */
  async closure() {
    let last = this.lastFrame;
    while (last !== null && last?.opcode !== 8) last = await this.nextFrame();
    if (last === null) return "none";
    return last.payload.length < 2 ? null : last.payload.readUInt16BE();
  }

  /** Joins a namespace and returns the Socket.IO id; the open packet is consumed when it is still to come. */
  async join(nsp = "/", auth = "") {
    const name = nsp === "/" ? "" : `${nsp},`;
    await this.sendText(`40${name}${auth}`);
    for (;;) {
      const text = await this.nextText();
      if (text === null) throw new Error(`refused while joining ${nsp}`);
      if (text.startsWith(`40${name}{`)) return JSON.parse(text.slice(2 + name.length)).sid;
      if (text.startsWith("44")) throw new Error(text);
    }
  }
}

/** An Engine.IO polling session without rules. */
export class RawPolling {
  static async open(port, query = "EIO=4&transport=polling") {
    const { status, body } = await request(port, { path: `/socket.io/?${query}` });
    if (status !== 200) throw new Error(`no session: ${status} ${body}`);
    return new RawPolling(port, JSON.parse(body.slice(1).split("\x1e")[0]), query);
  }

  constructor(port, handshake, query) {
    Object.assign(this, { port, handshake, sid: handshake.sid });
    this.path = `/socket.io/?${query}&sid=${handshake.sid}`;
  }

  poll() {
    return request(this.port, { path: this.path });
  }

  post(body, headers = {}) {
    return request(this.port, { method: "POST", path: this.path, body, headers });
  }

  /** The text of a request of this session, for a raw connection. */
  requestText(method, headers = {}) {
    const lines = Object.entries({ Host: "127.0.0.1", ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return `${method} ${this.path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  }

  /** Joins a namespace, answering heartbeats on the way, and returns the Socket.IO id. */
  async join(nsp = "/") {
    const name = nsp === "/" ? "" : `${nsp},`;
    await this.post(`40${name}`);
    let { body } = await this.poll();
    for (; body === "2"; { body } = await this.poll()) await this.post("3");
    if (!body.startsWith(`40${name}{`)) throw new Error(`not joined: ${body}`);
    return JSON.parse(body.slice(2 + name.length).split("\x1e")[0]).sid;
  }
}
