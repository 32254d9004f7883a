// The forms a server is made in, and what every one of them has to do for a real client.
import assert from "node:assert/strict";
import { connected } from "./clients.mjs";
import { closeServer, serve } from "./server.mjs";
import { Server } from "./subject.mjs";
import { defer, once, within } from "./wait.mjs";
import { settled } from "./ways.mjs";

/** Starts a server on a port of its own: `{ io, httpServer, port }`, closed after the test. */
export async function servePort(t, options) {
  return listening(t, new Server(0, options));
}

/** Waits until a server listens, and closes it after the test. */
export async function listening(t, io) {
  defer(t, () => closeServer(io));
  const { httpServer } = io;
  if (!httpServer.listening) await once(httpServer, "listening");
  return { io, httpServer, port: httpServer.address().port };
}

/** The forms by name; each is `(t, options) => { io, httpServer, port }`. */
export const FORMS = { port: servePort, attached: serve };

/** Answers the events of `exercise` in a namespace. */
export function answering(nsp) {
  nsp.on("connection", (socket) => {
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("back", (...args) => socket.emit("back", ...args));
  });
}

/**
 * Has a client, new or not, do what clients do: connect, settle on its transport, ask with text
 * and binary, be answered by an event, and leave. `socket` is its other side.
 */
export async function exercise(io, client, way) {
  const joined = once(io, "connection");
  await connected(client);
  const [socket] = await joined;
  await settled(client, way);
  const asked = ["é€😀", { deep: [1, null, Buffer.from([0, 255])] }];
  const told = new Promise((resolve) => client.once("back", (...args) => resolve(args)));
  const replied = new Promise((resolve) => {
    client.emit("echo", ...asked, (...args) => resolve(args));
  });
  client.emit("back", ...asked);
  assert.deepEqual(await within(replied, "the acknowledgement"), asked);
  assert.deepEqual(await within(told, "the event"), asked);
  assert.equal(socket.conn.transport.name, way === "default" ? "websocket" : way);
  const gone = once(socket, "disconnect");
  client.disconnect();
  assert.equal((await gone)[0], "client namespace disconnect");
  return socket;
}

/**
 * What differs between two equal answers: dates and ids, replaced by their names, and the case of
 * the names of headers.
 */
export function normalised(bytes) {
  return bytes
    .replace(/^[\w-]+: /gm, (name) => name.toLowerCase())
    .replace(/^date: [^\r]*\r\n/gm, "date: now\r\n")
    .replace(/"sid":"[\w-]{20}"/g, '"sid":"?"')
    .replace(/io=[\w-]{20}/g, "io=?");
}

/** The status codes of the answers in a run of bytes. */
export function statuses(bytes) {
  return [...bytes.matchAll(/(?:^|\r\n|[^\r\n])HTTP\/1\.1 (\d{3}) /g)].map((found) =>
    Number(found[1]),
  );
}

/** What is said to who attaches an application instead of its server. */
export const HANDLER_ERROR =
  "You are trying to attach socket.io to an express request handler function. " +
  "Please pass a http.Server instance.";
