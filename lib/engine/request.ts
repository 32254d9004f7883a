/**
 * The request that opened a session. Keeping Node's own object would keep its socket, parser and
 * buffers too, so only its text is kept, and an equal object is built if somebody asks.
 */
import { IncomingMessage } from "node:http";
import { Socket as NetSocket } from "node:net";

/** A request of the engine: its query is parsed once. */
export type EngineRequest = IncomingMessage & {
  _query: Record<string, string>;
  /** Set for a WebSocket handshake. */
  websocket?: unknown;
  res?: unknown;
};

/** Parts of the connection that survive it. */
export interface Peer {
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: string | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  encrypted: boolean;
}

/** Between two values of the kept text; no header can contain it. */
const SEPARATOR = "\0";

/** The request's text, as one flat string. */
export function packRequest(req: IncomingMessage): string {
  const { method = "GET", url = "/", httpVersion, rawHeaders } = req;
  return [method, url, httpVersion, ...rawHeaders].join(SEPARATOR);
}

/** The parts of a connection, to be read while it is open. */
export function peerOf(req: IncomingMessage): Peer {
  const socket = req.socket;
  return {
    remoteAddress: socket.remoteAddress,
    remotePort: socket.remotePort,
    remoteFamily: socket.remoteFamily,
    localAddress: socket.localAddress,
    localPort: socket.localPort,
    encrypted: (socket as any).encrypted === true,
  };
}

/** The URL of a packed request. */
export function packedUrl(packed: string): string {
  return packed.split(SEPARATOR, 2)[1];
}

/** Builds the request again. */
export function unpackRequest(packed: string, peer: Peer): EngineRequest {
  const [method, url, httpVersion, ...rawHeaders] = packed.split(SEPARATOR);
  const socket = new NetSocket();
  for (const [name, value] of Object.entries(peer)) {
    Object.defineProperty(socket, name, { value, configurable: true, writable: true });
  }
  const req = new IncomingMessage(socket) as EngineRequest;
  req.method = method;
  req.url = url;
  req.httpVersion = httpVersion;
  const [major, minor] = httpVersion.split(".", 2);
  req.httpVersionMajor = Number(major);
  req.httpVersionMinor = Number(minor);
  // As Node's own parser does it; the headers object is derived when it is first read.
  (req as any)._addHeaderLines(rawHeaders, rawHeaders.length);
  req.complete = true;
  req.push(null);
  req._query = parseQuery(url);
  return req;
}

/** The query of a URL: the last of repeated keys wins, and any key is an own property. */
export function parseQuery(url: string): Record<string, string> {
  const query: Record<string, string> = {};
  const mark = url.indexOf("?");
  if (mark === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(mark + 1))) {
    if (name === "__proto__") {
      Object.defineProperty(query, name, {
        value,
        configurable: true,
        enumerable: true,
        writable: true,
      });
    } else {
      query[name] = value;
    }
  }
  return query;
}
