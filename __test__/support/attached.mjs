// A server on an HTTP server of the application, which tells the URLs that it is asked for.
import http from "node:http";
import { closeHttp, closeServer, listen } from "./server.mjs";
import { Server } from "./subject.mjs";
import { defer } from "./wait.mjs";

/** The text of a GET request; `more`: further lines of its head. */
export const get = (target, more = "") =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

/** The server, its HTTP server with the options `server`, its port, and the URLs that were asked for. */
export async function attached(t, { server = {}, ...options } = {}) {
  const asked = [];
  const httpServer = http.createServer(server, (req, res) => {
    asked.push(req.url);
    res.end(`app ${req.url}`);
  });
  defer(t, () => closeHttp(httpServer));
  const io = new Server(httpServer, options);
  defer(t, () => closeServer(io));
  return { io, httpServer, asked, port: await listen(httpServer) };
}
