// The end of a socket, whatever ends it: rooms at "disconnecting", both sides, all namespaces.
import assert from "node:assert/strict";
import { eachServer } from "../options/support.mjs";
import { client, connected } from "../support/clients.mjs";
import { once, until } from "../support/wait.mjs";
import { WAYS } from "../support/ways.mjs";
import { eachPair } from "./support.mjs";

/** By what ends it: [act, reason of the socket, of the other one of the connection if it goes] */
const ENDS = {
  "a DISCONNECT packet": [({ session }) => session.send("41"), "client namespace disconnect", null],
  "disconnect()": [({ socket }) => socket.disconnect(), "server namespace disconnect", null],
  "disconnect(true)": [
    ({ socket }) => socket.disconnect(true),
    "server namespace disconnect",
    "server namespace disconnect",
  ],
  "disconnectSockets()": [({ io }) => io.disconnectSockets(), "server namespace disconnect", null],
  "disconnectSockets(true)": [
    ({ io }) => io.disconnectSockets(true),
    "server namespace disconnect",
    "server namespace disconnect",
  ],
  "conn.close(true)": [({ socket }) => socket.conn.close(true), "forced close", "forced close"],
  "io.close()": [({ io }) => io.close(), "server shutting down", "server shutting down"],
  "the client's end": [
    ({ session, transport }) =>
      transport === "polling" ? session.send("1") : session.ws.terminate(),
    "transport close",
    "transport close",
  ],
  "a packet of an unknown type": [({ session }) => session.send("x"), "parse error", "parse error"],
  "a ping in the wrong direction": [
    ({ session }) => session.send("2"),
    "transport error",
    "transport error",
  ],
};
for (const [title, [end, reason, others]] of Object.entries(ENDS)) {
  eachPair(`${title}: what listeners see`, async (_t, connect, transport) => {
    const { io, session, socket, ...rest } = await connect();
    const accepted = once(io.of("/other"), "connection");
    await session.join("/other");
    const [other] = await accepted;
    const seen = [];
    for (const one of [socket, other]) {
      one.join("room");
      for (const event of ["disconnecting", "disconnect"]) {
        one.on(event, (why) => {
          const { connected, rooms, nsp } = one;
          seen.push([nsp.name, event, why, connected, [...rooms].length, nsp.sockets.has(one.id)]);
        });
      }
    }
    await end({ io, session, socket, transport, ...rest });
    await until(() => seen.length === (others ? 4 : 2), `"${title}" to be over`);
    const both = (name, why) => [
      [name, "disconnecting", why, true, 2, true],
      [name, "disconnect", why, false, 0, false],
    ];
    assert.deepEqual(seen, [...both("/", reason), ...(others ? both("/other", others) : [])]);
    assert.equal(other.connected, others === null);
    assert.equal(socket.client.nsps.size, others ? 0 : 1);
  });
}

/** By what ends it: [act, what the client is told, what the server is told] */
const TOLD = {
  "socket.disconnect()": [
    ({ socket }) => socket.disconnect(),
    "io server disconnect",
    "server namespace disconnect",
  ],
  "socket.disconnect(true)": [
    ({ socket }) => socket.disconnect(true),
    "io server disconnect",
    "server namespace disconnect",
  ],
  "io.disconnectSockets(true)": [
    ({ io }) => io.disconnectSockets(true),
    "io server disconnect",
    "server namespace disconnect",
  ],
  "conn.close()": [({ socket }) => socket.conn.close(), "transport close", "forced close"],
  "io.close()": [({ io }) => io.close(), "transport close", "server shutting down"],
  "client.disconnect() from the namespace": [
    ({ one }) => one.emit("bye", () => one.disconnect()),
    "io client disconnect",
    "client namespace disconnect",
  ],
  "the client's engine closes": [
    ({ one }) => one.io.engine.close(),
    "forced close",
    "transport close",
  ],
};
for (const [title, [end, there, here]] of Object.entries(TOLD)) {
  eachServer(`${title}: both sides`, async (t, start) => {
    for (const options of [WAYS.polling, WAYS.websocket]) {
      const { io, port } = await start();
      const accepted = once(io, "connection");
      const one = client(t, port, options);
      const [[socket]] = await Promise.all([accepted, connected(one)]);
      // a poll is pending: the client is told by its answer
      await until(() => socket.conn.transport.writable, "the transport is idle");
      socket.on("bye", (ack) => ack());
      const sides = Promise.all([once(one, "disconnect"), once(socket, "disconnect")]);
      await end({ io, socket, one });
      const [[toldThere], [toldHere]] = await sides;
      assert.equal(toldThere, there);
      assert.match(toldHere, new RegExp(`^(${here}|transport close)$`));
    }
  });
}
