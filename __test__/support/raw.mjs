// Clients without a client library: engine.io v4 sessions as bare HTTP requests or ws messages.
import http from "node:http";
import https from "node:https";
import { test } from "node:test";
import { WebSocket } from "ws";
import { defer, once, until, within } from "./wait.mjs";

/** The record separator between the packets of a payload. */
export const RS = "\x1e";

/**
 * One HTTP request; resolves with `{ status, headers, rawHeaders, body, text }`. With `ca`, a
 * certificate to trust, it goes over TLS.
 */
export function request(port, path, { method = "GET", headers, body, ca } = {}) {
  const answered = new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method, headers, agent: false, ca };
    const req = (ca ? https : http).request(options, (res) => {
      const chunks = [];
      res.on("data", (chunk) => chunks.push(chunk));
      res.on("error", reject);
      res.on("end", () => {
        const whole = Buffer.concat(chunks);
        const { statusCode: status, headers: fields, rawHeaders } = res;
        resolve({ status, headers: fields, rawHeaders, body: whole, text: whole.toString() });
      });
    });
    req.on("error", reject);
    req.end(body);
  });
  const waiting = within(answered, `the answer to ${method} ${path}`);
  // a poll that nobody awaits ends with its server
  waiting.catch(() => {});
  return waiting;
}

const encode = (packet) => (Buffer.isBuffer(packet) ? `b${packet.toString("base64")}` : packet);
const decode = (text) => (text[0] === "b" ? Buffer.from(text.slice(1), "base64") : text);

/** The part that raw sessions share: the Socket.IO handshake over `send()` and `next()`. */
export class Session {
  /** Joins a namespace, answering heartbeats on the way; resolves with the Socket.IO id. */
  async join(nsp = "/", auth) {
    const prefix = nsp === "/" ? "" : `${nsp},`;
    await this.send(`40${prefix}${auth ? JSON.stringify(auth) : ""}`);
    let reply = await this.next();
    for (; reply === "2"; reply = await this.next()) await this.send("3");
    if (!reply?.startsWith(`40${prefix}{`)) throw new Error(`not accepted: ${reply}`);
    return JSON.parse(reply.slice(2 + prefix.length)).sid;
  }
}

/** A polling session. `next()` polls when nothing is left of the last payload. */
export class Polling extends Session {
  queue = [];

  static async open(_t, port, { eio = 4, query = "", path = "/socket.io/", ...options } = {}) {
    const session = new Polling();
    session.port = port;
    session.ca = options.ca;
    session.path = `${path}?EIO=${eio}&transport=polling${query}`;
    session.opening = await request(port, session.path, options);
    const [open, ...rest] = session.opening.text.split(RS);
    if (open[0] !== "0") throw new Error(`no handshake: ${session.opening.text}`);
    session.handshake = JSON.parse(open.slice(1));
    session.sid = session.handshake.sid;
    session.path += `&sid=${session.sid}`;
    session.queue.push(...rest.map(decode));
    return session;
  }

  /** A poll; resolves with the whole answer. */
  get(options) {
    return request(this.port, this.path, { ca: this.ca, ...options });
  }

  /** A push of a payload given as text; resolves with the whole answer. */
  post(body, options) {
    return request(this.port, this.path, { method: "POST", body, ca: this.ca, ...options });
  }

  /** The head of a request of this session, for a connection by hand. */
  requestText(method, headers = {}) {
    const lines = Object.entries({ Host: "127.0.0.1", ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return `${method} ${this.path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  }

  /** Pushes packets in one payload. */
  async send(...packets) {
    const { status, text } = await this.post(packets.map(encode).join(RS));
    if (status !== 200) throw new Error(`push refused: ${status} ${text}`);
  }

  /** The next packet from the server: text, or a Buffer for a binary message. */
  async next() {
    while (this.queue.length === 0) {
      const { status, text } = await this.get();
      if (status !== 200) throw new Error(`poll refused: ${status} ${text}`);
      this.queue.push(...text.split(RS).map(decode));
    }
    return this.queue.shift();
  }

  /**
   * A poll that the server has begun to hold; `conn` is the session's engine socket. A ping that was due
   * before is answered.
   */
  async hold(conn) {
    for (;;) {
      let isAnswered = false;
      const answer = this.get().finally(() => {
        isAnswered = true;
      });
      await until(() => isAnswered || conn.transport.writable, "the poll is pending");
      // wrapped: an async function would wait for the answer
      if (!isAnswered) return { answer };
      const { text } = await answer;
      if (text !== "2") throw new Error(`the poll is answered at once: ${text}`);
      await this.send("3");
    }
  }
}

/** A WebSocket session on the `ws` client. */
export class Ws extends Session {
  queue = [];
  waiting = [];

  /** Opens the connection; with a handshake (no `sid` in the query) the open packet is read too. */
  static async open(t, port, settings = {}) {
    const { eio = 4, query = "", path = "/socket.io/", protocols, ...options } = settings;
    const session = new Ws();
    const url = `ws://127.0.0.1:${port}${path}?EIO=${eio}&transport=websocket${query}`;
    const ws = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    session.ws = ws;
    defer(t, () => ws.terminate());
    session.closed = new Promise((resolve) => {
      ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    ws.on("upgrade", (response) => {
      session.response = response;
    });
    ws.on("message", (data, binary) => session.#receive(binary ? data : data.toString()));
    const failed = new Promise((_, reject) => ws.once("error", reject));
    ws.on("error", () => {});
    await Promise.race([once(ws, "open"), failed]);
    if (!query.includes("sid=")) {
      session.handshake = JSON.parse((await session.next()).slice(1));
      session.sid = session.handshake.sid;
    }
    return session;
  }

  #receive(message) {
    const waiting = this.waiting.shift();
    if (waiting) waiting(message);
    else this.queue.push(message);
  }

  /** Sends each packet as one message. */
  async send(...packets) {
    // In one write: the server is not to deal with the first before it has the last.
    const { _socket: socket } = this.ws;
    socket?.cork?.();
    for (const packet of packets) this.ws.send(packet);
    socket?.uncork?.();
  }

  /** The next message from the server; `null` once the connection has closed. */
  next() {
    if (this.queue.length > 0) return Promise.resolve(this.queue.shift());
    const message = new Promise((resolve) => this.waiting.push(resolve));
    const closed = this.closed.then(() => null);
    return within(Promise.race([message, closed]), "a WebSocket message");
  }
}

/** The raw session kinds by transport name. */
export const SESSIONS = { polling: Polling, websocket: Ws };

/** One test per transport; `fn(t, open, transport)` with `open(port, options)` giving a session. */
export function eachTransport(title, fn) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    const open = (t) => (port, options) => kind.open(t, port, options);
    test(`${title} [${transport}]`, (t) => fn(t, open(t), transport));
  }
}
