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
  ["engine: uServer", "Constructs that of the package `engine.io`, which is loaded for the first."],
  [
    "Server.close",
    "It takes options beside the callback: `timeout` and `keepHttpServer`, see [Beyond upstream](#beyond-upstream).",
  ],
  ["engine: attach", "The options may be left out, as upstream too allows at run time."],
  [
    "Namespace._add, dist/parent-namespace: ParentNamespace._add",
    "Called by `Client` alone, which gives up an attempt when the client asks again.",
  ],
];

/** Names of one object, as a pattern. */
const each = (object, names) =>
  names
    .split(" ")
    .map((name) => `${object}.${name}`)
    .join(", ");

/** Of the names that live objects have. */
export const instanceReasons = [
  [
    `${each("Server", "extractFilename attachServe serve")}, Server (class).sendFile`,
    "Client files are served by `lib/client-files.ts`.",
  ],
  [
    each("Client", "ondata setup doConnect _parseNamespace destroy"),
    "Packets come decoded from the engine; `Client.connect()` and `Client.close()` are there.",
  ],
  ["Client.decoder", "Made for the connections of other engines, and for other parsers."],
  [
    each("Adapter", "sessions packets maxDisconnectionDuration"),
    "What recovery keeps is in a log of its own, bounded by bytes: `lib/packet-log.ts`.",
  ],
  [
    each("engine Server", "cleanup createTransport _computePath _applyMiddlewares handshake"),
    "Steps of a handshake. To take part in it there are `allowRequest`, `use()`, `generateId()`, `verify()`, `handleRequest()`, `handleUpgrade()` and `onWebSocket()`.",
  ],
  [
    each("engine Socket", "_readyState cleanupFn"),
    "`readyState` is a property of its own; there are no listeners on transports to take off.",
  ],
  [
    each(
      "engine Socket",
      "pingTimeoutTimer pingIntervalTimer hasRefreshedPingTimeout schedulePing resetPingTimeout",
    ),
    "The heartbeat is kept by the native engine's timers.",
  ],
  [
    each(
      "engine Socket",
      "onOpen onPacket onError setTransport onDrain _maybeUpgrade clearTransport onClose flush getAvailableUpgrades closeTransport",
    ),
    "Steps of the native session. `send()`, `write()`, `sendPacket()`, `close()` and the events are there.",
  ],
  [
    `${each("transport polling", "_readyState closeTimeout onRequest onPollRequest onDataRequest onData onClose write doWrite doClose headers onError onPacket")}`,
    "Polls and posts are answered by `lib/engine/session/polling-http.ts`, or natively.",
  ],
  [
    `${each("transport websocket", "_readyState _doSend _doSendLast _onSent _onSentLast handlesUpgrades _canSendPreEncodedFrame doClose onRequest onError onPacket onData onClose")}`,
    "Frames are read and written natively.",
  ],
];

/** Of what objects do that have the same names. */
export const behaviours = [
  [
    "`io.engine` and `socket.conn`, as declared",
    "They have the types of the package `engine.io`, so that they go where those go. `clientsCount` and `socket.conn.transport` are read-only all the same; sessions and transports are the native engine's: none can be constructed or fed from outside. Another engine can be bound with `io.bind()`, another WebSocket server given as `wsEngine` or by `engine.onWebSocket()`.",
  ],
  [
    "`send` of a transport, replaced by an application",
    "It is not called for what the session sends, but where somebody listens to `flush` or `drain` on a WebSocket: sessions send natively. Listeners of `packetCreate` see each packet of `socket.conn`, and a replaced `write` of it is called.",
  ],
  [
    "`socket.conn.transport.socket` where the native engine serves",
    "It has no `addEventListener()`, `onmessage` and the like, `pause()`, `resume()`, `url`, `_receiver` and `_sender`. Its `error` has the reason for which the session ends, and not the one of `ws`. Messages and pings that come before somebody listens are not told.",
  ],
  [
    "`io.engine.ws`",
    "A server of the package `ws`, made when it is first asked for. The native engine serves in its place until a method or an option of it is changed, or another server is assigned; WebSockets opened before go on. Of an upgrade that it does not serve, it emits `headers` and `wsClientError` as upstream.",
  ],
  [
    "`transport.writable` and `transport.readyState`, set by an application",
    "Heartbeats, which are sent natively, do not heed `writable`. `conn.close()` ends the session whatever `readyState` was set to, and sends what waits for `writable` before.",
  ],
  [
    "Heartbeats that a listener of `packet` or `packetCreate` changes",
    "They are answered and sent natively: a change has no effect on them. A message that becomes a heartbeat counts as one, but for the time of the next ping.",
  ],
  [
    "Changes inside of `io.engine.opts.cors`, `io.engine.opts.transports`, `io.engine.middlewares` and other objects, on a port or an `http.Server`",
    "They are not seen, as what is answered natively is told when an option is set, a listener is added or removed, or `use()` is called. `SOCKET_IO_NATIVE_LISTENER=off` in the environment has every request answered by Node's HTTP server: [docs/options.md](options.md#what-is-answered-without-nodes-http-server).",
  ],
  [
    "A request that a client sends on the connection of its waiting poll, on a port or an `http.Server`",
    "It is read when the poll has its answer: HTTP/1.1 answers in order. Clients that do not pipeline do not notice.",
  ],
  [
    "The `net.Socket` of a WebSocket that is served natively",
    "It is open as long as its connection, ends it, counts its bytes and is counted by its server. It shows no received bytes: it emits no `data`, and `pause()` stops nothing. `_handle.fd` is -1. Its `timeout` comes up to once its length late, because traffic is looked at when it elapses.",
  ],
  [
    "The `net.Socket` under a TLS socket, as the event `connection` of an HTTPS server gives it",
    "Of what was sent in the tick in which it is ended, the client gets what the kernel takes at once.",
  ],
  [
    "The `net.Socket` of `socket.request` where no listener, middleware or option has seen the request",
    "It is made when it is first asked for. Over polling it stands for the connection of the poll that waits; its byte counts are 0.",
  ],
  [
    "A middleware of a namespace or a socket that returns a promise",
    "It refuses with the reason of a rejection, as by `next(err)`, unless it has called `next()`. Upstream leaves the rejection unhandled, which ends the process by default.",
  ],
  [
    "A value nested so deeply that `JSON.stringify` throws",
    "It is sent, unless it holds binary data or a `toJSON()`: a client chooses the nesting of what an application sends back.",
  ],
  [
    "Pings of a WebSocket",
    "All are answered. `ws` ends a connection of which 60 pings wait for their pongs.",
  ],
];

/** Beyond upstream, changing nothing for who relies on it: the subject, upstream's way, and ours. */
export const beyondUpstream = [
  [
    "`await socket.emitWithAck()` when the client leaves without an answer",
    "Pending for ever; with `timeout()`, an Error when the time is over. The callback is kept.",
    "Rejected at once with an Error of the code `ERR_SOCKET_DISCONNECTED`, behind the listeners of `disconnect`; so is a callback under a `timeout()` called. An `async` function that awaits an answer without a `timeout()` has to catch it. A client that comes back with its state recovered answers no question of before. A socket that has left already times out as upstream, or is rejected in a later turn of the event loop without `timeout()`. A plain callback is not called, as upstream, but forgotten. A broadcast waits for its members until its time is over, as upstream.",
  ],
  [
    "`io.close()` while a response is open on the HTTP server, or a WebSocket of another package",
    "It waits for them.",
    "The same; with `io.close({ timeout })` it waits so many ms, also for adapters, and then destroys the connections of the HTTP server. A server that does not even close then is told of by the code `ERR_CLOSE_TIMEOUT` a second later.",
  ],
  [
    "The HTTP server at `io.close()`",
    "It is closed, too.",
    "The same; `io.close({ keepHttpServer: true })` takes the listeners of Socket.IO off and leaves it open. Its other listeners get the requests for the path.",
  ],
  [
    "Another WebSocket server on the same HTTP server: one of `ws` with or without a path, or listeners that call `handleUpgrade(req, socket, head, callback)` of one",
    "One of them answers the upgrade requests of the other: with 400 if its path is another one, or with a second 101.",
    "Both work, whichever came first. Listeners that do nothing but to call `handleUpgrade()` of a WebSocket server with all requests are not called for those of Socket.IO; others are, but the answer with 400 that `ws` gives to paths that are not its own is not written. All listeners stay as they are for `listeners()` and `removeListener()`. A listener that itself ends the connections of paths that it does not know has to let the path of Socket.IO pass, as upstream.",
  ],
  [
    "A WebSocket server that takes longer than `destroyUpgradeTimeout` to answer a request of its own",
    "Its connection is ended.",
    "Servers of `ws` and of this package may take their time.",
  ],
  [
    "A WebSocket over HTTP/2 (RFC 8441), on a server of `node:http2` with `settings: { enableConnectProtocol: true }`",
    "Refused with 405.",
    "Opened. Middlewares, `allowRequest` and listeners see the request as an upgrade request: its `method` is `GET`. Not with the option `wsEngine`.",
  ],
  [
    "A broadcast of which a listener of `packetCreate` changes the data",
    "It is changed over polling and with compression; over other WebSockets the frame that was made before goes out.",
    "It is changed for the client whose connection has the listener, over each transport.",
  ],
  [
    "`transport.writable = true` on polling while no poll waits",
    "The next packet throws a TypeError, which ends the process by default.",
    "The packet waits for the next poll.",
  ],
  [
    "The open packet of a WebSocket of protocol 3",
    "It may come in one read with the 101.",
    "It comes 5 ms later: a client that listens once it is open hears it.",
  ],
  [
    "A close packet of Engine.IO over a WebSocket",
    "It is ignored.",
    "It ends the session, as on polling.",
  ],
  [
    "Packets for a namespace that the client is still joining",
    "They close the connection.",
    "They wait until the client is accepted, up to `native.maxPendingBytes`; a refusal drops them.",
  ],
  [
    "Data nested more than `native.maxDepth` deep",
    "It is taken. `JSON.stringify` of it may throw and end the process.",
    "The sockets of the client get the event `error`, and it is closed.",
  ],
  [
    "A session that ends for a limit",
    "`disconnect` listeners are told of some.",
    "Their second argument is an error, and its `description` names the limit with its figure.",
  ],
  [
    "A system on which the native addon cannot be loaded",
    "There is no addon.",
    "The package throws, and says why. `SOCKET_IO_NATIVE_ENGINE=javascript` in the environment chooses the JavaScript engine, that of the package `engine.io`; `io.engine.implementation` tells which one serves: [docs/options.md](options.md#when-the-addon-cannot-be-loaded).",
  ],
  [
    "A test runner that replaces `process.nextTick`, `queueMicrotask` and `setImmediate` by a clock that stands still, as the fake timers of jest",
    "No client joins a namespace meanwhile.",
    "Clients connect and exchange events: those of Node are taken when the package is loaded. Timeouts, as of acknowledgements, stay those of the clock.",
  ],
];
