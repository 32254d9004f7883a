// Exact bytes over any stream: TLS, UNIX sockets, pairs of streams in memory.
import { Duplex } from "node:stream";
import { frame, opening, Tcp } from "./tcp.mjs";
import { defer } from "./wait.mjs";

/** The reading and writing of `Tcp`, over a stream that is open already. */
export class Wire extends Tcp {
  static over(t, socket) {
    const wire = new Wire();
    wire.socket = socket;
    defer(t, () => socket.destroy());
    socket.on("data", (chunk) => {
      wire.received = Buffer.concat([wire.received, chunk]);
    });
    wire.gone = new Promise((resolve) => {
      for (const event of ["end", "close"]) socket.once(event, resolve);
    });
    wire.gone.then(() => {
      wire.ended = true;
    });
    socket.on("error", () => {}); // resets are part of the game
    return wire;
  }
}

/** The next text message of the server; heartbeats are answered on the way. */
export async function nextText(wire) {
  for (;;) {
    const { opcode, payload, end } = await wire.frame();
    if (end || opcode === 8) throw new Error("the server has closed the connection");
    if (opcode !== 1) continue;
    const text = payload.toString();
    if (text !== "2") return text;
    wire.write(frame(1, "3"));
  }
}

/** Opens a WebSocket session by hand and joins the main namespace; resolves with its socket id. */
export async function joinByHand(wire) {
  wire.write(opening());
  await wire.head();
  wire.handshake = JSON.parse((await nextText(wire)).slice(1));
  wire.write(frame(1, "40"));
  return JSON.parse((await nextText(wire)).slice(2)).sid;
}

/** Sends an event with this acknowledgement id and resolves with the arguments of the reply. */
export async function ask(wire, id, ...event) {
  wire.write(frame(1, `42${id}${JSON.stringify(event)}`));
  const reply = await nextText(wire);
  if (!reply.startsWith(`43${id}[`)) throw new Error(`not the reply to ${id}: ${reply}`);
  return JSON.parse(reply.slice(2 + String(id).length));
}

/** One end of a connection in memory. */
class End extends Duplex {
  #unread = null;

  _read() {
    const done = this.#unread;
    this.#unread = null;
    done?.();
  }

  // not in the same call: bytes of a real connection never arrive while they are being written
  _write(chunk, _encoding, done) {
    setImmediate(() => this.peer.#take(chunk, done));
  }

  _final(done) {
    setImmediate(() => this.peer.#take(null, done));
  }

  _destroy(error, done) {
    this._read(); // whoever writes to it is not kept waiting
    if (!this.writableFinished) setImmediate(() => this.peer.#take(null, () => {}));
    done(error);
  }

  #take(chunk, done) {
    if (this.destroyed || this.push(chunk) || chunk === null) done();
    else this.#unread = done;
  }
}

/** Two ends of a connection in memory: what is written to one is read from the other. */
export function streamPair() {
  const ends = [new End(), new End()];
  [ends[1].peer, ends[0].peer] = ends;
  return ends;
}
