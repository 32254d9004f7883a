/** A port given instead of an HTTP server: the server gets one of its own. */
import { createServer, type Server as HttpServer } from "node:http";
import { type Server as Engine, preparePort } from "./engine";
import type { Serving } from "./engine/listener";

/**
 * Listens on a port, natively where that can be. Whatever is nobody's request is answered 404.
 *
 * @param attach - attaches an engine to the new HTTP server; if it throws, the port is closed
 * @param serving - how the engine is served
 */
export function listenOnPort(
  port: number,
  attach: (server: HttpServer) => Engine,
  serving: Serving,
): void {
  const server = createServer((_req, res) => {
    res.writeHead(404);
    res.end();
  });
  const native = preparePort(server);
  server.listen(port);
  try {
    const engine = attach(server);
    native?.serve(engine, serving);
  } catch (error) {
    server.close();
    throw error;
  }
}
