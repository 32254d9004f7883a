/** The answers of the page: its files, its data, and the action of its button. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import debugModule from "debug";
import { setImmediate } from "../engine/scheduling";
import type { Server } from "../index";
import { isOwnAction } from "./access";
import { connectionOf, socketOf } from "./connection";
import { list } from "./connections";
import { RoomCounter } from "./rooms";
import { Sampler } from "./sampler";
import { summary } from "./summary";

const debug = debugModule("socket.io:inspect");

const DIRECTORY = join(__dirname, "../../inspect-page");

/** The files of the page by the last segment of their URLs. */
const FILES: Record<string, [file: string, type: string]> = {
  "": ["index.html", "text/html; charset=utf-8"],
  "style.css": ["style.css", "text/css; charset=utf-8"],
  "page.mjs": ["page.mjs", "text/javascript; charset=utf-8"],
  "charts.mjs": ["charts.mjs", "text/javascript; charset=utf-8"],
};

/** The last segments of the URLs that are answered beside the files. */
const DATA: ReadonlySet<string> = new Set(["data", "connections", "connection", "disconnect"]);

/** The headers of each answer: nothing of it is kept, framed, or read by another site. */
const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** The highest offset of the list of connections. */
const MAX_OFFSET = 1_000_000;

/** An answer that is sent as it is, or as JSON. */
interface Answer {
  status: number;
  type?: string;
  body: string | Buffer;
  headers?: Record<string, string>;
}

const json = (value: unknown, status = 200): Answer => ({
  status,
  type: "application/json; charset=utf-8",
  body: JSON.stringify(value),
});

const plain = (status: number, body: string, headers?: Record<string, string>): Answer => ({
  status,
  type: "text/plain; charset=utf-8",
  body,
  headers,
});

/** Answers the requests of the page. */
export class Pages {
  private readonly counter: RoomCounter;
  private readonly sampler: Sampler;
  private readonly files = new Map<string, Buffer>();
  private isClosed = false;

  constructor(
    private readonly io: Server<any, any, any, any>,
    private readonly authorize: (req: IncomingMessage) => boolean | Promise<boolean>,
  ) {
    this.counter = new RoomCounter(io);
    this.sampler = new Sampler(io, () => this.counter.forget());
  }

  /**
   * Answers a request.
   *
   * @param root - path of the page without a slash at its end; without it, only the last segment counts
   */
  async answer(req: IncomingMessage, res: ServerResponse, root?: string): Promise<void> {
    // The client may leave before it is answered.
    res.on("error", () => {});
    let answer: Answer;
    try {
      answer = await this.answerTo(req, root);
    } catch (error) {
      debug("request failed: %s", error);
      answer = plain(500, "Internal Server Error");
    }
    try {
      send(req, res, answer);
    } catch (error) {
      // Another listener has answered, too.
      debug("not answered: %s", error);
    }
  }

  /** Takes no more requests. */
  close(): void {
    this.isClosed = true;
    this.sampler.end();
  }

  private async answerTo(req: IncomingMessage, root: string | undefined): Promise<Answer> {
    if (this.isClosed) return plain(404, "Not Found");
    if (!(await this.isAllowed(req))) return plain(403, "Forbidden");
    const { pathname, query } = urlOf(req);
    const at = pathname.lastIndexOf("/");
    const name = pathname.slice(at + 1);
    const below = root ?? routerOf(req);
    if (below === undefined ? isUnknown(name) : pathname === below) {
      // The files of the page are beside it only behind a slash.
      return plain(302, "", { Location: `./${name}/` });
    }
    if (below !== undefined && pathname.slice(0, at) !== below) return plain(404, "Not Found");
    if (name === "disconnect") return this.disconnect(req, query);
    if (req.method !== "GET" && req.method !== "HEAD") {
      return plain(405, "Method Not Allowed", { Allow: "GET, HEAD" });
    }
    if (Object.hasOwn(FILES, name)) return this.file(name);
    switch (name) {
      case "data":
        return json(this.data(query));
      case "connections":
        return json(await list(this.io, listQuery(query)));
      case "connection":
        return this.connection(query);
      default:
        return plain(404, "Not Found");
    }
  }

  private async isAllowed(req: IncomingMessage): Promise<boolean> {
    try {
      return (await this.authorize(req)) === true;
    } catch (error) {
      debug("authorize() failed: %s", error);
      return false;
    }
  }

  private async file(name: string): Promise<Answer> {
    const [file, type] = FILES[name];
    let body = this.files.get(name);
    if (body === undefined) {
      body = await readFile(join(DIRECTORY, file));
      this.files.set(name, body);
    }
    return { status: 200, type, body };
  }

  private data(query: URLSearchParams) {
    const samples = this.sampler.since(numberOf(query.get("since")));
    this.counter.ask();
    return { ...summary(this.io, this.sampler.metrics), samples, counted: this.counter.last };
  }

  private connection(query: URLSearchParams): Answer {
    const socket = socketOf(this.io, query.get("nsp") ?? "/", query.get("id") ?? "");
    if (socket === undefined) return json({ error: "not connected" }, 404);
    return json(connectionOf(socket));
  }

  /** Closes the connection of a socket. */
  private async disconnect(req: IncomingMessage, query: URLSearchParams): Promise<Answer> {
    if (req.method !== "POST") return plain(405, "Method Not Allowed", { Allow: "POST" });
    if (!isOwnAction(req)) return plain(403, "Forbidden");
    const socket = socketOf(this.io, query.get("nsp") ?? "/", query.get("id") ?? "");
    if (socket === undefined) return json({ error: "not connected" }, 404);
    return new Promise((resolve) => {
      // An exception of a listener is one of the application, not an answer.
      setImmediate(() => {
        try {
          socket.disconnect(true);
        } finally {
          resolve(json({ disconnected: true }));
        }
      });
    });
  }
}

/** The path, also the part that a router has taken off it, and the query of a request. */
function urlOf(req: IncomingMessage): { pathname: string; query: URLSearchParams } {
  const { originalUrl, url = "/" } = req as IncomingMessage & { originalUrl?: unknown };
  const [target] = (typeof originalUrl === "string" ? originalUrl : url).split("#", 1);
  const mark = target.indexOf("?");
  if (mark === -1) return { pathname: target, query: new URLSearchParams() };
  return { pathname: target.slice(0, mark), query: new URLSearchParams(target.slice(mark)) };
}

/** The path at which a router of Express has the handler; undefined for other routers. */
function routerOf(req: IncomingMessage): string | undefined {
  const { baseUrl } = req as IncomingMessage & { baseUrl?: unknown };
  return typeof baseUrl === "string" && baseUrl !== "" ? baseUrl : undefined;
}

/** True for the last segment of a path that is no file of the page, and none of its data. */
function isUnknown(name: string): boolean {
  return !Object.hasOwn(FILES, name) && !DATA.has(name) && !name.includes(".");
}

function listQuery(query: URLSearchParams) {
  const value = (name: string) => query.get(name) ?? "";
  return {
    nsp: value("nsp"),
    room: value("room"),
    transport: value("transport"),
    find: value("find").trim(),
    offset: Math.min(numberOf(query.get("offset")), MAX_OFFSET),
  };
}

/** A whole number from 0 on. */
function numberOf(text: string | null): number {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function send(req: IncomingMessage, res: ServerResponse, answer: Answer): void {
  if (res.headersSent || res.destroyed) return;
  const { status, type, body, headers } = answer;
  for (const [name, value] of Object.entries({ ...HEADERS, ...headers }))
    res.setHeader(name, value);
  if (type !== undefined) res.setHeader("Content-Type", type);
  res.setHeader("Content-Length", Buffer.byteLength(body));
  // A server that closes waits for connections that are kept alive.
  const server = (req.socket as any)?.server;
  if (req.httpVersionMajor === 1 && server?.listening === false)
    res.setHeader("Connection", "close");
  res.statusCode = status;
  res.end(body);
}
