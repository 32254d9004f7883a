/** The body of a POST, read as it comes. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** How the receipt of a body ends: whole, longer than allowed, or with its connection. */
export type BodyEnd = "complete" | "long" | "lost";

const held = new WeakMap<IncomingMessage, PostBody>();
/** Longest body that is read before it is known whether anybody wants it, in bytes. */
const MAX_HELD = 64 * 1024;

/** Reads the body of a request that has to wait: its client may end the connection behind it. */
export function holdBody(req: IncomingMessage, res: ServerResponse, limit: number): void {
  if (Number(req.headers["content-length"]) <= MAX_HELD) {
    held.set(req, new PostBody(req, res, limit));
  }
}

/** The body of a request, of which some may have been read already. */
export function bodyOf(req: IncomingMessage, res: ServerResponse, limit: number): PostBody {
  return held.get(req) ?? new PostBody(req, res, limit);
}

export class PostBody {
  private chunks: Buffer[] = [];
  private length = 0;
  private end: BodyEnd | null = null;
  private callback: ((end: BodyEnd) => void) | null = null;

  /** @param limit - bytes that it may have */
  constructor(
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly limit: number,
  ) {
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
    if (this.length > this.limit) this.finish("long");
    else this.chunks.push(chunk);
  };

  private readonly onend = () => this.finish("complete");

  private readonly onclose = () => this.finish("lost");

  private finish(end: BodyEnd): void {
    const { req, res } = this;
    req.removeListener("data", this.ondata);
    req.removeListener("end", this.onend);
    res.removeListener("close", this.onclose);
    if (end !== "complete") this.chunks = [];
    this.end = end;
    this.callback?.(end);
  }
}
