// The attacks that the robust suites hold off, by name: published advisories, fixes without one,
// limits, hostile inputs, and weak spots of upstream. `row()` of support/rows.mjs makes the tests.
//
//   node __test__/robust/rows.mjs     prints the list as a table in Markdown
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

/** The ways in for WebSockets: on a port, on an http.Server, and on an https.Server. */
const WEBSOCKETS = ["listener", "adopted", "pumped"];
/** The ways in for requests: on a port, on an http.Server, and on a port that Node serves. */
const REQUESTS = ["listener", "Node's requests", "Node's requests of a port"];
/** All of them; an attached server is one of adopted WebSockets and of requests to Node. */
const BOTH = ["listener", "adopted, Node's requests", "pumped", "Node's requests of a port"];
const WEBTRANSPORT = ["WebTransport"];
const API = ["API"];

const ADVISORIES = {
  "CVE-2017-16031": [BOTH, "session ids are unpredictable"],
  "CVE-2020-28481": [BOTH, "no CORS headers unless configured"],
  "CVE-2024-38355": [BOTH, 'an event named "error" without listener'],
  "CVE-2020-36048": [REQUESTS, "a body over the limit is refused while it streams"],
  "CVE-2022-21676": [WEBSOCKETS, "an invalid frame in the segment of the handshake"],
  "CVE-2022-41940": [WEBSOCKETS, "reset of a refused upgrade"],
  "CVE-2023-31125": [WEBSOCKETS, "an upgrade with the name of a prototype's property"],
  "CVE-2026-59725": [REQUESTS, "POST with application/octet-stream"],
  "GHSA-gr94-w7qr-f4j3": [WEBTRANSPORT, "a session that opens with a crafted sid"],
  "CVE-2020-36049": [BOTH, "a packet that is one huge header"],
  "CVE-2022-2421": [BOTH, "a placeholder that names a method"],
  "CVE-2023-32695": [BOTH, "an event name that is an object"],
  "CVE-2026-33151": [BOTH, "a packet that announces countless attachments"],
  "CVE-2026-69185": [BOTH, "a packet that announces no attachment"],
  "CVE-2016-10518": [WEBSOCKETS, "a pong carries the bytes of its ping, no others"],
  "CVE-2016-10542": [WEBSOCKETS, "an announced length is refused before its data"],
  "GHSA-5v72-xg48-5rpm": [WEBSOCKETS, "extensions with the names of prototype properties"],
  "CVE-2021-32640": [WEBSOCKETS, "a subprotocol header full of spaces"],
  "CVE-2024-37890": [WEBSOCKETS, "more headers than the server keeps"],
  "CVE-2026-45736": [WEBSOCKETS, "a close reason of the application's that is no text"],
  "CVE-2026-48779": [WEBSOCKETS, "endless tiny fragments"],
  "CVE-2024-47764": [REQUESTS, "a cookie that cannot be written"],
};

const FIXES = {
  "upgrade to another protocol": [WEBSOCKETS, "EIO=3 for a session of EIO=4, and a ping"],
  "foreign upgrade": [WEBSOCKETS, "a reset while an upgrade on another path waits"],
  "engine middleware": [BOTH, "one that throws, rejects or refuses is code 3 without its words"],
  "compressed poll": [REQUESTS, "an answer that is aborted while it is compressed"],
  "close with packets": [BOTH, "the server closes while packets wait"],
  "WebTransport handshake": [WEBTRANSPORT, "one that is invalid or never ends is closed"],
  "WebTransport and middlewares": [WEBTRANSPORT, "a session is refused where there are any"],
  "stateful pattern": [API, "a namespace of a regular expression with g or y is refused"],
  "refused child": [BOTH, "a refused client leaves no child namespace behind"],
};

const LIMITS = {
  "limit of attachments": [BOTH, "the eleventh attachment of a packet is refused"],
  "limit of held attachments": [BOTH, "attachments of half a packet go with their client"],
  "limit of a message": [BOTH, "a message of maxHttpBufferSize is served, a longer one is not"],
  "limit of packets in a POST": [REQUESTS, "100,000 events in one body all arrive"],
  "limit of namespaces": [BOTH, "one connection joins 500, and they go with it"],
  "limit of sockets before CONNECT": [BOTH, "those that wait for a middleware go"],
  "limit of handshakes": [REQUESTS, "sessions that are not polled run out"],
  "limit of a slow reader": [WEBSOCKETS, "a client that takes nothing is given up"],
  "limit of an idle poller": [REQUESTS, "a client that does not poll is given up"],
  "limit of pings": [WEBSOCKETS, "pings are answered in order, and by nobody who does not read"],
  "limit of empty packets": [BOTH, "unasked pongs, upgrades and noops are ignored"],
  "limit of headers": [BOTH, "17 KB of them are answered with 431"],
  "limit of slow requests": [REQUESTS, "requests that never end do not stand in the way"],
  "limit of nesting": [BOTH, "deep values are delivered or refused, never fatal"],
  "limit of guessing": [BOTH, "an id that is nearly right is unknown"],
};

const INPUTS = {
  "event names of prototypes": [BOTH, "are events like others"],
  "event names of numbers": [BOTH, "are accepted"],
  "event names of other types": [BOTH, "close the session"],
  "reserved event names": [BOTH, "close the session"],
  "event names of the library": [BOTH, "are events like others"],
  "__proto__ in values": [BOTH, "stays an own key of arguments and auth"],
  "__proto__ in the query": [BOTH, "stays an own key, the last value wins"],
  "__proto__ in a namespace of EIO=3": [BOTH, "is a key of an object without prototype"],
  "prototypes as sid or transport": [BOTH, "are unknown"],
  "transport given twice": [REQUESTS, "the last one counts"],
  "namespaces of prototypes": [BOTH, "are invalid"],
  "rooms of prototypes": [BOTH, "are rooms like others"],
  "attachments out of place": [BOTH, "close the session"],
  "attachment counts": [BOTH, "that are none, or too many, close the session"],
  "forged acknowledgements": [BOTH, "are ignored"],
  "second CONNECT": [BOTH, "closes the session"],
  "two CONNECTs at once": [BOTH, "give one socket at most"],
  "CONNECT with an event behind it": [BOTH, "joins, and hears the event then"],
  "packets before CONNECT": [BOTH, "close the session"],
  "nesting in an event": [BOTH, "400,000 arrays are no end of the process"],
  "nesting beside an attachment": [BOTH, "20,000 arrays are no end of the process"],
  "invalid UTF-8": [BOTH, "closes with 1007, or becomes U+FFFD in a POST"],
  "malformed payload": [REQUESTS, "is answered, and closes its session only"],
  "upgrade and reset": [WEBSOCKETS, "on its own path and on another one"],
  "2001 headers": [WEBSOCKETS, "are refused"],
  "zip bomb": [WEBSOCKETS, "closes with 1009"],
  "path traversal": [REQUESTS, "only client files are served"],
  "script as JSONP callback": [REQUESTS, "only digits of it are written"],
  "line breaks in headers": [REQUESTS, "of a request are refused"],
  "line breaks of the application": [BOTH, "are not written into an answer"],
};

const WEAK_SPOTS = {
  "echo of a nested value": [BOTH, "never ends the process"],
  "reset while the application thinks": [WEBSOCKETS, "costs nobody anything"],
  "recovery twice": [BOTH, "gives the session to the first client"],
  "next() twice": [BOTH, "connects once"],
  "namespace middleware that throws": [BOTH, "is an error of the process, as upstream"],
  "errors after the 101": [WEBSOCKETS, "protocol 3 is refused before it"],
  "frames behind a handshake": [WEBSOCKETS, "are kept"],
  "upgrade of a WebSocket session": [WEBSOCKETS, "leaves the session where it is, or moves it"],
  "emit after a disconnect": [BOTH, "does not end the connection"],
  "event names of another parser": [BOTH, "are checked again"],
  "repeated id": [BOTH, "never takes over a session"],
  "allowRequest after the handshake": [BOTH, "is not asked again"],
};

/** Rows that promise more than upstream keeps. */
const BEYOND = new Set([
  "CVE-2024-47764",
  "limit of sockets before CONNECT",
  "limit of a slow reader",
  "limit of an idle poller",
  "two CONNECTs at once",
  "line breaks of the application",
  "echo of a nested value",
  "reset while the application thinks",
  "recovery twice",
  "next() twice",
  "errors after the 101",
  "frames behind a handshake",
  "event names of another parser",
  "repeated id",
]);

/** Every row by name: `{ chapter, ways, says, beyond }`. */
export const ROWS = Object.fromEntries(
  Object.entries({
    Advisories: ADVISORIES,
    "Fixes without an advisory": FIXES,
    Limits: LIMITS,
    "Hostile inputs": INPUTS,
    "Weak spots of upstream": WEAK_SPOTS,
  }).flatMap(([chapter, rows]) =>
    Object.entries(rows).map(([name, [ways, says]]) => [
      name,
      { chapter, ways, says, beyond: BEYOND.has(name) },
    ]),
  ),
);

function print() {
  console.log("| Chapter | Row | Promise | Ways in | Upstream |\n|---|---|---|---|---|");
  for (const [name, { chapter, ways, says, beyond }] of Object.entries(ROWS)) {
    const cells = [chapter, name, says, ways.join("; "), beyond ? "weaker" : "the same"];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) print();
