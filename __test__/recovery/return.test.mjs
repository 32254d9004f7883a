// Clients that are back before the server has noticed the loss of their connection, as it happens
// when a device moves from one network to another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, client as open } from "../support/clients.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { credentials, guest, pretend } from "./support.mjs";

/** The client hears nothing any more, and the server does not know it. */
function cut(client) {
  const { transport } = client.io.engine;
  transport.ws.onmessage = null;
}

/** Waits for the end of a socket: its reason. */
async function gone(socket) {
  const [reason] = await once(socket, "disconnect");
  return reason;
}

beyond("the session moves to the new connection, and nothing is lost", async (t) => {
  const served = await guest(t);
  const { io, socket, client, log } = served;
  const { id, data } = socket;
  socket.join("a");
  const end = gone(socket);
  const auth = credentials(client);
  cut(client);
  io.to("a").emit("sent in vain", 1);
  socket.emit("sent in vain", 2);
  const heir = open(t, served.port, { auth });
  const caught = [];
  heir.onAny((...args) => caught.push(args.slice(0, -1)));
  const [again] = await Promise.all([once(io, "connection"), connected(heir)]);
  assert.equal(await end, "forced close");
  const [socketAgain] = again;
  assert.equal(socketAgain.recovered, true);
  assert.equal(socketAgain.id, id);
  assert.equal(heir.id, id);
  assert.equal(socketAgain.data, data);
  assert.deepEqual([...socketAgain.rooms].sort(), [id, "a"].sort());
  assert.equal(io.sockets.sockets.size, 1);
  assert.equal(io.sockets.sockets.get(id), socketAgain);
  io.to("a").emit("live", 3);
  await until(() => caught.length === 3, "all of it");
  assert.deepEqual(caught, [
    ["sent in vain", 1],
    ["sent in vain", 2],
    ["live", 3],
  ]);
  assert.deepEqual(log, []);
  await until(() => io.engine.clientsCount === 1, "the old connection is closed");
});

beyond("from polling", async (t) => {
  const served = await guest(t, { transports: ["polling"] });
  const end = gone(served.socket);
  const next = await pretend(t, served, credentials(served.client));
  assert.equal(await end, "forced close");
  assert.equal(next.socket.recovered, true);
  assert.equal(next.socket.id, served.socket.id);
});

beyond("several times in a row, and from several connections at once", async (t) => {
  const served = await guest(t);
  const { io, socket, client } = served;
  const auth = credentials(client);
  for (let i = 0; i < 5; i++) {
    const next = await pretend(t, served, auth);
    assert.equal(next.socket.recovered, true);
    assert.equal(next.socket.id, socket.id);
  }
  const both = await Promise.all([0, 1, 2].map(() => pretend(t, served, auth)));
  assert.equal(both.length, 3);
  const sockets = [...io.sockets.sockets.values()];
  assert.ok(sockets.some(({ id, recovered }) => recovered && id === socket.id));
  assert.equal(new Set(sockets.map(({ id }) => id)).size, sockets.length);
});

beyond("its other namespaces are left, and recovered when it joins them", async (t) => {
  const served = await guest(t);
  const { io, client, socket } = served;
  const other = client.io.socket("/other");
  const [[there]] = await Promise.all([
    once(io.of("/other"), "connection"),
    once(other, "connect"),
  ]);
  const heard = once(other, "welcome");
  there.emit("welcome");
  await heard;
  const ends = Promise.all([gone(socket), gone(there)]);
  const heir = open(t, served.port, { auth: credentials(client) });
  await connected(heir);
  assert.deepEqual(await ends, ["forced close", "forced close"]);
  assert.equal(heir.id, socket.id);
  const otherHeir = heir.io.socket("/other", { auth: credentials(other) });
  const [[thereAgain]] = await Promise.all([
    once(io.of("/other"), "connection"),
    once(otherHeir, "connect"),
  ]);
  assert.equal(thereAgain.id, there.id);
  assert.equal(thereAgain.recovered, true);
  otherHeir.disconnect();
  other.disconnect();
});

beyond("who has left its namespace is not brought back", async (t) => {
  const served = await guest(t);
  const auth = credentials(served.client);
  const end = gone(served.socket);
  served.socket.disconnect();
  await end;
  assert.equal((await pretend(t, served, auth)).socket.recovered, false);
});

test("a private id that nobody has disturbs nobody", async (t) => {
  const served = await guest(t);
  const { offset } = credentials(served.client);
  for (const pid of ["nobody", served.socket.id]) {
    assert.equal((await pretend(t, served, { pid, offset })).socket.recovered, false);
  }
  assert.equal(served.socket.connected, true);
});
