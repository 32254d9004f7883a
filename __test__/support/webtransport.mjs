// WebTransport without HTTP/3: session objects of both ends, joined in memory. The server's end is
// what `engine.onWebTransportSession()` takes.
import { Session } from "./raw.mjs";
import { defer, within } from "./wait.mjs";

/** Two ends of a stream. It holds so many pieces in either direction; further writes wait. */
function duplex(held) {
  const pipe = () => new TransformStream({}, undefined, { highWaterMark: held });
  const [there, back] = [pipe(), pipe()];
  return [
    { readable: there.readable, writable: back.writable },
    { readable: back.readable, writable: there.writable },
  ];
}

/** One end of a session. Both ends have closed when one of them does. */
export class FakeSession {
  ready = Promise.resolve();

  /** The client's end; its `peer` is the server's. */
  static pair(held) {
    const [client, server] = [new FakeSession(held), new FakeSession(held)];
    [client.peer, server.peer] = [server, client];
    return client;
  }

  constructor(held = 0) {
    this.held = held;
    this.closed = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.closed.catch(() => {});
    this.incomingBidirectionalStreams = new ReadableStream({
      start: (controller) => {
        this.incoming = controller;
      },
    });
  }

  /** Opens a stream; the other end is given it. */
  async createBidirectionalStream() {
    const [own, theirs] = duplex(this.held);
    this.peer.incoming.enqueue(theirs);
    return own;
  }

  close() {
    for (const end of [this, this.peer]) end.resolve({ closeCode: 0, reason: "" });
  }

  /** The connection is lost. */
  break(error) {
    for (const end of [this, this.peer]) end.reject(error);
  }
}

/** The header of a packet of that length. */
export function header(length, binary = false) {
  const kind = binary ? 0x80 : 0;
  if (length < 126) return Buffer.from([kind | length]);
  if (length < 1 << 16) return Buffer.from([kind | 126, length >> 8, length & 0xff]);
  const bytes = Buffer.alloc(9, kind | 127);
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

/** A packet as it goes over a stream: a text, or the bytes of a binary message. */
export function frame(packet) {
  const content = Buffer.from(packet);
  return Buffer.concat([header(content.length, typeof packet !== "string"), content]);
}

/** A session of an engine over WebTransport, spoken to in packets. */
export class Wt extends Session {
  rest = Buffer.alloc(0);

  /** Has the engine take a session; its stream is open, and nothing sent. */
  static async connect(t, eio, { held } = {}) {
    const session = new Wt();
    session.transport = FakeSession.pair(held);
    defer(t, () => session.transport.close());
    session.closed = within(session.transport.closed, "the WebTransport session to close");
    session.closed.catch(() => {});
    session.taken = eio.onWebTransportSession(session.transport.peer);
    const stream = await session.transport.createBidirectionalStream();
    session.writer = stream.writable.getWriter();
    session.reader = stream.readable.getReader();
    return session;
  }

  /** Opens a session and reads its handshake. */
  static async open(t, eio, options) {
    const session = await Wt.connect(t, eio, options);
    await session.send("0");
    const open = await session.next();
    if (open[0] !== "0") throw new Error(`no handshake: ${open}`);
    session.opening = open;
    session.handshake = JSON.parse(open.slice(1));
    session.sid = session.handshake.sid;
    return session;
  }

  /** Offers a session of the engine to move here. */
  static async offer(t, eio, sid) {
    const session = await Wt.connect(t, eio);
    await session.send(`0{"sid":"${sid}"}`);
    return session;
  }

  /** Does what a client does to move: the probe, then the end of the other transport. */
  async upgrade() {
    await this.send("2probe");
    const answer = await this.next();
    if (answer !== "3probe") throw new Error(`not probed: ${answer}`);
    await this.send("5");
  }

  /** Sends packets as one piece. The server may have closed meanwhile. */
  send(...packets) {
    return this.write(Buffer.concat(packets.map(frame)));
  }

  /** Sends bytes as they are. */
  write(bytes) {
    const piece = Uint8Array.from(bytes);
    return within(Promise.race([this.writer.write(piece), this.transport.closed]), "a write").catch(
      () => {},
    );
  }

  /** The next packet from the server: text, or a Buffer; `null` once it has closed. */
  next() {
    return within(this.#read(), "a packet");
  }

  async #read() {
    for (;;) {
      const packet = this.#take();
      if (packet !== undefined) return packet;
      this.reading ??= this.reader.read();
      const gone = this.transport.closed.then(
        () => null,
        () => null,
      );
      const piece = await Promise.race([this.reading, gone]);
      if (piece === null || piece.done) return null;
      this.reading = undefined;
      this.rest = Buffer.concat([this.rest, piece.value]);
    }
  }

  #take() {
    const { rest } = this;
    if (rest.length === 0) return undefined;
    const short = rest[0] & 0x7f;
    const size = short < 126 ? 1 : short === 126 ? 3 : 9;
    if (rest.length < size) return undefined;
    const length =
      size === 1 ? short : size === 3 ? rest.readUInt16BE(1) : Number(rest.readBigUInt64BE(1));
    if (rest.length < size + length) return undefined;
    const content = rest.subarray(size, size + length);
    this.rest = rest.subarray(size + length);
    return rest[0] & 0x80 ? content : content.toString();
  }
}

/** Has socket.io-client find WebTransport, with whatever engine listens on the port it wants. */
export function provideWebTransport(t, engines) {
  const before = globalThis.WebTransport;
  globalThis.WebTransport = function WebTransport(url) {
    const session = FakeSession.pair(16);
    engines[new URL(url).port].onWebTransportSession(session.peer);
    return session;
  };
  defer(t, () => {
    globalThis.WebTransport = before;
  });
}
