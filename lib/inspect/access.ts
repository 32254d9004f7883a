/** The access to the page: requests of this machine by default, and actions of the page itself only. */
import type { IncomingMessage } from "node:http";

/** Headers by which proxies name the client that they speak for. */
const PROXY_HEADERS = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/** The header that the page sends with actions: another site cannot, without being allowed to. */
export const ACTION_HEADER = "x-socketio-inspect";

/** True for an address of the loopback interface. */
function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}

/** The value of the header `host`, or of `:authority` over HTTP/2, in lower case. */
function hostOf({ headers }: IncomingMessage): string {
  const host = headers.host ?? headers[":authority"];
  return typeof host === "string" ? host.toLowerCase() : "";
}

/**
 * True for a request of this machine: its address is a loopback one, and no proxy has passed it on. The
 * host that it names must be a loopback one too, or a page of another site could read the answers by
 * giving its own name that address.
 */
export function isLocalRequest(req: IncomingMessage): boolean {
  if (!isLoopback(req.socket?.remoteAddress)) return false;
  if (PROXY_HEADERS.some((name) => req.headers[name] !== undefined)) return false;
  const name = hostOf(req).replace(/:\d*$/, "");
  return name === "localhost" || name === "[::1]" || isLoopback(name);
}

/**
 * True for an action that the page itself asks for, and no other site: it has the page's header, and the
 * browser says that it comes from the same origin. Where it does not say so in `sec-fetch-site`, which it
 * sends to secure origins only, the header `origin` must name the host of the request.
 */
export function isOwnAction(req: IncomingMessage): boolean {
  const { headers } = req;
  if (headers[ACTION_HEADER] === undefined) return false;
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  return originHost(headers.origin) === hostOf(req) && hostOf(req) !== "";
}

/** The host of an origin, with its port; undefined for none. */
function originHost(origin: string | undefined): string | undefined {
  return /^https?:\/\/([^/?#@]+)$/i.exec(origin ?? "")?.[1].toLowerCase();
}
