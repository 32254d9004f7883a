/** Connections that an HTTP server has and Node does not know of as its own. */
import type { Server as HttpServer } from "node:http";

/** The connections, as the methods of the server ask for them. */
export interface UnknownConnections {
  /** Their number. */
  count(): number;
  /** Ends them, or (`all` is false) those that are idle. */
  end(all: boolean): void;
}

/** Extends the methods of a server that count and close connections to those that Node does not know. */
export function extendServer(server: HttpServer, connections: UnknownConnections): void {
  const { getConnections, closeIdleConnections, closeAllConnections } = server;
  // Not each of them is there in other runtimes than Node.
  if (getConnections) {
    server.getConnections = (callback) =>
      getConnections.call(server, (error, count) => callback(error, count + connections.count()));
  }
  // First: one that has sent nothing becomes Node's, which closes it then.
  server.closeIdleConnections = () => {
    connections.end(false);
    closeIdleConnections?.call(server);
  };
  server.closeAllConnections = () => {
    connections.end(true);
    closeAllConnections?.call(server);
  };
}
