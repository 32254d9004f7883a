// Client, Transport and the properties of a Server that third parties read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { eachPair, take } from "./support.mjs";

test("the properties of a server before it is attached", () => {
  const options = { path: "/p/", serveClient: false, connectTimeout: 5 };
  const io = new Server(options);
  assert.equal(io._opts, options);
  assert.equal(io.opts, options);
  assert.equal(io.engine, undefined);
  assert.equal(io.eio, undefined);
  assert.equal(io.httpServer, undefined);
  assert.equal(io._path, "/p");
  assert.equal(io._serveClient, false);
  assert.equal(io._connectTimeout, 5);
  assert.equal(typeof io._adapter, "function");
  assert.equal(typeof io.encoder.encode, "function");
  assert.equal(typeof io._parser.Decoder, "function");
  assert.ok(io.parentNsps instanceof Map);
  assert.ok(io.parentNamespacesFromRegExp instanceof Map);
  const own = Object.keys(io);
  for (const name of [
    ...["_nsps", "sockets", "encoder", "_parser", "opts", "_path", "_serveClient", "_adapter"],
    ...["_connectTimeout", "parentNsps", "parentNamespacesFromRegExp"],
  ]) {
    assert.ok(own.includes(name), name);
  }
});

test("parents are listed apart from namespaces", () => {
  const io = new Server();
  const regex = /^\/r/;
  const parent = io.of(regex);
  const accept = (_name, _auth, next) => next(null, true);
  const other = io.of(accept);
  assert.deepEqual([...io.parentNamespacesFromRegExp], [[regex, parent]]);
  assert.deepEqual([...io.parentNsps.values()], [parent, other]);
  assert.equal(io.parentNsps.get(accept), other);
  assert.deepEqual([...io._nsps.keys()], ["/"]);
});

test("the emitter methods live on Server.prototype", () => {
  for (const name of [
    ...["on", "once", "addListener", "off", "removeListener", "prependListener"],
    ...["prependOnceListener", "removeAllListeners", "listeners", "rawListeners"],
    ...["listenerCount", "eventNames", "setMaxListeners", "getMaxListeners", "emit"],
  ]) {
    assert.ok(Object.hasOwn(Server.prototype, name), name);
  }
});

eachPair("prepended and once listeners of connections", async (_t, connect) => {
  const { io, join } = await connect();
  const seen = [];
  io.on("connection", () => seen.push("on"));
  io.once("connection", () => seen.push("once"));
  io.prependListener("connection", () => seen.push("prepended"));
  io.prependOnceListener("connection", () => seen.push("prepended once"));
  await join();
  assert.deepEqual(seen.splice(0), ["prepended once", "prepended", "on", "once"]);
  await join();
  assert.deepEqual(seen, ["prepended", "on"]);
});

test("serverSideEmitWithAck: refused names, and silence of the in-memory adapter", async (t) => {
  t.mock.method(console, "warn", () => {});
  const io = new Server();
  for (const target of [io, io.of("/n")]) {
    for (const name of ["connect", "connection", "new_namespace"]) {
      const message = `"${name}" is a reserved event name`;
      await assert.rejects(async () => target.serverSideEmitWithAck(name), { message });
    }
    let settled = false;
    target.serverSideEmitWithAck("e").finally(() => {
      settled = true;
    });
    await new Promise(setImmediate);
    assert.equal(settled, false);
  }
});

eachPair("a Client and its sockets by id and by namespace", async (_t, connect) => {
  const { io, session, socket } = await connect();
  io.of("/other");
  const { client } = socket;
  assert.equal(client.conn, socket.conn);
  assert.equal(client.id, socket.conn.id);
  assert.equal(client.server, io);
  assert.equal(client.request, socket.request);
  assert.equal(client.encoder, io.encoder);
  assert.deepEqual([...client.sockets], [[socket.id, socket]]);
  assert.deepEqual([...client.nsps], [["/", socket]]);
  const accepted = once(io.of("/other"), "connection");
  await session.join("/other");
  const [other] = await accepted;
  assert.equal(other.client, client);
  assert.deepEqual([...client.sockets.keys()], [socket.id, other.id]);
  assert.deepEqual([...client.nsps.keys()], ["/", "/other"]);
  socket.disconnect();
  assert.deepEqual([...client.sockets.values()], [other]);
  assert.deepEqual([...client.nsps], [["/other", other]]);
});

eachPair("Client._packet and writeToEngine write what they are given", async (_t, connect) => {
  const { session, socket } = await connect();
  const { client } = socket;
  client._packet({ type: 2, nsp: "/", data: ["encoded here"] });
  client._packet({ type: 2, nsp: "/", data: ["with options"] }, { compress: false });
  client._packet(['2["encoded before"]'], { preEncoded: true });
  client.writeToEngine(['2["parts"]'], {});
  client.writeToEngine(['51-["b",{"_placeholder":true,"num":0}]', Buffer.from([1])], {});
  client.writeToEngine(['2["volatile"]'], { volatile: true });
  socket.emit("last");
  assert.deepEqual(await take(session, 7), [
    '42["encoded here"]',
    '42["with options"]',
    '42["encoded before"]',
    '42["parts"]',
    '451-["b",{"_placeholder":true,"num":0}]',
    Buffer.from([1]),
    '42["last"]',
  ]);
  socket.conn.close(true);
  client._packet({ type: 2, nsp: "/", data: ["nobody"] });
  assert.equal(socket.conn.readyState, "closed");
});

eachPair("Client._disconnect ends every socket and the connection", async (_t, connect) => {
  const { io, session, socket } = await connect();
  io.of("/other");
  const accepted = once(io.of("/other"), "connection");
  await session.join("/other");
  const [other] = await accepted;
  const reasons = [];
  for (const one of [socket, other]) one.on("disconnect", (reason) => reasons.push(reason));
  socket.client._disconnect();
  assert.deepEqual(reasons, Array(2).fill("server namespace disconnect"));
  assert.notEqual(socket.conn.readyState, "open");
});

eachPair("a transport has upstream's members", async (_t, connect, name) => {
  const { session, socket } = await connect();
  const { transport, id } = socket.conn;
  assert.equal(transport.name, name);
  assert.equal(transport.readyState, "open");
  assert.equal(transport.protocol, 4);
  assert.equal(transport.sid, id);
  assert.equal(transport.supportsBinary, true);
  assert.equal(transport.discarded, false);
  assert.equal(typeof transport.writable, "boolean");
  for (const method of ["send", "close", "discard", "on", "once"]) {
    assert.equal(typeof transport[method], "function", method);
  }
  socket.emit("e");
  assert.equal(await session.next(), '42["e"]');
  const closed = once(socket.conn, "close");
  socket.conn.close(true);
  await closed;
  await until(() => transport.readyState === "closed");
});

eachPair("internals of a socket that adapters and extensions call", async (_t, connect) => {
  const { io, session, socket } = await connect();
  const seen = [];
  socket.onAnyOutgoing((...args) => seen.push(args));
  socket.notifyOutgoingListeners({ type: 2, data: ["seen", 1] });
  assert.deepEqual(seen, [["seen", 1]]);
  socket.packet({ type: 2, data: ["packet"] });
  assert.equal(await session.next(), '42["packet"]');
  assert.ok(socket.acks instanceof Map);
  assert.ok(Array.isArray(socket.fns));
  const answered = new Promise((resolve) => socket.acks.set(77, resolve));
  await session.send('4377["yes"]');
  assert.equal(await answered, "yes");
  const error = once(socket, "error");
  const failure = new Error("made up");
  socket._onerror(failure);
  assert.equal((await error)[0], failure);
  const gone = once(socket, "disconnect");
  socket._onclose("made up");
  assert.equal((await gone)[0], "made up");
  assert.equal(io.sockets.sockets.size, 0);
});

eachPair("the private id of a socket exists with state recovery only", async (_t, connect) => {
  const { socket } = await connect();
  assert.equal(socket.pid, undefined);
  const recovering = await connect({ connectionStateRecovery: {} });
  assert.match(recovering.socket.pid, /^[\w-]{20}$/);
  assert.notEqual(recovering.socket.pid, recovering.socket.id);
});
