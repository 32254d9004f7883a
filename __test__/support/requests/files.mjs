// Client files, and requests that are somebody else's.
import { ask, ELSEWHERE, FILE, HANDSHAKE, kept, LAST, last, one } from "./text.mjs";

export const FILES = {
  "a client file": { ...one(200, last(`GET ${FILE}`)), coded: true },
  "a client file by HTTP/1.0": { ...one(200, ask(`GET ${FILE}`, {}, "", "1.0")), coded: true },
  "a client file with a query": { ...one(200, last(`GET ${FILE}?v=1`)), coded: true },
  "a map of a client file": { ...one(200, last(`GET ${FILE}.map`)), coded: true },
  "a client file by POST": { ...one(200, last(`POST ${FILE}`, {}, "x")), coded: true },
  "the head of a client file": one(200, last(`HEAD ${FILE}`)),
  "the head of a client file on a connection that is kept": kept(200, ask(`HEAD ${FILE}`)),
  "a client file that is known": kept(304, ask(`GET ${FILE}`, { "If-None-Match": '"4.8.4"' })),
  "a client file that is known weakly": kept(
    304,
    ask(`GET ${FILE}`, { "If-None-Match": 'W/"4.8.4"' }),
  ),
  "a client file known in another version": {
    ...one(200, last(`GET ${FILE}`, { "If-None-Match": '"4.8.3"' })),
    coded: true,
  },
  "a client file that does not exist": kept(400, ask("GET /socket.io/socket.io.mjs")),
  "a client file when none are served": {
    ...kept(400, ask(`GET ${FILE}`)),
    options: { serveClient: false },
  },
  "a client file with CORS": {
    ...one(200, last(`GET ${FILE}`, { Origin: "http://a.example" })),
    options: { cors: { origin: "http://a.example" } },
    coded: true,
  },
  ...Object.fromEntries(
    ["gzip", "deflate", "br", "gzip;q=0.1, br;q=0.9", "*", "identity", "x"].map((accepted) => [
      `a client file for who accepts ${accepted}`,
      { ...one(200, last(`GET ${FILE}`, { "Accept-Encoding": accepted })), coded: true },
    ]),
  ),
  "a part of a client file": {
    ...one(200, last(`GET ${FILE}`, { Range: "bytes=0-9", "If-Modified-Since": "now" })),
    coded: true,
  },
  "the head of a client file for who accepts gzip": one(
    200,
    last(`HEAD ${FILE}`, { "Accept-Encoding": "gzip" }),
  ),
  "a client file by OPTIONS with CORS": {
    ...kept(204, ask(`OPTIONS ${FILE}`, { Origin: "http://a.example" })),
    options: { cors: { origin: "http://a.example" } },
  },
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
  "somebody else's path that waits to be asked": {
    statuses: [100, 404, 404],
    parts: [
      ask(`POST ${ELSEWHERE}`, { Expect: "100-continue", "Content-Length": "2" }),
      `xx${LAST}`,
    ],
  },
  "much for somebody else's path": kept(404, ask(`POST ${ELSEWHERE}`, {}, "x".repeat(300_000))),
};
