/** Attaching an engine to an HTTP server: which requests of the server are the engine's. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import { CLOSE_WAIT_MS } from "./native/contract";
import { type AttachOptions, delay } from "./options";
import { ownListener } from "./own-listeners";
import { throttleConnections } from "./requests/connection-throttle";
import type { EngineRequest } from "./session/request-snapshot";

/** The server has listeners that are called for requests of others, too. */
type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

/** The engine, as the server's listeners call it. */
export interface Attached {
  /** True if sessions may use WebSockets. */
  takesWebSockets: boolean;
  onRequest(req: EngineRequest, res: ServerResponse): void;
  onUpgrade(req: EngineRequest, socket: Duplex, head: Buffer): void;
  onListening(): void;
  onClose(): void;
  onSocketError(error: Error): void;
}

/** The prefix of the URLs of an engine. */
export function pathOf(options: AttachOptions): string {
  const path = (options.path || "/engine.io").replace(/\/$/, "");
  return options.addTrailingSlash === false ? path : `${path}/`;
}

/** Hands the requests below `path` to `engine`, and the others to the listeners that there are. */
export function attachTo(
  server: HttpServer,
  path: string,
  options: AttachOptions,
  engine: Attached,
): void {
  const destroyTimeout = delay(options.destroyUpgradeTimeout || 1000);
  const isOurs = (req: IncomingMessage): req is EngineRequest => {
    const ours = req.url?.startsWith(path) === true;
    if (ours) (req as EngineRequest)._own = true;
    return ours;
  };
  const requested = throttleConnections(server);
  const others = server.listeners("request").slice() as RequestListener[];
  server.removeAllListeners("request");
  server.on("close", () => engine.onClose());
  server.on("listening", () => engine.onListening());
  const onrequest = (req: IncomingMessage, res: ServerResponse) => {
    requested();
    if (isOurs(req)) return engine.onRequest(req, res);
    for (const other of others) other.call(server, req, res);
  };
  server.on("request", ownListener(onrequest));
  if (!engine.takesWebSockets) return;
  const onupgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    requested();
    if (isOurs(req)) return engine.onUpgrade(req, socket, head);
    if (options.destroyUpgrade === false) return;
    socket.on("error", (error) => engine.onSocketError(error));
    setTimeout(() => endUnanswered(socket), destroyTimeout);
  };
  server.on("upgrade", ownListener(onupgrade));
}

/** Ends a connection that nobody has answered, without a word. */
function endUnanswered(socket: Duplex): void {
  const written = (socket as any).bytesWritten;
  if (!socket.writable || written > 0) return;
  socket.end();
  // The client's end comes behind the bytes that it has sent. If nobody reads these, it is never seen.
  if (socket.readableFlowing !== null || socket.listenerCount("readable") > 0) return;
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), CLOSE_WAIT_MS).unref();
  socket.once("close", () => clearTimeout(timer));
}
