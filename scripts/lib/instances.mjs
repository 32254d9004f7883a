// The names that live objects of a package have: their own, and those of their classes.
import { EventEmitter, once } from "node:events";
import http from "node:http";
import { createRequire } from "node:module";
import { WebSocket } from "ws";

const require = createRequire(import.meta.url);

const SHARED = new Set([Object.prototype, EventEmitter.prototype]);

/** The kind of value that a name holds: `"function"`, `"nothing"` (undefined or null), or `"value"`. */
function kindOf(object, name) {
  const value = object[name];
  return typeof value === "function" ? "function" : value == null ? "nothing" : "value";
}

/** Own and inherited names of an object, without those of every object and emitter: name → kind. */
function namesOf(object) {
  const names = new Map();
  for (let at = object; at !== null && !SHARED.has(at); at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name === "constructor" || names.has(name)) continue;
      names.set(name, kindOf(object, name));
    }
  }
  // An emitter's own state, present or not, is Node's affair.
  for (const name of ["_events", "_eventsCount", "_maxListeners", "domain"]) names.delete(name);
  return names;
}

function request(port, path, body) {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const req = http.request({ port, path, method, agent: false }, (res) => {
      let text = "";
      res.on("data", (chunk) => {
        text += chunk;
      });
      res.on("end", () => resolve(text));
    });
    req.on("error", reject).end(body);
  });
}

/**
 * Starts a server of a package, connects over both transports, and looks at what there is.
 *
 * @param {string} main - what gives the package's main export to `require`
 * @param {string} operators - the same for its module `broadcast-operator`
 * @returns {Promise<Map<string, Map<string, string>>>} object → names → kind
 */
export async function readInstances(main, operators) {
  const { Server } = require(main);
  const { RemoteSocket } = require(operators);
  const httpServer = http.createServer();
  const io = new Server(httpServer, { connectionStateRecovery: {} });
  await once(httpServer.listen(0), "listening");
  const { port } = httpServer.address();
  try {
    const query = "/socket.io/?EIO=4&transport=";
    const ws = new WebSocket(`ws://localhost:${port}${query}websocket`);
    ws.once("message", () => ws.send("40"));
    const [socket] = await once(io.sockets, "connection");
    const opened = once(io.engine, "connection");
    await request(port, `${query}polling`);
    const [polling] = await opened;
    const details = { id: "id", handshake: {}, rooms: [], data: {} };
    const objects = {
      Server: io,
      Namespace: io.sockets,
      ParentNamespace: io.of(/^\/dynamic/),
      Socket: socket,
      Handshake: socket.handshake,
      Client: socket.client,
      BroadcastOperator: io.to("room"),
      RemoteSocket: new RemoteSocket(io.sockets.adapter, details),
      Adapter: io.sockets.adapter,
      "engine Server": io.engine,
      "engine Socket": socket.conn,
      "transport polling": polling.transport,
      "transport websocket": socket.conn.transport,
      "Server (class)": Server,
      "engine Server (class)": io.engine.constructor,
    };
    const names = new Map();
    for (const [name, object] of Object.entries(objects)) {
      names.set(name, typeof object === "function" ? staticsOf(object) : namesOf(object));
    }
    return names;
  } finally {
    await io.close();
    httpServer.closeAllConnections();
  }
}

function staticsOf(aClass) {
  const names = new Map();
  for (const name of Object.getOwnPropertyNames(aClass)) {
    if (!["length", "name", "prototype"].includes(name)) names.set(name, "value");
  }
  return names;
}
