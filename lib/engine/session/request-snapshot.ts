/**
 * The request that opened a session. Keeping Node's own object would keep its socket, parser and
 * buffers too, so only its text is kept, and an equal object is built if somebody asks.
 */
import { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import {
  SNAPSHOT_OWN as OWN,
  PacketForm,
  SNAPSHOT_SEPARATOR as SEPARATOR,
  SHARED_HEADERS,
} from "../native/contract";
import { setHeaders } from "../node-internals";
import type { RequestEnds } from "./tcp-sockets";

/** A request of the engine: its query is parsed once. */
export type EngineRequest = IncomingMessage & {
  _query: Record<string, string>;
  /** Came from a server that the engine is attached to: nobody else was given it. @internal */
  _own?: boolean;
  /** Set for a WebSocket handshake. */
  websocket?: unknown;
  res?: unknown;
};

/** The revision of the protocol that a request asks for. */
export function protocolOf({ _query: { EIO } }: EngineRequest): 3 | 4 {
  return EIO === "4" ? 4 : 3;
}

/**
 * The encoding of packets that a request asks for.
 *
 * @param isScript - the answers are scripts, which can hold text only; default: false
 */
export function packetForm(req: EngineRequest, isScript = false): PacketForm {
  const isText = isScript || Boolean(req._query.b64);
  if (protocolOf(req) === 4) return isText ? PacketForm.V4Base64 : PacketForm.V4;
  return isText ? PacketForm.V3Base64 : PacketForm.V3;
}

/** A request as it is kept. */
export interface PackedRequest {
  /** The part that many requests have in common: one string serves them all. */
  readonly shared: string;
  /** The rest. */
  readonly own: string;
}

const sharedHeaders: ReadonlySet<string> = new Set(SHARED_HEADERS);

const MAX_SHARED = 512;
const MAX_SHARED_LENGTH = 2048;
const sharedParts = new Map<string, string>();

/** The strings that were asked for last, by their length: to compare is cheaper than to hash. */
const recent: string[] = new Array(16).fill("");

/** The string that is kept for all equal ones. */
export function share(part: string): string {
  if (part.length > MAX_SHARED_LENGTH) return part;
  const place = part.length % recent.length;
  if (recent[place] !== part) recent[place] = lookUp(part);
  return recent[place];
}

function lookUp(part: string): string {
  const known = sharedParts.get(part);
  if (known !== undefined) return known;
  if (sharedParts.size === MAX_SHARED) sharedParts.clear();
  sharedParts.set(part, part);
  return part;
}

/** Keeps a request, and the ends of its connection, which cannot be asked later. */
export function packRequest(req: IncomingMessage): PackedRequest {
  const { method = "GET", url = "/", httpVersion, rawHeaders, socket } = req;
  const { remoteFamily, localAddress, localPort } = socket;
  const encrypted = (socket as any).encrypted === true ? "1" : "";
  const shared = [encrypted, method, httpVersion, remoteFamily, localAddress, localPort];
  const own = [url, socket.remotePort];
  const end = Math.min(rawHeaders.length, 2 * maxHeaders((socket as any).server));
  for (let i = 0; i < end; i += 2) {
    shared.push(rawHeaders[i]);
    if (sharedHeaders.has(rawHeaders[i].toLowerCase())) {
      shared.push(rawHeaders[i + 1]);
    } else {
      shared.push(OWN);
      own.push(rawHeaders[i + 1]);
    }
  }
  return { shared: share(shared.join(SEPARATOR)), own: own.join(SEPARATOR) };
}

/** The number of headers that the server of a request takes; Node's parser leaves out the others. */
function maxHeaders(server?: { maxHeadersCount?: number | null }): number {
  const count = server?.maxHeadersCount ?? 1000;
  return count > 0 ? count : Number.POSITIVE_INFINITY;
}

/** The URL of a packed request. */
export function packedUrl({ own }: PackedRequest): string {
  return own.slice(0, own.indexOf(SEPARATOR));
}

/** True if a packed request came over TLS. */
export function isPackedSecure({ shared }: PackedRequest): boolean {
  return shared[0] === "1";
}

/**
 * Builds the request again.
 *
 * @param socketAt - gives the socket that the request came over
 */
export function unpackRequest(
  packed: PackedRequest,
  remoteAddress: string,
  socketAt: (ends: RequestEnds) => NetSocket,
): EngineRequest {
  const [encrypted, method, httpVersion, remoteFamily, localAddress, localPort, ...rawHeaders] =
    packed.shared.split(SEPARATOR);
  const [url, remotePort, ...values] = packed.own.split(SEPARATOR);
  for (let i = 1; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === OWN) rawHeaders[i] = values.shift() as string;
  }
  const socket = socketAt({
    remote: { address: remoteAddress, family: remoteFamily || undefined, port: portOf(remotePort) },
    local: {
      address: localAddress || undefined,
      family: remoteFamily || undefined,
      port: portOf(localPort),
    },
  });
  if (encrypted === "1") (socket as any).encrypted = true;
  const req = new IncomingMessage(socket) as EngineRequest;
  req.method = method;
  req.url = url;
  req.httpVersion = httpVersion;
  const [major, minor] = httpVersion.split(".", 2);
  req.httpVersionMajor = Number(major);
  req.httpVersionMinor = Number(minor);
  setHeaders(req, rawHeaders);
  req.complete = true;
  req.push(null);
  req._query = parseQuery(url);
  return req;
}

function portOf(text: string): number | undefined {
  return text === "" ? undefined : Number(text);
}

/** The query of a URL: the last of repeated keys wins, and any key is an own property. */
export function parseQuery(url: string): Record<string, string> {
  const query: Record<string, string> = {};
  const [target] = url.split("#", 1); // a fragment has no business here, but is no part of the query
  const mark = target.indexOf("?");
  if (mark === -1) return query;
  for (const [name, value] of new URLSearchParams(target.slice(mark))) {
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
