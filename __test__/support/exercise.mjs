// A server in each form has to do the same for a real client.
import assert from "node:assert/strict";
import { connected } from "./clients.mjs";
import { once, within } from "./wait.mjs";
import { settled } from "./ways.mjs";

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
 * Replaces what differs between two equal answers: dates and ids, replaced by their names, and the case of
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

/** The error for an application that is attached instead of its server. */
export const HANDLER_ERROR =
  "You are trying to attach socket.io to an express request handler function. " +
  "Please pass a http.Server instance.";
