/** The client bundles, served next to the engine's path of an HTTP server. */
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline, type Readable } from "node:stream";
import { createBrotliCompress, createDeflate, createGzip } from "node:zlib";
import accepts from "accepts";
import debugModule from "debug";

import { type RequestEmitter, takeRequests } from "./engine/own-listeners";

const debug = debugModule("socket.io:server");

const DIRECTORY = join(__dirname, "../client-dist");

// Required, so that bundlers take it in.
const { version } = require("../package.json") as { version: string };

const BUNDLES = [
  "socket.io.js",
  "socket.io.min.js",
  "socket.io.esm.min.js",
  "socket.io.msgpack.min.js",
];

const FILES: ReadonlySet<string> = new Set(BUNDLES.flatMap((name) => [name, `${name}.map`]));

/** A step before the response, such as the CORS headers. */
export type RequestMiddleware = (req: any, res: any, next: (err?: any) => void) => void;

/**
 * Answers the requests for client bundles on `server`, and leaves the others to the listeners it
 * had before.
 *
 * @param path - prefix of the bundles, asked at each request
 * @param before - runs before a bundle is sent
 * @returns a function that leaves all requests to these listeners again
 */
export function attachClientFiles(
  server: RequestEmitter,
  path: () => string,
  before?: RequestMiddleware,
): () => void {
  if (debug.enabled) debug("attaching client serving req handler");
  return takeRequests(server, (req, res) => {
    const name = clientFile(req.url ?? "", path());
    if (name === undefined) return false;
    if (before) before(req, res, () => sendClientFile(name, req, res));
    else sendClientFile(name, req, res);
    return true;
  });
}

/** The name of the bundle that a URL asks for: `<path>/<name>` with any query. */
export function clientFile(url: string, path: string): string | undefined {
  if (!url.startsWith(path)) return undefined;
  // Any character may separate the two, as upstream.
  const name = url.slice(path.length + 1).split("?", 1)[0];
  return FILES.has(name) ? name : undefined;
}

/** The path of a bundle on disk. */
export function clientFilePath(name: string): string {
  return join(DIRECTORY, name);
}

/** The headers of a bundle. Its entity tag is the version of the package. */
export function clientFileHeaders(name: string) {
  const type = name.endsWith(".map") ? "application/json" : "application/javascript";
  return {
    "Cache-Control": "public, max-age=0",
    "Content-Type": `${type}; charset=utf-8`,
    ETag: `"${version}"`,
  };
}

function sendClientFile(name: string, req: IncomingMessage, res: ServerResponse): void {
  const headers = clientFileHeaders(name);
  const match = req.headers["if-none-match"];
  if (match === headers.ETag || match === `W/${headers.ETag}`) {
    if (debug.enabled) debug("serve client 304");
    res.writeHead(304);
    res.end();
    return;
  }
  if (debug.enabled) debug("serve client file %s", name);
  const file = createReadStream(clientFilePath(name));
  // The status waits for the file: a bundle that is not there is not found.
  file.once("open", () => send(file, headers, req, res));
  file.once("error", (err) => {
    if (debug.enabled) debug("cannot serve client file: %s", err);
    if (res.headersSent) return;
    res.writeHead(404);
    res.end();
  });
}

function send(
  file: Readable,
  headers: Record<string, string>,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const encoding = accepts(req).encodings(["br", "gzip", "deflate"]);
  const compressor =
    encoding === "br"
      ? createBrotliCompress()
      : encoding === "gzip"
        ? createGzip()
        : encoding === "deflate"
          ? createDeflate()
          : undefined;
  const ended = (err: unknown) => {
    if (err && debug.enabled) debug("client file was not sent: %s", err);
  };
  if (compressor) {
    res.writeHead(200, { ...headers, "content-encoding": encoding as string });
    pipeline(file, compressor, res, ended);
  } else {
    res.writeHead(200, headers);
    pipeline(file, res, ended);
  }
}
