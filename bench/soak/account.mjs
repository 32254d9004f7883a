// The account that a client of bench/soak.mjs keeps of one connection to a namespace.
import { content, fits, pad } from "./traffic.mjs";

/** Counts of this process. */
export const totals = { sent: 0, received: 0, acks: 0, closed: 0, faults: 0 };
/** The first faults, as texts. */
export const faults = [];

export function fault(text) {
  totals.faults++;
  if (faults.length < 20) faults.push(text);
}

export class Account {
  /** Events sent on this connection. */
  sent = 0;
  /** The next numbers from the server; undefined before it has told where they begin. */
  next = undefined;
  /** The time at which the server emitted the last event that has come. */
  heardAt = undefined;
  #acks = [];

  /** `line` has `on(event, listener)` and `emit(event, ...args)`, as a client of socket.io. */
  constructor(line, name) {
    this.line = line;
    this.name = name;
    line.on("begin", (next, at) => {
      this.next = next;
      this.heardAt = at;
    });
    line.on("down", (n, at) => this.#check("down", n, at));
    line.on("room", (n, at) => this.#check("room", n, at));
    line.on("all", (n, at) => this.#check("all", n, at));
  }

  get begun() {
    return this.next !== undefined;
  }

  #check(kind, n, at) {
    totals.received++;
    this.heardAt = at;
    if (!this.begun) return fault(`${this.name}: ${kind} ${n} before the first event`);
    if (n !== this.next[kind]) {
      fault(`${this.name}: ${kind} ${n} came in place of ${this.next[kind]}`);
    }
    this.next[kind] = n + 1;
  }

  /** A new connection: what was sent begins anew, and so does the rest unless it is recovered. */
  renew(recovered = false) {
    this.sent = 0;
    this.#acks = [];
    if (!recovered) this.next = undefined;
  }

  #ack(n) {
    const acks = this.#acks;
    acks.push(n);
    return (value, bytes) => {
      // an answer that was under way when the connection broke
      if (acks !== this.#acks) return;
      totals.acks++;
      const expected = acks.shift();
      if (value !== expected) fault(`${this.name}: ack ${value} came in place of ${expected}`);
      if (bytes !== undefined && !fits(n, bytes)) {
        fault(`${this.name}: the bytes of ack ${n} have changed`);
      }
    };
  }

  /** Sends the next event; every third wants an acknowledgement. */
  send({ binary = false } = {}) {
    const n = this.sent++;
    totals.sent++;
    const ack = binary || n % 3 === 0 ? [this.#ack(n)] : [];
    if (binary) this.line.emit("bytes", n, content(n), ...ack);
    else this.line.emit("up", n, pad(n), ...ack);
  }

  /**
   * Compares the accounts of both sides: all that was sent has arrived, and the answer stands behind
   * all that the server had sent.
   */
  close() {
    return new Promise((resolve) => {
      this.line.emit("account", this.sent, (sums) => {
        // at once: what stands behind the answer may be taken in the same turn
        this.#compare(sums);
        resolve();
      });
    });
  }

  #compare(sums) {
    totals.closed++;
    if (this.#acks.length > 0) fault(`${this.name}: ${this.#acks.length} acks are missing`);
    for (const kind of ["down", "room", "all"]) {
      if (sums[kind] !== this.next?.[kind]) {
        fault(`${this.name}: ${kind} ends at ${this.next?.[kind]} in place of ${sums[kind]}`);
      }
    }
  }
}
