/** Upgrade requests that are refused, and how a stream is ended after its last bytes. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import { CLOSE_WAIT_MS } from "./native/contract";

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
