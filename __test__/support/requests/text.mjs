// The texts of raw requests, and cases made of them: `{ statuses, parts, options, prepare, coded }`.
// `parts` are sent one after another, `statuses` are those of the answers, in order; `prepare` does
// something to an open session first; the body of a `coded` answer is compared decoded.
import { frame } from "../tcp.mjs";

/** A handshake over polling. */
export const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";
/** The URL of the session that is opened before. */
export const SESSION = `${HANDSHAKE}&sid={sid}`;
/** A handshake over WebSocket. */
export const WEBSOCKET = "/socket.io/?EIO=4&transport=websocket";
/** A client file. */
export const FILE = "/socket.io/socket.io.min.js";
/** Somebody else's URL. */
export const ELSEWHERE = "/elsewhere";

/** The text of a request; `null` in `headers` leaves a header out. */
export function ask(line, headers = {}, body = "", version = "1.1") {
  const length = body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const lines = Object.entries({ Host: "x", ...length, ...headers })
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `${line} HTTP/${version}\r\n${lines.join("")}\r\n${body}`;
}

/** The same, as the last of its connection. */
export const last = (line, headers, body, version) =>
  ask(line, { Connection: "close", ...headers }, body, version);
/** The last request of a connection, for somebody else. */
export const LAST = last(`GET ${ELSEWHERE}`);

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

/** A close frame of the client. */
export const CLOSE = frame(8, Buffer.from([3, 232]));
/** A body in chunks. */
export const chunked = (...pieces) =>
  [...pieces, ""].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");

/** One request on a connection of its own. */
export const one = (status, text) => ({ statuses: [status].flat(), parts: [text] });
/** One request, and another for somebody else on the same connection. */
export const kept = (status, text) => ({ statuses: [status, 404], parts: [text + LAST] });
/** A session with something to fetch. */
export const fetchable = (session, conn) => {
  session.queue.length = 0;
  conn.write("hello");
};
/** One request of an open session. */
export const within = (status, text, prepare = () => {}) => ({ ...kept(status, text), prepare });

/** Methods that no handshake is made with. */
export const METHODS = ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND"];
