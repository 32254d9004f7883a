// Serves the files in public/. What may be asked for is fixed at the start: a request's path is
// only ever looked up in that list and never touches the file system.
import { readdirSync, readFile } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const PUBLIC = fileURLToPath(new URL("public", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const files = new Map(readdirSync(PUBLIC).map((name) => [`/${name}`, path.join(PUBLIC, name)]));
files.set("/", files.get("/index.html"));

/** A `request` listener of an HTTP server. */
export function servePublic(req, res) {
  if (req.method !== "GET" && req.method !== "HEAD") {
    res.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  const file = files.get(req.url.split("?")[0]);
  if (file === undefined) {
    res.writeHead(404, { "Content-Type": "text/plain" }).end("Not found\n");
    return;
  }
  // read anew each time: edit the page and reload
  readFile(file, (error, body) => {
    if (error) {
      res.writeHead(500).end();
      return;
    }
    res.writeHead(200, {
      "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream",
      "Content-Length": body.length,
      "Content-Security-Policy": "default-src 'self'",
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-cache",
    });
    // HEAD: Node leaves out the body
    res.end(body);
  });
}
