/** The sockets of a server as the page lists them. */
import type { Server } from "../index";
import { isNative } from "../native-conn";
import type { Socket } from "../socket";
import { inSlices } from "./slices";
import { text } from "./text";

type AnySocket = Socket<any, any, any, any>;

/** Sockets on one page of the list. */
const PAGE = 50;
/** Sockets that are looked at. Where there are more, every second one is, or every third and so on. */
const SAMPLE = 10_000;

/** The sockets that a page of the list has. */
export interface ListQuery {
  /** Name of a namespace; empty: all. */
  nsp: string;
  /** Name of a room; empty: any. */
  room: string;
  /** Name of a transport; empty: any. */
  transport: string;
  /** Part of the socket's id or address, or a whole id; empty: any. */
  find: string;
  /** Sockets of the list before the page. */
  offset: number;
}

/** A socket of the list. */
export interface Row {
  nsp: string;
  id: string;
  transport: string;
  address: string;
  /** In ms since 1970. */
  since: number;
  rooms: number;
}

/** A page of the list. */
export interface List {
  rows: Row[];
  offset: number;
  /** Sockets that fit the query, among those that were looked at. */
  matched: number;
  /** Sockets of the namespace or room. */
  total: number;
  /** Every so many of them was looked at: 1 means all. */
  every: number;
}

/** The name of the transport of a connection. It makes no object for it. */
export function transportOf(conn: any): string {
  if (!isNative(conn)) return text(conn.transport?.name ?? "");
  const { _websocket, _external } = conn as any;
  if (!_websocket) return "polling";
  return _external?.name(false) ?? "websocket";
}

/** The time of a socket's connection, in ms since 1970. */
export const issuedAt = (socket: AnySocket): number => (socket as any)._issued;

/** The number of rooms of a socket. */
export const roomsOf = (socket: AnySocket): ReadonlySet<unknown> =>
  socket.nsp.adapter.sids?.get(socket.id) ?? new Set();

function row(socket: AnySocket): Row {
  const { conn } = socket;
  return {
    nsp: text(socket.nsp.name),
    id: text(socket.id),
    transport: transportOf(conn),
    address: text(conn.remoteAddress ?? ""),
    since: issuedAt(socket),
    rooms: roomsOf(socket).size,
  };
}

/** Lists sockets: one page of those that fit a query. */
export function list(io: Server<any, any, any, any>, query: ListQuery): Promise<List> {
  return new Promise((resolve, reject) => inSlices(find(io, query), resolve, reject));
}

/** The namespaces of a query. */
function namespacesOf(io: Server<any, any, any, any>, { nsp: name }: ListQuery) {
  if (name === "") return io._nsps.values();
  const nsp = io._nsps.get(name);
  return nsp === undefined ? [] : [nsp];
}

function* find(io: Server<any, any, any, any>, query: ListQuery): Generator<void, List> {
  const { room, transport, offset } = query;
  const wanted = query.find.toLowerCase();
  let total = 0;
  for (const nsp of namespacesOf(io, query)) {
    yield;
    total += room === "" ? nsp.sockets.size : (nsp.adapter.rooms?.get(room)?.size ?? 0);
    // Found however many there are.
    const exact = query.find === "" ? undefined : nsp.sockets.get(query.find);
    if (exact === undefined) continue;
    return { rows: [row(exact)], offset: 0, matched: 1, total: 1, every: 1 };
  }
  const every = Math.max(Math.ceil(total / SAMPLE), 1);
  const fits = (socket: AnySocket) =>
    (transport === "" || transportOf(socket.conn) === transport) &&
    (wanted === "" ||
      socket.id.toLowerCase().includes(wanted) ||
      String(socket.conn.remoteAddress ?? "").includes(wanted));
  const isAny = transport === "" && wanted === "";
  const rows: Row[] = [];
  let [index, matched] = [0, 0];
  for (const nsp of namespacesOf(io, query)) {
    yield;
    const members = room === "" ? nsp.sockets.keys() : (nsp.adapter.rooms?.get(room) ?? []);
    for (const id of members) {
      yield;
      if (isAny && rows.length === PAGE) {
        return { rows, offset, matched: Math.ceil(total / every), total, every };
      }
      if (index++ % every !== 0) continue;
      const socket = nsp.sockets.get(id as string);
      if (socket === undefined || !fits(socket)) continue;
      if (matched >= offset && rows.length < PAGE) rows.push(row(socket));
      matched++;
    }
  }
  return { rows, offset, matched, total, every };
}
