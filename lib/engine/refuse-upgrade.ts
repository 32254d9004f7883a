/** Upgrade requests that are refused, and how a stream is ended after its last bytes. */
import { STATUS_CODES } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";

import { CLOSE_WAIT_MS } from "./native/contract";

/** A stream of HTTP/2 that an extended CONNECT has opened, instead of a connection. */
export function isHttp2Stream(socket: Duplex): socket is ServerHttp2Stream {
  return typeof (socket as any).respond === "function";
}

/**
 * Answers the request of an HTTP/2 stream by the head of an HTTP/1.1 response.
 *
 * @returns the text behind the head; null if the stream takes no answer
 */
export function respond(stream: ServerHttp2Stream, response: string): string | null {
  const end = response.indexOf("\r\n\r\n");
  const [status, ...lines] = response.slice(0, end).split("\r\n");
  const code = Number(status.split(" ")[1]);
  const headers: Record<string, any> = { ":status": code === 101 ? 200 : code };
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (HTTP1_HEADERS.has(name)) continue;
    const value = line.slice(colon + 1).trim();
    // A header may have several values, as cookies do.
    headers[name] = name in headers ? [headers[name], value].flat() : value;
  }
  try {
    stream.respond(headers);
  } catch {
    // It was reset, or a header cannot be sent over HTTP/2.
    return null;
  }
  return response.slice(end + 4);
}

/** The headers of a connection, which HTTP/2 does not have, and the proof that 101 has. */
const HTTP1_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "sec-websocket-accept",
  "transfer-encoding",
  "upgrade",
]);

/** Refuses an upgrade request and ends its connection. */
export function refuseUpgrade(socket: Duplex, message: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const length = Buffer.byteLength(message);
  finish(
    socket,
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\n" +
      `Content-Length: ${length}\r\n\r\n${message}`,
  );
}

/** Refuses an upgrade request that may be made again later, and ends its connection. */
export function refuseForNow(
  socket: Duplex,
  code: number,
  { status, message }: { status: number; message: string },
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ code, message });
  finish(
    socket,
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Retry-After: 1\r\n\r\n${body}`,
  );
}

/** The whole answer of an engine that is closed. */
export const UNAVAILABLE =
  "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/html\r\n" +
  "Content-Length: 19\r\n\r\nService Unavailable";

/** Refuses an upgrade request of an engine that is closed. */
export function refuseUnavailable(socket: Duplex): void {
  finish(socket, UNAVAILABLE);
}

/** The time in ms for which bytes may wait without any progress for a peer that has ended the connection. */
const ENDED_WAIT = 2000;

/**
 * Ends a stream after a last text, and destroys it when everything is written. A peer that reads
 * nothing is given up; so is one that was reset: over TLS, Node may tell that as an ordinary end and
 * never complete another write.
 */
export function finish(socket: Duplex, last?: string): void {
  if (last !== undefined && isHttp2Stream(socket)) {
    const body = respond(socket, last);
    if (body === null) return void socket.destroy();
    last = body;
  }
  socket.end(last, () => socket.destroy());
  let timer: NodeJS.Timeout | undefined;
  let left = socket.writableLength;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(look, socket.readableEnded ? ENDED_WAIT : CLOSE_WAIT_MS).unref();
  };
  const look = () => {
    if (socket.writableLength === left) return socket.destroy();
    left = socket.writableLength;
    wait();
  };
  if (socket.destroyed) return;
  wait();
  // The peer's end is only told to who reads.
  socket.once("end", wait).resume();
  socket.once("close", () => clearTimeout(timer));
}
