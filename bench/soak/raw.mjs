// Clients of bench/soak.mjs without a client library: WebSocket and polling by hand. They have the
// members of a client of socket.io that the accounts use.
import http from "node:http";
import net from "node:net";
import { frame, readFrame } from "../../__test__/support/frames.mjs";
import { opening } from "../../__test__/support/tcp.mjs";

const RS = "\x1e";

class RawLine {
  #listeners = new Map();
  #acks = new Map();
  #nextAck = 0;
  connected = false;

  constructor(port, { name, room, nsp = "/" }) {
    this.port = port;
    this.prefix = nsp === "/" ? "" : `${nsp},`;
    this.auth = JSON.stringify({ name, room });
  }

  on(event, listener) {
    this.#listeners.set(event, listener);
  }

  tell(event, ...args) {
    this.#listeners.get(event)?.(...args);
  }

  emit(event, ...args) {
    let id = "";
    if (typeof args.at(-1) === "function") {
      id = this.#nextAck++;
      this.#acks.set(id, args.pop());
    }
    this.write(`42${this.prefix}${id}${JSON.stringify([event, ...args])}`);
  }

  /** An Engine.IO packet from the server. */
  take(packet) {
    if (packet === "2") return this.write("3");
    if (packet.startsWith("0")) {
      this.open(JSON.parse(packet.slice(1)));
      return this.write(`40${this.prefix}${this.auth}`);
    }
    if (packet === "6" || packet === "1") return;
    const [, type, nsp, id, json] = packet.match(/^4(\d)(?:(\/[^,]*),)?(\d*)(.*)$/s);
    if (nsp !== undefined && !this.prefix.startsWith(nsp)) throw new Error(`not for ${nsp}`);
    const value = json === "" ? undefined : JSON.parse(json);
    if (type === "0") {
      this.connected = true;
      this.tell("connect");
    } else if (type === "2") {
      this.tell(...value);
    } else if (type === "3") {
      const ack = this.#acks.get(Number(id));
      this.#acks.delete(Number(id));
      if (ack) ack(...value);
      else this.tell("fault", `ack ${id} came twice`);
    } else {
      this.tell("fault", `packet ${packet.slice(0, 40)}`);
    }
  }

  open() {}

  lost(why) {
    if (this.left) return;
    this.left = true;
    this.connected = false;
    this.tell("disconnect", why);
  }
}

/** A WebSocket over a bare connection; `socket` may be paused or reset. */
export class RawWebSocket extends RawLine {
  #bytes = Buffer.alloc(0);
  #upgraded = false;

  connect() {
    this.socket = net.connect(this.port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.lost("the connection has closed"));
    this.socket.on("data", (chunk) => this.#read(chunk));
    this.socket.write(opening());
    return this;
  }

  #read(chunk) {
    this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, chunk]) : chunk;
    if (!this.#upgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#upgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (;;) {
      const next = readFrame(this.#bytes);
      if (next === undefined) return;
      this.#bytes = this.#bytes.subarray(next.size);
      if (next.opcode === 1) this.take(next.payload.toString());
    }
  }

  write(packet) {
    this.socket.write(frame(1, packet));
  }

  /** Leaves with a TCP reset. */
  reset() {
    this.left = true;
    this.connected = false;
    this.socket.resetAndDestroy();
  }

  disconnect() {
    this.left = true;
    this.socket.end(frame(8));
  }
}

const agent = new http.Agent({ keepAlive: true });

/** A session over polling: one poll, and one post at a time. */
export class RawPolling extends RawLine {
  #path = "/socket.io/?EIO=4&transport=polling";
  #waiting = [];
  #posting = false;

  connect() {
    this.#poll();
    return this;
  }

  open({ sid }) {
    this.#path += `&sid=${sid}`;
  }

  #request(method, body, then) {
    const path = this.#path;
    const req = http.request({ port: this.port, host: "127.0.0.1", agent, method, path }, (res) => {
      const parts = [];
      res.on("data", (part) => parts.push(part));
      res.on("error", (error) => this.lost(error.message));
      res.on("end", () => {
        const text = Buffer.concat(parts).toString();
        if (res.statusCode !== 200) this.lost(`${method}: ${res.statusCode} ${text}`);
        else then(text);
      });
    });
    req.on("error", (error) => {
      // a kept connection may end while the request is under way: it was not taken
      if (req.reusedSocket && error.code === "ECONNRESET") this.#request(method, body, then);
      else this.lost(`${method}: ${error.message}`);
    });
    req.end(body);
  }

  #poll() {
    this.#request("GET", undefined, (text) => {
      for (const packet of text.split(RS)) this.take(packet);
      if (!this.left) this.#poll();
    });
  }

  write(packet) {
    this.#waiting.push(packet);
    if (!this.#posting) this.#post();
  }

  #post() {
    this.#posting = true;
    const body = this.#waiting.splice(0).join(RS);
    this.#request("POST", body, () => {
      this.#posting = false;
      if (this.#waiting.length > 0) this.#post();
    });
  }

  disconnect() {
    this.write("1");
    this.left = true;
  }
}
