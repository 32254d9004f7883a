/** Polling over Node's requests and responses (Engine.IO protocols 3 and 4, "HTTP long-polling"). */
import type { IncomingMessage, ServerResponse } from "node:http";

import accepts = require("accepts");

import { engine } from "../native/binding";
import { Bound, PollingFault, PollState, PostState, SNIFFING_AGENT } from "../native/contract";
import { afterNews, drain, inOrder } from "../native/inbound";
import { deliveredOf } from "../node-internals";
import { compressionThreshold } from "../options";
import { compressBody } from "./compressed-body";
import { checkHeaders } from "./headers";
import { bodyOf, type PostBody } from "./post-body";
import type { EngineRequest } from "./request-snapshot";
import type { Socket } from "./socket";
import type { PendingPoll, Polling, Transport } from "./transports";

// Not those that an application's tests replace by a clock of their own.
const { setInterval, clearInterval } = globalThis;

/** Content types of payloads. */
const TEXT_TYPE = "text/plain; charset=UTF-8";
const BINARY_TYPE = "application/octet-stream";

/** A request of a session that polls. */
export function serveSession(conn: Socket, req: IncomingMessage, res: ServerResponse): void {
  if (req.method === "GET") servePoll(conn, req, res);
  else if (req.method === "POST") servePost(conn, req, res);
  else answerEmpty(res, 500);
}

function servePoll(conn: Socket, req: IncomingMessage, res: ServerResponse): void {
  // The answer to the one before may be on its way here; else this one overlaps it.
  if ((conn.transport as Polling).poll === null) takePoll(conn, req, res);
  else afterNews(conn._handle, () => takePoll(conn, req, res));
}

function takePoll(conn: Socket, req: IncomingMessage, res: ServerResponse): void {
  offerPoll(conn, req, res);
  conn._onpoll();
}

function offerPoll(conn: Socket, req: IncomingMessage, res: ServerResponse): void {
  const transport = conn.transport as Polling;
  const { payload, state } = engine.poll(conn._handle);
  if (state === PollState.Overlaps) {
    // A poll was pending: that one hears that the session is over.
    if (payload != null) answerPoll(conn, payload);
    drain();
    return answerEmpty(res, 400);
  }
  if (state === PollState.Moved) return refuseMoved(conn, req, res);
  if (payload != null && state === PollState.Part) {
    // The packets count as delivered with the last part.
    respond(conn, req, res, payload, { compress: true });
    transport.emit("ready");
    return drain();
  }
  if (payload != null) {
    if (conn.readyState === "closing" && !conn._isBuffering) {
      // A goodbye, and no packet.
      transport.poll = { req, res };
      transport.emit("ready");
      answerPoll(conn, payload);
      return drain();
    }
    const compress = conn._ondelivery();
    respond(conn, req, res, payload, { compress, written: () => conn._ondrained() });
    conn._announceDrain();
    transport.emit("ready");
    return drain();
  }
  const poll = { req, res };
  transport.poll = poll;
  const onclose = () => {
    if (transport.poll !== poll) return;
    transport.poll = null;
    engine.pollLost(conn._handle);
    drain();
  };
  // The client may have gone while its request waited.
  if (res.destroyed) return onclose();
  res.once("close", onclose);
  transport.emit("ready");
}

/** Refuses a request of a session that does not poll any more, once that is known here. */
function refuseMoved(conn: Socket, req: IncomingMessage, res: ServerResponse): void {
  afterNews(conn._handle, () => {
    const refusal = conn.server.verify(req as EngineRequest, false);
    if (refusal === null) answerEmpty(res, 400);
    else conn.server._refuse(req as EngineRequest, res, refusal);
  });
}

/** Answers the poll that waits. If its client has gone away meanwhile, its loss is noticed. */
export function answerPoll(conn: Socket, payload: string | Buffer, compress = true): void {
  const transport = conn.transport as Polling;
  const poll = transport.poll;
  if (poll == null) return;
  transport.poll = null;
  respond(conn, poll.req, poll.res, payload, { compress, written: () => conn._ondrained() });
}

/** A payload with a packet that has no effect, by protocol. */
const NOOP: Record<number, string> = { 3: "1:6", 4: "6" };

/**
 * Calls `ended` once no poll of a session that has just ended waits for its answer: the answer that the
 * engine has given before may be on its way here.
 */
export function afterLastPoll(conn: Socket, transport: Transport | null, ended: () => void): void {
  const waits = transport?.name === "polling" && (transport as Polling).poll !== null;
  if (!waits) return ended();
  afterNews(conn._handle, () => {
    answerPoll(conn, NOOP[conn.protocol]);
    ended();
  });
}

/** A POST of which the engine has yet to give packets, and the requests behind it. */
interface Taking {
  /** Answers the POST. */
  answer: () => void;
  behind: (() => void)[];
}

const takings = new WeakMap<Socket, Taking>();

/** Answers the POST of which the engine had yet to give packets, if there is one. */
export function endTaking(conn: Socket): void {
  const taking = takings.get(conn);
  if (taking === undefined) return;
  takings.delete(conn);
  taking.answer();
  for (const serve of taking.behind) serve();
}

function servePost(conn: Socket, req: IncomingMessage, res: ServerResponse): void {
  const taking = takings.get(conn);
  if (taking !== undefined) {
    taking.behind.push(() => servePost(conn, req, res));
    return;
  }
  const transport = conn.transport as Polling;
  const { _handle: handle } = conn;
  const begun = engine.beginPost(handle);
  if (begun === PostState.Moved) return refuseMoved(conn, req, res);
  const isBinary = req.headers["content-type"] === BINARY_TYPE;
  // The session has ended before its client hears that it was wrong.
  if (begun === PostState.Overlaps) {
    fail(conn, PollingFault.PostOverlap);
    return answerEmpty(res, 400);
  }
  if (isBinary && conn.protocol !== 3) {
    fail(conn, PollingFault.PostContent);
    return answerEmpty(res, 400);
  }
  const post: PendingPoll = { req, res };
  transport.post = post;
  const body = bodyOf(req, res, conn.server);
  body.whenOver((end) => {
    if (transport.post === post) transport.post = null;
    if (end === "lost") return fail(conn, PollingFault.PostAborted);
    if (end === "complete") return inOrder(handle, () => takeBody(conn, post, body, isBinary));
    engine.endPost(handle);
    const [status, fault, bound] = REFUSED_BODIES[end];
    if (bound !== null) conn.server._options.reached(bound);
    answerEmpty(res, status);
    fail(conn, fault);
    req.destroy();
  });
}

/** The answer to a body that is not taken, the fault that its session ends for, and the bound that counts. */
const REFUSED_BODIES = {
  long: [413, PollingFault.PostTooLarge, Bound.MessageBytes],
  chunks: [413, PollingFault.PostChunks, null],
  slow: [408, PollingFault.PostTimeout, null],
  crowded: [503, PollingFault.PostCrowded, Bound.BodyBytes],
} as const;

/** Takes the packets of a POST, and answers it. */
function takeBody(conn: Socket, post: PendingPoll, body: PostBody, isBinary: boolean): void {
  const { req, res } = post;
  const answer = (conn.transport as Polling).push(body.bytes, isBinary);
  if (answer !== null) answerPoll(conn, answer);
  // The application gets the packets of the body before the client gets the answer.
  const acknowledge = () =>
    afterNews(conn._handle, () => {
      const headers = baseHeaders(req, "text/html", "ok");
      finish(conn, req, res, headers, "ok");
    });
  const waits = engine.isTakingPost(conn._handle);
  if (waits) takings.set(conn, { answer: acknowledge, behind: [] });
  drain();
  if (!waits) acknowledge();
}

/** Ends a session whose client broke the rules of polling. */
function fail(conn: Socket, fault: number): void {
  const answer = engine.fail(conn._handle, fault);
  if (answer !== null) answerPoll(conn, answer);
  drain();
}

/** Ends the connection of the poll that waits, as if its client had gone; without one, nothing. */
export function abandonPoll(conn: Socket): void {
  if (conn.transport.name !== "polling") return;
  const { poll } = conn.transport as Polling;
  if (poll !== null) poll.req.socket.destroy();
  else if (conn._isPollPending()) fail(conn, PollingFault.PollAborted);
}

/** An answer without body or type. */
function answerEmpty(res: ServerResponse, status: number): void {
  res.writeHead(status);
  res.end();
}

function baseHeaders(
  req: IncomingMessage,
  type: string,
  body: string | Buffer,
): Record<string, any> {
  const headers: Record<string, any> = { "Content-Type": type };
  headers["Content-Length"] = Buffer.byteLength(body);
  const agent = req.headers["user-agent"];
  if (agent !== undefined && SNIFFING_AGENT.test(agent)) headers["X-XSS-Protection"] = "0";
  headers["cache-control"] = "no-store";
  return headers;
}

/** How a payload is answered. */
interface Answer {
  /** Headers of the first answer of a session, whose listeners are told. */
  initial?: Record<string, any>;
  /** True if the application lets it be compressed. */
  compress: boolean;
  /** Called once it is written. */
  written?: () => void;
}

/** Answers with a payload. */
export function respond(
  conn: Socket,
  req: IncomingMessage,
  res: ServerResponse,
  payload: string | Buffer,
  { initial, compress, written = () => {} }: Answer,
): void {
  const body = (conn.transport as Polling).wrap(payload);
  const headers = baseHeaders(req, typeof body === "string" ? TEXT_TYPE : BINARY_TYPE, body);
  if (initial !== undefined) {
    Object.assign(headers, initial);
    conn.server.emit("initial_headers", headers, req);
  }
  const encoding = compress ? encodingFor(conn, req, headers["Content-Length"]) : null;
  watchDelivery(conn, res, headers["Content-Length"]);
  if (encoding !== null) return finishCompressed(conn, req, res, headers, body, encoding, written);
  finish(conn, req, res, headers, body);
  written();
}

/** An answer from this length on may take the client a while, in bytes. */
const LONG_ANSWER = 256 * 1024;
/** Between two looks at how far it has come, in ms. */
const DELIVERY_LOOK = 500;

/** A client counts as taking what waits for it while it takes an answer. */
function watchDelivery(conn: Socket, res: ServerResponse, length: number): void {
  if (length < LONG_ANSWER) return;
  let before = deliveredOf(res);
  const timer = setInterval(() => {
    const now = deliveredOf(res);
    if (now !== before) engine.took(conn._handle);
    before = now;
  }, DELIVERY_LOOK).unref();
  res.once("close", () => {
    clearInterval(timer);
    engine.took(conn._handle);
  });
}

/** Lets listeners add to the headers of an answer. */
function announceHeaders(conn: Socket, headers: Record<string, any>, req: IncomingMessage): void {
  conn.server.emit("headers", headers, req);
  conn.transport.emit("headers", headers, req);
}

function finish(
  conn: Socket,
  req: IncomingMessage,
  res: ServerResponse,
  headers: Record<string, any>,
  body: string | Buffer,
): void {
  announceHeaders(conn, headers, req);
  checkHeaders(headers);
  res.writeHead(200, headers);
  res.end(body);
}

/** The encoding for a body of that length, by the client's preference; null: as it is. */
function encodingFor(
  conn: Socket,
  req: IncomingMessage,
  length: number,
): "gzip" | "deflate" | null {
  const threshold = compressionThreshold(conn.server.opts.httpCompression);
  if (threshold === undefined || length < threshold) return null;
  return (accepts(req).encodings(["gzip", "deflate"]) || null) as "gzip" | "deflate" | null;
}

/** One object for all, so that equal bodies share their compression. */
const DEFAULTS = {};

function finishCompressed(
  conn: Socket,
  req: IncomingMessage,
  res: ServerResponse,
  headers: Record<string, any>,
  body: string | Buffer,
  encoding: "gzip" | "deflate",
  written: () => void,
): void {
  const { "Content-Type": type, "Content-Length": _, ...rest } = headers;
  const compressed = { "Content-Type": type, "Content-Encoding": encoding, ...rest };
  const options = conn.server.opts.httpCompression;
  const given = typeof options === "object" ? options : DEFAULTS;
  announceHeaders(conn, compressed, req);
  checkHeaders(compressed);
  res.writeHead(200, compressed);
  let told = false;
  const tell = () => {
    if (!told) written();
    told = true;
  };
  for (const event of ["finish", "close"]) res.once(event, tell);
  compressBody(body, encoding, given, (error, bytes) => {
    if (error !== null) res.destroy();
    else res.end(bytes);
  });
}
