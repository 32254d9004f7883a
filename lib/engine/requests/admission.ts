/** The limits on new sessions: in all, by address, and by second. */

import { ErrorCode, type Refusal } from "../errors";
import { REFUSALS } from "../native/contract";
import type { Server } from "../server";
import type { EngineRequest } from "../session/request-snapshot";
import type { Middleware } from "./middleware";

/**
 * Counts a handshake, before anything is done for it. Returns its refusal; null if it is admitted, or if
 * the request is no handshake.
 *
 * @param req - null: there is none, over WebTransport
 */
export function refuseHandshake(server: Server, req: EngineRequest | null): Refusal | null {
  if (!isLimited(server) || (req !== null && (req._query.sid || req.method !== "GET"))) return null;
  return refusalBy(server, server._options.handshake(countedAddress(server, req)));
}

/**
 * Returns the refusal of a handshake that was admitted, if others have taken the last place meanwhile;
 * else null.
 */
export function refusePlace(server: Server, req: EngineRequest | null): Refusal | null {
  if (!isLimited(server)) return null;
  return refusalBy(server, server._options.hasNoPlace(countedAddress(server, req)));
}

/**
 * The address that a session is counted for: empty for a UNIX socket; undefined if addresses are not
 * limited.
 */
export function countedAddress(server: Server, req: EngineRequest | null): string | undefined {
  if (req === null || server._limits.maxConnectionsPerAddress === 0) return undefined;
  return req.socket?.remoteAddress ?? "";
}

/** Calls `refuse` once the headers of CORS are set that the refusal is to have. */
export function withCors(
  server: Server,
  req: EngineRequest,
  res: unknown,
  refuse: () => void,
): void {
  const cors = server._corsMiddleware;
  if (cors === null || !server.middlewares.includes(cors)) return refuse();
  callOnce(cors, req, res, refuse);
}

function callOnce(cors: Middleware, req: unknown, res: unknown, done: () => void): void {
  let isDone = false;
  const next = () => {
    if (isDone) return;
    isDone = true;
    done();
  };
  try {
    cors(req, res, next);
  } catch {
    // A function of the application as its origin.
    next();
  }
}

function isLimited({ _limits: limits }: Server): boolean {
  const { maxConnections, maxConnectionsPerAddress, maxHandshakesPerSecond } = limits;
  return maxConnections + maxConnectionsPerAddress + maxHandshakesPerSecond > 0;
}

function refusalBy(server: Server, bound: number | null): Refusal | null {
  if (bound === null) return null;
  const found = REFUSALS.find(([of]) => of === bound) ?? REFUSALS[0];
  const [, status, limit, message] = found;
  server._options.reached(bound);
  return { code: ErrorCode.FORBIDDEN, context: { limit, message }, answer: { status, message } };
}
