// Packets that wait for a transport, as an application sees them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Polling } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once } from "../support/wait.mjs";
import { take } from "./support.mjs";

test("the write buffer has the packets that wait for a poll", async (t) => {
  const { io, port } = await serve(t);
  const opening = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await opening;
  conn.send("a");
  conn.send("b");
  const text = ({ type, data }) => `${type}:${data}`;
  assert.deepEqual(conn.writeBuffer.map(text), ["message:a", "message:b"]);
  assert.deepEqual(await take(session, 2), ["4a", "4b"]);
  assert.deepEqual(conn.writeBuffer, []);
});

test("a listener that comes while a poll waits sees it answered", async (t) => {
  const { io, port } = await serve(t);
  const opening = once(io.engine, "connection");
  const session = await Polling.open(t, port);
  const [conn] = await opening;
  const { answer } = await session.hold(conn);
  const seen = [];
  for (const event of ["packetCreate", "flush", "drain"]) conn.on(event, () => seen.push(event));
  assert.equal(conn.transport.writable, true);
  conn.send("a");
  assert.deepEqual(seen, ["packetCreate", "flush", "drain"]);
  assert.deepEqual(conn.writeBuffer, []);
  assert.equal((await answer).text, "4a");
});
