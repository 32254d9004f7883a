/** The way of a request through middlewares, the order of records and the checks. */
import type { ServerResponse } from "node:http";

import { ANYBODY, inOrder } from "../native/inbound";
import type { Server } from "../server";
import { serveSession } from "../session/polling-http";
import { holdBody } from "../session/post-body";
import type { EngineRequest } from "../session/request-snapshot";
import { refuseHandshake, withCors } from "./admission";
import { runMiddlewares, UpgradeResponse } from "./middleware";
import { acceptWebSocket, openPolling } from "./open-session";
import type { UpgradeRequest } from "./upgrade";
import { admit, middlewareFailure, refuseRequest, refuseUpgradeRequest } from "./verify";

/** Answers a request: a handshake, or a poll or POST of a session. */
export function enterRequest(server: Server, req: EngineRequest, res: ServerResponse): void {
  req.res = res;
  const full = refuseHandshake(server, req);
  if (full !== null) {
    return withCors(server, req, res, () => refuseRequest(server, req, res, full));
  }
  const proceed = () => {
    admit(server, req, false, (refusal) => {
      if (refusal !== null) return refuseRequest(server, req, res, refusal);
      const { sid } = req._query;
      if (sid) return serveSession(server._sessions[sid], req, res);
      openPolling(server, req, res).catch((error) => {
        // A listener's exception stays one; the client gets no answer from it.
        res.destroy();
        throw error;
      });
    });
  };
  const enter = () => {
    const { sid } = req._query;
    if (!sid || Object.hasOwn(server._sessions, sid)) return proceed();
    // It may have been opened natively just now.
    if (req.method === "POST") holdBody(req, res, server);
    inOrder(ANYBODY, proceed);
  };
  if (server.middlewares.length === 0) return enter();
  runMiddlewares(server.middlewares, req, res).then(
    (passed) => {
      if (!passed) return res.end();
      server._learnOrigin(req.headers.origin);
      enter();
    },
    () => refuseRequest(server, req, res, middlewareFailure()),
  );
}

/** Answers an upgrade request: it opens a session, or offers its WebSocket to one. */
export function enterUpgrade(server: Server, upgrade: UpgradeRequest): void {
  const { req, socket } = upgrade;
  const full = refuseHandshake(server, req);
  if (full !== null) return refuseUpgradeRequest(server, upgrade, full);
  const enter = (lines: () => string[]) => {
    admit(server, req, true, (refusal) => {
      if (refusal !== null) return refuseUpgradeRequest(server, upgrade, refusal);
      acceptWebSocket(server, { upgrade, lines });
    });
  };
  const proceed = (lines: () => string[]) => {
    const { sid } = req._query;
    if (!sid) return enter(lines);
    const known = Object.hasOwn(server._sessions, sid);
    inOrder(known ? server._sessions[sid]._handle : ANYBODY, () => enter(lines));
  };
  if (server.middlewares.length === 0) return proceed(() => []);
  const res = new UpgradeResponse(req, socket);
  runMiddlewares(server.middlewares, req, res).then(
    (passed) => {
      if (!passed || res.finished) return;
      server._learnOrigin(req.headers.origin);
      proceed(() => res.lines());
    },
    () => refuseUpgradeRequest(server, upgrade, middlewareFailure()),
  );
}
