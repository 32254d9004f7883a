// Handshakes over polling, and requests of polling sessions.
import { RS } from "../raw.mjs";
import {
  ask,
  chunked,
  fetchable,
  HANDSHAKE,
  kept,
  LAST,
  last,
  METHODS,
  one,
  SESSION,
  WEBSOCKET,
  within,
} from "./text.mjs";

export const HANDSHAKES = {
  "a handshake": one(200, last(`GET ${HANDSHAKE}`)),
  "a handshake on a connection that is kept": kept(200, ask(`GET ${HANDSHAKE}`)),
  "a handshake that asks to keep the connection": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { Connection: "keep-alive" }),
  ),
  "a handshake of HTTP/1.0": one(200, ask(`GET ${HANDSHAKE}`, { Host: null }, "", "1.0")),
  "a handshake of HTTP/1.0 that asks to keep the connection": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { Connection: "keep-alive" }, "", "1.0"),
  ),
  "a handshake below the path": kept(200, ask("GET /socket.io/any/where?EIO=4&transport=polling")),
  "a handshake with an empty sid": kept(200, ask(`GET ${HANDSHAKE}&sid=`)),
  "a handshake with keys twice": kept(
    200,
    ask("GET /socket.io/?EIO=3&transport=x&EIO=4&transport=polling"),
  ),
  "a handshake with a coded query": kept(
    200,
    ask("GET /socket.io/?%45IO=4&transport=p%6flling&t=+%zz&__proto__=x"),
  ),
  "a handshake with a fragment": kept(200, ask(`GET ${HANDSHAKE}#there`)),
  "a handshake with an unknown transport": kept(400, ask("GET /socket.io/?EIO=4&transport=x")),
  "a handshake without a transport": kept(400, ask("GET /socket.io/?EIO=4")),
  "a handshake without a query": kept(400, ask("GET /socket.io/")),
  "a handshake for webtransport": kept(400, ask("GET /socket.io/?EIO=4&transport=webtransport")),
  "a handshake for websocket, not upgrading": kept(400, ask(`GET ${WEBSOCKET}`)),
  "a handshake of protocol 3": kept(400, ask("GET /socket.io/?EIO=3&transport=polling")),
  "a handshake of no protocol": kept(400, ask("GET /socket.io/?transport=polling")),
  "a handshake with a body": kept(200, ask(`GET ${HANDSHAKE}`, {}, "body")),
  "a handshake with a chunked body": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { "Transfer-Encoding": "chunked" }) + chunked("body"),
  ),
  "a handshake that accepts gzip, too small for it": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { "Accept-Encoding": "gzip" }),
  ),
  "a handshake with a header twice": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { Cookie: ["a=1", "b=2"], "X-Header": ["1", "2"] }),
  ),
  "a handshake of an old browser": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { "User-Agent": "Mozilla/5.0 (x; Trident/7.0)" }),
  ),
  "a handshake whose origin has bytes beyond ASCII": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { Origin: "http://caf\u00e9" }),
  ),
  "a handshake with a cookie": {
    ...kept(200, ask(`GET ${HANDSHAKE}`)),
    options: { cookie: true },
  },
  "a handshake with CORS": {
    ...kept(200, ask(`GET ${HANDSHAKE}`, { Origin: "http://a.example" })),
    options: { cors: { origin: ["http://a.example"], credentials: true } },
  },
  "a refusal with CORS": {
    ...kept(400, ask("GET /socket.io/", { Origin: "http://a.example" })),
    options: { cors: { origin: "*" } },
  },
  "a preflight": {
    ...kept(
      204,
      ask(`OPTIONS ${HANDSHAKE}`, {
        Origin: "http://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-one,x-two",
      }),
    ),
    options: { cors: { origin: "http://a.example" } },
  },
  "a handshake that allowRequest refuses": {
    ...kept(403, ask(`GET ${HANDSHAKE}`)),
    options: { allowRequest: (_req, done) => done("no", false) },
  },
  ...Object.fromEntries(
    METHODS.map((method) => [`a handshake by ${method}`, kept(400, ask(`${method} ${HANDSHAKE}`))]),
  ),
  "a handshake by POST": kept(400, ask(`POST ${HANDSHAKE}`, {}, "40")),
  "an unknown session": kept(400, ask(`GET ${HANDSHAKE}&sid=AAAAAAAAAAAAAAAAAAAA`)),
  "a push to an unknown session": kept(400, ask(`POST ${HANDSHAKE}&sid=nobody`, {}, "40")),
  "a session named as a property of objects": kept(400, ask(`GET ${HANDSHAKE}&sid=__proto__`)),
  "a handshake with an initial packet": {
    ...kept(200, ask(`GET ${HANDSHAKE}`)),
    options: { initialPacket: "é€😀" },
  },
  "a handshake without upgrades": {
    ...kept(200, ask(`GET ${HANDSHAKE}`)),
    options: { allowUpgrades: false },
  },
  "a handshake with no limit": {
    ...kept(200, ask(`GET ${HANDSHAKE}`)),
    options: { maxHttpBufferSize: Number.POSITIVE_INFINITY },
  },
  "a handshake where no polling is": {
    ...kept(400, ask(`GET ${HANDSHAKE}`)),
    options: { transports: ["websocket"] },
  },
  "a handshake that is compressed": {
    ...one(200, last(`GET ${HANDSHAKE}`, { "Accept-Encoding": "gzip, deflate, br" })),
    options: { httpCompression: true },
    coded: true,
  },
  "a handshake with empty keys": kept(200, ask("GET /socket.io/?&&=&EIO=4&transport=polling&sid")),
  "a handshake with a second question mark": kept(
    400,
    ask("GET /socket.io/??EIO=4&transport=polling"),
  ),
  "a handshake with headers in all letters": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { HOST: "y", ACCEPT: "*/*", "x-empty": "", "X-Spaces": "  a  b  " }),
  ),
  "a handshake that closes, in other letters": one(
    200,
    ask(`GET ${HANDSHAKE}`, { connection: "Close" }),
  ),
  "a handshake that closes and does not": one(
    200,
    ask(`GET ${HANDSHAKE}`, { Connection: "keep-alive, close" }),
  ),
  "a handshake with the connection of an upgrade, but none": kept(
    200,
    ask(`GET ${HANDSHAKE}`, { Connection: "keep-alive, Upgrade" }),
  ),
  "a handshake with an empty body": kept(200, ask(`GET ${HANDSHAKE}`, { "Content-Length": "0" })),
  "a refused push that waits to be asked": {
    statuses: [100, 400, 404],
    parts: [
      ask(`POST ${HANDSHAKE}`, { Expect: "100-continue", "Content-Length": "2" }),
      `40${LAST}`,
    ],
  },
  "a refused push with much in it": kept(400, ask(`POST ${HANDSHAKE}`, {}, "x".repeat(300_000))),
};

export const SESSIONS = {
  "a poll": within(200, ask(`GET ${SESSION}`), fetchable),
  "a poll that accepts gzip, above the threshold": {
    ...one(200, last(`GET ${SESSION}`, { "Accept-Encoding": "gzip;q=0.5, deflate;q=0.1" })),
    coded: true,
    prepare: (_session, conn) => conn.write("x".repeat(2000)),
  },
  "a poll by HTTP/1.0": {
    ...one(200, ask(`GET ${SESSION}`, {}, "", "1.0")),
    prepare: fetchable,
  },
  "a poll by HTTP/1.0 that is compressed": {
    coded: true,
    ...one(200, ask(`GET ${SESSION}`, { "Accept-Encoding": "gzip" }, "", "1.0")),
    prepare: (_session, conn) => conn.write("x".repeat(2000)),
  },
  "a push, and the poll behind it": {
    statuses: [200, 200],
    prepare: () => {},
    parts: [ask(`POST ${SESSION}`, {}, "40") + last(`GET ${SESSION}`)],
  },
  "a push": within(200, ask(`POST ${SESSION}`, {}, `40${RS}42["x"]`)),
  "a push in chunks": within(
    200,
    ask(`POST ${SESSION}`, { "Transfer-Encoding": "chunked" }) + chunked("4", "0"),
  ),
  "a push in chunks with extensions and trailers": within(
    200,
    `${ask(`POST ${SESSION}`, { "Transfer-Encoding": "chunked", Trailer: "X-Sum" })}2;a=b\r\n40\r\n0\r\nX-Sum: 1\r\n\r\n`,
  ),
  "a push without a body": within(200, ask(`POST ${SESSION}`, { "Content-Length": "0" })),
  "a push without a length": within(200, ask(`POST ${SESSION}`)),
  "a push of nonsense": within(200, ask(`POST ${SESSION}`, {}, "nonsense")),
  "a push that closes": within(200, ask(`POST ${SESSION}`, {}, "1")),
  "a push of bytes that are no text": within(200, ask(`POST ${SESSION}`, {}, "4\ufffd")),
  "a push as octets": within(
    400,
    ask(`POST ${SESSION}`, { "Content-Type": "application/octet-stream" }, "40"),
  ),
  "a push of exactly the limit": {
    ...within(200, ask(`POST ${SESSION}`, {}, "4".repeat(100))),
    options: { maxHttpBufferSize: 100 },
  },
  "a push above the limit": {
    // the connection ends with it
    ...one(413, ask(`POST ${SESSION}`, {}, "4".repeat(101))),
    prepare: () => {},
    options: { maxHttpBufferSize: 100 },
  },
  "a push that waits to be asked for its body": {
    statuses: [100, 200, 404],
    prepare: () => {},
    parts: [ask(`POST ${SESSION}`, { Expect: "100-continue", "Content-Length": "2" }), `40${LAST}`],
  },
  "a push that expects something else": {
    ...one(417, last(`POST ${SESSION}`, { Expect: "wonders" }, "40")),
    prepare: () => {},
  },
  "a push whose client has sent all it will": {
    statuses: [200],
    prepare: () => {},
    parts: [ask(`POST ${SESSION}`, {}, "40"), null],
  },
  "a session by another transport": within(400, ask(`GET ${WEBSOCKET}&sid={sid}`)),
  "a session by another protocol": within(
    400,
    ask("GET /socket.io/?EIO=3&transport=polling&sid={sid}"),
  ),
  ...Object.fromEntries(
    METHODS.map((method) => [`a session by ${method}`, within(500, ask(`${method} ${SESSION}`))]),
  ),
  "a poll of several packets": within(200, ask(`GET ${SESSION}`), (_session, conn) => {
    for (const packet of ["one", "zwei", "trois"]) conn.write(packet);
  }),
  "a poll of text beyond ASCII": within(200, ask(`GET ${SESSION}`), (_session, conn) =>
    conn.write("é€😀\u2028\0"),
  ),
  "a poll of bytes": within(200, ask(`GET ${SESSION}`), (_session, conn) =>
    conn.write(Buffer.from([0, 127, 128, 255])),
  ),
  "a poll of very much": within(200, ask(`GET ${SESSION}`), (_session, conn) =>
    conn.write("0123456789abcdef".repeat(200_000)),
  ),
  "a poll that is not to be compressed": within(
    200,
    ask(`GET ${SESSION}`, { "Accept-Encoding": "gzip" }),
    (_session, conn) => conn.write("x".repeat(2000), { compress: false }),
  ),
  "a poll of an old browser": within(
    200,
    ask(`GET ${SESSION}`, { "User-Agent": "x;MSIE 9" }),
    fetchable,
  ),
  "a push of very much": within(200, ask(`POST ${SESSION}`, {}, "4".repeat(900_000))),
  "a push of a ping": within(200, ask(`POST ${SESSION}`, {}, "2")),
  "a push with CORS": {
    ...within(200, ask(`POST ${SESSION}`, { Origin: "http://a.example" }, "40")),
    options: { cors: { origin: "http://a.example" } },
  },
  "a push to a session that has been closed": within(
    400,
    ask(`POST ${SESSION}`, {}, "40"),
    (_session, conn) => conn.close(true),
  ),
};
