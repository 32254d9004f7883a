/** Attaching an engine to an HTTP server: which requests of the server are the engine's. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Duplex } from "node:stream";

import { protectUpgrades } from "./foreign-upgrades";
import { CLOSE_WAIT_MS } from "./native/contract";
import { type AttachOptions, delay } from "./options";
import { isListenedTo, ownListener, takeRequests } from "./own-listeners";
import { throttleConnections } from "./requests/connection-throttle";
import { nextTick } from "./scheduling";
import type { EngineRequest } from "./session/request-snapshot";

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

/**
 * Hands the requests below `path` to `engine`, and the others to the listeners that there are.
 *
 * @returns a function that takes the engine's listeners off the server again
 */
export function attachTo(
  server: HttpServer,
  path: string,
  options: AttachOptions,
  engine: Attached,
): () => void {
  const isOurs = (req: IncomingMessage): req is EngineRequest => req.url?.startsWith(path) === true;
  const throttle = throttleConnections(server);
  const undo = [() => throttle.release()];
  const listen = (event: string, listener: (...args: any[]) => void) => {
    server.on(event, listener);
    undo.push(() => server.removeListener(event, listener));
  };
  undo.push(
    takeRequests(server, (req, res) => {
      throttle.requested();
      if (!isOurs(req)) return false;
      req._own = true;
      engine.onRequest(req, res);
      return true;
    }),
  );
  listen("close", () => engine.onClose());
  listen("listening", () => engine.onListening());
  if (engine.takesWebSockets) {
    const destroyTimeout = delay(options.destroyUpgradeTimeout || 1000);
    const onupgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      throttle.requested();
      if (isOurs(req)) {
        req._own = true;
        return engine.onUpgrade(req, socket, head);
      }
      if (options.destroyUpgrade === false) return;
      socket.on("error", (error) => engine.onSocketError(error));
      const unanswered = () => {
        // Another WebSocket server may take its time.
        const isTaken = (req as EngineRequest)._own || protection.isHandedOver(req);
        if (!isTaken) endUnanswered(socket);
      };
      setTimeout(unanswered, destroyTimeout);
    };
    listen("upgrade", ownListener(onupgrade));
    const protection = protectUpgrades(server, { isOurs, listener: onupgrade });
    undo.push(() => protection.stop());
    if (isHttp2(server)) listen("connect", ownListener(onConnect(server, isOurs, engine)));
  }
  return () => {
    for (const one of undo) one();
  };
}

/** True for a server of `node:http2`, whose requests may open a WebSocket by an extended CONNECT. */
function isHttp2(server: HttpServer): boolean {
  return typeof (server as any).updateSettings === "function";
}

/**
 * Takes the requests of HTTP/2 that open a WebSocket (RFC 8441). Others are refused as without this
 * listener, unless there is one more.
 */
function onConnect(
  server: HttpServer,
  isOurs: (req: IncomingMessage) => boolean,
  engine: Attached,
): (req: Http2ServerRequest, res: Http2ServerResponse | Duplex) => void {
  return (req, res) => {
    const isWebSocket = req.httpVersionMajor >= 2 && req.headers[":protocol"] === "websocket";
    const ours = req as unknown as EngineRequest;
    if (isWebSocket && isOurs(ours)) {
      // Middlewares and `allowRequest` see what an upgrade request is over HTTP/1.1.
      ours.method = "GET";
      ours._own = true;
      return engine.onUpgrade(ours, req.stream, Buffer.alloc(0));
    }
    if (isListenedTo(server, "connect")) return;
    // Another engine may take it, after this one.
    nextTick(() => {
      if (ours._own) return;
      // Over HTTP/1.1, the second argument is the socket.
      if (req.httpVersionMajor < 2) return (res as Duplex).destroy();
      const response = res as Http2ServerResponse;
      if (response.headersSent) return;
      response.statusCode = 405;
      response.end();
    });
  };
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
