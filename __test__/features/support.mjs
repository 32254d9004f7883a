// A server in each form with a raw client, for tests of the application's side.
import assert from "node:assert/strict";
import { eachSession } from "../options/support.mjs";
import { once } from "../support/wait.mjs";

/**
 * One test per form and transport. `fn(t, connect, transport)` with `connect(options)` starting a
 * server with one joined client: `{ io, port, open, session, socket, join }`; `join(nsp)` has one
 * more client join. Forms as in `eachSession`.
 */
export function eachPair(title, fn, forms) {
  eachSession(
    title,
    (t, start, open, transport) => fn(t, (options) => connect(start, open, options), transport),
    forms,
  );
}

async function connect(start, open, options) {
  const { io, port } = await start(options);
  const join = async (nsp = "/", auth) => {
    const accepted = once(io.of(nsp), "connection");
    const session = await open(port);
    await session.join(nsp, auth);
    const [socket] = await accepted;
    return { session, socket };
  };
  return { io, port, open: () => open(port), join, ...(await join()) };
}

/** The next `count` packets of a raw client. */
export async function take(session, count) {
  const packets = [];
  for (let i = 0; i < count; i++) packets.push(await session.next());
  return packets;
}

/**
 * The packets that a raw client gets until `socket` has sent it a mark: all sent before this call.
 * The mark is a packet of its own, so that nothing is waited for in vain.
 */
export async function takeAll(session, socket) {
  socket.emit("the end");
  const packets = [];
  for (;;) {
    const packet = await session.next();
    assert.notEqual(packet, null, "the connection was closed");
    if (typeof packet === "string" && packet.endsWith('["the end"]')) return packets;
    packets.push(packet);
  }
}

/** The events a raw client sends are dispatched in order: asks the server, and waits. */
export async function settle(session, socket) {
  const arrived = once(socket, "are you done?");
  await session.send('42["are you done?"]');
  await arrived;
}
