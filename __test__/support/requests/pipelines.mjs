// Several requests on one connection.
import { ask, CLOSE, ELSEWHERE, FILE, HANDSHAKE, kept, LAST, last, one, upgrade } from "./text.mjs";

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
