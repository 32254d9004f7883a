// The published applications that were driven with this package in place of socket.io: rows of
// docs/compatibility.md. `scripts/applications/` has the script of each.

/** `[application, installed, what it is, what was driven, what was seen]` */
export const tried = [
  [
    "`browser-sync` 3.0.4",
    "38 MB, 147 packages",
    "web server for development",
    "Two pages in Chromium: typing, clicking and going from page to page in one is repeated in the other; a style sheet is exchanged, a page loaded again after a change; `browser-sync reload` on the command line. As a proxy over TLS of a site with a WebSocket of its own.",
  ],
  [
    "`express-status-monitor` 1.3.4",
    "25 MB, 116 packages",
    "figures of an Express application; it attaches its server during a request",
    "Its page in two tabs, with socket.io-client 4 in place of version 1 from a CDN: figures every second, requests are counted, one page goes on after the other has left.",
  ],
  [
    "`@feathersjs/socketio` 5.0.50",
    "45 MB, 187 packages",
    "framework for services",
    "Feathers' own client over upgrade, WebSocket and polling: calls, errors, parameters of the handshake, events through channels, 900 calls at once, teardown.",
  ],
  [
    "`homebridge-config-ui-x` 5.28.0",
    "164 MB, 342 packages",
    "user interface of Homebridge: NestJS on Fastify, ten namespaces",
    "Its pages in Chromium: setup, status with acknowledged requests in several namespaces of one connection, a log as it grows, going from page to page, shutdown.",
  ],
  [
    "`karma` 6.4.4",
    "26 MB, 162 packages",
    "runs tests in browsers",
    "Two browsers run 302 tests, one failing, with output of 50 kB; again after a change; `karma run` and `karma stop`; a browser that leaves, and one that comes back.",
  ],
  [
    "`magicmirror` 2.35.0",
    "150 MB, 344 packages",
    "modular display; keeps the server's TCP sockets and destroys them to end",
    "Its page in two tabs: a module of our own that sends 100 kB to its server half and is answered, the news of a local feed and of a changed one, shutdown by SIGTERM.",
  ],
  [
    "`node-red` 5.0.7 with `@flowfuse/node-red-dashboard` 1.31.0, `node-red-dashboard` 3.6.6 and `node-red-contrib-uibuilder` 7.7.4",
    "324 MB, 595 packages",
    "flow editor with three user interfaces: three Socket.IO servers, and a server of `ws`, on one HTTP server",
    "The editor, both dashboards and a page of uibuilder: buttons, text, messages of 200 kB, messages from a flow to every page, the refusal of sessions that begin with a WebSocket, deployment of changed flows, shutdown.",
  ],
  [
    "`nodecg` 2.6.4",
    "333 MB, 668 packages",
    "broadcast graphics",
    "Dashboard, panel and two graphics in Chromium: replicants changed by pages and by the server, messages with acknowledgements, 500 operations at once, shutdown.",
  ],
  [
    "`thelounge` 4.5.2",
    "69 MB, 261 packages",
    "web client for IRC; asks for `wsEngine` of `ws`",
    "Two users in Chromium who chat in a channel of a local IRC server, each message seen once, shutdown by SIGINT.",
  ],
  [
    "`wetty` 3.2.0",
    "138 MB, 234 packages",
    "terminal in the browser",
    "Two terminals in Chromium: commands, 2 MB of output under its flow control, a new size, a shell that ends, a page that leaves.",
  ],
  [
    "`y-socket.io` 1.1.3",
    "31 MB, 60 packages",
    "shared Yjs documents in dynamic namespaces",
    "Its provider, three at a time: 600 edits and one of 300 kB at once end in equal documents, awareness, a client that is cut off and catches up, one that is refused.",
  ],
].map((row) => [...row, "as with socket.io"]);
