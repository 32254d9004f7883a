/** The body of a POST, read as it comes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { BodiesUnderWay } from "./bodies-under-way";

/** How the receipt of a body ends: whole, as one of the refusals, or with its connection. */
export type BodyEnd = "complete" | "long" | "chunks" | "slow" | "crowded" | "lost";

/** The bounds on a body. */
export interface BodyLimits {
  /** Bytes that it may have. */
  maxHttpBufferSize: number;
  /** Pieces in which it may come. */
  maxBufferedChunks: number;
  /** The time that it may take, in ms. */
  httpRequestBodyTimeout: number;
}

/** The engine that receives a body. */
export interface Receiver {
  readonly opts: BodyLimits;
  readonly _bodies: BodiesUnderWay;
  readonly _limits: { maxBodyBytesOfAll: number };
}

// Not those that an application's tests replace by a clock of their own.
const { setTimeout, clearTimeout } = globalThis;

const held = new WeakMap<IncomingMessage, PostBody>();
/** Longest body that is read before it is known whether anybody wants it, in bytes. */
const MAX_HELD = 64 * 1024;

/** Reads the body of a request that has to wait: its client may end the connection behind it. */
export function holdBody(req: IncomingMessage, res: ServerResponse, engine: Receiver): void {
  if (Number(req.headers["content-length"]) <= MAX_HELD) {
    held.set(req, new PostBody(req, res, engine));
  }
}

/** The body of a request, of which some may have been read already. */
export function bodyOf(req: IncomingMessage, res: ServerResponse, engine: Receiver): PostBody {
  return held.get(req) ?? new PostBody(req, res, engine);
}

export class PostBody {
  private chunks: Buffer[] = [];
  private length = 0;
  private end: BodyEnd | null = null;
  private callback: ((end: BodyEnd) => void) | null = null;
  private readonly timer: NodeJS.Timeout;
  private readonly maxBytes: number;
  /** Its length, if the request tells it. */
  private readonly announced: number;
  private readonly maxChunks: number;

  constructor(
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly engine: Receiver,
  ) {
    const { maxHttpBufferSize, maxBufferedChunks, httpRequestBodyTimeout } = engine.opts;
    this.maxBytes = maxHttpBufferSize;
    this.maxChunks = maxBufferedChunks;
    this.announced = Number(req.headers["content-length"]);
    this.timer = setTimeout(() => this.finish("slow"), httpRequestBodyTimeout);
    req.on("data", this.ondata);
    req.once("end", this.onend);
    res.once("close", this.onclose);
  }

  /** Calls back once, when the receipt has ended; at once if it has. */
  whenOver(callback: (end: BodyEnd) => void): void {
    if (this.end !== null) callback(this.end);
    else this.callback = callback;
  }

  /** The bytes that were received. */
  get bytes(): Buffer {
    return Buffer.concat(this.chunks, this.length);
  }

  private readonly ondata = (chunk: Buffer) => {
    this.length += chunk.length;
    this.chunks.push(chunk);
    if (this.length > this.maxBytes) this.finish("long");
    else if (this.chunks.length > this.maxChunks) this.finish("chunks");
    else if (this.length !== this.announced) {
      // Most come in one piece.
      const { _bodies, _limits } = this.engine;
      _bodies.grow(this, this.length, _limits.maxBodyBytesOfAll);
    }
  };

  private readonly onend = () => this.finish("complete");

  private readonly onclose = () => this.finish("lost");

  /** The bodies of all clients are too large together, and this is the largest. */
  giveUp(): void {
    this.finish("crowded");
  }

  private finish(end: BodyEnd): void {
    const { req, res } = this;
    this.engine._bodies.delete(this);
    clearTimeout(this.timer);
    req.removeListener("data", this.ondata);
    req.removeListener("end", this.onend);
    res.removeListener("close", this.onclose);
    if (end !== "complete") this.chunks = [];
    this.end = end;
    this.callback?.(end);
  }
}
