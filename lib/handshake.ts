/** The handshake of a socket: facts about the request that opened its connection. */
import type { Socket as EngineSocket } from "./engine/declared";
import { isNative } from "./native-conn";
import type { Handshake } from "./socket-types";

/**
 * Builds the handshake of a socket. A native connection gives the parts, so that its request
 * object need not be made; another connection may have no request at all (WebTransport).
 *
 * @param issued - creation of the socket, in milliseconds
 * @param auth - payload of the CONNECT packet
 */
export function buildHandshake(
  conn: EngineSocket,
  issued: number,
  auth: { [key: string]: any },
): Handshake {
  const native: object = conn;
  const request = isNative(native)
    ? { headers: native._headers(), url: native._url, _query: native._query() }
    : (conn as any).request;
  const headers = request?.headers ?? {};
  return {
    headers,
    time: `${new Date(issued)}`,
    address: conn.remoteAddress,
    xdomain: !!headers.origin,
    secure: isNative(native) ? native._secure : !request || !!request.connection?.encrypted,
    issued,
    url: request?.url,
    query: request?._query ?? {},
    auth,
  };
}
