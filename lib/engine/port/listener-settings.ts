/** The requests that a native listener may answer, and the content of its answers. */
import type { Server as HttpServer } from "node:http";

import cookie = require("cookie");

import type { ListenerSettings } from "../../../binding";
import { compressionThreshold, delay } from "../options";
import type { Server } from "../server";
import { staticCors } from "./static-cors";

/** Stands for a timeout of Node that never comes, in ms: a day. */
const NEVER = 86_400_000;
/** Stands for the session id in a serialized cookie. */
const ID = "00000000000000000000";

/** The listeners on an HTTP server that show its requests to the application. */
export interface Observed {
  /** Somebody may see a request before it is told apart. */
  all: boolean;
  /** Somebody may see the requests that are no upgrades. */
  requests: boolean;
  /** Somebody may see the upgrade requests. */
  upgrades: boolean;
}

/**
 * The settings of the listener that serves `engine` on `server`, below a path.
 *
 * @throws an error for an option that cannot be used
 */
export function listenerSettings(
  server: HttpServer,
  engine: Server,
  path: string,
  observed: Observed,
): ListenerSettings {
  const { opts } = engine;
  const options = engine.middlewares.length > 0 ? engine._corsOptions : undefined;
  const cors = staticCors(options, engine._origins);
  const counted = server.maxConnections || server.timeout || server.maxRequestsPerSocket;
  const handsOver = !!counted || observed.all;
  const served = cors !== null && !handsOver && server.maxHeadersCount === null;
  const requests = served && !observed.requests;
  const upgrades = served && !observed.upgrades;
  const may = engine._mayServe();
  const template = cookieTemplate(opts.cookie);
  const chunks = Number(opts.maxBufferedChunks);
  return {
    path,
    handsOver,
    raw: !engine._decodesNatively,
    tellsRefusals: engine.listenerCount("connection_error") > 0,
    handshakes: requests && may.handshakes && template !== null,
    polls: requests && may.polls,
    websockets: upgrades && may.websockets,
    upgrades: upgrades && may.upgrades,
    upgradeList: JSON.stringify(engine._offer("polling")),
    ...engine._settings(),
    maxBody: Number(opts.maxHttpBufferSize),
    maxChunks: chunks >= 0 ? chunks : Number.MAX_SAFE_INTEGER,
    bodyTimeout: delay(opts.httpRequestBodyTimeout),
    compressFrom: compressionThreshold(opts.httpCompression),
    cookieBefore: template?.[0],
    cookieAfter: template?.[1],
    cors: toLines(cors?.others ?? []),
    corsOrigins: Object.entries(cors?.origins ?? {}).map(([origin, lines]) => ({
      origin,
      lines: toLines(lines),
    })),
    corsLearns: cors?.learns === true,
    ...idleTimes(server),
    headTimeout: Math.min(server.headersTimeout || NEVER, server.requestTimeout || NEVER),
    requestTimeout: server.requestTimeout || NEVER,
  };
}

/** True if some requests are answered natively. */
export function servesAny(settings: ListenerSettings): boolean {
  const { handsOver, handshakes, polls, websockets, upgrades } = settings;
  return !handsOver && (handshakes || polls || websockets || upgrades);
}

/** Everything goes through Node. */
export const NOTHING: ListenerSettings = {
  path: "",
  handsOver: true,
  raw: false,
  tellsRefusals: false,
  handshakes: false,
  polls: false,
  websockets: false,
  upgrades: false,
  upgradeList: "[]",
  pingInterval: 0,
  pingTimeout: 0,
  maxBody: 0,
  maxChunks: 0,
  bodyTimeout: NEVER,
  cors: [],
  corsOrigins: [],
  corsLearns: false,
  headTimeout: NEVER,
  requestTimeout: NEVER,
};

/** Properties of an HTTP server that say how its connections are served. */
export const SERVER_SETTINGS = [
  "headersTimeout",
  "keepAliveTimeout",
  "keepAliveTimeoutBuffer",
  "maxConnections",
  "maxHeadersCount",
  "maxRequestsPerSocket",
  "requestTimeout",
  "timeout",
];

/** The time that Node keeps idle connections beyond the announced one, in ms, by default. */
const KEEP_ALIVE_BUFFER = 1000;

/** The times for which a connection between requests is announced to be kept, and is kept, in ms. */
function idleTimes(server: HttpServer) {
  const keepAlive = server.keepAliveTimeout || undefined;
  if (keepAlive === undefined) return {};
  // An option of Node 22 and later.
  const given = (server as { keepAliveTimeoutBuffer?: number }).keepAliveTimeoutBuffer as number;
  const buffer = Number.isFinite(given) && given >= 0 ? given : KEEP_ALIVE_BUFFER;
  return { keepAlive, idleTimeout: keepAlive + buffer };
}

const toLines = (lines: [name: string, value: string][]) =>
  lines.map(([name, value]) => ({ name, value }));

/** The parts of a cookie around the session id; undefined: no cookie; null: it cannot be cut. */
function cookieTemplate(options: any): [string, string] | undefined | null {
  if (!options) return undefined;
  const { name, ...rest } = options;
  if (typeof rest.encode === "function") return null;
  const parts = cookie.serialize(name, ID, rest).split(`=${ID}`);
  return parts.length === 2 ? [`${parts[0]}=`, parts[1]] : null;
}
