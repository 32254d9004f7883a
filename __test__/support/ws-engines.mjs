// WebSocket engines that an application may choose: option wsEngine.
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";

/** The server class of the package `ws`, as those who pass it write it. */
export const WsServer = createRequire(import.meta.url)("ws").Server;

/** A subclass that sees the requests and the WebSockets go by. */
export class Overriding extends WsServer {
  requests = [];
  completed = 0;

  handleUpgrade(req, socket, head, callback) {
    this.requests.push(req);
    super.handleUpgrade(req, socket, head, (ws, ...rest) => {
      ws.marked = true;
      callback(ws, ...rest);
    });
  }

  completeUpgrade(...args) {
    this.completed++;
    return super.completeUpgrade(...args);
  }
}

/** A WebSocket object of {@link plainEngine}: no more than an emitter that can send and close. */
export class PlainSocket extends EventEmitter {
  sent = [];
  closes = 0;

  constructor(behaviour, socket) {
    super();
    this.behaviour = behaviour;
    this.socket = socket;
  }

  send(data, callback) {
    this.sent.push(data);
    this.emit("sent", data);
    if (this.behaviour.send) this.behaviour.send(data, callback, this);
    else setImmediate(callback);
  }

  close() {
    if (this.closes++ === 0) setImmediate(() => this.emit("close", 1005, Buffer.alloc(0)));
  }
}

/**
 * A class with the few methods an engine needs, written by hand. Nothing goes over the network: a
 * test speaks for the client by emitting "message" on the objects in `sockets`.
 *
 * @param behaviour - `upgrade(args, make)` and `send(data, callback, ws)` in place of the usual
 */
export function plainEngine(behaviour = {}) {
  return class PlainEngine {
    static constructed = [];
    static sockets = [];
    static closed = 0;

    constructor(options) {
      PlainEngine.constructed.push(options);
      behaviour.construct?.(PlainEngine.constructed.length);
    }

    handleUpgrade(req, socket, head, callback) {
      const make = () => {
        const ws = new PlainSocket(behaviour, socket);
        PlainEngine.sockets.push(ws);
        return ws;
      };
      // Nobody reads from it, but its end has to be seen.
      socket.on("end", () => socket.destroy()).resume();
      if (behaviour.upgrade) behaviour.upgrade({ req, socket, head, callback }, make);
      else callback(make());
    }

    close() {
      PlainEngine.closed++;
    }
  };
}
