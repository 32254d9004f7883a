// Why something of socket.io or engine.io is not the same here: names, with `*` for any part, and
// the reason. The first that matches counts.

/** Of what the declarations promise. */
export const memberReasons = [
  [
    "Socket.constructor",
    "Only the server constructs sockets. What a client sends as `auth` may be absent.",
  ],
  [
    "dist/uws: *",
    "`attachApp()` leaves the adapter as it is: a broadcast goes to each session, and not to a topic of µWebSockets.js.",
  ],
  [
    "engine: Server.clientsCount, engine: BaseServer.clientsCount",
    "Counted when it is read: the native engine may have opened sessions meanwhile.",
  ],
  [
    "engine: *.onWebTransportSession, engine: transports.webtransport",
    "WebTransport is not served. An engine that does can be bound with `io.bind()`.",
  ],
  ["engine: uServer", "Constructs that of the package `engine.io`, which is loaded for the first."],
  [
    "engine: Socket._readyState",
    "`readyState` is a property of its own, and not an accessor of this.",
  ],
  [
    "engine: Socket.transport",
    "The transport changes with the native session, and with nothing else.",
  ],
  [
    "engine: Socket._maybeUpgrade, engine: Socket.constructor, engine: Transport.*",
    "Sessions and transports are the native engine's; these objects show them. None can be constructed or fed from outside; another engine can be bound with `io.bind()`, another WebSocket server given as `wsEngine` or by `engine.onWebSocket()`.",
  ],
  ["engine: attach", "The options may be left out, as upstream too allows at run time."],
];

const NATIVE = "Its work is done natively, or by functions of `lib/engine/`.";

/** Of the names that live objects have. */
export const instanceReasons = [
  [
    "Server.extractFilename, Server.attachServe, Server.serve, Server (class).sendFile",
    "Client files are served by `lib/client-files.ts`, and natively on a port.",
  ],
  [
    "Client.ondata, Client.setup, Client.doConnect, Client._parseNamespace, Client.destroy",
    "Packets come decoded from the engine; `Client.connect()` and `Client.close()` are there.",
  ],
  [
    "engine Server.onWebTransportSession",
    "WebTransport is not served. An engine that does can be bound with `io.bind()`.",
  ],
  [
    "engine Server.*",
    "Steps of a handshake. To take part in it there are `allowRequest`, `use()`, `generateId()`, `verify()`, `handleRequest()`, `handleUpgrade()` and `onWebSocket()`.",
  ],
  ["engine Socket.*", `${NATIVE} Its timers, buffers and listeners on transports do not exist.`],
  ["transport polling.*, transport websocket.*", NATIVE],
];
