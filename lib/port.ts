/** A port instead of an HTTP server: the Socket.IO server gets an HTTP server of its own. */
import { createServer, type Server as HttpServer } from "node:http";
import { type Server as Engine, preparePort } from "./engine";

/**
 * Listens on a port, natively where possible. Requests that no listener serves are answered with 404.
 *
 * @param attach - attaches an engine to the new HTTP server; if it throws, the port is closed
 */
export function listenOnPort(port: number, attach: (server: HttpServer) => Engine): void {
  const server = createServer((_req, res) => {
    res.writeHead(404);
    res.end();
  });
  const native = preparePort(server);
  server.listen(port);
  try {
    const engine = attach(server);
    native?.serve(server, engine);
  } catch (error) {
    server.close();
    throw error;
  }
}
