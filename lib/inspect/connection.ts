/** One connection in detail, without its secrets. */
import { engine } from "../engine/native/binding";
import { buildHandshake } from "../handshake";
import type { Server } from "../index";
import { isNative } from "../native-conn";
import type { Socket } from "../socket";
import { issuedAt, roomsOf, transportOf } from "./connections";
import { text } from "./text";

type AnySocket = Socket<any, any, any, any>;

/** Rooms, namespaces and headers that are shown. */
const LISTED = 50;
/** The longest value of a header that is shown. */
const MAX_HEADER = 500;

/** Headers whose values are nobody's business: credentials, and ids by which a session may be taken over. */
const SECRET =
  /auth|bearer|cert|cookie|credential|csrf|jwt|key|oidc|password|principal|secret|session|signature|token|xsrf|websocket-protocol/;
/** Headers whose values are URLs, of which the query is hidden. */
const URLS: ReadonlySet<string> = new Set(["referer", "x-original-url", "x-rewrite-url"]);

/** The parameters of a query that the protocol defines, without the id of the session. */
const PROTOCOL_QUERY: ReadonlySet<string> = new Set(["EIO", "transport", "b64", "j", "t"]);

/** One connection. */
export interface Connection {
  nsp: string;
  id: string;
  /** State of the session. */
  state: string;
  transport: string;
  upgraded: boolean;
  upgrading: boolean;
  /** Revision of the Engine.IO protocol. */
  protocol: number | null;
  recovered: boolean;
  /** In ms since 1970. */
  since: number;
  address: string;
  secure: boolean;
  /** The URL of the handshake without its query. */
  path: string;
  /** The names of the parameters of its query, with the values of those of the protocol. */
  query: string[];
  /** Names and values; null for values that are hidden. */
  headers: [name: string, value: string | null][];
  /** Null where they are not counted by connection: over polling, and for other engines. */
  bytes: { read: number; written: number } | null;
  /** Bytes that wait for the client; null for other engines. */
  waiting: number | null;
  heartbeat: {
    /** Options of the engine, in ms. */
    interval: number | null;
    timeout: number | null;
    /** The time until the next ping, in ms; null while the answer to one is awaited. */
    pingIn: number | null;
    /** The time until the awaited answer is overdue, in ms. */
    answerBy: number | null;
  };
  /** The sockets of the client. */
  namespaces: { total: number; list: { nsp: string; id: string }[] };
  /** The rooms of this socket. */
  rooms: { total: number; list: string[] };
}

/** The socket of an id in a namespace. */
export function socketOf(
  io: Server<any, any, any, any>,
  nsp: string,
  id: string,
): AnySocket | undefined {
  return io._nsps.get(nsp)?.sockets.get(id);
}

/** A connection by one of its sockets. */
export function connectionOf(socket: AnySocket): Connection {
  const { conn, client } = socket;
  const anyConn = conn as any;
  const state = isNative(conn) ? engine.sessionState(anyConn._handle) : null;
  const transport = transportOf(conn);
  const { headers, url, secure } = buildHandshake(conn, issuedAt(socket), {});
  const [path, query = ""] = String(url ?? "").split("?", 2);
  const sockets = clientSockets(client);
  const rooms = roomsOf(socket);
  const opts = anyConn.server?.opts;
  const number = (value: unknown) => (typeof value === "number" ? value : null);
  return {
    nsp: text(socket.nsp.name),
    id: text(socket.id),
    state: text(conn.readyState),
    transport,
    upgraded: anyConn.upgraded === true,
    upgrading: anyConn.upgrading === true,
    protocol: number(conn.protocol),
    recovered: socket.recovered === true,
    since: issuedAt(socket),
    address: text(conn.remoteAddress ?? ""),
    secure: secure === true,
    path: text(path),
    query: queryOf(query),
    headers: headersOf(headers),
    bytes:
      state != null && state.bytesRead > 0
        ? { read: state.bytesRead, written: state.bytesWritten }
        : null,
    waiting: state?.bytesWaiting ?? null,
    heartbeat: {
      interval: number(opts?.pingInterval),
      timeout: number(opts?.pingTimeout),
      pingIn: state?.pingIn ?? null,
      answerBy: state?.answerBy ?? null,
    },
    namespaces: {
      total: sockets.length,
      list: sockets.slice(0, LISTED).map(({ nsp, id }) => ({ nsp: text(nsp.name), id: text(id) })),
    },
    rooms: { total: rooms.size, list: firstOf(rooms).map((room) => text(room)) },
  };
}

/** The sockets of a client. It makes no map for a client of one namespace. */
function clientSockets(client: any): AnySocket[] {
  return client.allSockets();
}

/** The first values of a set. */
function firstOf(set: ReadonlySet<unknown>): unknown[] {
  const first: unknown[] = [];
  for (const one of set) {
    if (first.length === LISTED) break;
    first.push(one);
  }
  return first;
}

/** The parameters of a query: their names, and values of the protocol. */
function queryOf(query: string): string[] {
  const all = [...new URLSearchParams(query)].slice(0, LISTED);
  return all.map(([name, value]) =>
    PROTOCOL_QUERY.has(name) ? `${name}=${text(value)}` : text(name),
  );
}

/** The headers of a handshake without secrets. */
function headersOf(headers: NodeJS.Dict<string | string[]>): [string, string | null][] {
  return Object.entries(headers)
    .slice(0, LISTED)
    .map(([name, value]) => {
      if (SECRET.test(name.toLowerCase())) return [text(name), null];
      const whole = Array.isArray(value) ? value.join(", ") : String(value ?? "");
      const shown = URLS.has(name.toLowerCase()) ? whole.split("?", 1)[0] : whole;
      return [text(name), text(shown, MAX_HEADER)];
    });
}
