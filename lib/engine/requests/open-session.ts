/**
 * Opens sessions for admitted requests, over polling or a WebSocket, and WebSockets that sessions
 * move to.
 */
import type { ServerResponse } from "node:http";
import type { Socket as NetSocket } from "node:net";

import { ErrorCode, type Refusal, refuse } from "../errors";
import { engine } from "../native/binding";
import type { PacketForm } from "../native/contract";
import { lookAhead } from "../native/inbound";
import { isAdoptable, serverOf } from "../node-internals";
import { isListenedTo } from "../own-listeners";
import { isHttp2Stream } from "../refuse-upgrade";
import type { Server } from "../server";
import type { RefusalName } from "../session/engine-counts";
import {
  type ExternalServer,
  type ExternalWebSocket,
  handOverExternal,
  type LinkName,
  turnAwayExternal,
} from "../session/external-connections";
import { checkHeaders, headerLines } from "../session/headers";
import { respond } from "../session/polling-http";
import {
  type EngineRequest,
  type PackedRequest,
  packetForm,
  packRequest,
  protocolOf,
  share,
} from "../session/request-snapshot";
import type { Socket } from "../session/socket";
import { isHeld, setStream } from "../session/tcp-sockets";
import { countedAddress, refuseHandshake, refusePlace } from "./admission";
import { type Acceptor, acceptUpgrade, type UpgradeRequest } from "./upgrade";
import { refuseRequest, refuseUpgradeRequest, report, verifyProtocol } from "./verify";

/** How a session came to be. */
export interface SocketInit {
  server: Server;
  id: string;
  handle: number;
  protocol: number;
  websocket: boolean;
  /** Query parameter of a session that polls by script tags. */
  jsonp: string | undefined;
  remoteAddress: string | undefined;
  /** Node's request if somebody has seen it, else what is kept of it; neither over WebTransport. */
  request: EngineRequest | null;
  packed: PackedRequest | null;
  /** Its polls are answered natively, unless somebody watches. */
  pollsNatively: boolean;
}

/** An upgrade request that is admitted. */
export interface Granted {
  upgrade: UpgradeRequest;
  /** Gives the header lines of the 101 that middlewares have set; asked once, when it is due. */
  lines: () => string[];
}

/** An id as the application's `generateId()` gives it. */
type SessionId = string | number;

/** True for a refusal in place of an id. */
function isRefusal(id: SessionId | Refusal): id is Refusal {
  return typeof id === "object";
}

/** An id for a new session, or why there is none. */
async function newId(server: Server, req: EngineRequest): Promise<SessionId | Refusal> {
  try {
    const id: unknown = await server.generateId(req);
    if (id === undefined || id === null || id === "") throw new Error("there is no id");
    const usable = typeof id === "number" ? id : String(id);
    if (Object.hasOwn(server._sessions, usable)) throw new Error("the id is in use");
    return usable;
  } catch (error) {
    return refuse(ErrorCode.BAD_REQUEST, { name: "ID_GENERATION_ERROR", error });
  }
}

/** The contents of the open packet of a new session, as JSON, and the message that follows it. */
export function firstPackets(server: Server, sid: SessionId, transport: string) {
  const { initialPacket, maxPayload = null, ...times } = server._settings();
  const open = { sid, upgrades: server._offer(transport), ...times, maxPayload };
  return { open: JSON.stringify(open), initialPacket };
}

/** The options of a new session, for the native engine. */
function openRequest(
  server: Server,
  req: EngineRequest,
  sid: SessionId,
  transport: "polling" | "websocket",
) {
  const isScript = transport === "polling" && req._query.j !== undefined;
  return {
    sid: String(sid),
    ...firstPackets(server, sid, transport),
    form: packetForm(req, isScript),
    external: server._webSockets.serving !== undefined,
    pumped: isPumped(req, transport === "websocket"),
    address: countedAddress(server, req),
    raw: !server._decodesNatively,
  };
}

/** True if the WebSocket of a request is read and written in JavaScript. */
function isPumped(req: EngineRequest, websocket: boolean): boolean {
  const isTunnel = websocket && req.httpVersionMajor >= 2;
  return isTunnel || !isAdoptable(req.socket);
}

function addSession(
  server: Server,
  req: EngineRequest,
  id: SessionId,
  handle: number,
  websocket: boolean,
): Socket {
  // A socket that is pumped lives on in JavaScript, and can be asked (for certificates, say).
  const external = server._webSockets.serving !== undefined;
  const pumped = external || isPumped(req, websocket);
  const seen = pumped || isRequestSeen(server, req, websocket ? "upgrade" : "request");
  return server._keep({
    server,
    id: id as string,
    handle,
    protocol: protocolOf(req),
    websocket,
    jsonp: websocket ? undefined : req._query.j,
    remoteAddress: share(req.socket.remoteAddress ?? "") || undefined,
    request: seen ? req : null,
    packed: seen ? null : packRequest(req),
    pollsNatively: server._hasListeners,
  });
}

/** True if the application may have seen a request, and put something on it. */
function isRequestSeen(server: Server, req: EngineRequest, event: "request" | "upgrade"): boolean {
  const owner = serverOf(req.socket);
  return !req._own || server._isRequestSeen() || owner === undefined || isListenedTo(owner, event);
}

/** Tells those who watch what is sent of the open packet, which was sent natively. */
function announceOpen(server: Server, event: "flush" | "drain", conn: Socket): void {
  if (!server._watched) return;
  if (event === "drain") {
    server.emit(event, conn);
    return;
  }
  const { open } = firstPackets(server, conn.id, conn.transport.name);
  server.emit(event, conn, [{ type: "open", options: { compress: true }, data: open }]);
}

/** Tells the application of a session. */
function announceConnection(server: Server, conn: Socket): void {
  server.emit("connection", conn);
  // Sessions whose packets nobody takes decoded show them undecoded.
  if (!conn._hasSink) conn._decodeInJs();
}

/** Tells of a session over a WebSocket, and of its open packet. */
export function announceSession(server: Server, conn: Socket): void {
  announceOpen(server, "flush", conn);
  announceOpen(server, "drain", conn);
  announceConnection(server, conn);
}

/** Opens a session over polling and answers its handshake. */
export async function openPolling(
  server: Server,
  req: EngineRequest,
  res: ServerResponse,
): Promise<void> {
  const id = await newId(server, req);
  if (isRefusal(id)) return refuseRequest(server, req, res, id);
  const full = refusePlace(server, req);
  if (full !== null) return refuseRequest(server, req, res, full);
  const initial: Record<string, any> = server.opts.cookie
    ? { "Set-Cookie": [server._cookieFor(String(id))] }
    : {};
  const request = openRequest(server, req, id, "polling");
  const { handle, body } = engine.openPolling(server._options, request);
  const conn = addSession(server, req, id, handle, false);
  announceOpen(server, "flush", conn);
  try {
    respond(conn, req, res, body, { initial, compress: true });
  } catch (error) {
    // A header that a listener has set cannot be written.
    conn.close(true);
    const context = { name: "TRANSPORT_HANDSHAKE_ERROR", error };
    return refuseRequest(server, req, res, refuse(ErrorCode.BAD_REQUEST, context));
  }
  announceOpen(server, "drain", conn);
  announceConnection(server, conn);
}

/** Opens a session for an admitted upgrade request, or offers its WebSocket to one that polls. */
export function acceptWebSocket(server: Server, granted: Granted): void {
  const { req, socket } = granted.upgrade;
  if (server._webSockets.serving !== undefined && isHttp2Stream(socket)) {
    // The servers of `wsEngine` speak HTTP/1.1 alone.
    const context = { name: "TRANSPORT_HANDSHAKE_ERROR" };
    return refuseUpgradeRequest(server, granted.upgrade, refuse(ErrorCode.BAD_REQUEST, context));
  }
  const session = server._sessions[req._query.sid];
  if (session !== undefined) return offer(server, granted, session);
  openWebSocket(server, granted).catch((error) => {
    socket.destroy();
    throw error;
  });
}

function offer(server: Server, granted: Granted, session: Socket): void {
  const { serving } = server._webSockets;
  if (serving !== undefined) return handOver(server, serving, granted, session);
  let taken = false;
  accept(server, granted, false, {
    attach: (connection) => {
      if (!isForWebSocket(granted)) return engine.turnAway(connection);
      taken = engine.upgrade(session._handle, connection);
      if (taken) session.upgrading = true;
    },
    attached: (stream, held) => {
      if (taken && stream !== null) setStream(session, stream, held, true);
    },
  });
}

async function openWebSocket(server: Server, granted: Granted): Promise<void> {
  const { upgrade } = granted;
  const { req } = upgrade;
  if (!isForWebSocket(granted)) {
    const { serving } = server._webSockets;
    if (serving !== undefined) return handOver(server, serving, granted, null);
    return accept(server, granted, false, { attach: (conn) => engine.turnAway(conn) });
  }
  const id = await newId(server, req);
  if (isRefusal(id)) return refuseUpgradeRequest(server, upgrade, id);
  const full = refusePlace(server, req);
  if (full !== null) return refuseUpgradeRequest(server, upgrade, full);
  const { serving } = server._webSockets;
  if (serving !== undefined) return handOver(server, serving, granted, id);
  let handle: number | null = null;
  accept(server, granted, true, {
    attach: (connection) => {
      // An answer to an earlier request of the connection may have been waited for.
      const late = refusePlace(server, req);
      if (late !== null) {
        report(server, req, late);
        return engine.turnAway(connection);
      }
      const request = openRequest(server, req, id, "websocket");
      handle = engine.openWebSocket(server._options, request, connection);
    },
    attached: (stream, held) => {
      if (handle === null) return;
      const conn = addSession(server, req, id, handle, true);
      if (stream !== null) setStream(conn, stream, held, false);
      announceSession(server, conn);
    },
  });
}

/** An upgrade request may name another transport: its WebSocket is accepted, and closed. */
function isForWebSocket({ upgrade }: Granted): boolean {
  return upgrade.req._query.transport === "websocket";
}

function accept(
  server: Server,
  granted: Granted,
  initial: boolean,
  acceptor: Omit<Acceptor, "isHeld" | "refused" | "announce" | "answerBad">,
): void {
  const { upgrade } = granted;
  const { req, socket } = upgrade;
  const { _webSockets: webSockets } = server;
  const seen = isRequestSeen(server, req, "upgrade") || isHeld(socket as NetSocket);
  const lines = () => upgradeHeaders(server, granted, initial);
  const refused = (reason: RefusalName) => void server._counts.refused[reason]++;
  const full = {
    ...acceptor,
    isHeld: seen,
    refused,
    announce: (all: string[]) => webSockets.announce(all, upgrade),
    answerBad: () => webSockets.answerBad(upgrade),
  };
  const isClosed = server._closed || webSockets.isClosed;
  acceptUpgrade(upgrade, server._options, isClosed, lines, full);
}

/** Hands an upgrade request to the application's WebSocket server; `to`: an id for a new session. */
function handOver(
  server: Server,
  taker: ExternalServer,
  granted: Granted,
  to: Socket | SessionId | null,
): void {
  const { upgrade } = granted;
  const { req } = upgrade;
  if (server._closed) server._counts.refused.closed++;
  const isNew = typeof to === "string" || typeof to === "number";
  const headers = () => upgradeHeaders(server, granted, isNew);
  const isClosed = server._closed || server._webSockets.isClosed;
  handOverExternal(taker, upgrade, isClosed, headers, (ws) => {
    if (isNew) openExternal(server, req, to, ws);
    else if (isForWebSocket(granted) && to) offerExternal(to, ws, packetForm(req));
    else turnAwayExternal(ws);
  });
}

/** Opens a session on a WebSocket that is not ours. */
function openExternal(
  server: Server,
  req: EngineRequest,
  id: SessionId,
  ws: ExternalWebSocket,
): void {
  const full = refusePlace(server, req);
  if (full !== null) {
    report(server, req, full);
    return turnAwayExternal(ws);
  }
  const request = { ...openRequest(server, req, id, "websocket"), external: true };
  const { handle, messages } = engine.openExternal(server._options, request);
  const conn = addSession(server, req, id, handle, true);
  conn._takeExternal(ws, false, request.form);
  for (const message of messages) conn._onframe(false, message);
  announceSession(server, conn);
}

/** Offers a session a WebSocket that is not ours. */
export function offerExternal(
  conn: Socket,
  ws: ExternalWebSocket,
  form: PacketForm,
  name?: LinkName,
): void {
  if (!engine.upgradeExternal(conn._handle, name === "webtransport")) return turnAwayExternal(ws);
  conn.upgrading = true;
  conn._takeExternal(ws, true, form, name);
}

/** Serves a WebSocket that somebody else has opened: for a new session, or one that polls. */
export function takeWebSocket(server: Server, req: EngineRequest, ws: ExternalWebSocket): void {
  const { sid, transport } = req._query;
  // The session may have been opened natively just now. The WebSocket cannot wait for it.
  if (sid) lookAhead();
  const refusal =
    refuseHandshake(server, req) ??
    server.verify(req, true) ??
    (sid ? null : verifyProtocol(server, req));
  if (refusal !== null || transport !== "websocket") {
    if (refusal !== null) report(server, req, refusal);
    return turnAwayExternal(ws);
  }
  if (sid) return offerExternal(server._sessions[sid], ws, packetForm(req));
  newId(server, req).then((id) => {
    if (!isRefusal(id)) return openExternal(server, req, id, ws);
    report(server, req, id);
    turnAwayExternal(ws);
  });
}

/**
 * The header lines of a 101: the middlewares', then what listeners add; null, and the request
 * refused, if one of them would be more than one line.
 */
function upgradeHeaders(
  server: Server,
  { upgrade, lines }: Granted,
  initial: boolean,
): string[] | null {
  const refused = (error: unknown) => {
    const context = { name: "TRANSPORT_HANDSHAKE_ERROR", error };
    refuseUpgradeRequest(server, upgrade, refuse(ErrorCode.BAD_REQUEST, context));
    return null;
  };
  let own: string[];
  try {
    own = lines();
  } catch (error) {
    return refused(error);
  }
  const headers: Record<string, any> = {};
  if (initial) server.emit("initial_headers", headers, upgrade.req);
  server.emit("headers", headers, upgrade.req);
  try {
    checkHeaders(headers);
  } catch (error) {
    return refused(error);
  }
  return [...own, ...headerLines(Object.entries(headers))];
}
