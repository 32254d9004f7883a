// Raw requests of every kind, as data.
import { BROKEN } from "./broken.mjs";
import { FILES, OTHERS } from "./files.mjs";
import { PIPELINES } from "./pipelines.mjs";
import { HANDSHAKES, SESSIONS } from "./polling.mjs";
import { ask, CLOSE, chunked, ELSEWHERE, HANDSHAKE, LAST, last, upgrade } from "./text.mjs";
import { UPGRADES } from "./upgrades.mjs";

/** The cases by their titles. */
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
