// OpenTelemetry's instrumentation: it finds the package's files by name, and its version in range.
import assert from "node:assert/strict";
import { test } from "node:test";
import { application } from "../support/alias.mjs";
import { client, connected } from "../support/clients.mjs";
import { once } from "../support/wait.mjs";

/** The span of an event of the main namespace that was received. */
const received = (event, more) => ({
  name: "receive /",
  kind: 4,
  attributes: {
    "messaging.system": "socket.io",
    "messaging.destination": "/",
    "messaging.operation": "receive",
    "messaging.socket.io.event_name": event,
    ...more,
  },
});

/** The span of an event that was sent. */
const sent = (event, nsp, { rooms, said }) => ({
  name: `send ${nsp}`,
  kind: 3,
  attributes: {
    "messaging.system": "socket.io",
    "messaging.destination_kind": "topic",
    "messaging.socket.io.event_name": event,
    ...(rooms && { "messaging.socket.io.rooms": rooms }),
    "messaging.socket.io.namespace": nsp,
    "messaging.destination": nsp,
    said: JSON.stringify(said),
  },
});

for (const form of ["port", "attached"]) {
  test(`spans of what is said and heard [${form}]`, async (t) => {
    const child = await application(t, "telemetry.cjs", [form]);
    const { port } = await child.message("listening");
    const one = await connected(client(t, port));
    const chat = await connected(client(t, port, { nsp: "/chat" }));
    assert.equal(await one.emitWithAck("hello", "ü"), "hi");
    await one.emitWithAck("unseen");
    one.emit("fails");
    assert.equal((await child.message("failed")).message, "no");
    const heard = [once(one, "to room"), once(chat, "to chat")];
    child.send("broadcast");
    assert.deepEqual(await Promise.all(heard), [[Buffer.from("bytes")], []]);
    child.send("spans");
    const { spans } = await child.message("spans");
    assert.deepEqual(spans, [
      received("connection"),
      sent("welcome", "/", { rooms: [one.id, "room"], said: ["ü"] }),
      received("hello", { heard: '["ü"]' }),
      { ...received("fails", { heard: "[]" }), failed: "no" },
      sent("all", "/", { said: [1] }),
      sent("to room", "/", { rooms: ["room"], said: [Buffer.from("bytes")] }),
      sent("to chat", "/chat", { rooms: ["room"], said: [] }),
    ]);
  });
}
