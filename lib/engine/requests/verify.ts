/** The checks of requests, and the answers to those that are refused. */
import type { ServerResponse } from "node:http";
import { ErrorCode, errorMessages, type Refusal, refuse } from "../errors";
import { refuseForNow, refuseUpgrade } from "../refuse-upgrade";
import type { Server } from "../server";
import { type EngineRequest, protocolOf } from "../session/request-snapshot";
import type { Socket } from "../session/socket";
import { askApplication } from "./allow-request";
import type { UpgradeRequest } from "./upgrade";

/** Checks a request; the order is that of upstream and visible in its answers. */
export function verifyRequest(
  server: Server,
  req: EngineRequest,
  upgrade: boolean,
): Refusal | null {
  const { transport, sid } = req._query;
  if (!server._isEnabled(transport) || transport === "webtransport") {
    return refuse(ErrorCode.UNKNOWN_TRANSPORT, { transport });
  }
  const origin = req.headers.origin;
  if (origin !== undefined && hasControls(origin)) {
    delete req.headers.origin;
    return refuse(ErrorCode.BAD_REQUEST, { name: "INVALID_ORIGIN", origin });
  }
  if (sid) {
    const { _sessions: sessions } = server;
    if (!Object.hasOwn(sessions, sid)) return refuse(ErrorCode.UNKNOWN_SID, { sid });
    return verifySession(sessions[sid], transport, protocolOf(req), upgrade);
  }
  if (req.method !== "GET") {
    return refuse(ErrorCode.BAD_HANDSHAKE_METHOD, { method: req.method });
  }
  if (transport === "websocket" && !upgrade) {
    return refuse(ErrorCode.BAD_REQUEST, { name: "TRANSPORT_HANDSHAKE_ERROR" });
  }
  return null;
}

function verifySession(
  conn: Socket,
  transport: string,
  protocol: number,
  upgrade: boolean,
): Refusal | null {
  const previousTransport = conn.transport.name;
  if (!upgrade && previousTransport !== transport) {
    const context = { name: "TRANSPORT_MISMATCH", transport, previousTransport };
    return refuse(ErrorCode.BAD_REQUEST, context);
  }
  if (conn.protocol !== protocol) {
    const context = { name: "PROTOCOL_MISMATCH", protocol, previousProtocol: conn.protocol };
    return refuse(ErrorCode.BAD_REQUEST, context);
  }
  return null;
}

/** Checks a request, and a handshake by `allowRequest` too; calls back once. */
export function admit(
  server: Server,
  req: EngineRequest,
  upgrade: boolean,
  done: (refusal: Refusal | null) => void,
): void {
  const refusal = server.verify(req, upgrade);
  if (refusal !== null || req._query.sid) return done(refusal);
  if (!server.opts.allowRequest) return done(verifyProtocol(server, req));
  askApplication(server.opts as any, req, (refused) =>
    done(refused ?? verifyProtocol(server, req)),
  );
}

/** Checks the revision of the protocol. */
export function verifyProtocol(server: Server, req: EngineRequest): Refusal | null {
  const protocol = protocolOf(req);
  if (protocol === 4 || server.opts.allowEIO3) return null;
  return refuse(ErrorCode.UNSUPPORTED_PROTOCOL_VERSION, { protocol });
}

/** The refusal of a request for which a middleware calls back with an error. */
export function middlewareFailure(): Refusal {
  return refuse(ErrorCode.BAD_REQUEST, { name: "MIDDLEWARE_FAILURE" });
}

/** Tells `connection_error` listeners. */
export function report(
  server: Server,
  req: EngineRequest | null,
  { code, context, answer }: Refusal,
): void {
  server._counts.refuse(code);
  const message = answer?.message ?? errorMessages[code];
  server.emit("connection_error", { req, code, message, context });
}

/** Reports and answers a request that is refused. */
export function refuseRequest(
  server: Server,
  req: EngineRequest,
  res: ServerResponse,
  refusal: Refusal,
): void {
  report(server, req, refusal);
  if (res.headersSent || res.destroyed) return;
  const { code, context, answer } = refusal;
  if (answer !== undefined) {
    const headers = { "Content-Type": "application/json", "Retry-After": "1" };
    res.writeHead(answer.status, headers);
    res.end(JSON.stringify({ code, message: answer.message }));
    return;
  }
  const status = code === ErrorCode.FORBIDDEN ? 403 : 400;
  const message = (code === ErrorCode.FORBIDDEN && context.message) || errorMessages[code];
  res.writeHead(status, { "Content-Type": "application/json" });
  res.end(JSON.stringify({ code, message }));
}

/** Reports and answers an upgrade request that is refused. */
export function refuseUpgradeRequest(
  server: Server,
  upgrade: UpgradeRequest,
  refusal: Refusal,
): void {
  report(server, upgrade.req, refusal);
  const { code, context, answer } = refusal;
  if (answer !== undefined) return refuseForNow(upgrade.socket, code, answer);
  const custom = code === ErrorCode.FORBIDDEN ? context.message : undefined;
  refuseUpgrade(upgrade.socket, String(custom || errorMessages[code]));
}

/** True if a header value holds characters that no header may hold. */
function hasControls(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 32 && code !== 9) || code === 127 || code > 255) return true;
  }
  return false;
}
