// Bytes that are no request, or hardly one.
import { ask, chunked, ELSEWHERE, HANDSHAKE, last, one } from "./text.mjs";

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
