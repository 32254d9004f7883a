// The bodies of requests that are under way are bounded in their sum: the largest goes first.
import assert from "node:assert/strict";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const KIB = 1024;

/** Begins a POST of that length, and sends all of it but one byte. */
async function post(t, { port, path }, length) {
  const tcp = await Tcp.open(t, port);
  tcp.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
  tcp.write(`4${"x".repeat(length - 2)}`);
  return tcp;
}

for (const form of FORMS) {
  beyond(`the largest body under way is given up when all are too large (${form})`, async (t) => {
    const native = { maxBodyBytesOfAll: 300 * KIB };
    const { io, port } = await SERVE[form](t, { native });
    const ends = new Map();
    const messages = [];
    io.engine.on("connection", (conn) => {
      conn.on("message", (data) => messages.push(data.length));
      conn.on("close", (reason, description) => ends.set(conn.id, [reason, description?.message]));
    });
    const sessions = [];
    for (let i = 0; i < 4; i++) sessions.push(await Polling.open(t, port));
    const [large, small, ...others] = sessions;
    const sizes = [200 * KIB, 60 * KIB, 60 * KIB, 60 * KIB];
    const greedy = await post(t, large, sizes[0]);
    const waiting = [await post(t, small, sizes[1])];
    assert.equal(ends.size, 0);
    for (const [i, other] of others.entries()) waiting.push(await post(t, other, sizes[2 + i]));
    await until(() => ends.size > 0, "a session ends");
    const crowded = ["transport error", "too many bytes of request bodies are waiting"];
    const id = Object.fromEntries(ends);
    assert.deepEqual(Object.values(id), [crowded]);
    assert.match(await greedy.rest(), /^HTTP\/1.1 503 /);
    assert.equal(io.engine.metrics().bounds.bodyBytes, 1);
    // The others end as ever.
    for (const tcp of waiting) {
      tcp.write("y");
      assert.match(await tcp.head(), /^HTTP\/1.1 200 /);
    }
    // A port answers before the event loop has the messages.
    await until(() => messages.length === 3, "the messages arrive");
    assert.deepEqual(messages, Array(3).fill(60 * KIB - 1));
  });
}
