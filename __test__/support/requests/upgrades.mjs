// WebSocket handshakes, good and bad.
import { frame } from "../tcp.mjs";
import { CLOSE, ELSEWHERE, HANDSHAKE, one, upgrade, WEBSOCKET } from "./text.mjs";

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
  "a polling client that offers HTTP/2": refused(
    upgrade({ Upgrade: "h2c", "HTTP2-Settings": "AAMAAABk" }, { url: HANDSHAKE }),
  ),
  "a WebSocket of protocol 3 for a session": {
    ...refused(upgrade({}, { url: "/socket.io/?EIO=3&transport=websocket&sid={sid}" })),
    prepare: () => {},
  },
  "a WebSocket by HEAD": refused(upgrade({}, { method: "HEAD" })),
  "a WebSocket with a body": refused(upgrade({ "Content-Length": "1" }, { method: "PUT" })),
  "a WebSocket with a key twice": refused(
    upgrade({ "Sec-WebSocket-Key": Array(2).fill("dGhlIHNhbXBsZSBub25jZQ==") }),
  ),
  "a WebSocket with its version twice": refused(upgrade({ "Sec-WebSocket-Version": ["13", "13"] })),
  "a WebSocket among other upgrades": refused(upgrade({ Upgrade: "websocket, h2c" })),
  "a WebSocket whose key has spaces around it": {
    statuses: [101],
    parts: [upgrade({ "Sec-WebSocket-Key": "  dGhlIHNhbXBsZSBub25jZQ==  " }), CLOSE],
  },
  "a WebSocket with a cookie for polling": {
    statuses: [101],
    parts: [upgrade(), CLOSE],
    options: { cookie: true },
  },
  "a WebSocket with an initial packet": {
    statuses: [101],
    parts: [upgrade(), CLOSE],
    options: { initialPacket: "hello" },
  },
};
