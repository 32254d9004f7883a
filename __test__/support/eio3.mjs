// Clients of Engine.IO protocol 3: socket.io-client 2 as it is, and bare HTTP sessions.
import { createRequire } from "node:module";
import { request } from "./raw.mjs";
import { defer, once, until } from "./wait.mjs";

/** The client of version 2: `connect(url, options)`. */
export const connect = withoutWebSocket(() =>
  createRequire(import.meta.url)("socket.io-client-v2"),
);

/**
 * Calls `load` as if Node had no WebSocket of its own. From Node 22 on it has one, which the client
 * prefers to `ws`, and which does not know a certificate or headers of the client's.
 */
function withoutWebSocket(load) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  delete globalThis.WebSocket;
  try {
    return load();
  } finally {
    if (own !== undefined) Object.defineProperty(globalThis, "WebSocket", own);
  }
}

/** A real client of version 2, not awaited and closed after the test. */
export function oldClient(t, url, { nsp = "/", ...options } = {}) {
  const socket = connect(`${url}${nsp}`, { forceNew: true, reconnection: false, ...options });
  defer(t, async () => {
    const { engine } = socket.io;
    socket.close();
    engine?.close();
    if (engine && engine.readyState !== "closed") await once(engine, "close");
  });
  return socket;
}

/** Resolves with the client once it is connected; rejects if it is refused. */
export async function oldConnected(socket) {
  if (socket.connected) return socket;
  const refused = new Promise((_, reject) => {
    socket.once("error", (data) => reject(Object.assign(new Error("refused"), { data })));
  });
  await Promise.race([once(socket, "connect"), refused]);
  return socket;
}

/** One more client of version 2 of a running server, with its socket on the server side. */
export async function oldJoin(t, io, port, { nsp = "/", ...options } = {}) {
  const accepted = once(io.of(nsp.split("?")[0]), "connection");
  const client = oldClient(t, `http://127.0.0.1:${port}`, { nsp, ...options });
  const [[socket]] = await Promise.all([accepted, oldConnected(client)]);
  return { socket, client };
}

/** A text payload of packets given in their text form. */
export const encode = (...packets) =>
  packets.map((packet) => `${packet.length}:${packet}`).join("");

/** The packets of a payload: text, or a Buffer for a binary message. */
export function decode({ headers, body }) {
  if (headers["content-type"] === "application/octet-stream") return decodeBinary(body);
  const packets = [];
  for (let text = body.toString(); text !== ""; ) {
    const [length] = text.split(":", 1);
    const start = length.length + 1;
    const end = start + Number(length);
    const packet = text.slice(start, end);
    packets.push(packet.startsWith("b4") ? Buffer.from(packet.slice(2), "base64") : packet);
    text = text.slice(end);
  }
  return packets;
}

function decodeBinary(body) {
  const packets = [];
  for (let rest = body; rest.length > 0; ) {
    const end = rest.indexOf(0xff);
    const length = Number([...rest.subarray(1, end)].join(""));
    const packet = rest.subarray(end + 1, end + 1 + length);
    packets.push(rest[0] === 0 ? packet.toString() : packet.subarray(1));
    rest = rest.subarray(end + 1 + length);
  }
  return packets;
}

/** A polling session of protocol 3. `next()` polls when nothing is left of the last payload. */
export class Polling3 {
  queue = [];

  static async open(port, { query = "", eio = "&EIO=3", ...options } = {}) {
    const session = new Polling3();
    session.port = port;
    session.ca = options.ca;
    session.path = `/socket.io/?transport=polling${eio}${query}`;
    session.opening = await request(port, session.path, options);
    const [open, ...rest] = decode(session.opening);
    session.handshake = JSON.parse(open.slice(1));
    session.sid = session.handshake.sid;
    session.path += `&sid=${session.sid}`;
    session.queue.push(...rest);
    return session;
  }

  /** A poll; resolves with the whole answer. */
  get(options) {
    return request(this.port, this.path, { ca: this.ca, ...options });
  }

  /** A push of a payload; resolves with the whole answer. */
  post(body, headers) {
    return request(this.port, this.path, { method: "POST", body, headers, ca: this.ca });
  }

  /** A push of a binary payload, given as hexadecimal digits. */
  postBinary(hex) {
    const body = Buffer.from(hex.replaceAll(" ", ""), "hex");
    return this.post(body, { "content-type": "application/octet-stream" });
  }

  /** Pushes packets in one payload. */
  async send(...packets) {
    const { status, text } = await this.post(encode(...packets));
    if (status !== 200) throw new Error(`push refused: ${status} ${text}`);
  }

  /** The next packet from the server: text, or a Buffer for a binary message. */
  async next() {
    while (this.queue.length === 0) {
      const answer = await this.get();
      if (answer.status !== 200) throw new Error(`poll refused: ${answer.status} ${answer.text}`);
      this.queue.push(...decode(answer));
    }
    return this.queue.shift();
  }

  /** A poll that the server has begun to hold; `conn` is the session's engine socket. */
  async hold(conn) {
    const answer = this.get();
    await until(() => conn.transport.writable, "the poll is pending");
    // wrapped: an async function would wait for the answer
    return { answer };
  }
}
