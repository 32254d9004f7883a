// WebTransport without HTTP/3: session objects of both ends, joined in memory. The server's end is
// what `engine.onWebTransportSession()` takes.

/** Two ends of a stream of bytes. */
function duplex() {
  const there = new TransformStream({}, { highWaterMark: 16 }, { highWaterMark: 16 });
  const back = new TransformStream({}, { highWaterMark: 16 }, { highWaterMark: 16 });
  return [
    { readable: there.readable, writable: back.writable },
    { readable: back.readable, writable: there.writable },
  ];
}

/** One end of a session; `closed` settles at both ends when one of them closes. */
export class FakeSession {
  ready = Promise.resolve();
  /** How often this end was closed by its owner. */
  closes = [];

  /** A client's end; its `peer` is the server's. */
  static pair() {
    const [client, server] = [new FakeSession(), new FakeSession()];
    [client.peer, server.peer] = [server, client];
    return client;
  }

  constructor() {
    this.closed = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.closed.catch(() => {});
    this.incomingBidirectionalStreams = new ReadableStream({
      start: (controller) => {
        this.incoming = controller;
      },
      cancel: () => {
        this.cancelled = true;
      },
    });
  }

  /** Opens a stream; the other end gets it. */
  async createBidirectionalStream() {
    const [own, theirs] = duplex();
    this.peer.incoming.enqueue(theirs);
    return own;
  }

  close(info) {
    this.closes.push(info);
    this.end(info ?? { closeCode: 0, reason: "" });
  }

  end(info) {
    this.resolve(info);
    this.peer.resolve(info);
  }

  /** The connection is lost. */
  break(error) {
    this.reject(error);
    this.peer.reject(error);
  }
}

/** The frame of a packet: a text, or the bytes of a binary message. */
export function frame(packet) {
  const binary = typeof packet !== "string";
  const content = Buffer.from(packet);
  const { length } = content;
  let header;
  if (length < 126) {
    header = Buffer.from([length]);
  } else if (length < 1 << 16) {
    header = Buffer.from([126, 0, 0]);
    header.writeUInt16BE(length, 1);
  } else {
    header = Buffer.alloc(9, 127);
    header.writeBigUInt64BE(BigInt(length), 1);
  }
  if (binary) header[0] |= 0x80;
  return new Uint8Array(Buffer.concat([header, content]));
}
