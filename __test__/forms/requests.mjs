// Raw requests of every kind, as data: what is sent, in parts, and the status codes that come back.
import { RS } from "../support/raw.mjs";
import { frame } from "../support/tcp.mjs";

/** A handshake over polling. */
export const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";
/** The URL of the session that is opened before. */
export const SESSION = `${HANDSHAKE}&sid={sid}`;
const WEBSOCKET = "/socket.io/?EIO=4&transport=websocket";
const FILE = "/socket.io/socket.io.min.js";
const ELSEWHERE = "/elsewhere";

/** The text of a request; `null` in `headers` leaves a header out. */
export function ask(line, headers = {}, body = "", version = "1.1") {
  const length = body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const lines = Object.entries({ Host: "x", ...length, ...headers })
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `${line} HTTP/${version}\r\n${lines.join("")}\r\n${body}`;
}

/** The same, as the last of its connection. */
const last = (line, headers, body, version) =>
  ask(line, { Connection: "close", ...headers }, body, version);
const LAST = last(`GET ${ELSEWHERE}`);

/** The text of a WebSocket handshake; the headers given are added or, if null, left out. */
export function upgrade(headers = {}, { url = WEBSOCKET, method = "GET", ...rest } = {}) {
  const own = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  return ask(`${method} ${url}`, { ...own, ...headers }, rest.body, rest.version);
}

const CLOSE = frame(8, Buffer.from([3, 232]));
const chunked = (...pieces) =>
  [...pieces, ""].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");

/** One request on a connection of its own. */
const one = (status, text) => ({ statuses: [status].flat(), parts: [text] });
/** One request, and another for somebody else on the same connection. */
const kept = (status, text) => ({ statuses: [status, 404], parts: [text + LAST] });
/** A session with something to fetch. */
const fetchable = (session, conn) => {
  session.queue.length = 0;
  conn.write("hello");
};
/** One request of an open session. */
const within = (status, text, prepare = () => {}) => ({ ...kept(status, text), prepare });

const METHODS = ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND"];

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
};

export const SESSIONS = {
  "a poll": within(200, ask(`GET ${SESSION}`), fetchable),
  "a poll that accepts gzip, above the threshold": {
    ...within(200, ask(`GET ${SESSION}`, { "Accept-Encoding": "gzip;q=0.5, deflate;q=0.1" })),
    prepare: (_session, conn) => conn.write("x".repeat(2000)),
  },
  "a poll by HTTP/1.0": {
    ...one(200, ask(`GET ${SESSION}`, {}, "", "1.0")),
    prepare: fetchable,
  },
  "a poll by HTTP/1.0 that is compressed": {
    ...one(200, ask(`GET ${SESSION}`, { "Accept-Encoding": "gzip" }, "", "1.0")),
    prepare: (_session, conn) => conn.write("x".repeat(2000)),
  },
  "a poll that is answered by the push behind it": {
    statuses: [200, 200],
    prepare: () => {},
    parts: [ask(`GET ${SESSION}`) + last(`POST ${SESSION}`, {}, "40")],
  },
  "a push, and the poll behind it": {
    statuses: [200, 200],
    prepare: () => {},
    parts: [ask(`POST ${SESSION}`, {}, "40") + last(`GET ${SESSION}`)],
  },
  "two polls at once": {
    statuses: [200, 400],
    prepare: () => {},
    parts: [ask(`GET ${SESSION}`) + last(`GET ${SESSION}`)],
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
    ...within(413, ask(`POST ${SESSION}`, {}, "4".repeat(101))),
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
};

export const FILES = {
  "a client file": { ...one(200, last(`GET ${FILE}`)), file: true },
  "a client file by HTTP/1.0": { ...one(200, ask(`GET ${FILE}`, {}, "", "1.0")), file: true },
  "a client file with a query": { ...one(200, last(`GET ${FILE}?v=1`)), file: true },
  "a map of a client file": { ...one(200, last(`GET ${FILE}.map`)), file: true },
  "a client file by POST": { ...one(200, last(`POST ${FILE}`, {}, "x")), file: true },
  "the head of a client file": one(200, last(`HEAD ${FILE}`)),
  "the head of a client file on a connection that is kept": kept(200, ask(`HEAD ${FILE}`)),
  "a client file that is known": kept(304, ask(`GET ${FILE}`, { "If-None-Match": '"4.8.4"' })),
  "a client file that is known weakly": kept(
    304,
    ask(`GET ${FILE}`, { "If-None-Match": 'W/"4.8.4"' }),
  ),
  "a client file known in another version": {
    ...one(200, last(`GET ${FILE}`, { "If-None-Match": '"4.8.3"' })),
    file: true,
  },
  "a client file that does not exist": kept(400, ask("GET /socket.io/socket.io.mjs")),
  "a client file when none are served": {
    ...kept(400, ask(`GET ${FILE}`)),
    options: { serveClient: false },
  },
  "a client file with CORS": {
    ...one(200, last(`GET ${FILE}`, { Origin: "http://a.example" })),
    options: { cors: { origin: "http://a.example" } },
    file: true,
  },
  ...Object.fromEntries(
    ["gzip", "deflate", "br", "gzip;q=0.1, br;q=0.9", "*", "identity", "x"].map((accepted) => [
      `a client file for who accepts ${accepted}`,
      { ...one(200, last(`GET ${FILE}`, { "Accept-Encoding": accepted })), file: true },
    ]),
  ),
};

export const OTHERS = {
  "somebody else's path": one(404, LAST),
  "somebody else's path on a connection that is kept": kept(404, ask(`GET ${ELSEWHERE}`)),
  "somebody else's path by HTTP/1.0": one(404, ask(`GET ${ELSEWHERE}`, {}, "", "1.0")),
  "somebody else's path by HEAD": kept(404, ask(`HEAD ${ELSEWHERE}`)),
  "somebody else's path by POST": kept(404, ask(`POST ${ELSEWHERE}`, {}, "a body")),
  "the path without its slash": kept(404, ask("GET /socket.io?EIO=4&transport=polling")),
  "the path in another case": kept(404, ask("GET /Socket.IO/?EIO=4&transport=polling")),
  "the path in code": kept(404, ask("GET /%73ocket.io/?EIO=4&transport=polling")),
  "the path behind two slashes": kept(404, ask("GET //socket.io/?EIO=4&transport=polling")),
  "the path behind dots": kept(404, ask("GET /x/../socket.io/?EIO=4&transport=polling")),
  "the path in absolute form": kept(404, ask(`GET http://x${HANDSHAKE}`)),
  "a request for the server itself": kept(404, ask("OPTIONS *")),
  "a request for a tunnel": one([], ask("CONNECT a.example:443")),
  "another path of one's own": {
    ...kept(404, ask(`GET ${HANDSHAKE}`)),
    options: { path: "/x" },
  },
  "no trailing slash": {
    ...kept(200, ask("GET /socket.iox?EIO=4&transport=polling")),
    options: { addTrailingSlash: false },
  },
  "the path of everything": {
    statuses: [200, 400],
    parts: [ask("GET /?EIO=4&transport=polling") + LAST],
    options: { path: "/" },
  },
};

export const PIPELINES = {
  "two handshakes": {
    statuses: [200, 200],
    parts: [ask(`GET ${HANDSHAKE}`) + last(`GET ${HANDSHAKE}`)],
  },
  "ours between others": {
    statuses: [404, 200, 404],
    parts: [ask(`GET ${ELSEWHERE}`) + ask(`GET ${HANDSHAKE}`) + LAST],
  },
  "ours between others, each when the one before is answered": {
    statuses: [404, 200, 404, 400, 404],
    parts: [
      ask(`GET ${ELSEWHERE}`),
      ask(`GET ${HANDSHAKE}`),
      ask(`POST ${ELSEWHERE}`, {}, "a body"),
      ask("GET /socket.io/"),
      LAST,
    ],
  },
  "others between ours": {
    statuses: [200, 404, 200],
    parts: [ask(`GET ${HANDSHAKE}`) + ask(`GET ${ELSEWHERE}`) + last(`GET ${HANDSHAKE}`)],
  },
  "ours after a body for others": {
    statuses: [404, 200],
    parts: [ask(`POST ${ELSEWHERE}`, {}, HANDSHAKE) + last(`GET ${HANDSHAKE}`)],
  },
  "others after a refusal": kept(400, ask("GET /socket.io/")),
  "more after the last": {
    statuses: [400],
    parts: [last(`GET ${HANDSHAKE}`) + ask(`GET ${HANDSHAKE}`)],
  },
  "a file between handshakes": {
    statuses: [200, 304, 200],
    parts: [
      ask(`GET ${HANDSHAKE}`) +
        ask(`GET ${FILE}`, { "If-None-Match": '"4.8.4"' }) +
        last(`GET ${HANDSHAKE}`),
    ],
  },
  "empty lines before a request": one(200, `\r\n\r\n${last(`GET ${HANDSHAKE}`)}`),
  "empty lines between requests": {
    statuses: [200, 404],
    parts: [`${ask(`GET ${HANDSHAKE}`)}\r\n\r\n${LAST}`],
  },
  "a client that has sent all it will": {
    statuses: [200],
    parts: [ask(`GET ${HANDSHAKE}`), null],
  },
  "a WebSocket after a handshake": {
    statuses: [200, 101],
    parts: [ask(`GET ${HANDSHAKE}`), upgrade(), CLOSE],
  },
  "a WebSocket after somebody else's request": {
    statuses: [404, 101],
    parts: [ask(`GET ${ELSEWHERE}`), upgrade(), CLOSE],
  },
};

const bad = (text) => one(400, text);
export const BROKEN = {
  "no HTTP at all": bad("hello\r\n\r\n"),
  "a TLS greeting": bad(Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 3])),
  "a greeting of HTTP/2": bad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  "an unknown method": bad(ask(`FETCH ${HANDSHAKE}`)),
  "a method in lower case": bad(ask(`get ${HANDSHAKE}`)),
  "an unknown version": bad(ask(`GET ${HANDSHAKE}`, {}, "", "1.9")),
  "no version": one(200, `GET ${HANDSHAKE}\r\n\r\n`),
  "no URL": bad("GET  HTTP/1.1\r\nHost: x\r\n\r\n"),
  "a space in the URL": bad(ask("GET /socket.io/ ?EIO=4&transport=polling")),
  "bytes beyond ASCII in the URL": bad(Buffer.from(last(`GET ${HANDSHAKE}&t=\u00e9`), "latin1")),
  "no host": bad(ask(`GET ${HANDSHAKE}`, { Host: null })),
  "two hosts": one(200, ask(`GET ${HANDSHAKE}`, { Host: ["a", "b"], Connection: "close" })),
  "a header without a colon": bad(`GET ${HANDSHAKE} HTTP/1.1\r\nHost: x\r\nheader\r\n\r\n`),
  "a header with a space in its name": bad(ask(`GET ${HANDSHAKE}`, { "a b": "1" })),
  "a space before a colon": bad(`GET ${HANDSHAKE} HTTP/1.1\r\nHost : x\r\n\r\n`),
  "a header without a name": bad(`GET ${HANDSHAKE} HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n`),
  "a NUL in a header": bad(ask(`GET ${HANDSHAKE}`, { "X-Header": "a\0b" })),
  "a lone carriage return in a header": bad(ask(`GET ${HANDSHAKE}`, { "X-Header": "a\rb" })),
  "lines that end without a carriage return": bad(
    `GET ${HANDSHAKE} HTTP/1.1\nHost: x\nConnection: close\n\n`,
  ),
  "a folded header": bad(
    `GET ${HANDSHAKE} HTTP/1.1\r\nHost: x\r\nX-Header: a\r\n b\r\nConnection: close\r\n\r\n`,
  ),
  "a folded header first": bad(`GET ${HANDSHAKE} HTTP/1.1\r\n Host: x\r\n\r\n`),
  "too many bytes of headers": one(
    431,
    ask(`GET ${HANDSHAKE}`, { "X-Header": "x".repeat(17_000) }),
  ),
  "too long a URL": one(431, ask(`GET ${HANDSHAKE}&t=${"x".repeat(17_000)}`)),
  "a length that is no number": bad(ask(`POST ${HANDSHAKE}`, { "Content-Length": "2x" }, "40")),
  "a negative length": bad(ask(`POST ${HANDSHAKE}`, { "Content-Length": "-2" }, "40")),
  "two lengths": bad(ask(`POST ${HANDSHAKE}`, { "Content-Length": ["2", "3"] }, "40")),
  "a length and chunks": bad(
    ask(`POST ${HANDSHAKE}`, { "Content-Length": "5", "Transfer-Encoding": "chunked" }) +
      chunked("40"),
  ),
  "an unknown transfer coding": bad(ask(`POST ${HANDSHAKE}`, { "Transfer-Encoding": "x" })),
  "a chunk without a length": {
    statuses: [400, 400],
    parts: [ask(`POST ${HANDSHAKE}`, { "Transfer-Encoding": "chunked" }), "x\r\n40\r\n"],
  },
  "nonsense after a request": {
    statuses: [200, 400],
    parts: [ask(`GET ${HANDSHAKE}`), "nonsense\r\n\r\n"],
  },
  "nonsense after somebody else's request": {
    statuses: [404, 400],
    parts: [ask(`GET ${ELSEWHERE}`), "nonsense\r\n\r\n"],
  },
  "nothing but an end": { statuses: [], parts: [null] },
  "half a request and an end": {
    statuses: [400],
    parts: [`GET ${HANDSHAKE} HTTP/1.1\r\nHo`, null],
  },
};

const refused = (text) => one(400, text);
export const UPGRADES = {
  "a WebSocket": { statuses: [101], parts: [upgrade(), CLOSE] },
  "a WebSocket with its first frames": {
    statuses: [101],
    parts: [Buffer.concat([Buffer.from(upgrade()), frame(1, "4x"), CLOSE])],
  },
  "a WebSocket of version 8": {
    statuses: [101],
    parts: [upgrade({ "Sec-WebSocket-Version": "8" }), CLOSE],
  },
  "a WebSocket in other letters": {
    statuses: [101],
    parts: [upgrade({ Connection: "keep-alive, uPGRADE", Upgrade: "WebSocket" }), CLOSE],
  },
  "a WebSocket with protocols": {
    statuses: [101],
    parts: [upgrade({ "Sec-WebSocket-Protocol": "b, a" }), CLOSE],
  },
  "a WebSocket that offers an extension": {
    statuses: [101],
    parts: [upgrade({ "Sec-WebSocket-Extensions": "permessage-deflate" }), CLOSE],
  },
  "a WebSocket with CORS": {
    statuses: [101],
    parts: [upgrade({ Origin: "http://a.example" }), CLOSE],
    options: { cors: { origin: "http://a.example" } },
  },
  "a WebSocket of a session": {
    statuses: [101],
    prepare: () => {},
    parts: [upgrade({}, { url: `${WEBSOCKET}&sid={sid}` }), frame(1, "2probe"), CLOSE],
  },
  "a WebSocket of an unknown session": refused(upgrade({}, { url: `${WEBSOCKET}&sid=x` })),
  "a WebSocket of another transport": refused(
    upgrade({}, { url: "/socket.io/?EIO=4&transport=x" }),
  ),
  "a WebSocket by POST": refused(upgrade({}, { method: "POST", body: "x" })),
  "a WebSocket of HTTP/1.0": { statuses: [101], parts: [upgrade({}, { version: "1.0" }), CLOSE] },
  "a WebSocket without a key": refused(upgrade({ "Sec-WebSocket-Key": null })),
  "a WebSocket with a short key": refused(upgrade({ "Sec-WebSocket-Key": "abc=" })),
  "a WebSocket without a version": refused(upgrade({ "Sec-WebSocket-Version": null })),
  "a WebSocket of version 12": refused(upgrade({ "Sec-WebSocket-Version": "12" })),
  "a WebSocket with an empty protocol": refused(upgrade({ "Sec-WebSocket-Protocol": "a,,b" })),
  "an upgrade to something else": refused(upgrade({ Upgrade: "h2c" })),
  "an upgrade without its name": refused(upgrade({ Upgrade: null, Connection: "Upgrade, close" })),
  "an upgrade that nothing connects": one(400, upgrade({ Connection: "close" })),
  "an upgrade that allowRequest refuses": {
    ...refused(upgrade()),
    options: { allowRequest: (_req, done) => done("no way", false) },
  },
  "an upgrade on somebody else's path": {
    ...one([], upgrade({}, { url: ELSEWHERE })),
    options: { destroyUpgradeTimeout: 50 },
  },
  "an upgrade where no WebSocket is": {
    ...one(400, upgrade({ Connection: "close, Upgrade" })),
    options: { transports: ["polling"] },
  },
};

export const CASES = {
  ...HANDSHAKES,
  ...SESSIONS,
  ...FILES,
  ...OTHERS,
  ...PIPELINES,
  ...BROKEN,
  ...UPGRADES,
};

/** Requests that are sent in two parts, cut at every place. */
export const CUT = {
  "a handshake": { statuses: [200], text: last(`GET ${HANDSHAKE}`) },
  "a refused push": { statuses: [400], text: last(`POST ${HANDSHAKE}`, {}, "40") },
  "a push in chunks": {
    statuses: [400],
    text: last(`POST ${HANDSHAKE}`, { "Transfer-Encoding": "chunked" }) + chunked("4", "0"),
  },
  "ours before others": { statuses: [200, 404], text: ask(`GET ${HANDSHAKE}`) + LAST },
  "others before ours": {
    statuses: [404, 200],
    text: ask(`GET ${ELSEWHERE}`) + last(`GET ${HANDSHAKE}`),
  },
  "a WebSocket": { statuses: [101], text: upgrade(), after: CLOSE },
  "a refused WebSocket": { statuses: [400], text: upgrade({ "Sec-WebSocket-Key": null }) },
  nonsense: { statuses: [400], text: "nonsense\r\n\r\n" },
};
