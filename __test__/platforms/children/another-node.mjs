// A Node whose private parts are not as expected: the package is loaded while they look different,
// then real clients connect in every form and way. Argument: the part that differs.
import http, { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import { io as connect } from "socket.io-client";

const require = createRequire(import.meta.url);

/** Each hides one part and returns the function that shows it again. */
const DIFFERENCES = {
  none: () => () => {},
  listening: () => {
    const { _createServerHandle: create } = net;
    delete net._createServerHandle;
    return () => {
      net._createServerHandle = create;
    };
  },
  // In name only, as in other runtimes: these stay.
  "listening that throws": () => {
    net._createServerHandle = () => {
      throw new Error("not implemented");
    };
    return () => {};
  },
  "listening without descriptors": () => {
    const { _createServerHandle: create } = net;
    net._createServerHandle = (...args) => {
      const handle = create(...args);
      if (typeof handle === "object") Object.defineProperty(handle, "fd", { value: undefined });
      return handle;
    };
    return () => {};
  },
  counting: () => {
    const { Server } = net;
    net.Server = function Other(...args) {
      const server = new Server(...args);
      delete server._connections;
      return server;
    };
    return () => {
      net.Server = Server;
    };
  },
  handles: () => {
    const { getOwnPropertyDescriptor: get } = Object;
    Object.getOwnPropertyDescriptor = (object, name) =>
      object === net.Socket.prototype && name === "_handle" ? undefined : get(object, name);
    return () => {
      Object.getOwnPropertyDescriptor = get;
    };
  },
  headers: () => {
    const { _addHeaderLines: add } = IncomingMessage.prototype;
    delete IncomingMessage.prototype._addHeaderLines;
    return () => {
      IncomingMessage.prototype._addHeaderLines = add;
    };
  },
  all: () => {
    const { none: _, all: __, ...parts } = DIFFERENCES;
    const shown = Object.values(parts).map((hide) => hide());
    return () => {
      for (const one of shown.reverse()) one();
    };
  },
};

const show = DIFFERENCES[process.argv[2]]();
const { Server } = require("../../../index.js");
show();

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

const FORMS = {
  attached: async () => {
    const httpServer = http.createServer();
    const io = new Server(httpServer);
    httpServer.listen(0);
    await once(httpServer, "listening");
    return io;
  },
  port: async () => {
    const io = new Server(0);
    if (!io.httpServer.listening) await once(io.httpServer, "listening");
    return io;
  },
};
const WAYS = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgraded: ["polling", "websocket"],
};

const results = {};
for (const [form, serve] of Object.entries(FORMS)) {
  for (const [way, transports] of Object.entries(WAYS)) {
    for (const watched of [false, true]) {
      const io = await serve();
      const held = [];
      if (watched) io.httpServer.on("connection", (socket) => held.push(socket));
      io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
      const accepted = once(io, "connection");
      const client = connect(`http://127.0.0.1:${io.httpServer.address().port}`, {
        transports,
        extraHeaders: { "X-Custom": "yes" },
      });
      const socket = await accepted;
      if (way === "upgraded" && socket.conn.transport.name !== "websocket") {
        await once(socket.conn, "upgrade");
      }
      const echo = await client.timeout(20_000).emitWithAck("echo", Buffer.from("bytes"));
      const left = once(socket, "disconnect");
      const open = held.filter((one) => !one.destroyed).length;
      if (watched && way !== "polling") for (const one of held) one.destroy();
      else client.disconnect();
      await left;
      client.disconnect();
      await io.close();
      results[`${form} ${way}${watched ? " watched" : ""}`] = {
        transport: socket.conn.transport.name,
        echo: String(echo),
        header: socket.request.headers["x-custom"],
        address: /127\.0\.0\.1$/.test(socket.handshake.address),
        open: !watched || way === "polling" || open > 0,
      };
    }
  }
}
process.send({ type: "done", results });
process.disconnect();
