// Sessions by hand over any stream, and pairs of streams in memory.
import { Duplex } from "node:stream";

/** Opens a WebSocket session and joins the main namespace; resolves with its socket id. */
export async function joinByHand(wire) {
  await wire.upgrade();
  wire.handshake = JSON.parse((await wire.nextText()).slice(1));
  return wire.join();
}

/** Sends an event with this acknowledgement id and resolves with the arguments of the reply. */
export async function ask(wire, id, ...event) {
  wire.sendText(`42${id}${JSON.stringify(event)}`);
  const reply = await wire.nextText();
  if (!reply?.startsWith(`43${id}[`)) throw new Error(`not the reply to ${id}: ${reply}`);
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
