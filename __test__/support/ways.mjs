// The ways a real client reaches a server, each in full: `default` starts on polling and upgrades.
import { once } from "./wait.mjs";

/** Client options by way; nothing is left to a default of the tests. */
export const WAYS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  default: { transports: ["polling", "websocket"] },
};

/** Resolves once the client is on the transport it stays on. */
export async function settled(client, way) {
  const { engine } = client.io;
  if (way === "default" && engine.transport.name !== "websocket") await once(engine, "upgrade");
}
