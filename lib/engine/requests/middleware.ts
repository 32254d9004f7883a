/** Engine middlewares: Express-style functions that see every request before the engine. */
import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { checkHeaders, headerLines } from "../session/headers";

export type Next = (error?: any) => void;
export type Middleware = (req: any, res: any, next: Next) => void;

/**
 * Runs middlewares one after another, each at least a microtask after the one before.
 *
 * @returns whether all of them passed the request on; rejects if one failed. Never settles if one
 *   keeps the request to itself.
 */
export async function runMiddlewares(fns: Middleware[], req: any, res: any): Promise<boolean> {
  for (const fn of fns) {
    await new Promise<void>((resolve, reject) => {
      const next: Next = (error) => (error ? reject(error) : resolve());
      Promise.resolve(fn(req, res, next)).catch(reject);
    });
    if (res.headersSent) return false;
  }
  return true;
}

/**
 * The response that middlewares get for an upgrade request. Headers that are set on it are sent with
 * the 101; ending it refuses the connection.
 */
export class UpgradeResponse extends EventEmitter {
  private readonly fields = new Map<string, [name: string, value: string | string[]]>();
  headersSent = false;
  finished = false;
  statusCode = 200;

  constructor(
    readonly req: IncomingMessage,
    readonly socket: Duplex,
  ) {
    super();
    socket.once("close", () => this.emit("close"));
  }

  setHeader(name: string, value: string | number | readonly string[]): this {
    const values = Array.isArray(value) ? value.map(String) : String(value);
    checkHeaders({ [name]: values });
    this.fields.set(name.toLowerCase(), [name, values]);
    return this;
  }

  getHeader(name: string): string | string[] | undefined {
    return this.fields.get(name.toLowerCase())?.[1];
  }

  getHeaders(): Record<string, string | string[]> {
    return Object.fromEntries([...this.fields].map(([key, [, value]]) => [key, value]));
  }

  hasHeader(name: string): boolean {
    return this.fields.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.fields.delete(name.toLowerCase());
  }

  write(): boolean {
    return true;
  }

  writeHead(): this {
    return this;
  }

  end(): this {
    this.finished = true;
    this.socket.destroy();
    this.emit("finish");
    return this;
  }

  /** The header lines for the 101, with those that are added at the last moment. */
  lines(): string[] {
    // Middlewares that wait for the head to be written (sessions, say) have replaced this method.
    this.writeHead();
    return headerLines(this.fields.values());
  }
}
