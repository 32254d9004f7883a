// The events of a connection for each packet: the usual ones, and those that end it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../support/wait.mjs";
import { meet, Polling, serveEngine, Ws } from "./support.mjs";

const DIRECTION = ["close", "transport error", "invalid heartbeat direction"];
const UNDECODABLE = [
  ["packet", { type: "error", data: "parser error" }],
  ["close", "parse error", undefined],
];

/** The events for the message "end". */
const END = [
  ["packet", { type: "message", data: "end" }],
  ["data", "end"],
  ["message", "end"],
];

// protocol, what the client sends, what is shown
const SHOWN = [
  [4, "0", [["packet", { type: "open" }]]],
  [4, "0{}", [["packet", { type: "open", data: "{}" }]]],
  [4, "2", [["packet", { type: "ping" }], DIRECTION]],
  [4, "2probe", [["packet", { type: "ping", data: "probe" }], DIRECTION]],
  [4, "3", [["packet", { type: "pong" }], ["heartbeat"]]],
  [4, "3x", [["packet", { type: "pong", data: "x" }], ["heartbeat"]]],
  [
    4,
    "4x",
    [
      ["packet", { type: "message", data: "x" }],
      ["data", "x"],
      ["message", "x"],
    ],
  ],
  [
    4,
    "4",
    [
      ["packet", { type: "message" }],
      ["data", undefined],
      ["message", undefined],
    ],
  ],
  [4, "5", [["packet", { type: "upgrade" }]]],
  [4, "6", [["packet", { type: "noop" }]]],
  [4, "7", UNDECODABLE],
  [4, "x", UNDECODABLE],
  [4, "", UNDECODABLE],
  [3, "2x", [["packet", { type: "ping", data: "x" }], ["packetCreate", "pong"], ["heartbeat"]]],
  [3, "3", [["packet", { type: "pong" }], DIRECTION]],
  [3, "6", [["packet", { type: "noop" }]]],
];

/** The events of a connection, in order. */
function watch(conn) {
  const seen = [];
  for (const event of ["packet", "data", "message"]) {
    conn.on(event, (value) => seen.push([event, value]));
  }
  conn.on("heartbeat", () => seen.push(["heartbeat"]));
  conn.on("packetCreate", ({ type }) => seen.push(["packetCreate", type]));
  conn.on("close", (reason, error) => seen.push(["close", reason, error?.message]));
  return seen;
}

for (const [protocol, packet, shown] of SHOWN) {
  const title = `"${packet}" of protocol ${protocol} is shown`;

  test(`${title}, WebSocket`, async (t) => {
    const { eio, port } = await serveEngine(t, { allowEIO3: true });
    const { client, conn } = await meet(t, eio, port, Ws, { eio: protocol });
    const seen = watch(conn);
    await client.send(packet, "4end");
    const closes = shown.at(-1)[0] === "close";
    await until(() => seen.at(-1)?.[closes ? 0 : 1] === (closes ? "close" : "end"));
    assert.deepEqual(seen, closes ? shown : [...shown, ...END]);
  });

  if (protocol === 3) continue;
  test(`${title}, polling`, async (t) => {
    const { eio, port } = await serveEngine(t);
    const { client, conn } = await meet(t, eio, port, Polling);
    const seen = watch(conn);
    assert.equal((await client.post(packet)).status, 200);
    assert.deepEqual(seen, shown);
  });
}
