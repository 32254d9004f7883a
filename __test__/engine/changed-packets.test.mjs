// Listeners of packet and packetCreate get the packet itself: the data and the type that they leave in it
// are dispatched, or sent.
import assert from "node:assert/strict";
import { client as connect, eachWay, pair } from "../support/clients.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";
import { eachEngine } from "./support.mjs";

eachEngine("a packet listener changes the data of a message", async ({ client, conn }) => {
  conn.on("packet", (packet) => {
    if (packet.type === "message") packet.data = packet.data.toUpperCase();
  });
  const received = [once(conn, "data"), once(conn, "message")];
  await client.send("4hello");
  assert.deepEqual(await Promise.all(received), [["HELLO"], ["HELLO"]]);
});

eachEngine("a packet listener drops a message by another type", async ({ client, conn }) => {
  const log = [];
  conn.on("packet", (packet) => {
    if (packet.data === "drop me") packet.type = "noop";
  });
  conn.on("data", (data) => log.push(data));
  const kept = new Promise((resolve) => conn.on("data", (data) => data === "keep me" && resolve()));
  await client.send("4drop me");
  await client.send("4keep me");
  await kept;
  assert.deepEqual(log, ["keep me"]);
});

eachEngine("a packet listener ends the session by the type error", async ({ client, conn }) => {
  conn.on("packet", (packet) => {
    packet.type = "error";
  });
  const closed = once(conn, "close");
  client.send("4hello").catch(() => {});
  assert.equal((await closed)[0], "parse error");
});

eachEngine("a packetCreate listener changes the data that is sent", async ({ client, conn }) => {
  conn.on("packetCreate", (packet) => {
    if (packet.type === "message") packet.data = packet.data.replace("secret", "******");
  });
  conn.send("a secret");
  assert.equal(await client.next(), "4a ******");
});

eachEngine("a packetCreate listener replaces text by bytes", async ({ client, conn }) => {
  conn.on("packetCreate", (packet) => {
    if (packet.type === "message") packet.data = Buffer.from([1, 2, 3]);
  });
  conn.send("text");
  assert.deepEqual(await client.next(), Buffer.from([1, 2, 3]));
});

eachEngine("a packetCreate listener removes the data", async ({ client, conn }) => {
  conn.on("packetCreate", (packet) => {
    if (packet.type === "message") delete packet.data;
  });
  conn.send("text");
  assert.equal(await client.next(), "4");
});

eachEngine("a packetCreate listener changes the type that is sent", async ({ client, conn }) => {
  conn.on("packetCreate", (packet) => {
    if (packet.data === "nothing") {
      packet.type = "noop";
      delete packet.data;
    }
  });
  conn.send("nothing");
  assert.equal(await client.next(), "6");
  conn.send("something");
  assert.equal(await client.next(), "4something");
});

eachEngine(
  "a packetCreate listener changes what a flush listener sees",
  async ({ client, conn }) => {
    const flushed = [];
    conn.on("flush", (packets) => flushed.push(...packets.map(({ data }) => data)));
    conn.on("packetCreate", (packet) => {
      if (packet.type === "message") packet.data = "changed";
    });
    conn.send("given");
    assert.equal(await client.next(), "4changed");
    assert.deepEqual(flushed, ["changed"]);
  },
);

eachWay("a changed packet reaches the namespace", async (t, way) => {
  const { socket, client } = await pair(t, way);
  socket.conn.on("packet", (packet) => {
    if (typeof packet.data === "string") packet.data = packet.data.replace("tenant-a", "tenant-b");
  });
  socket.conn.on("packetCreate", (packet) => {
    if (typeof packet.data === "string") packet.data = packet.data.replace("password", "••••");
  });
  const heard = once(socket, "join");
  client.emit("join", "tenant-a");
  assert.deepEqual(await heard, ["tenant-b"]);
  const shown = once(client, "show");
  socket.emit("show", "password");
  assert.deepEqual(await shown, ["••••"]);
});

beyond("a packetCreate listener changes a broadcast for its client alone", async (t) => {
  const { io, socket, client, port } = await pair(t);
  const other = connect(t, port);
  await once(other, "connect");
  socket.conn.on("packetCreate", (packet) => {
    if (typeof packet.data === "string") packet.data = packet.data.replace("all", "you");
  });
  const shown = [once(client, "show"), once(other, "show")];
  io.emit("show", "all");
  assert.deepEqual(await Promise.all(shown), [["you"], ["all"]]);
});
